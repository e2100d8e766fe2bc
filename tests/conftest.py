"""What holds for every test."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres_server import PostgresServer, find_programs
from tests.store_places import StorePlace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: Playwright keeps an event loop in the main thread, in which no other could run."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)


def pytest_configure() -> None:
    """Let Ctrl-C reach the tests that press it: a job that a shell started in the background has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A running PostgreSQL, one for all tests."""
    programs = find_programs()
    if programs is None:
        pytest.skip("no PostgreSQL here; as an administrator: apt-get install postgresql")
    with PostgresServer(programs) as server:
        yield server


@pytest.fixture
def postgres_place(postgres: PostgresServer, tmp_path: Path) -> StorePlace:
    """An empty schema for one store."""
    return StorePlace(tmp_path / "lab.sqlite", postgres.new_store())


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StorePlace:
    """Where a store may lie, once of each kind."""
    if request.param == "postgres":
        on_server: StorePlace = request.getfixturevalue("postgres_place")
        return on_server
    return StorePlace(tmp_path / "lab.sqlite")

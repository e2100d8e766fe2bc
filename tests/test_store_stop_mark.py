"""The mark that stops every machine on a shared store, set and cleared by ``imilab stop``."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from imilab.cli import app
from imilab.errors import SendStoppedError
from imilab.store import Store
from imilab.store.stop_mark import check_stop_mark, mark_stopped, stop_marked
from tests.store_places import StorePlace


def marked(store: Store) -> bool:
    with store.reading() as connection:
        return stop_marked(connection)


def test_the_mark_says_whether_it_changed_anything_and_forbids_claims(place: StorePlace):
    with place.open() as store:
        changes = [store.write(lambda connection, on=on: mark_stopped(connection, on)) for on in (True, True)]
        with store.reading() as connection, pytest.raises(SendStoppedError, match="imilab stop --clear"):
            check_stop_mark(connection)
        changes += [store.write(lambda connection, on=on: mark_stopped(connection, on)) for on in (False, False)]
        with store.reading() as connection:
            check_stop_mark(connection)

    assert changes == [True, False, True, False]


def test_stop_reaches_the_other_machines_of_a_shared_store(postgres_place: StorePlace, monkeypatch: pytest.MonkeyPatch):
    for name, value in postgres_place.environment.items():
        monkeypatch.setenv(name, value)

    def run(*words: str) -> str:
        return CliRunner().invoke(app, ["stop", *words]).stdout

    with postgres_place.open() as another_machine:
        assert "is marked as stopped, for every machine now." in run()
        assert marked(another_machine)
        assert "is marked as stopped, for every machine, as before." in run()
        assert "has no stop mark now." in run("--clear")
        assert not marked(another_machine)

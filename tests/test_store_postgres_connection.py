"""Sessions with a real PostgreSQL: what goes comes back, and nothing is told of the URL."""

from __future__ import annotations

import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from imilab.config import Settings
from imilab.errors import ConfigError, StoreError, StoreLockedError
from imilab.store import PlannedCall, Store
from imilab.store.journal import add_calls
from imilab.store.postgres_connection import read_url
from tests.postgres_server import PASSWORD
from tests.store_places import KEY, StorePlace

ROOT = Path(__file__).parents[1]
T0 = 1_772_442_000_000


@pytest.fixture
def place(postgres_place: StorePlace) -> StorePlace:
    return postgres_place


def add(store: Store, *names: str) -> None:
    calls = [PlannedCall(correlation_id=name, msisdn="+12025550123", content_type="media") for name in names]
    store.write(lambda connection: add_calls(connection, calls, None, store.number_key, T0))


VALUES: list[tuple[Any, Any]] = [
    *((number, number) for number in (0, -1, 2**31, 2**62, -(2**63), 1.5, -0.0)),
    *((text, text) for text in ("", "a'b\\c?$1%s :x", "Zoë\u2022\U0001f600")),
    ("nul\0here", "nul\ufffdhere"),
    *((raw, raw) for raw in (b"", b"\\x00", bytes(range(256)))),
    (None, None),
    (True, 1),
    (False, 0),
]


def test_values_come_back_as_they_went(place):
    def echo(connection: Any) -> list[Any]:
        return [connection.execute("SELECT ?", (value,)).fetchone()[0] for value, _ in VALUES]

    with place.open() as store:
        found = store.write(echo)
        assert found == [back for _, back in VALUES]
        assert list(map(type, found)) == [type(back) for _, back in VALUES]
        ((total,),) = store.rows("SELECT sum(value) FROM (SELECT CAST(5 AS BIGINT) AS value) AS numbers")
        assert (total, type(total)) == (5, int)


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("db.example.org", "require"),
        ("db.example.org/lab?sslmode=verify-full", "verify-full"),
        ("db.example.org/lab?sslmode=disable", "disable"),
        ("192.0.2.7", "require"),
        ("localhost", "prefer"),
        ("127.0.0.1,db.example.org", "require"),
        ("/lab?host=/run/postgresql", "prefer"),
    ],
)
def test_another_machine_is_reached_by_tls_unless_the_url_says_otherwise(host, mode):
    assert read_url(f"postgresql://imilab:x@{host}")["sslmode"] == mode


def test_a_server_without_tls_is_not_spoken_to_in_the_clear(postgres, tmp_path):
    url = SecretStr(f"{postgres.url()}&sslmode=require")
    with pytest.raises(StoreError, match="TLS failed; sslmode=disable in the URL does without"):
        Store(tmp_path / "lab.sqlite", KEY, url=url)


def test_the_servers_socket_leads_to_the_same_store(place, postgres):
    with place.open() as one, Store(place.path, KEY, url=SecretStr(postgres.socket_url(place.schema))) as two:
        add(one, "c1")
        assert two.rows("SELECT correlation_id FROM requests") == [("c1",)]
        with one.sender_lock(), pytest.raises(StoreLockedError):
            two.sender_lock().__enter__()


def words_of(problem: BaseException) -> str:
    """All that a tool could print of an error and those that led to it, local variables of imilab's frames included."""
    parts: list[str] = []
    cause: BaseException | None = problem
    while cause is not None:
        parts += [repr(cause), str(cause), repr(vars(cause))]
        for frame, _ in traceback.walk_tb(cause.__traceback__):
            if frame.f_code.co_filename != __file__:
                parts += [repr(value) for value in frame.f_locals.values()]
        cause = cause.__cause__ or cause.__context__
    return " ".join(parts)


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("postgresql://anna:hunter2secret@127.0.0.1:{port}/postgres", "it refuses the password"),
        ("postgresql://imilab:hunter2secret@db.example.invalid/postgres", "no connection to the PostgreSQL server"),
        ("postgresql://imilab:hunter2secret@127.0.0.1:1/postgres", "nothing listens there"),
        ("postgresql://imilab:hunter2secret@127.0.0.1:{port}/postgres?hunter2secret=1", "store_url: not a URL"),
        ("mysql://imilab:hunter2secret@127.0.0.1/db", "store_url: not a URL"),
        ("hunter2secret", "store_url: not a URL"),
        ("host=127.0.0.1 password=hunter2secret", "store_url: not a URL"),
    ],
)
def test_no_error_tells_what_the_url_holds(tmp_path, postgres, url, match):
    with pytest.raises((StoreError, ConfigError), match=match) as caught:
        Store(tmp_path / "x.sqlite", KEY, url=SecretStr(url.format(port=postgres.port)))
    told = words_of(caught.value)
    for secret in ("hunter2secret", "anna", "127.0.0.1", "db.example"):
        assert secret not in told


def test_neither_repr_nor_error_of_a_store_holds_the_password_or_a_number(place):
    with place.open() as store:
        settings = Settings(store_url=SecretStr(place.url or ""), number_key=SecretStr(KEY.hex()))
        add(store, "c1")
        with pytest.raises(StoreError) as caught:
            store.write(lambda c: c.execute("INSERT INTO numbers VALUES ('+12025550123', '', '', '')"))
        with pytest.raises(StoreError) as other:
            store.rows("SELECT CAST('+12025550123' AS TEXT) = 5 AND CAST('+12025550123x' AS BIGINT) = 5")
        shown = f"{store!r} {settings!r} {words_of(caught.value)} {other.value!r}"
        assert PASSWORD not in shown
        assert "s3cret" not in shown
        assert "5550123" not in shown
        assert re.search("UniqueViolation.*numbers_pkey", shown)


def test_without_the_driver_the_extra_is_named(tmp_path):
    script = """
import sys
sys.modules["psycopg"] = None
from pathlib import Path
from pydantic import SecretStr
from imilab.store import Store
Store(Path("x"), bytes(32), url=SecretStr("postgresql://a:b@127.0.0.1/c"))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert 'pip install "imilab[postgres]"' in done.stderr.splitlines()[-1]

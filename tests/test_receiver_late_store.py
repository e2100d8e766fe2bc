"""``imilab receive`` where the store cannot be opened at the start: it answers 503 and tries on, or says why not."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imilab.config import Settings
from imilab.errors import StoreError
from imilab.receiver.late_store import LateStore
from imilab.store import Store
from tests.command_line import imilab
from tests.postgres_server import PostgresServer
from tests.receive_service import Service, service
from tests.receiver_rig import body, post
from tests.store_places import KEY, StorePlace

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE_SECONDS = 20


@pytest.fixture
def away(postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A server with a database, that is not running."""
    with postgres.another() as server:
        server.stop()
        yield server


def wait_for_200(one: Service) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while (status := one.ask(post(body()))) != 200 and time.monotonic() < until:
        assert status == 503
        time.sleep(0.1)
    assert status == 200


def events(lines: list[str]) -> list[str]:
    return [json.loads(line)["event"] for line in lines]


def test_a_server_that_starts_later_than_the_receiver_is_waited_for(away, tmp_path):
    settings = {"IMILAB_STORE_URL": away.url(), "IMILAB_NUMBER_KEY": KEY.hex()}
    with service(tmp_path, "--log-format", "json", **settings) as one:
        assert [one.ask(post(body())), one.ask(HEALTH)] == [503, 503]
        assert events(one.before) == ["store_away"]
        assert "nothing listens there" in one.before[0]
        away.start()
        wait_for_200(one)
        assert one.ask(HEALTH) == 200
        code, _, error = one.stop()
    assert code == 0
    assert events(error.splitlines())[-2:] == ["store_open", "stopped"]
    assert away.url().partition("@")[0] not in one.before[0] + error
    assert away.execute("SELECT count(*) FROM receipts") == [(1,)]


def test_another_number_key_is_found_when_the_server_starts_and_ends_it(away, tmp_path):
    away.start()
    StorePlace(tmp_path / "lab.sqlite", away.url()).open().close()
    away.stop()
    with service(tmp_path, IMILAB_STORE_URL=away.url(), IMILAB_NUMBER_KEY="cd" * 32) as one:
        away.start()
        code, out, error = one.end()
    assert code == 1
    assert "number_key: not the key with which this database's numbers were hashed" in error
    assert "Stopped: 0 stored" in out


def test_a_file_that_cannot_be_opened_yet_is_opened_later(tmp_path):
    (tmp_path / "imilab.sqlite").mkdir()
    with service(tmp_path) as one:
        assert [one.ask(post(body())), one.ask(HEALTH)] == [503, 503]
        (tmp_path / "imilab.sqlite").rmdir()
        wait_for_200(one)
        code, out, error = one.stop()
    assert code == 0
    assert "1 stored" in out
    assert error.count("Receipts are answered 503 until it is") == 1
    assert error.count("the store is open now") == 1
    with Store(tmp_path / "imilab.sqlite") as store:
        assert store.rows("SELECT raw FROM receipts") == [(body(),)]


def test_a_full_disk_is_named_where_the_store_cannot_be_opened(tmp_path):
    (tmp_path / "imilab.sqlite").mkdir()
    with service(tmp_path, IMILAB_FREE_SPACE_FLOOR_BYTES=str(2**60)) as one:
        one.process.terminate()
        assert "MiB are free there; make space" in one.end()[2]


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    connection.close()


def newer(path: Path) -> None:
    Store(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migrations VALUES ('9999_of_tomorrow')")
    connection.close()


WRONG = {
    "another program's": (foreign, {}, "belongs to another program"),
    "a newer imilab's": (newer, {}, "upgrade imilab"),
    "no database": (lambda path: path.write_bytes(b"x" * 5000), {}, "not a database"),
    "no such folder": (lambda _: None, {"IMILAB_STORE": "nowhere/lab.sqlite"}, "does not exist"),
    "no URL": (lambda _: None, {"IMILAB_STORE_URL": "sqlite://x", "IMILAB_NUMBER_KEY": KEY.hex()}, "not a URL like"),
    "no key": (lambda _: None, {"IMILAB_STORE_URL": "postgresql://h/d"}, "number_key"),
    "no setting": (lambda _: None, {"IMILAB_TENANT_ZONE": "Atlantis"}, "tenant_zone"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_waiting_does_not_mend_ends_it_at_once_with_one_line_in_the_form_of_the_log(tmp_path, name):
    make, settings, words = WRONG[name]
    make(tmp_path / "imilab.sqlite")
    done = imilab("receive", "--port", "0", "--log-format", "json", folder=tmp_path, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    line = json.loads(done.stderr)
    assert (line["event"], line["level"]) == ("failed", "error")
    assert words in line["message"]


def test_in_text_the_reason_is_one_sentence(tmp_path):
    foreign(tmp_path / "imilab.sqlite")
    done = imilab("receive", "--port", "0", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("imilab: this database belongs to another program")


def test_a_file_that_turns_out_to_be_another_program_s_ends_it(tmp_path):
    (tmp_path / "imilab.sqlite").mkdir()
    foreign(tmp_path / "theirs")
    with service(tmp_path) as one:
        (tmp_path / "imilab.sqlite").rmdir()
        (tmp_path / "theirs").rename(tmp_path / "imilab.sqlite")
        code, _, error = one.end()
    assert code == 1
    assert "belongs to another program" in error


def test_one_that_is_closed_stops_trying_and_opens_nothing(tmp_path):
    (tmp_path / "lab.sqlite").mkdir()
    gave_up = threading.Event()
    with LateStore(Settings(store=tmp_path / "lab.sqlite"), pause_seconds=0.05) as store:
        store.keep_trying(gave_up.set)
        with pytest.raises(StoreError, match="not open"):
            store.submit(lambda _: None)
    (tmp_path / "lab.sqlite").rmdir()
    time.sleep(0.3)
    assert list(tmp_path.iterdir()) == []
    assert not gave_up.is_set()
    assert "imilab-late-store" not in {thread.name for thread in threading.enumerate()}


def test_one_that_is_open_is_the_store(tmp_path):
    with LateStore(Settings(store=tmp_path / "lab.sqlite")) as store:
        assert store.is_open
        assert store.submit(lambda c: c.execute("SELECT 1").fetchone()).result(10) == (1,)
        assert len(store.number_key) == 32
        assert (store.place, repr(store)) == (str(store.path), f"LateStore('{store.path}')")

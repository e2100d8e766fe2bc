"""The store on a real PostgreSQL: one writes at a time, durably, and failures stay apart."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pydantic import SecretStr

from imilab.errors import StoreError
from imilab.store import PlannedCall, Store, StoredReceipt
from imilab.store.journal import add_calls
from imilab.store.postgres import PostgresBackend
from imilab.store.postgres_connection import DataError
from imilab.store.receipts import add_receipt
from imilab.wire import Receipt
from tests.store_places import KEY, StorePlace

T0 = 1_772_442_000_000


@pytest.fixture
def place(postgres_place: StorePlace) -> StorePlace:
    return postgres_place


def told(number: int, status: str = "OFFERED", **facts: Any) -> StoredReceipt:
    fields = {"message_id": f"m{number}", "correlation_id": f"c{number}", "msisdn": "+12025550123"} | facts
    receipt = Receipt(status=status, event_at_ms=T0 + number, event_at_raw=f"t{number}", **fields)
    return StoredReceipt(receipt=receipt, raw=receipt.to_bytes(), source="webhook", received_at_ms=T0)


def add(store: Store, *names: str) -> None:
    calls = [PlannedCall(correlation_id=name, msisdn="+12025550123", content_type="media") for name in names]
    store.write(lambda connection: add_calls(connection, calls, None, store.number_key, T0))


def test_nothing_is_made_beside_the_path(place):
    with place.open() as store, store.sender_lock():
        add(store, "c1")
    assert list(place.path.parent.iterdir()) == []


def test_a_reader_sees_one_moment_and_cannot_write(place):
    count = "SELECT count(*) FROM requests"
    with place.open() as store:
        with store.reading() as connection:
            assert connection.execute(count).fetchone() == (0,)
            add(store, "c1")
            assert connection.execute(count).fetchone() == (0,)
            assert store.rows(count) == [(0,)]
            with pytest.raises(StoreError, match="cannot read: ReadOnlySqlTransaction"):
                connection.execute("DELETE FROM requests")
        assert store.rows(count) == [(1,)]
        with pytest.raises(StoreError, match="no_such_table"):
            store.rows("SELECT * FROM no_such_table")
        query = "SELECT correlation_id, state AS stand FROM requests WHERE correlation_id = ?"
        assert store.columns(query, ("c1",)) == {"correlation_id": ["c1"], "stand": ["planned"]}
        assert store.columns(query, ("c2",)) == {"correlation_id": [], "stand": []}


def test_a_failing_job_undoes_itself_and_nothing_else(place):
    inside, free = threading.Event(), threading.Event()
    with place.open() as store:
        held = store.submit(lambda _: inside.set() or free.wait(10))
        assert inside.wait(10)
        jobs = [
            lambda c: add_receipt(c, told(1), KEY),
            lambda c: add_receipt(c, told(2), KEY) and c.execute("INSERT INTO numbers VALUES (NULL, '', '', '')"),
            lambda c: add_receipt(c, told(3), KEY) and 1 // 0,
            lambda c: add_receipt(c, told(4), KEY),
        ]
        futures = [store.submit(job) for job in jobs]
        free.set()
        assert held.result(10)
        outcomes = [future.exception(10) for future in futures]
        assert [type(outcome) for outcome in outcomes] == [type(None), DataError, ZeroDivisionError, type(None)]
        assert isinstance(outcomes[1], StoreError)
        assert str(outcomes[1]).startswith("cannot write: NotNullViolation")
        assert store.rows("SELECT message_id FROM receipts ORDER BY receipt_id") == [("m1",), ("m4",)]


def test_waiting_writes_share_a_transaction(place):
    inside, free = threading.Event(), threading.Event()
    with place.open() as store:
        store.submit(lambda _: inside.set() or free.wait(10))
        assert inside.wait(10)
        which = "SELECT pg_current_xact_id()::text"
        futures = [store.submit(lambda c: c.execute(which).fetchone()[0]) for _ in range(400)]
        free.set()
        assert len({future.result(10) for future in futures}) == 1


@pytest.mark.parametrize("words", ["COMMIT", "ROLLBACK", "SELECT pg_terminate_backend(pg_backend_pid())"])
def test_a_job_that_breaks_the_connection_does_not_break_the_store(place, words):
    with place.open() as store:
        with pytest.raises(StoreError):
            store.write(lambda c: c.execute(words).fetchone())
        assert store.write(lambda c: add_receipt(c, told(1), KEY))
        assert store.rows("SELECT count(*) FROM receipts") == [(1,)]


def test_a_job_that_hides_a_failure_is_told_that_nothing_was_written(place):
    def hide(connection: Any) -> None:
        add_receipt(connection, told(1), KEY)
        with pytest.raises(StoreError):
            connection.execute("SELECT * FROM no_such_table")

    with place.open() as store:
        with pytest.raises(StoreError):
            store.write(hide)
        assert store.rows("SELECT count(*) FROM receipts") == [(0,)]


def test_receipts_are_numbered_in_the_order_in_which_they_become_visible(place):
    """What reads on from the last receipt it has seen misses none, however many processes write."""
    done = threading.Event()
    with place.open() as watcher:

        def write(which: int) -> None:
            with place.open() as store:
                for number in range(which, 240, 4):
                    store.write(lambda c, number=number: add_receipt(c, told(number, msisdn=""), KEY))

        writers = [threading.Thread(target=write, args=(which,)) for which in range(4)]
        seen: list[int] = []

        def watch() -> None:
            while True:
                over = done.is_set()
                last = seen[-1] if seen else 0
                rows = watcher.rows("SELECT receipt_id FROM receipts WHERE receipt_id > ? ORDER BY 1", (last,))
                seen.extend(number for (number,) in rows)
                if over:
                    return

        watching = threading.Thread(target=watch)
        watching.start()
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        watching.join(20)
        assert seen == [number for (number,) in watcher.rows("SELECT receipt_id FROM receipts ORDER BY 1")]
        assert len(seen) == 240


def test_a_server_that_would_not_keep_what_it_acknowledged_is_refused(postgres, tmp_path):
    with postgres.another("fsync=off", "full_page_writes=off") as careless:
        url = SecretStr(careless.new_store())
        with pytest.raises(StoreError, match="fsync = off and would lose receipts"):
            Store(tmp_path / "lab.sqlite", KEY, url=url)
        assert PostgresBackend(url, KEY).warnings() == [
            "full_page_writes is off on the server: a power cut can tear pages"
        ]


def test_commits_are_durable_even_where_the_server_says_otherwise(place):
    url = f"{place.url}%20-csynchronous_commit%3Doff"
    with Store(place.path, KEY, url=SecretStr(url)) as store:
        assert store.write(lambda c: c.execute("SHOW synchronous_commit").fetchone()) == ("on",)
        assert store.warnings() == ["synchronous_commit is off on the server; imilab turns it on for what it writes"]

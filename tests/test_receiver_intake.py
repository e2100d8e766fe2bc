"""The queue in front of the store: shares commits, keeps failures apart, and leaves nobody waiting."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from imilab.errors import StoreError
from imilab.receiver.intake import Intake, Waiting
from imilab.store import Store, StoredReceipt
from imilab.wire import read_receipt
from tests.receiver_rig import body

POISON = (
    "CREATE TRIGGER refuse BEFORE INSERT ON receipts WHEN NEW.message_id = 'm13' BEGIN SELECT RAISE(ABORT, 'no'); END"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "lab.sqlite") as opened:
        yield opened


def waiting(number: int) -> Waiting:
    raw = body(number)
    receipt = read_receipt(raw, None)
    return Waiting(raw, 0, StoredReceipt(receipt=receipt, raw=raw, source="webhook", received_at_ms=0))


def odd(raw: bytes) -> Waiting:
    return Waiting(raw, 0, None, "not JSON")


def run(work: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(work())  # type: ignore[arg-type]  # all are coroutines


def messages(store: Store) -> list[str]:
    return [name for (name,) in store.rows("SELECT message_id FROM receipts ORDER BY receipt_id")]


def hold(store: Store) -> Callable[[], None]:
    """Keep the writer busy until the function that is returned is called."""
    entered, let_go = threading.Event(), threading.Event()
    store.submit(lambda _: entered.set() or let_go.wait(20))
    assert entered.wait(10)
    return let_go.set


def test_all_that_wait_share_one_commit(store):
    statements: list[str] = []
    store.write(lambda connection: connection.set_trace_callback(statements.append))
    seconds: list[float] = []

    async def work() -> list[str]:
        intake = Intake(store, on_commit=seconds.append)
        let_go = hold(store)
        tasks = [asyncio.ensure_future(intake.keep(waiting(number % 150))) for number in range(200)]
        tasks += [asyncio.ensure_future(intake.keep(odd(b"%d" % number))) for number in range(100)]
        await asyncio.sleep(0.05)
        assert intake.depth == 300
        let_go()
        told = await asyncio.gather(*tasks)
        assert intake.depth == 0
        return told

    told = run(work)
    store.write(lambda connection: connection.set_trace_callback(None))
    assert told == ["stored"] * 150 + ["repeated"] * 50 + ["quarantined"] * 100
    assert statements.count("COMMIT") <= 3  # the held job's, this one, and the one that ends the trace
    assert len(seconds) == 1


def test_an_answer_comes_only_once_another_connection_sees_the_receipt(store):
    async def work() -> None:
        intake = Intake(store)
        for number in range(20):
            assert await intake.keep(waiting(number)) == "stored"
            with sqlite3.connect(store.path) as other:
                assert other.execute("SELECT count(*) FROM receipts").fetchone() == (number + 1,)
            other.close()

    run(work)


def test_a_receipt_that_the_database_refuses_is_quarantined_and_the_others_are_kept(store):
    store.write(lambda connection: connection.execute(POISON) and None)

    async def work() -> list[str]:
        intake = Intake(store)
        let_go = hold(store)
        tasks = [asyncio.ensure_future(intake.keep(waiting(number))) for number in range(30)]
        await asyncio.sleep(0.05)
        let_go()
        return await asyncio.gather(*tasks)

    told = run(work)
    assert [told.index("quarantined"), told.count("stored")] == [13, 29]
    assert sorted(messages(store)) == sorted(f"m{number}" for number in range(30) if number != 13)
    kept = store.rows("SELECT raw, reason FROM quarantine")
    assert kept == [(body(13), "the store does not take it (IntegrityError)")]


def test_a_store_that_stalls_is_answered_for_in_time_and_recovers(store):
    async def work() -> None:
        intake = Intake(store, patience_seconds=0.3)
        let_go = hold(store)
        tasks = [asyncio.ensure_future(intake.keep(waiting(number))) for number in range(5)]
        for task in asyncio.as_completed(tasks):
            with pytest.raises(StoreError, match="nothing was written for 0 s"):
                await task
        assert intake.depth == 0
        later = asyncio.ensure_future(intake.keep(waiting(9)))
        let_go()
        assert await later == "stored"
        assert await intake.keep(waiting(10)) == "stored"

    run(work)
    assert messages(store) == ["m9", "m10"]  # who was told that it is not stored comes again


def test_a_sender_that_went_away_is_skipped(store):
    async def work() -> None:
        intake = Intake(store)
        let_go = hold(store)
        gone, kept = (asyncio.ensure_future(intake.keep(waiting(number))) for number in (1, 2))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.sleep(0.01)
        let_go()
        assert await kept == "stored"
        assert intake.depth == 0

    run(work)
    assert messages(store) == ["m2"]


def test_a_closed_store_refuses_each(store):
    store.close()

    async def work() -> None:
        intake = Intake(store)
        for number in range(3):
            with pytest.raises(StoreError, match="closed"):
                await intake.keep(waiting(number))
        assert intake.depth == 0

    run(work)


def test_a_commit_that_fails_is_told_to_everyone_in_it(store):
    """A deferred constraint breaks at the commit, after every receipt was written."""

    def orphan(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute(
            "INSERT INTO requests (correlation_id, msisdn, content_type, state, attempt, created_at_ms)"
            " VALUES ('c', 'nobody', 'TTS', 'planned', 0, 0)"
        )

    async def work() -> None:
        intake = Intake(store)
        let_go = hold(store)
        tasks = [asyncio.ensure_future(intake.keep(waiting(number))) for number in range(10)]
        await asyncio.sleep(0.05)
        store.submit(orphan)
        let_go()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in told] == [StoreError] * 10
        assert await intake.keep(waiting(1)) == "stored"

    run(work)
    assert messages(store) == ["m1"]


def test_thousands_at_once_from_one_loop_are_all_told(store):
    async def work() -> int:
        intake = Intake(store)

        async def several(name: int) -> int:
            stored = 0
            for number in range(25):
                stored += await intake.keep(waiting(name * 20 + number)) == "stored"
            return stored

        return sum(await asyncio.gather(*(several(name) for name in range(100))))

    assert run(work) == len(messages(store)) == len(set(messages(store))) == 2005

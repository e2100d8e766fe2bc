"""The one writer: shares commits, keeps failures apart, and never leaves a caller waiting."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imilab.errors import InvalidInputError, StoreError
from imilab.store import Store, sqlite
from imilab.store.connection import Connection
from imilab.store.postgres_sql import spell_columns
from tests.store_places import StorePlace

SECONDS = 10.0  # a future that takes longer is taken for one that never resolves
INSERT = "INSERT INTO notes (note) VALUES (?)"
TABLE = "CREATE TABLE notes (place INTEGER PRIMARY KEY, note TEXT UNIQUE NOT NULL)"


def with_notes(place: StorePlace) -> Store:
    opened = place.open()
    opened.write(lambda connection: connection.execute(spell_columns(TABLE) if place.is_postgres else TABLE) and None)
    return opened


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with with_notes(place) as opened:
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    with with_notes(StorePlace(tmp_path / "lab.sqlite")) as opened:
        yield opened


def note(text: str | None) -> Callable[[Connection], None]:
    return lambda connection: connection.execute(INSERT, (text,)) and None


def notes(store: Store) -> list[str]:
    return [text for (text,) in store.rows("SELECT note FROM notes ORDER BY place")]


class Held:
    """Holds the writer inside a job, so that what is submitted meanwhile shares one commit."""

    def __init__(self, store: Store) -> None:
        self._open, self._entered = threading.Event(), threading.Event()
        self.future: Future[Any] = store.submit(self._wait)
        assert self._entered.wait(SECONDS)

    def _wait(self, _: Connection) -> None:
        self._entered.set()
        self._open.wait(SECONDS)

    def let_go(self) -> None:
        self._open.set()
        self.future.result(SECONDS)


def together(store: Store, *jobs: Callable[[Connection], Any]) -> list[Any]:
    """Run jobs in one batch and give each one's result or error."""
    held = Held(store)
    futures = [store.submit(job) for job in jobs]
    held.let_go()
    assert wait(futures, SECONDS).not_done == set()
    return [future.exception() or future.result() for future in futures]


def test_waiting_writes_share_a_commit(file_store):
    store = file_store
    statements: list[str] = []
    store.write(lambda connection: connection.set_trace_callback(statements.append))
    assert together(store, *(note(str(number)) for number in range(400))) == [None] * 400
    store.write(lambda connection: connection.set_trace_callback(None))
    assert statements.count("COMMIT") <= 4
    assert notes(store) == [str(number) for number in range(400)]


def test_a_result_arrives_only_once_another_connection_can_see_it(store, place):
    seen: list[int] = []

    def look(_: Future[Any]) -> None:
        with place.open() as other:
            seen.extend(*other.rows("SELECT count(*) FROM notes"))

    for number in range(1, 6):
        future = store.submit(note(str(number)))
        future.add_done_callback(look)
        future.result(SECONDS)
    store.write(lambda _: None)  # the last callback has run
    assert all(count >= number for number, count in enumerate(seen, start=1))
    assert len(seen) == 5


def test_every_commit_reaches_the_disk(file_store):
    pragmas = ("journal_mode", "synchronous", "foreign_keys")
    found = file_store.write(lambda c: [c.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas])
    assert found == ["wal", 2, 1]  # 2 is FULL


def half_done(error: BaseException) -> Callable[[Connection], None]:
    def job(connection: Connection) -> None:
        connection.execute(INSERT, ("half",))
        raise error

    return job


@pytest.mark.parametrize(
    "error",
    [ValueError("no"), InvalidInputError("x", "no"), MemoryError(), KeyboardInterrupt(), SystemExit(3)],
    ids=repr,
)
def test_a_failing_job_undoes_itself_and_nothing_else(store, error):
    outcomes = together(store, note("before"), half_done(error), note("after"))
    assert outcomes == [None, error, None]
    assert notes(store) == ["before", "after"]
    store.write(note("later"))


@pytest.mark.parametrize(
    "job",
    [
        note(None),
        lambda connection: connection.execute("SELECT * FROM no_such_table"),
        lambda connection: connection.execute("no SQL"),
        lambda connection: connection.execute(INSERT, (object(),)),
    ],
    ids=["constraint", "no table", "no SQL", "no such type"],
)
def test_an_error_of_the_databases_becomes_a_store_error_of_that_job_alone(store, job):
    before, error, after = together(store, note("before"), job, note("after"))
    assert (before, after) == (None, None)
    assert isinstance(error, StoreError)
    assert str(error).startswith("cannot write: ")
    assert notes(store) == ["before", "after"]


def test_a_full_database_fails_what_does_not_fit_and_recovers(file_store):
    store = file_store

    def squeeze(connection: Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    store.write(squeeze)
    small, large = together(store, note("small"), note("x" * 500_000))
    assert type(large) is StoreError
    assert small is None or type(small) is StoreError
    assert notes(store) == (["small"] if small is None else [])  # told as it is
    store.write(lambda connection: connection.execute("PRAGMA max_page_count = 100000") and None)
    store.write(note("x" * 500_000))


def test_a_commit_that_fails_fails_every_job_in_it(file_store):
    store = file_store

    def orphan(connection: Connection) -> None:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute(
            "INSERT INTO requests (correlation_id, msisdn, content_type, state, attempt, created_at_ms)"
            " VALUES ('c', 'nobody', 'TTS', 'planned', 0, 0)"
        )

    outcomes = together(store, note("one"), orphan, note("two"))
    assert [type(outcome) for outcome in outcomes] == [StoreError] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3  # each caller gets an error of its own
    assert notes(store) == []
    store.write(note("later"))


def commit_and_exit(connection: Connection) -> None:
    connection.execute("COMMIT")
    raise SystemExit


@pytest.mark.parametrize(
    "job",
    [lambda c: c.close(), lambda c: c.execute("COMMIT") and None, commit_and_exit],
    ids=["close", "commit", "exit"],
)
def test_a_job_that_breaks_the_connection_does_not_break_the_store(store, job):
    outcomes = together(store, note("one"), job)
    assert all(isinstance(outcome, StoreError) for outcome in outcomes)
    store.submit(note("later")).result(SECONDS)
    assert "later" in notes(store)


@pytest.mark.parametrize("usage", [OSError("gone"), TypeError("odd"), 10 * 2**20], ids=["OSError", "bug", "full"])
def test_nothing_is_written_where_the_disk_cannot_be_trusted_and_all_is_well_after(file_store, monkeypatch, usage):
    def disk_usage(_: Path) -> Any:
        if isinstance(usage, Exception):
            raise usage
        return SimpleNamespace(free=usage)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite.shutil, "disk_usage", disk_usage)
        with pytest.raises(
            StoreError, match="10 MiB are free beside the store" if usage == 10 * 2**20 else "cannot write"
        ):
            file_store.submit(note("lost")).result(SECONDS)
    file_store.write(note("kept"))
    assert notes(file_store) == ["kept"]


def test_a_cancelled_write_is_dropped_and_the_others_go_on(store):
    held = Held(store)
    cancelled, kept = store.submit(note("cancelled")), store.submit(note("kept"))
    assert cancelled.cancel()
    held.let_go()
    kept.result(SECONDS)
    with pytest.raises(CancelledError):
        cancelled.result(SECONDS)
    assert notes(store) == ["kept"]


def test_a_cancelled_task_does_not_stop_the_writer(store):
    async def work() -> None:
        held = Held(store)
        waiting = asyncio.ensure_future(asyncio.wrap_future(store.submit(note("cancelled"))))
        kept = asyncio.wrap_future(store.submit(note("kept")))
        waiting.cancel()
        await asyncio.sleep(0)
        held.let_go()
        await asyncio.wait_for(kept, SECONDS)

    asyncio.run(work())
    assert notes(store) == ["kept"]


def test_a_write_that_has_begun_cannot_be_cancelled_any_more(store):
    held = Held(store)
    assert not held.future.cancel()
    held.let_go()


def test_a_write_that_would_wait_for_itself_is_refused(store):
    with pytest.raises(StoreError, match="waits for another write"):
        store.submit(lambda _: store.write(note("inner"))).result(SECONDS)


def test_closing_finishes_what_is_queued(place):
    store = with_notes(place)
    futures = [store.submit(note(str(number))) for number in range(50)]
    store.close()
    store.close()
    assert all(future.done() and not future.exception() for future in futures)
    with pytest.raises(StoreError, match="closed"):
        store.submit(note("late"))
    with place.open() as again:
        assert len(notes(again)) == 50


def test_closing_from_inside_a_job_waits_for_nobody(place):
    store = place.open()
    store.submit(lambda _: store.close()).result(SECONDS)
    store.close()


def test_every_write_that_was_taken_is_told_of_while_many_threads_race_with_closing(place):
    store = with_notes(place)
    taken: list[Future[None]] = []

    def hurry(name: int) -> None:
        for number in range(200):
            try:
                taken.append(store.submit(note(f"{name}/{number}")))
            except StoreError:
                return

    threads = [threading.Thread(target=hurry, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    while len(taken) < 50:
        time.sleep(0.001)
    store.close()
    for thread in threads:
        thread.join(SECONDS)
    assert wait(taken, SECONDS).not_done == set()
    with place.open() as again:
        assert len(notes(again)) == sum(future.exception() is None for future in taken) == len(taken)

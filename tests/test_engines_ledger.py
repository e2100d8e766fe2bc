"""What is kept of receipts between questions, one rule at a time; test_engines_history.py has them all at once."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.ledger import Ledger
from imilab.store import Store
from tests.calls_oracle import Row
from tests.engine_rig import NOW_MS, Files, add, answered_calls, ask, expected_calls, facts, ledger_of, open_store


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[tuple[Store, Files, Ledger]]:
    files = Files(tmp_path / "archive")
    with open_store(tmp_path) as store, DuckDBEngine("200MB", show=False) as engine:
        yield store, files, ledger_of(store, files, engine)


def many(store: Store, source: str = "webhook", calls: int = 6) -> None:
    """Two receipts of each call: with six calls, two stretches are full."""
    for number in range(calls):
        ids = {"message_id": f"m{number}", "correlation_id": f"c{number}", "event_at_raw": "then"}
        add(store, source, **ids, status="OFFERED", code="7407", event_at_ms=NOW_MS + number, msisdn="+12025550123")
        add(store, source, **ids, status="REJECTED", code="7402", event_at_ms=NOW_MS + 9_000, msisdn="+12025550123")


def kept_files(store: Store) -> list[Path]:
    return sorted(store.path.with_name("lab.sqlite.cache").glob("*"))


def test_full_stretches_are_kept_in_files_for_their_owner_alone(rig):
    store, _files, ledger = rig
    many(store)
    answered_calls(ledger)

    kept = kept_files(store)
    assert [path.name for path in kept] == [f"live-{n}-{part}.parquet" for n in (0, 1) for part in ("events", "states")]
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert stat.S_IMODE(kept[0].parent.stat().st_mode) == 0o700


class Queries:
    """Counts the receipts that are read from a store."""

    def __init__(self, store: Store) -> None:
        self._store, self.receipts = store, 0
        self.rows, self.reading = store.rows, store.reading

    def columns(self, query: str, parameters: tuple = ()) -> dict[str, list]:
        found = self._store.columns(query, parameters)
        self.receipts += len(found.get("receipt_id", ()))
        return found


def test_a_second_question_reads_only_the_receipts_that_came_since(rig):
    store, _files, ledger = rig
    many(store)
    ledger._live._store = queries = Queries(store)
    answered_calls(ledger)
    assert queries.receipts == 12

    answered_calls(ledger)
    assert queries.receipts == 12
    add(store, message_id="m9", status="ANSWERED", code="7519", event_at_ms=NOW_MS)
    assert len(answered_calls(ledger)) == 7
    assert queries.receipts == 13


def test_another_process_reads_the_kept_stretches_and_not_the_store(rig):
    store, files, ledger = rig
    many(store)
    answered_calls(ledger)
    other = ledger_of(store, files, ledger._local)
    other._live._store = queries = Queries(store)

    assert answered_calls(other) == expected_calls(store, files)
    assert queries.receipts == 3  # ids begin at 1, so the third stretch holds 10, 11 and 12


def test_nothing_is_worked_out_again_where_nothing_changed(rig):
    store, _files, ledger = rig
    many(store)
    ask(store, "c1", "+12025550123", "m1")
    first = ledger._open_calls()

    assert ledger._open_calls() is first
    ask(store, "c2", "+12025550123", "m2")
    assert ledger._open_calls() is not first


CHANGES = {
    "a webhook takes the place of a poll": lambda store: add(
        store, message_id="m1", status="OFFERED", code="7407", event_at_ms=NOW_MS + 301, event_at_raw="then"
    ),
    "a number is erased": lambda store: change(store, "UPDATE receipts SET msisdn = '' WHERE receipt_id < 3"),
    "a receipt is deleted": lambda store: change(store, "DELETE FROM receipts WHERE receipt_id = 2"),
    "a time becomes known": lambda store: change(store, "UPDATE receipts SET event_at_ms = 5 WHERE receipt_id = 2"),
    "an id is used again": lambda store: (
        change(store, "DELETE FROM receipts WHERE receipt_id = 12"),
        add(store, message_id="m7", status="ANSWERED", code="7519", event_at_ms=NOW_MS),
    ),
    "all but a few are deleted": lambda store: change(store, "DELETE FROM receipts WHERE receipt_id > 3"),
}


def change(store: Store, statement: str) -> None:
    store.write(lambda connection: connection.execute(statement))


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_kept_is_not_believed_once(rig, what):
    store, files, ledger = rig
    many(store, "poll")
    before = answered_calls(ledger)
    CHANGES[what](store)

    for one in (ledger, ledger_of(store, files, ledger._local)):
        found = answered_calls(one)
        assert found == expected_calls(store, files)
        assert found != before


def test_a_change_in_one_stretch_leaves_the_others_alone(rig):
    store, _files, ledger = rig
    many(store)
    answered_calls(ledger)
    ledger._live._store = queries = Queries(store)
    change(store, "UPDATE receipts SET msisdn = '' WHERE receipt_id = 7")
    answered_calls(ledger)

    assert queries.receipts == 5


@pytest.mark.parametrize("broken", [b"", b"PAR1 and no more", None])
def test_a_broken_file_is_made_again(rig, broken):
    store, files, ledger = rig
    many(store)
    expected = answered_calls(ledger)
    for path in kept_files(store):
        content = path.read_bytes()
        # The footer is whole, and what it speaks of is not.
        path.write_bytes(
            content[:4] + bytes(len(content) // 3) + content[4 + len(content) // 3 :] if broken is None else broken
        )

    for one in (ledger, ledger_of(store, files, ledger._local)):
        assert answered_calls(one) == expected


def test_files_of_another_definition_or_another_store_are_not_read(rig, monkeypatch, tmp_path):
    store, files, ledger = rig
    many(store)
    answered_calls(ledger)
    ours, theirs = kept_files(store)[:2], tmp_path / "theirs"
    theirs.mkdir()
    with open_store(theirs) as other, DuckDBEngine(show=False) as engine:
        add(other, message_id="m1", status="ANSWERED", code="7519", event_at_ms=NOW_MS)
        many(other)
        answered_calls(ledger_of(other, files, engine))
        for mine, path in zip(ours, kept_files(other), strict=False):
            shutil.copy(path, mine)
    assert answered_calls(ledger_of(store, files, ledger._local)) == expected_calls(store, files)

    monkeypatch.setattr("imilab.engines.segment_files.DEFINITION", "an older one")
    again = ledger_of(store, files, ledger._local)
    again._live._store = queries = Queries(store)
    answered_calls(again)
    assert queries.receipts == 12


def test_where_no_file_can_be_written_the_answer_is_the_same(rig):
    store, files, ledger = rig
    many(store)
    store.path.with_name("lab.sqlite.cache").write_text("in the way")

    assert answered_calls(ledger) == expected_calls(store, files)


def exported(message_id: str, status: str, code: str, at_ms: int | None, raw: str = "then") -> Row:
    return facts(((message_id, f"c-{message_id}"), (status, code), at_ms, "")) | {"event_at_raw": raw}


TOLD_TWICE = {
    "the same second": (("OFFERED", "7407", NOW_MS), True),
    "the same second and no code": (("offered", "", NOW_MS), True),
    "no time": (("OFFERED", "7407", None, ""), True),
    "neither": (("OFFERED", "", None, ""), True),
    "another second": (("OFFERED", "7407", NOW_MS + 1_000), False),
    "another code": (("OFFERED", "7408", NOW_MS), False),
    "another status": (("ACCEPTED", "7407", NOW_MS), False),
    "a time that cannot be read": (("OFFERED", "7407", None, "soon"), False),
}


@pytest.mark.parametrize("source", ["webhook", "poll", "export"])
def test_an_event_that_both_doors_told_of_counts_once(rig, source):
    store, files, ledger = rig
    for told in TOLD_TWICE:
        add(store, source, **exported(told, "OFFERED", "7407", NOW_MS + 596))
    files.add([exported(told, *row) for told, (row, _) in TOLD_TWICE.items()])
    files.add([exported("another call", "OFFERED", "7407", NOW_MS), exported("", "OFFERED", "7407", NOW_MS)])
    found = {call["message_id"]: call for call in answered_calls(ledger)}

    assert list(found.values()) == expected_calls(store, files)
    if source != "export":
        for told, (_, is_known) in TOLD_TWICE.items():
            assert (found[told]["receipts"], told) == (1 if is_known else 2, told)
        assert found["the same second"]["offered_at_ms"] == NOW_MS + 596


def test_the_archive_alone_and_the_store_alone_are_calls_too(rig):
    _store, files, ledger = rig
    assert answered_calls(ledger) == []
    files.add([exported("m1", "ANSWERED", "7519", NOW_MS)])
    assert [call["outcome"] for call in answered_calls(ledger)] == ["answered"]
    files.add([exported("m2", "REJECTED", "7401", NOW_MS)])
    assert sorted(call["outcome"] for call in answered_calls(ledger)) == ["answered", "no_answer"]


def test_what_imports_came_to_is_kept_as_long_as_they_are_there(rig):
    store, files, ledger = rig
    files.add([exported("m1", "ANSWERED", "7519", NOW_MS)])
    files.add([exported("m2", "ANSWERED", "7519", NOW_MS)])
    answered_calls(ledger)
    first = kept_files(store)
    assert len(first) == 2

    files._receipts = files._receipts[:2]
    assert len(answered_calls(ledger)) == 1
    assert len(kept_files(store)) == 1
    assert kept_files(store)[0] in first

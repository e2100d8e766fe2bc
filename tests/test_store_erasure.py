"""An erased number is in no byte of the store's files; what was counted is counted still; nothing brings it back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from imilab.numbers import number_key
from imilab.store import Store
from imilab.store.erasure import erase_number
from imilab.store.free_text import HELD_IN
from imilab.store.journal import add_calls, add_plan
from imilab.store.receipt_batch import add_webhook_receipts
from imilab.store.receipts import add_quarantined
from imilab.store.tombstones import add_tombstone
from tests.erasure_rig import CALLER, NUMBER, OTHER, SPELLED, ask, call, everything, fill, keep, receipt, traces
from tests.store_places import StorePlace


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


@pytest.fixture
def file_store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "lab.sqlite") as opened:
        yield opened


def erase(store: Store, msisdn: str = NUMBER) -> dict[str, int]:
    _, counts = erase_number(store, msisdn, 9_000)
    store.scrub_free_space()
    return dict(counts)


def test_after_an_erasure_no_byte_of_the_number_or_of_its_hash_is_left(store):
    fill(store)
    keep(store, receipt("zz", "OFFERED", NUMBER, message_id="gone"))
    store.write(lambda c: c.execute("DELETE FROM receipts WHERE message_id = 'gone'") and None)
    assert len(traces(store)) >= len(SPELLED)

    counts = erase(store)

    assert traces(store) == []
    assert counts["requests"] == 2
    assert counts["receipts"] >= 4 + len(SPELLED) + 1
    assert counts["texts"] >= 3 + len(SPELLED)


def test_the_file_is_sound_afterwards(file_store):
    fill(file_store)
    erase(file_store)

    with sqlite3.connect(file_store.path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_it_leaves_no_trace_after_the_store_is_closed_and_opened_again(place):
    with place.open() as store:
        fill(store)
        erase(store, SPELLED[3])
    assert not [text for text in SPELLED if text.encode() in everything(place.path.parent)]
    with place.open() as store:
        store.write(lambda c: c.execute("UPDATE requests SET attempt = attempt") and None)
        assert traces(store) == []


def test_what_is_counted_stays(store):
    fill(store)
    query = (
        "SELECT correlation_id, state, arm, stratum, position, block, country, number_type, requested_at_ms, code"
        " FROM requests JOIN numbers USING (msisdn) WHERE state <> 'planned' ORDER BY 1"
    )
    events = "SELECT message_id, status, event_at_ms, ends FROM receipts WHERE message_id LIKE 'm-%' ORDER BY 1, 2"
    before = store.rows(query), [row for row in store.rows(events) if NUMBER not in row[0]]

    erase(store)

    after = store.rows(query), store.rows(events)
    assert [row for row in after[0] if row[0][0] != "c"] == before[0]
    assert set(before[1]) <= set(after[1])


def test_rows_of_one_number_stay_rows_of_one_number_and_of_nobody_else(store):
    for one in ("a", "b"):
        ask(store, call(one * 32))
    ask(store, call("c" * 32, OTHER))
    keep(store, receipt("a" * 32), receipt("b" * 32), receipt("c" * 32, msisdn=OTHER))
    erase(store)

    tokens = {msisdn for (msisdn,) in store.rows("SELECT msisdn FROM requests WHERE correlation_id <> ?", ("c" * 32,))}
    ((token, key),) = store.rows("SELECT msisdn, number_key FROM numbers WHERE msisdn LIKE 'erased-%'")
    assert tokens == {token}
    assert {msisdn for (msisdn,) in store.rows("SELECT msisdn FROM receipts")} == {token, OTHER}
    assert store.rows("SELECT msisdn FROM requests WHERE correlation_id = ?", ("c" * 32,)) == [(OTHER,)]
    assert len(key) == 64
    assert key != number_key(NUMBER, store.number_key)


def test_a_call_that_was_still_to_be_sent_is_refused(store):
    store.write(lambda c: add_calls(c, [call("a" * 32), call("b" * 32, OTHER)], CALLER, store.number_key, 500))
    erase(store)

    rows = store.rows("SELECT state, text, message FROM requests ORDER BY correlation_id")
    assert rows == [("rejected", None, "not called: the number was erased"), ("planned", "Hello Ann", None)]


@pytest.mark.parametrize("batch", [False, True])
def test_a_receipt_that_comes_late_moves_its_call_on_and_does_not_bring_the_number_back(store, batch):
    ask(store, call("a" * 32))
    keep(store, receipt("a" * 32, "OFFERED"))
    erase(store)
    late = [receipt("a" * 32, "OFFERED"), receipt("a" * 32, "RELEASED", description=f"to {SPELLED[3]}")]
    late.append(receipt("", "RELEASED", event_at_ms=3_000, message_id="m-" + "a" * 32))

    told = store.write(lambda c: add_webhook_receipts(c, late, store.number_key)) if batch else keep(store, *late)

    assert told == [False, True, True]  # the first was there before
    assert store.rows("SELECT state FROM requests") == [("final",)]
    assert len(set(store.rows("SELECT msisdn FROM receipts UNION SELECT msisdn FROM requests"))) == 1
    assert store.rows("SELECT count(*) FROM receipts WHERE callback_data <> '' OR length(raw) > 0") == [(0,)]
    assert traces(store) == []


def test_a_late_receipt_of_a_call_that_was_not_ours_does_not_either(store):
    keep(store, receipt("theirs", "OFFERED", message_id="t"))
    erase(store)

    assert keep(store, receipt("theirs", "OFFERED", message_id="t")) == [False]
    assert keep(store, receipt("theirs", "RELEASED", SPELLED[3], message_id="t")) == [True]
    assert keep(store, receipt("new", "OFFERED", message_id="n"), receipt("new", "OFFERED", OTHER)) == [True, True]
    assert traces(store) == []
    assert {msisdn for (msisdn,) in store.rows("SELECT msisdn FROM receipts WHERE message_id = 'n'")} == {""}
    assert store.rows("SELECT count(DISTINCT msisdn) FROM receipts WHERE message_id = 't'") == [(1,)]


def test_an_unreadable_body_that_comes_late_is_kept_without_its_content(store):
    erase(store)
    for body, kept in ((f'{{"to": "{SPELLED[3]}"}}', b""), (f'{{"to": "{OTHER}"}}', f'{{"to": "{OTHER}"}}'.encode())):
        store.write(lambda c, body=body: add_quarantined(c, body.encode(), "odd", 3_000, store.number_key))
        assert store.rows("SELECT raw FROM quarantine ORDER BY quarantine_id DESC LIMIT 1") == [(kept,)]


def test_a_number_that_is_called_again_on_purpose_is_known_again(store):
    ask(store, call("a" * 32))
    erase(store)
    ask(store, call("e" * 32))
    keep(store, receipt("e" * 32), receipt("a" * 32))

    rows = store.rows("SELECT correlation_id, msisdn FROM receipts ORDER BY correlation_id")
    assert rows[1] == ("e" * 32, NUMBER)
    assert rows[0][1].startswith("erased-")
    erase(store)
    assert traces(store) == []
    assert store.rows("SELECT count(DISTINCT msisdn) FROM requests") == [(2,)]  # nothing links the two


def test_a_tombstone_is_no_number_key_and_links_no_row(store):
    ask(store, call("a" * 32))
    erase(store)
    ((tombstone,),) = store.rows("SELECT tombstone FROM erased")
    rest = json.dumps([store.rows(f"SELECT * FROM {table}") for table in ("numbers", "requests")])

    assert tombstone != number_key(NUMBER, store.number_key)
    assert tombstone not in rest
    store.write(lambda c: add_tombstone(c, NUMBER, store.number_key, 99_000))
    assert store.rows("SELECT tombstone, erased_at_ms FROM erased") == [(tombstone, 99_000)]


def test_two_spellings_of_one_event_become_one(store):
    keep(store, *(receipt("t", "OFFERED", text, message_id="t") for text in (NUMBER, NUMBER[1:], OTHER)))
    erase(store)

    assert store.rows("SELECT count(*) FROM receipts WHERE msisdn LIKE 'erased-%'") == [(1,)]
    assert store.rows("SELECT count(*) FROM receipts") == [(2,)]


def test_two_campaigns_that_are_named_after_the_number_stay_two(store):
    for spot, text in enumerate(SPELLED[:2]):
        plan = {"plan_id": f"p{spot}", "campaign": f"ring {text}", "design": "simple", "seed": 1, "document": "{}"}
        calls = [call(f"{spot}" * 32, OTHER, plan_id=f"p{spot}", campaign=f"ring {text}")]
        store.write(
            lambda c, plan=plan, calls=calls: add_plan(
                c, **plan, calls=calls, caller_id=CALLER, number_key=store.number_key, now_ms=5
            )
        )
    erase(store)

    assert traces(store) == []
    assert store.rows("SELECT count(DISTINCT campaign) FROM plans") == [(2,)]
    assert store.rows("SELECT count(*) FROM requests JOIN plans USING (plan_id, campaign)") == [(2,)]


def test_erasing_what_is_not_there_is_harmless_and_remembered(store):
    keep(store, receipt("a", msisdn=OTHER))
    before = store.rows("SELECT * FROM receipts")

    assert sum(erase(store).values()) == 0
    assert store.rows("SELECT * FROM receipts") == before
    assert store.rows("SELECT count(*) FROM erased") == [(1,)]


def test_a_reader_that_holds_an_earlier_moment_is_named(file_store, monkeypatch):
    monkeypatch.setattr("imilab.store.scrubbing._SECONDS", 0.2)
    ask(file_store, call("a" * 32))
    with sqlite3.connect(file_store.path, isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM requests").fetchone()
        erase_number(file_store, NUMBER, 9_000)
        with pytest.raises(Exception, match=r"close the notebooks|erase again"):
            file_store.scrub_free_space()
        reader.execute("COMMIT")
    reader.close()
    file_store.scrub_free_space()
    assert traces(file_store) == []


NO_PERSON_IN = {
    "migrations": {"name"},
    "numbers": {"msisdn", "number_key", "country", "number_type"},  # erased by its rows
    "plans": {"plan_id"},
    "requests": {"correlation_id", "plan_id", "design", "msisdn", "content_type", "language", "voice", "voice_type"}
    | {"gender", "state", "code"},
    "receipts": {"identity", "source", "msisdn"},
    "quarantine": {"identity"},
    "schedule": {"correlation_id", "hours"},
    "erased": {"tombstone"},
    "send_counters": {"name"},
    "key_mark": {"mark"},
}
"""Columns of text and bytes that the search for a number leaves out: imilab's own words, ids and hashes."""


def test_every_column_that_may_hold_a_number_is_looked_through(file_store):
    searched = {held.table: set(held.columns) for held in HELD_IN}
    tables = [name for (name,) in file_store.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")]

    for table in tables:
        columns = file_store.rows(f"SELECT name FROM pragma_table_info('{table}') WHERE type IN ('TEXT', 'BLOB')")
        unknown = {name for (name,) in columns} - searched.get(table, set()) - NO_PERSON_IN.get(table, set())
        assert unknown == set(), f"{table}: add these to HELD_IN, or to NO_PERSON_IN with a reason"


@pytest.mark.parametrize("step", ["_receipts_of_calls", "_redact_rows", "drop_unused_numbers"])
def test_an_erasure_that_is_interrupted_goes_on_when_it_is_asked_for_again(store, monkeypatch, step):
    fill(store)
    with monkeypatch.context() as patch:
        patch.setattr(f"imilab.store.erasure.{step}", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erase(store)
    keep(store, receipt("a" * 32, "DROPPED"))
    erase(store)

    assert traces(store) == []

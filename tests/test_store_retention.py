"""What is old loses its numbers and keeps its counts; what is young or open loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imilab.store import PlannedCall, Settlement, Store
from imilab.store.anonymous import Tokens
from imilab.store.journal import add_calls, add_plan
from imilab.store.receipts import add_quarantined
from imilab.store.retention import forget_before
from tests.erasure_rig import CALLER, NUMBER, OTHER, ask, call, keep, receipt, rows_as_bytes
from tests.store_places import StorePlace

DAY_MS = 86_400_000
NOW_MS, HORIZON_MS = 100 * DAY_MS, 1_800_000
YOUNG_MS = 95 * DAY_MS


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def forget(store: Store, days: int = 30) -> dict[str, int]:
    counts = forget_before(store, NOW_MS - days * DAY_MS, NOW_MS, HORIZON_MS, Tokens())
    store.scrub_free_space()
    return dict(counts)


def move(store: Store, correlation_id: str, at_ms: int, state: str) -> None:
    change = "UPDATE requests SET requested_at_ms = ?1, created_at_ms = ?1, state = ?2 WHERE correlation_id = ?3"
    store.write(lambda c: c.execute(change, (at_ms, state, correlation_id)) and None)


def states(store: Store) -> dict[str, bool]:
    """Whether each call's number is still there, by the first sign of its id."""
    rows = store.rows("SELECT correlation_id, msisdn FROM requests")
    return {correlation_id[0]: not msisdn.startswith("erased-") for correlation_id, msisdn in rows}


def test_only_old_calls_that_are_over_lose_their_number(store):
    for spot, (sign, at_ms, state) in enumerate(
        (
            ("a", 5 * DAY_MS, "final"),
            ("b", 5 * DAY_MS, "rejected"),
            ("c", 5 * DAY_MS, "accepted"),  # its receipts never came: lost
            ("d", 5 * DAY_MS, "unknown"),
            ("e", 5 * DAY_MS, "sending"),
            ("f", YOUNG_MS, "final"),
            ("9", NOW_MS - 1000, "accepted"),
        )
    ):
        ask(store, call(sign * 32, f"+120255501{spot + 10}"))
        move(store, sign * 32, at_ms, state)
    counts = forget(store)

    assert states(store) == {"a": False, "b": False, "c": False, "d": True, "e": True, "f": True, "9": True}
    assert (counts["requests"], counts["open"]) == (3, 2)
    held = rows_as_bytes(store)
    assert [f"+120255501{spot + 10}".encode() in held for spot in range(7)] == [False] * 3 + [True] * 4
    assert forget(store)["requests"] == 0


def test_a_number_with_young_calls_keeps_it_in_those(store):
    for sign, at_ms in (("a", 5 * DAY_MS), ("b", 6 * DAY_MS), ("c", YOUNG_MS)):
        ask(store, call(sign * 32))
        move(store, sign * 32, at_ms, "final")
    forget(store)

    assert states(store) == {"a": False, "b": False, "c": True}
    assert store.rows("SELECT count(DISTINCT msisdn) FROM requests") == [(2,)]
    assert store.rows("SELECT country FROM numbers") == [("US",), ("US",)]


def test_receipts_follow_their_call_and_those_without_one_their_arrival(store):
    for sign, at_ms, state in (("a", 5 * DAY_MS, "final"), ("d", 5 * DAY_MS, "unknown")):
        ask(store, call(sign * 32))
        move(store, sign * 32, at_ms, state)
    keep(store, *(receipt(one, msisdn=OTHER) for one in ("a" * 32, "d" * 32, "theirs")))
    store.write(lambda c: c.execute("UPDATE receipts SET received_at_ms = ?", (5 * DAY_MS,)) and None)
    move(store, "d" * 32, 5 * DAY_MS, "unknown")
    keep(store, receipt("young", msisdn=OTHER))
    store.write(
        lambda c: (
            c.execute("UPDATE receipts SET received_at_ms = ? WHERE correlation_id = 'young'", (YOUNG_MS,)) and None
        )
    )
    assert forget(store)["receipts"] == 2

    rows = {sign: (msisdn, raw) for sign, msisdn, raw in store.rows("SELECT correlation_id, msisdn, raw FROM receipts")}
    assert rows["d" * 32][0] == rows["young"][0] == OTHER
    assert rows["a" * 32][0].startswith("erased-")
    assert rows["theirs"][0] == rows["a" * 32][0]  # one run, one number, one token
    assert [bool(rows[one][1]) for one in ("a" * 32, "theirs", "young")] == [False, False, True]


def test_a_late_receipt_of_a_forgotten_call_does_not_bring_the_number_back(store):
    ask(store, call("a" * 32))
    move(store, "a" * 32, 5 * DAY_MS, "accepted")
    forget(store)

    assert keep(store, receipt("a" * 32, "RELEASED")) == [True]
    assert NUMBER[1:].encode() not in rows_as_bytes(store)
    assert store.rows("SELECT state FROM requests") == [("final",)]


def test_old_bodies_that_could_not_be_read_are_removed(store):
    for at_ms in (5 * DAY_MS, YOUNG_MS):
        body = f'{{"odd": "{NUMBER}", "at": {at_ms}}}'.encode()
        store.write(lambda c, body=body, at_ms=at_ms: add_quarantined(c, body, "odd", at_ms))

    assert forget(store)["quarantined"] == 1
    assert store.rows("SELECT received_at_ms FROM quarantine") == [(YOUNG_MS,)]


def test_many_rows_go_in_pages(store, monkeypatch):
    monkeypatch.setattr("imilab.store.retention._PAGE", 7)
    for number in range(30):
        ask(store, call(f"{number:032x}", f"+1202555{100 + number:04d}"), Settlement(state="rejected"))
        keep(store, receipt(f"{number:032x}", msisdn=f"+1202555{100 + number:04d}"))
    counts = forget(store, days=1)

    assert (counts["requests"], counts["receipts"]) == (30, 30)
    assert store.rows("SELECT count(*), count(DISTINCT msisdn) FROM requests WHERE msisdn LIKE 'erased-%'") == [
        (30, 30)
    ]
    assert store.rows("SELECT count(*) FROM numbers") == [(30,)]
    assert store.rows("SELECT count(*) FROM requests JOIN receipts USING (msisdn, correlation_id)") == [(30,)]


def plan(store: Store, *calls: PlannedCall, made_ms: int = 5 * DAY_MS) -> None:
    facts: dict[str, Any] = {"campaign": "spring", "design": "blocked", "seed": 7, "document": "{}"}
    facts |= {"calls": calls, "caller_id": CALLER, "number_key": store.number_key, "now_ms": made_ms}
    store.write(lambda c: add_plan(c, plan_id="p", **facts))


@pytest.mark.parametrize(("more", "at_ms"), [({}, YOUNG_MS), ({"not_before_ms": YOUNG_MS}, None)])
def test_planned_calls_stay_planned_while_their_plan_goes_on(store, more, at_ms):
    plan(store, call("a" * 32, plan_id="p", position=0), call("b" * 32, OTHER, plan_id="p", position=1, **more))
    if at_ms:
        move(store, "b" * 32, at_ms, "accepted")

    assert forget(store)["requests"] == 0
    assert store.rows("SELECT state, msisdn, text FROM requests WHERE position = 0") == [
        ("planned", NUMBER, "Hello Ann")
    ]


def test_planned_calls_of_a_plan_that_does_not_go_on_are_refused_and_lose_their_number(store):
    plan(store, call("a" * 32, plan_id="p", position=0), call("b" * 32, OTHER, plan_id="p", position=1))
    move(store, "b" * 32, 6 * DAY_MS, "final")

    assert forget(store) == {"requests": 2, "receipts": 0, "quarantined": 0, "open": 0}
    assert store.rows("SELECT state, text FROM requests ORDER BY position") == [("rejected", None), ("final", None)]
    assert NUMBER[1:].encode() not in rows_as_bytes(store)


def test_a_test_call_that_never_left_is_forgotten_by_its_age(store):
    store.write(lambda c: add_calls(c, [call("a" * 32)], CALLER, store.number_key, 5 * DAY_MS))
    store.write(lambda c: add_calls(c, [call("b" * 32, OTHER)], CALLER, store.number_key, YOUNG_MS))

    assert forget(store) == {"requests": 1, "receipts": 0, "quarantined": 0, "open": 0}
    assert states(store) == {"a": False, "b": True}

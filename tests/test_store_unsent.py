"""Calls that have not left go back to planned, unless an earlier try got through after all; or they are forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imilab.store import PlannedCall, Store, StoredReceipt
from imilab.store.anonymous import drop_unused_numbers
from imilab.store.journal import add_calls, add_plan, claim, refuse, release
from imilab.store.receipts import add_receipt
from imilab.store.unsent import drop_unsent, put_back
from imilab.wire import Receipt
from tests.store_places import StorePlace

T0 = 1_772_442_000_000


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        call = PlannedCall(correlation_id="c1", msisdn="+12025550123", content_type="media", media_id="m")
        opened.write(lambda connection: add_calls(connection, [call], None, opened.number_key, T0))
        yield opened


def take(store: Store, now_ms: int = T0) -> int:
    return store.write(lambda connection: claim(connection, "c1", now_ms))


def request(store: Store) -> tuple[object, ...]:
    ((*row,),) = store.rows("SELECT state, attempt, requested_at_ms FROM requests")
    return tuple(row)


def hear_offered(store: Store) -> bool:
    receipt = Receipt(
        message_id="m1",
        correlation_id="c1",
        status="OFFERED",
        code="7407",
        event_at_ms=T0,
        event_at_raw="t",
        msisdn="+12025550123",
    )
    stored = StoredReceipt(receipt=receipt, raw=b"{}", source="webhook", received_at_ms=T0)
    return store.write(lambda connection: add_receipt(connection, stored, store.number_key))


def test_a_claimed_call_that_has_not_left_is_planned_as_if_it_had_never_been_claimed(store):
    assert take(store) == 1
    assert store.write(lambda connection: put_back(connection, ["c1", "nobody"])) == 1
    assert request(store) == ("planned", 0, None)
    assert store.write(lambda connection: put_back(connection, ["c1"])) == 0
    assert request(store) == ("planned", 0, None)


def test_an_earlier_try_still_counts(store):
    take(store)
    store.write(lambda connection: release(connection, "c1"))
    take(store, T0 + 5)
    store.write(lambda connection: put_back(connection, ["c1"]))

    assert request(store) == ("planned", 1, T0 + 5)


def test_a_call_whose_earlier_try_rang_after_all_is_not_planned_again(store):
    take(store)
    store.write(lambda connection: release(connection, "c1"))  # the platform seemed to refuse it
    take(store)
    assert hear_offered(store)

    assert store.write(lambda connection: put_back(connection, ["c1"])) == 0
    assert request(store)[0] == "accepted"
    assert take(store) == 0


@pytest.mark.parametrize("tries", [0, 1])
def test_a_call_that_was_given_up_after_a_try_is_moved_on_by_a_receipt_of_that_try(store, tries):
    if tries:
        take(store)
        store.write(lambda connection: release(connection, "c1"))
    store.write(lambda connection: refuse(connection, "c1", "no connection"))
    assert request(store)[:2] == ("rejected", tries)
    assert take(store) == 0

    assert hear_offered(store)
    assert request(store)[0] == ("accepted" if tries else "rejected")


def drop(store: Store, name: str = "c1") -> list[tuple[object, ...]]:
    store.write(lambda connection: drop_unsent(connection, name))
    return store.rows("SELECT correlation_id FROM requests ORDER BY 1")


@pytest.mark.parametrize("tries", [0, 1])
def test_a_test_call_that_did_not_leave_is_forgotten_with_its_text_and_its_number(store, tries):
    if tries:
        take(store)
        store.write(lambda connection: release(connection, "c1"))

    assert drop(store) == []
    store.write(drop_unused_numbers)
    assert store.rows("SELECT msisdn FROM numbers") == []


def test_a_call_that_may_have_left_or_is_part_of_a_plan_is_not_forgotten(store):
    facts = {"plan_id": "p", "campaign": "spring", "design": "blocked", "seed": 7, "document": "{}", "caller_id": None}
    call = PlannedCall(
        correlation_id="c2", msisdn="+12025550124", content_type="media", plan_id="p", position=0, not_before_ms=T0
    )
    store.write(lambda c: add_plan(c, calls=[call], number_key=store.number_key, now_ms=T0, **facts))
    take(store)

    assert drop(store) == drop(store, "c2") == [("c1",), ("c2",)]

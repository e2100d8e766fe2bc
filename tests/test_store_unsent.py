"""Calls that were claimed and have not left go back to planned, unless an earlier try did get through after all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from imilab.store import PlannedCall, Store, StoredReceipt
from imilab.store.journal import add_calls, claim, release
from imilab.store.receipts import add_receipt
from imilab.store.unsent import put_back
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
    assert store.write(lambda connection: add_receipt(connection, stored, store.number_key))

    assert store.write(lambda connection: put_back(connection, ["c1"])) == 0
    assert request(store)[0] == "accepted"
    assert take(store) == 0

"""The table of planned times: only calls that have some are in it, and they leave with their calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from imilab.store import PlannedCall, Store
from imilab.store.journal import add_plan, calls_of_plan, planned_calls, refuse
from imilab.store.schedule_table import drop_send_at, earlier_calls
from tests.store_places import StorePlace

MSISDN = "+12025550123"


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def planned(position: int, **more: Any) -> PlannedCall:
    return PlannedCall(
        correlation_id=f"c{position}",
        msisdn=MSISDN,
        content_type="media",
        media_id="m",
        plan_id="p",
        position=position,
        **more,
    )


def add(store: Store, *calls: PlannedCall) -> None:
    facts: dict[str, Any] = {"plan_id": "p", "campaign": "lunch", "design": "crossover", "seed": 1, "document": "{}"}
    store.write(
        lambda connection: add_plan(
            connection, **facts, calls=calls, caller_id=None, number_key=store.number_key, now_ms=1
        )
    )


def read(store: Store) -> list[PlannedCall]:
    with store.reading() as connection:
        return planned_calls(connection, "p")


def test_calls_come_back_as_they_were_planned_in_the_order_of_their_times(store: Store):
    late, early, held = planned(0, not_before_ms=900), planned(1, not_before_ms=100), planned(2, send_at_ms=500)
    plain, spaced = planned(3), planned(4, spacing_ms=60_000, hours="09:00-12:00; mon-fri; UTC")
    add(store, late, early, held, plain, spaced)

    assert read(store) == [plain, spaced, early, held, late]
    assert store.rows("SELECT correlation_id FROM schedule ORDER BY correlation_id") == [("c0",), ("c1",), ("c4",)]


def test_all_calls_of_a_plan_can_be_read_whatever_became_of_them(store: Store):
    add(store, planned(0), planned(1))
    store.write(lambda connection: refuse(connection, "c0", "why"))
    with store.reading() as connection:
        assert [call.position for call in calls_of_plan(connection, "p")] == [0, 1]
    assert [call.position for call in read(store)] == [1]


def test_a_call_that_is_deleted_takes_its_time_along(store: Store):
    add(store, planned(0, not_before_ms=1), planned(1, not_before_ms=2))
    store.write(lambda connection: connection.execute("DELETE FROM requests WHERE correlation_id = 'c0'"))

    assert store.rows("SELECT correlation_id FROM schedule") == [("c1",)]


def test_earlier_calls_are_those_to_the_same_number_that_are_still_to_be_sent(store: Store):
    add(store, planned(0), planned(1))

    def earlier(position: int | None, msisdn: str = MSISDN) -> int:
        with store.reading() as connection:
            return earlier_calls(connection, "p", msisdn, position)

    assert [earlier(place) for place in (0, 1, 2, None)] == [0, 1, 2, 0]
    assert earlier(2, "+12025550199") == 0
    store.write(lambda connection: refuse(connection, "c0", "why"))
    assert earlier(2) == 1


def test_a_send_at_can_be_forgotten(store: Store):
    add(store, planned(0, send_at_ms=5), planned(1, send_at_ms=6))
    store.write(lambda connection: drop_send_at(connection, "c0"))

    assert store.rows("SELECT send_at_ms FROM requests ORDER BY position") == [(None,), (6,)]

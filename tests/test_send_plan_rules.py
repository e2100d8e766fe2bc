"""A plan's times, hours and spacing, kept at the moment of each call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from imilab.config import Settings
from imilab.send import Arm, planned_call
from imilab.send.rules import (
    ANOTHER_FIRST,
    OUTSIDE_HOURS,
    PLANNED_FOR_LATER,
    TOO_NEAR,
    CallingRules,
    Held,
    outlook_of,
)
from imilab.store import PlannedCall, Settlement, Store
from imilab.store.journal import add_calls, refuse, settle
from tests.send_rig import RYAN, TEXT, SendRig, numbers
from tests.store_places import StorePlace

KEY = b"k" * 32
WASHINGTON = "+12025550123"
MONDAY = 1_772_442_000_000  # 2 March 2026, 09:00 UTC, 04:00 in Washington
HOUR = 3_600_000
DAY = 24 * HOUR


def rules(*, simulated: bool = True, **settings: Any) -> CallingRules:
    return CallingRules(Settings(**settings), simulated=simulated, number_key=KEY)


def call(name: str = "c1", **more: Any) -> PlannedCall:
    return replace(planned_call(WASHINGTON, Arm(RYAN, TEXT), name), **more)


@pytest.fixture
def store(place: StorePlace) -> Iterator[Store]:
    with place.open() as opened:
        yield opened


def add(store: Store, *calls: PlannedCall) -> None:
    store.write(lambda connection: add_calls(connection, calls, None, KEY, MONDAY))


def claim(store: Store, one: PlannedCall, now_ms: int, **settings: Any) -> Held | bool:
    with store.sender_lock():
        return store.write(lambda connection: rules(**settings).claim(connection, one, now_ms))


def settled(store: Store, name: str, state: str = "accepted") -> None:
    store.write(lambda connection: settle(connection, name, Settlement(state=state)))


def test_a_call_waits_for_its_planned_time():
    one = call(not_before_ms=MONDAY + HOUR)
    assert rules().held(one, MONDAY) == Held(PLANNED_FOR_LATER, MONDAY + HOUR)
    assert rules().held(one, MONDAY + HOUR) is None


def test_a_call_that_comes_too_late_for_its_hours_waits_for_the_next():
    one = call(hours="09:00-12:00; mon-fri; recipient's zone")
    assert rules().held(one, MONDAY) == Held(OUTSIDE_HOURS, MONDAY + 5 * HOUR)
    assert rules().held(one, MONDAY + 5 * HOUR) is None
    friday_noon = MONDAY + 4 * DAY + 8 * HOUR
    assert rules().held(one, friday_noon - 1) is None
    # Summer time begins on that Sunday, so that Monday 09:00 is an hour earlier.
    assert rules().held(one, friday_noon) == Held(OUTSIDE_HOURS, MONDAY + 7 * DAY + 4 * HOUR)


def test_hours_and_quiet_hours_must_both_allow_a_call():
    one = call(hours="07:00-12:00; mon-sun; recipient's zone")
    quiet = rules(quiet_hours="20:00-09:00")
    held = quiet.held(one, MONDAY + 4 * HOUR)  # 08:00 there
    assert held is not None
    assert held.reason.startswith("quiet hours: it is 08:00")
    assert held.next_ms == MONDAY + 5 * HOUR
    never = quiet.held(call(hours="06:00-08:00; mon-sun; recipient's zone"), MONDAY + 4 * HOUR)
    assert never is not None
    assert never.next_ms is None


def test_what_the_platform_holds_is_judged_at_its_send_at():
    one = call(send_at_ms=MONDAY + 5 * HOUR, hours="09:00-12:00; mon-sun; recipient's zone")
    assert rules().held(one, MONDAY) is None
    assert rules(quiet_hours="20:00-09:00").held(one, MONDAY) is None
    assert rules(quiet_hours="20:00-10:00").held(one, MONDAY) is not None
    # Once its sendAt has passed it would ring now, and now is judged.
    assert rules().held(one, MONDAY + 9 * HOUR) == Held(OUTSIDE_HOURS, MONDAY + 29 * HOUR)


def test_a_send_at_that_has_passed_is_left_out_and_forgotten(store: Store):
    one = call(send_at_ms=MONDAY + HOUR)
    add(store, one)

    assert rules().as_of(one, MONDAY) == one
    assert rules().as_of(one, MONDAY + HOUR).send_at_ms is None
    assert claim(store, one, MONDAY + 2 * HOUR) is True
    assert store.rows("SELECT send_at_ms, requested_at_ms FROM requests") == [(None, MONDAY + 2 * HOUR)]


def test_calls_of_a_crossover_keep_their_order(store: Store):
    add(store)
    store.write(
        lambda connection: connection.execute("INSERT INTO plans VALUES ('p', 'lunch', 'crossover', 1, '{}', 0)")
    )
    common = {"plan_id": "p", "campaign": "lunch", "design": "crossover", "spacing_ms": DAY}
    first, second = call("c1", position=0, **common), call("c2", position=1, **common)
    add(store, first, second)

    assert claim(store, second, MONDAY) == Held(ANOTHER_FIRST, MONDAY + DAY)
    assert claim(store, first, MONDAY) is True
    assert claim(store, second, MONDAY + HOUR) == Held(TOO_NEAR, MONDAY + DAY)  # while the first is being sent
    settled(store, "c1")
    assert claim(store, second, MONDAY + 12 * HOUR) == Held(TOO_NEAR, MONDAY + DAY)
    assert claim(store, second, MONDAY + DAY - HOUR) is True  # 95 % of its spacing: the first left an hour late


def test_the_platform_gets_all_calls_of_a_crossover_at_once_in_their_order(store: Store):
    store.write(
        lambda connection: connection.execute("INSERT INTO plans VALUES ('p', 'lunch', 'crossover', 1, '{}', 0)")
    )
    common = {"plan_id": "p", "campaign": "lunch", "design": "crossover", "spacing_ms": DAY}
    first = call("c1", position=0, send_at_ms=MONDAY + HOUR, **common)
    second = call("c2", position=1, send_at_ms=MONDAY + HOUR + DAY, **common)
    near = replace(second, send_at_ms=MONDAY + 2 * HOUR)
    add(store, first, second)

    assert claim(store, second, MONDAY) == Held(ANOTHER_FIRST, MONDAY + 60_000)
    assert claim(store, first, MONDAY) is True
    assert claim(store, near, MONDAY) == Held(TOO_NEAR, MONDAY + HOUR + DAY)
    assert claim(store, second, MONDAY) is True


def test_an_earlier_call_that_will_never_be_placed_is_not_waited_for(store: Store):
    store.write(
        lambda connection: connection.execute("INSERT INTO plans VALUES ('p', 'lunch', 'crossover', 1, '{}', 0)")
    )
    common = {"plan_id": "p", "campaign": "lunch", "design": "crossover", "spacing_ms": DAY}
    first, second = call("c1", position=0, **common), call("c2", position=1, **common)
    add(store, first, second)
    store.write(lambda connection: refuse(connection, "c1", "on the do-not-call list"))

    assert claim(store, second, MONDAY) is True


def test_spacing_is_kept_between_campaigns_too(store: Store):
    add(store, call("c1"), call("c2", spacing_ms=4 * HOUR), call("c3"))

    assert claim(store, call("c1"), MONDAY) is True
    assert claim(store, call("c2", spacing_ms=4 * HOUR), MONDAY + HOUR) == Held(TOO_NEAR, MONDAY + 4 * HOUR)
    assert claim(store, call("c3"), MONDAY + HOUR) is True


def test_the_outlook_of_a_plan_is_that_of_the_settings():
    settings = Settings(
        calls_per_second=7, price_per_call="GB=0.1", currency="EUR", contact_policy={"g": 1}, tenant_zone="Asia/Kolkata"
    )
    outlook = outlook_of(settings, simulated=True, now_ms=MONDAY)

    assert (outlook.now_ms, outlook.calls_per_second, outlook.gap_ms) == (MONDAY, 7, 143)
    assert (str(outlook.price_per_call["GB"]), outlook.currency, outlook.tenant_zone) == ("0.1", "EUR", "Asia/Kolkata")
    assert (outlook.contact_policy, outlook.quiet) == ({"g": 1}, None)
    assert outlook_of(settings, simulated=False, now_ms=MONDAY).quiet is not None


def test_the_policy_of_the_settings_goes_to_the_platform_with_every_call(tmp_path: Path):
    policy = {"contactPolicyGroup": "news", "channelCheckConsent": True}
    bodies: list[dict[str, Any]] = []
    with SendRig(tmp_path, contact_policy=policy) as rig:
        platform = rig.platform

        async def spy(scope: Any, receive: Any, send: Any) -> None:
            message = await receive()
            bodies.append(orjson.loads(message["body"]))
            waiting = [message]

            async def replay() -> Any:
                return waiting.pop() if waiting else await receive()

            await platform(scope, replay, send)

        rig.platform = spy
        assert rig.send(rig.plan(numbers(3))).sent == 3

    assert [body["contactPolicy"] for body in bodies] == [policy] * 3

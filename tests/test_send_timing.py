"""The hours of a plan: crossovers, arms with hours of their own, who waits, and whom no hour fits."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.designs import allocate
from imilab.errors import InvalidInputError
from imilab.send import Arm, make_plan, read_recipients
from imilab.send.outlook import Outlook
from imilab.send.quiet_hours import QuietHours
from imilab.send.timing import Timing
from imilab.terms import Media, Voice
from tests.send_rig import RYAN, TEXT, numbers

SONIA = Voice("en-GB-SoniaNeural")
KEY = b"k" * 32
ARMS = {"ryan": RYAN, "sonia": SONIA}
MONDAY = 1_772_442_000_000  # 2 March 2026, 09:00 UTC
HOUR = 3_600_000
DAY = 24 * HOUR


def plan(recipients=None, arms=None, text=TEXT, **more):
    options = {"seed": 42, "design": "blocked", "campaign": "lunch", "key": KEY} | more
    return make_plan(read_recipients(numbers(10) if recipients is None else recipients), arms or ARMS, text, **options)


def test_how_the_calls_are_spread_and_who_waits_does_not_change_who_is_called():
    hours = {"between": "09:00-20:00"}
    made = [
        plan(timing=Timing(**hours, **more), outlook=Outlook(now_ms=now_ms))
        for now_ms, more in (
            (MONDAY, {}),
            (MONDAY + DAY, {}),
            (MONDAY, {"over": "3 days"}),
            (MONDAY, {"send_at": "platform"}),
        )
    ]

    assert len({one.plan_id for one in made}) == 1


def test_in_a_crossover_each_number_hears_each_arm_in_the_drawn_order_at_spaced_times():
    arms = {name: Media(name) for name in "abc"}
    made = plan(numbers(12), arms, design="crossover", outlook=Outlook(now_ms=MONDAY), timing=Timing(spacing="4 hours"))
    heard = defaultdict(list)
    for call, at_ms in zip(made.calls, made.times, strict=True):
        assert call.not_before_ms == at_ms
        heard[call.msisdn].append((at_ms, call.arm))
    drawn = defaultdict(str)
    for one in allocate(12, list("abc"), seed=42, design="crossover"):
        drawn[numbers(12)[one.recipient]] += one.arm

    assert len(made.calls) == 36
    assert {msisdn: "".join(arm for _, arm in calls) for msisdn, calls in heard.items()} == drawn
    assert len(set(drawn.values())) > 2
    for calls in heard.values():
        assert all(later - earlier >= 4 * HOUR for (earlier, _), (later, _) in pairwise(calls))


def test_a_crossover_is_a_day_apart_where_nothing_else_is_said():
    made = plan(design="crossover", outlook=Outlook(now_ms=MONDAY), timing=Timing(between="09:00-20:00"))
    times = defaultdict(list)
    for call, at_ms in zip(made.calls, made.times, strict=True):
        times[call.msisdn].append(at_ms)

    assert {call.spacing_ms for call in made.calls} == {DAY}
    assert all(later - earlier >= DAY for earlier, later in times.values())


def test_who_has_no_room_for_one_call_of_a_crossover_gets_none():
    timing = Timing(between="09:00-10:00", zone="UTC", over="2 hours", spacing="90 min")
    made = plan(design="crossover", outlook=Outlook(now_ms=MONDAY), timing=timing)

    assert made.calls == ()
    assert set(made.refused["reason"]) == {
        "no room in its hours at this pace; give more hours or days, or a longer time to spread them over"
    }


def test_who_can_never_be_called_in_one_arms_hours_is_refused_whichever_arm_was_drawn():
    anywhere_in_america = "+18005550199"
    arms = {"early": Arm(RYAN, between="09:00-09:30"), "late": Arm(RYAN, between="19:00-19:30")}
    for seed in range(4):
        made = plan([*numbers(3), anywhere_in_america], arms, seed=seed, outlook=Outlook(now_ms=MONDAY))
        assert made.refused["row"].to_list() == [4]
        assert "no hour within 31 days" in made.refused["reason"][0]
        assert "in all 42 zones" in made.refused["reason"][0]
        assert "IMILAB_COUNTRY_ZONES" in made.refused["reason"][0]


def test_who_lives_in_an_unknown_zone_is_refused_where_hours_are_kept():
    nowhere = "+10005550123"
    assert [call.msisdn for call in plan([nowhere], outlook=Outlook(now_ms=MONDAY)).calls] == [nowhere]
    for more in ({"outlook": Outlook(now_ms=MONDAY, quiet=QuietHours())}, {"timing": Timing(between="09:00-20:00")}):
        made = plan([nowhere], **{"outlook": Outlook(now_ms=MONDAY)} | more)
        assert "its zone is unknown" in made.refused["reason"][0]


def test_the_platform_gets_the_times_where_it_is_to_wait():
    made = plan(timing=Timing(between="09:00-20:00", zone="UTC", send_at="platform"), outlook=Outlook(now_ms=MONDAY))

    assert [call.send_at_ms for call in made.calls] == list(made.times)
    assert {call.not_before_ms for call in made.calls} == {None}
    assert made.times[0] == MONDAY
    assert made.times[-1] - made.times[0] > 9 * HOUR


def test_without_hours_calls_have_no_time_of_their_own_and_are_expected_at_the_pace():
    made = plan(outlook=Outlook(now_ms=MONDAY, calls_per_second=2))

    assert {(call.not_before_ms, call.send_at_ms, call.hours, call.spacing_ms) for call in made.calls} == {(None,) * 4}
    assert made.times == tuple(MONDAY + place * 500 for place in range(10))


def test_calls_can_be_spread_over_a_time_without_any_hours():
    made = plan(timing=Timing(over="10 hours"), outlook=Outlook(now_ms=MONDAY))

    assert [at_ms - MONDAY for at_ms in made.times if at_ms is not None] == [place * HOUR for place in range(10)]
    assert all(call.hours is None and call.not_before_ms is not None for call in made.calls)


ZONES = {"202": "America/New_York", "312": "America/Chicago", "303": "America/Denver", "213": "America/Los_Angeles"}
CHANGES = (1_772_953_200_000, 1_793_512_800_000)  # 8 March and 1 November 2026, when New York's clocks change


@given(
    st.lists(st.sampled_from(sorted(ZONES)), min_size=1, max_size=30),
    st.sampled_from(["blocked", "simple", "crossover"]),
    st.sampled_from([None, {"early": 1, "late": 2}]),
    st.sampled_from(CHANGES),
    st.integers(-40, 10),
    st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_whatever_is_planned_rings_in_its_arms_hours_and_nobody_is_forgotten(
    areas, design, shares, change, hours, quiet
):
    people = [f"+1{area}55501{place:02d}" for place, area in enumerate(areas)]
    arms = {"early": Arm(RYAN, between="08:00-11:00"), "late": Arm(RYAN, between="17:00-21:30", days="mon-sat")}
    outlook = Outlook(
        now_ms=change + hours * HOUR, calls_per_second=0.02, quiet=QuietHours("21:00", "09:00") if quiet else None
    )
    timing = Timing(spacing="20 hours" if design == "crossover" else None)
    made = plan(
        people, arms, design=design, shares=shares if design != "crossover" else None, timing=timing, outlook=outlook
    )

    calls_each = 2 if design == "crossover" else 1
    assert made.refusals == ()
    assert Counter(call.msisdn for call in made.calls) == dict.fromkeys(people, calls_each)
    assert made.verify()
    times = sorted(at_ms for at_ms in made.times if at_ms is not None)
    assert all(later - earlier >= outlook.gap_ms for earlier, later in pairwise(times))
    heard = defaultdict(list)
    for call, at_ms in zip(made.calls, made.times, strict=True):
        local = datetime.fromtimestamp((at_ms or 0) / 1000, ZoneInfo(ZONES[call.msisdn[2:5]]))
        clock = local.hour + local.minute / 60
        assert (8 <= clock < 11) if call.arm == "early" else (17 <= clock < 21.5 and local.weekday() < 6)
        assert not quiet or 9 <= clock < 21
        heard[call.msisdn].append(at_ms)
    assert all(later - earlier >= 20 * HOUR for calls in heard.values() for earlier, later in pairwise(calls))


def test_a_spacing_of_nothing_is_refused_and_not_taken_for_none_given():
    for spacing in (timedelta(0), "0 hours"):
        with pytest.raises(InvalidInputError, match="spacing: not above 0"):
            plan(design="crossover", timing=Timing(spacing=spacing))

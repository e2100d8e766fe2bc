"""When the calls of a plan ring: within their hours, apart from each other, across every change of the clocks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.send.outlook import Outlook
from imilab.send.quiet_hours import QuietHours
from imilab.send.schedule import Slot, expected_times, first_open, never_open, schedule
from imilab.send.windows import Window

HOUR = 3_600_000
DAY = 24 * HOUR
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

CHANGES = {
    "Europe/London": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-10-03T15:30", "2026-04-04T15:00"),
}
"""The moments (UTC) at which the clocks of three zones change in 2026, the third by half an hour."""


def ms(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def wall_clock(zone: str, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone))


@st.composite
def weeks_around_a_change(draw: st.DrawFn) -> tuple[str, int]:
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = ms(draw(st.sampled_from(CHANGES[zone])))
    return zone, change - draw(st.integers(-6, 72)) * HOUR


@settings(max_examples=60, deadline=None)
@given(weeks_around_a_change(), st.integers(1, 60), st.integers(0, 22), st.integers(1, 23), st.booleans())
def test_every_call_rings_within_its_hours_across_changes_of_the_clocks(place, calls, start, length, quiet):
    zone, now_ms = place
    end = min(24, start + length)
    window = Window(f"{start:02d}:00-{end:02d}:00")
    outlook = Outlook(now_ms=now_ms, calls_per_second=0.05, quiet=QuietHours("21:00", "08:00") if quiet else None)
    slots = [Slot((zone,), window)] * calls
    times = schedule(slots, outlook)
    if first_open(window, (zone,), outlook) is None:
        assert set(times) == {None}
        return
    known = [at_ms for at_ms in times if at_ms is not None]
    assert len(known) == calls
    assert all(later - earlier >= outlook.gap_ms for earlier, later in pairwise(known))
    for at_ms in known:
        local = wall_clock(zone, at_ms)
        assert at_ms >= now_ms
        assert start <= local.hour < end
        assert not quiet or 8 <= local.hour < 21


@settings(max_examples=30, deadline=None)
@given(weeks_around_a_change(), st.integers(1, 20), st.integers(2, 3), st.integers(1, 30))
def test_a_crossover_keeps_order_and_spacing_across_changes_of_the_clocks(place, numbers, periods, spacing_hours):
    zone, now_ms = place
    window = Window("09:00-20:00")
    slots = [Slot((zone,), window, place - numbers if place >= numbers else None) for place in range(numbers * periods)]
    times = schedule(slots, Outlook(now_ms=now_ms), spacing_ms=spacing_hours * HOUR)
    assert None not in times
    for at_ms, slot in zip(times, slots, strict=True):
        assert 9 <= wall_clock(zone, at_ms or 0).hour < 20
        if slot.after is not None:
            assert at_ms - times[slot.after] >= spacing_hours * HOUR


def test_a_day_of_calls_meets_every_hour_of_the_window_alike():
    zones = ("America/New_York",)
    start = ms("2026-03-02T20:00")  # 15:00 there: the morning comes the next day
    times = schedule([Slot(zones, Window("09:00-19:00"))] * 100, Outlook(now_ms=start))
    hours = [wall_clock(zones[0], at_ms or 0).hour for at_ms in times]
    assert {hour: hours.count(hour) for hour in sorted(set(hours))} == dict.fromkeys(range(9, 19), 10)


def test_a_schedule_begins_with_the_first_hour_that_is_open():
    saturday = ms("2026-02-28T10:00")
    window = Window("09:00-20:00", "mon-fri", "Europe/London")
    times = schedule([Slot((), window)] * 11, Outlook(now_ms=saturday))
    assert [(at_ms - ms("2026-03-02T09:00")) / HOUR for at_ms in times if at_ms is not None] == list(range(11))


def test_arms_of_other_days_wait_for_theirs():
    monday = ms("2026-03-02T09:00")
    slots = [Slot((), Window("09:00-20:00", days, "UTC")) for days in ("mon-fri", "sat-sun")]
    weekday, weekend = schedule(slots, Outlook(now_ms=monday))
    assert weekday == monday
    assert weekend == ms("2026-03-07T09:00")


def test_what_does_not_fit_into_a_day_goes_on_the_next():
    monday = ms("2026-03-02T00:00")
    outlook = Outlook(now_ms=monday, calls_per_second=1 / 360)  # a call in six minutes
    times = schedule([Slot((), Window("09:00-10:00", zone="UTC"))] * 25, outlook)
    days = [(at_ms - monday) // DAY for at_ms in times if at_ms is not None]
    assert len(days) == 25
    assert set(days) == {0, 1, 2}


def test_the_time_to_spread_over_is_kept_even_where_it_is_too_short():
    monday = ms("2026-03-02T09:00")
    outlook = Outlook(now_ms=monday, calls_per_second=1 / 360)
    slots = [Slot((), Window("09:00-10:00", zone="UTC"))] * 25
    assert schedule(slots, outlook, over_ms=DAY).count(None) == 15
    spread = schedule(slots, outlook, over_ms=5 * DAY)
    assert None not in spread
    assert len({(at_ms - monday) // DAY for at_ms in spread if at_ms is not None}) == 5


def test_without_windows_a_crossover_begins_at_once():
    monday = ms("2026-03-02T09:00")
    slots = [Slot(()), Slot(()), Slot((), None, 0), Slot((), None, 1)]
    times = schedule(slots, Outlook(now_ms=monday, calls_per_second=1), spacing_ms=HOUR)
    assert [at_ms - monday for at_ms in times if at_ms is not None] == [0, 1000, HOUR, HOUR + 1000]


def test_nothing_to_schedule_is_scheduled():
    assert schedule([], Outlook(now_ms=0)) == ()
    assert schedule([Slot((), Window("09:00-20:00"))], Outlook(now_ms=0)) == (None,)


def test_calls_without_hours_are_expected_at_the_pace_once_they_are_not_quiet():
    now_ms = ms("2026-03-02T07:59:59")
    quiet = QuietHours("20:00", "08:00")
    outlook = Outlook(now_ms=now_ms, calls_per_second=2, quiet=quiet)
    london, new_york = ("Europe/London",), ("America/New_York",)
    times = expected_times([london, new_york, london, ("Europe/London", "Asia/Tokyo"), new_york], outlook)
    eight, thirteen = ms("2026-03-02T08:00"), ms("2026-03-02T13:00")
    assert times == (eight, thirteen, eight + 500, eight + 1000, thirteen + 500)
    assert expected_times([london] * 2, Outlook(now_ms=now_ms, calls_per_second=2)) == (now_ms, now_ms + 500)
    assert expected_times([()], outlook) == (None,)


@pytest.mark.parametrize(
    ("window", "zones", "quiet", "reason"),
    [
        (None, (), None, None),
        (Window("09:00-20:00", zone="UTC"), (), None, None),
        (Window("09:00-20:00"), (), None, "its zone is unknown"),
        (None, (), QuietHours(), "its zone is unknown"),
        (Window("21:00-23:00"), ("Europe/London",), QuietHours(), "the hours of arm 'late' (21:00-23:00; mon-sun;"),
        (Window("09:00-10:00"), ("Europe/London", "Asia/Tokyo"), None, "in all 2 zones that it may be in"),
        (Window("09:00-10:00"), ("Europe/London",), QuietHours(), None),
    ],
)
def test_who_may_never_be_called_is_told_why(window, zones, quiet, reason):
    told = never_open(Outlook(now_ms=ms("2026-03-02T09:00"), quiet=quiet))("late", window, zones)
    assert told is None if reason is None else reason in (told or "")


def test_a_fast_pace_is_estimated_to_the_fraction_of_a_millisecond():
    outlook = Outlook(now_ms=ms("2026-03-02T09:00"), calls_per_second=400)
    for one in (outlook, replace(outlook, quiet=QuietHours("20:00", "08:00"))):
        times = expected_times([("Europe/London",)] * 4001, one)
        assert times[-1] == outlook.now_ms + 10_000


def test_calls_follow_each_other_as_the_pace_counts_them():
    rates = (0.5, 1, 1.9, 2.5, 20)

    assert [Outlook(now_ms=0, calls_per_second=rate).turn_ms for rate in rates] == [2000, 1000, 1000, 500, 50]

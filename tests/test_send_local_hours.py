from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.send.local_hours import check_zone, day_bounds
from imilab.send.week import outside, parse_days, week_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES = st.integers(0, 1439)
DAYS = st.sets(st.integers(0, 6), min_size=1)

# A change of each kind: by an hour and by half an hour, in the small hours and at midnight, forward and back.
CHANGES = {
    "Europe/London": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "Australia/Lord_Howe": ("2026-10-03T15:30", "2026-04-04T15:00"),
    "America/Havana": ("2026-03-08T05:00", "2026-11-01T05:00"),
}


def ms(text: str) -> int:
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def named(days: set[int]) -> str:
    return ",".join(NAMES[day] for day in sorted(days))


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "\0", "a" * 5000])
def test_a_zone_that_does_not_exist_is_refused(zone):
    with pytest.raises(InvalidInputError, match="Asia/Kolkata"):
        check_zone(zone)


@given(st.sets(st.integers(0, 6)))
def test_days_of_the_week_can_be_listed(days):
    assert parse_days(named(days)) == days


@given(st.integers(0, 6), st.integers(0, 6))
def test_a_range_of_days_runs_forward_and_past_sunday(first, last):
    expected = {first}
    while first != last:
        first = (first + 1) % 7
        expected.add(first)
    start = (last - len(expected) + 1) % 7
    assert parse_days(f"{NAMES[start].upper()}-{NAMES[last]}") == expected


@given(MINUTES, MINUTES, DAYS)
def test_what_is_outside_of_outside_is_inside(start, end, days):
    if start != end:
        week = week_of(f"{clock(start)}-{clock(end)}", named(days))
        assert outside(outside(week)) == week
        inside = sum(last - first for hours in week for first, last in hours)
        assert inside + sum(last - first for hours in outside(week) for first, last in hours) == 7 * 1440


@pytest.mark.parametrize(("zone", "changes"), CHANGES.items())
def test_a_day_lasts_from_midnight_to_midnight_whatever_the_clock_does(zone, changes):
    for change in changes:
        for step in range(-40, 41):
            at_ms = ms(change) + step * 3_600_000
            start, end = day_bounds(zone, at_ms)
            assert start <= at_ms < end
            today = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).date()
            for moment, expected in ((start, True), (start - 1, False), (end - 1, True), (end, False)):
                date = datetime.fromtimestamp(moment // 1000, ZoneInfo(zone)).date()
                assert (date == today) == expected

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.send.local_hours import DAY_MS, intersect
from imilab.send.quiet_hours import QuietHours
from imilab.send.windows import Window, spread

MINUTE = 60_000
HOUR = 60 * MINUTE
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(text: str, zone: str = "UTC") -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return (moment.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


@st.composite
def spans(draw: st.DrawFn, most: int = 3) -> tuple[tuple[int, int], ...]:
    edges = sorted(draw(st.sets(st.integers(0, 60), min_size=2, max_size=2 * most)))
    return tuple(zip(edges[::2], edges[1::2], strict=False))


def moments(series: tuple[tuple[int, int], ...]) -> list[int]:
    return [moment for start, end in series for moment in range(start, end)]


def test_a_window_in_a_named_zone_holds_whoever_is_called():
    window = Window("09:00-12:00, 14:00-20:00", "mon-fri", "Europe/London")
    week = window.spans(ms("2026-03-28T00:00"), ms("2026-03-31T00:00"), ["Asia/Kolkata"])
    assert week == (
        (ms("2026-03-30T08:00"), ms("2026-03-30T11:00")),
        (ms("2026-03-30T13:00"), ms("2026-03-30T19:00")),
    )
    assert window.next_open_ms(ms("2026-03-28T12:00")) == ms("2026-03-30T08:00")


def test_a_window_in_the_recipients_zone_holds_in_all_that_it_may_be():
    window = Window("09:00-20:00")
    day = ms("2026-07-06T00:00"), ms("2026-07-07T00:00")
    east, west = "Europe/Warsaw", "America/Denver"
    assert window.spans(*day, [east]) == ((ms("2026-07-06T07:00"), ms("2026-07-06T18:00")),)
    assert window.spans(*day, [east, west]) == ((ms("2026-07-06T15:00"), ms("2026-07-06T18:00")),)
    assert window.contains(ms("2026-07-06T15:00"), [east, west])
    assert not window.contains(ms("2026-07-06T18:00"), [east, west])
    assert window.spans(*day) == ()
    assert window.next_open_ms(day[0]) is None


def test_a_window_is_as_long_as_its_wall_clock_hours():
    all_day = Window("00:00-24:00", zone="America/New_York")
    for date, hours in (("2026-03-08", 23), ("2026-11-01", 25), ("2026-06-01", 24)):
        day = datetime.fromisoformat(f"{date}T12:00")
        weekday = day.strftime("%A")
        one_day = Window("00:00-24:00", weekday, "America/New_York")
        ((start, end),) = one_day.spans(ms(f"{date}T00:00") - DAY_MS, ms(f"{date}T00:00") + 3 * DAY_MS)
        assert (end - start) / HOUR == hours
    assert all_day.spans(0, 10**10) == ((0, 10**10),)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("9-20",), "between"),
        (("09:00",), "between"),
        (("09:00-20:00-21:00",), "between"),
        (("09:00-09:00",), "between"),
        (("09:00-20:00", "weekdays"), "days"),
        (("09:00-20:00", "mon-fri", "London"), "zone"),
    ],
)
def test_a_window_that_cannot_be_read_is_refused_by_name(arguments, field):
    with pytest.raises(InvalidInputError) as caught:
        Window(*arguments)
    assert caught.value.field == field


@given(spans(), spans())
def test_what_two_series_have_in_common_is_in_both(one, other):
    both = intersect(one, other)
    assert moments(both) == sorted(set(moments(one)) & set(moments(other)))
    assert all(start < end for start, end in both)


@given(spans(), st.integers(1, 80))
def test_calls_are_spread_evenly_over_their_open_time(series, calls):
    free = moments(series)
    assert spread([series] * calls) == tuple(free[number * len(free) // calls] for number in range(calls))


@given(spans(), st.integers(1, 20), st.integers(0, 12))
def test_one_group_keeps_the_gap_and_is_placed_whole_where_there_is_room(series, calls, gap):
    found = spread([series] * calls, gap_ms=gap)
    placed = [time for time in found if time is not None]
    assert all(later - earlier >= gap for earlier, later in pairwise(placed))
    assert set(placed) <= set(moments(series))
    packed: list[int] = []
    for moment in moments(series):
        if gap and len(packed) < calls and (not packed or moment - packed[-1] >= gap):
            packed.append(moment)
    assert len(placed) == (len(packed) if gap else calls)
    assert found[: len(placed)] == tuple(placed)


@given(st.lists(spans(), max_size=25), st.integers(0, 5))
def test_every_call_is_placed_within_its_own_spans_and_apart_from_the_others(calls, gap):
    found = spread(calls, gap_ms=gap)
    assert len(found) == len(calls)
    for series, time in zip(calls, found, strict=True):
        assert time is None or time in moments(series)
    placed = sorted(time for time in found if time is not None)
    assert all(later - earlier >= gap for earlier, later in pairwise(placed))
    if not gap:
        assert None not in found
    for series, time in zip(calls, found, strict=True):
        if time is None:  # packed as early as can be, there is still no room at the end of its spans
            latest = moments(series)[-1]
            assert any(abs(latest - other) < gap for other in placed)
    assert found == spread(calls, gap_ms=gap)


@given(st.integers(1, 12), st.integers(1, 3), st.integers(0, 3), st.integers(0, 40), spans(1))
def test_in_a_crossover_each_call_keeps_its_distance_from_the_one_before(recipients, periods, gap, spacing, series):
    calls = [series] * (recipients * periods)
    after = [place - recipients if place >= recipients else None for place in range(len(calls))]
    found = spread(calls, gap_ms=gap, after=after, spacing_ms=spacing)
    for place, earlier in enumerate(after):
        if earlier is not None and found[place] is not None:
            assert found[earlier] is not None
            assert found[place] - found[earlier] >= spacing


def test_a_call_after_one_without_room_has_none_either():
    assert spread([[], [(0, 10)]], after=[None, 0]) == (None, None)
    assert spread([[(0, 10)], [(0, 10)]], after=[None, 0], spacing_ms=10) == (0, None)
    assert spread([[(0, 10)], [(0, 10)]], after=[1, 0]) == (None, None)


def test_who_can_wait_makes_room_for_who_cannot():
    assert spread([[(0, 100)], [(0, 100)], [(0, 30)]], gap_ms=30) == (30, 60, 0)


def test_calls_with_no_room_at_the_end_move_to_the_front():
    late, both = [(60, 100)], [(0, 100)]
    found = spread([*[both] * 4, *[late] * 4], gap_ms=10)
    assert None not in found
    assert max(found[:4]) < 60


def test_nothing_to_spread_is_spread():
    assert spread([]) == ()
    assert spread([[]]) == (None,)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(0, 300))
def test_a_week_of_calls_within_window_and_quiet_hours(calls, gap_minutes, start_hours):
    window = Window("09:00-20:00", "mon-fri", "Asia/Kolkata")
    quiet = QuietHours("20:00", "08:00", country_zones={"US": ["Asia/Kolkata", "Europe/London"]})
    first = ms("2026-03-23T00:00") + start_hours * HOUR
    until = first + 14 * DAY_MS
    free = intersect(window.spans(first, until), quiet.spans("+12025550123", first, until))
    found = spread([free] * calls, gap_ms=gap_minutes * MINUTE)
    for time in found:
        if time is not None:
            assert quiet.refusal("+12025550123", time) is None
            local = datetime.fromtimestamp(time / 1000, ZoneInfo("Asia/Kolkata"))
            assert 9 <= local.hour < 20
            assert local.weekday() < 5
    open_ms = sum(end - start for start, end in free)
    if calls * gap_minutes * MINUTE <= open_ms:
        assert None not in found


def test_two_arms_can_differ_in_their_hours_alone():
    day = ms("2026-03-02T00:00"), ms("2026-03-03T00:00")
    arms = {"morning": Window("09:00-11:00", zone="UTC"), "evening": Window("17:00-19:00", zone="UTC")}
    order = ["morning", "evening"] * 2
    found = spread([arms[arm].spans(*day) for arm in order], gap_ms=MINUTE)
    assert [(time - day[0]) / HOUR for time in found if time is not None] == [9, 17, 10, 18]


@pytest.mark.parametrize("more", [{"gap_ms": -1}, {"spacing_ms": -1}, {"after": [None]}])
def test_a_schedule_that_makes_no_sense_is_refused(more):
    with pytest.raises(InvalidInputError):
        spread([[(0, 10)]] * 2, **more)


@given(
    st.sampled_from(["09:00-12:00", "22:00-06:00", "09:00-12:00, 13:00-20:00", "00:00-24:00"]),
    st.sampled_from(["mon-sun", "mon,wed,sat", "sat-mon"]),
    st.sampled_from([None, "Europe/London", "America/Argentina/Buenos_Aires"]),
)
def test_a_window_can_be_read_from_the_text_that_is_kept_of_it(between, days, zone):
    window = Window(between, days, zone)
    assert Window.from_text(window.to_text()) == window
    assert window.week == Window.from_text(window.to_text()).week


@pytest.mark.parametrize(
    "text", ["", "09:00-12:00", "09:00-12:00; mon-sun", "9; mon-sun; UTC", "09:00-12:00; mon; x; y"]
)
def test_a_text_that_is_no_window_is_refused(text):
    with pytest.raises(InvalidInputError):
        Window.from_text(text)

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from imilab.errors import InvalidInputError
from imilab.send.quiet_hours import QuietHours, zones_of

NUMBER = "+12025550123"
MINUTE = 60_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Both changes of 2026 in each zone, spring and autumn, as the zones' authorities announced them.
CHANGES = {
    "Europe/London": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Sydney": ("2026-10-03T16:00", "2026-04-04T16:00"),
    "Australia/Lord_Howe": ("2026-10-03T15:30", "2026-04-04T15:00"),  # half an hour
    "America/Havana": ("2026-03-08T05:00", "2026-11-01T05:00"),  # at midnight
}


def ms(text: str, zone: str = "UTC") -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return (moment.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


def here(start: str, end: str, *zones: str, **more: str) -> QuietHours:
    """Quiet hours for the sample number, as if it lay in other zones."""
    return QuietHours(start, end, country_zones={"US": zones}, **more)


@cache
def walls(zone: str, change: str) -> list[tuple[int, int, int]]:
    """Every minute from two days before a change to two days after it: its moment, weekday and minute of the day."""
    first = ms(change) - 2 * 24 * 60 * MINUTE
    moments = [first + number * MINUTE for number in range(4 * 24 * 60)]
    local = [datetime.fromtimestamp(moment / 1000, ZoneInfo(zone)) for moment in moments]
    return [(moment, at.weekday(), at.hour * 60 + at.minute) for moment, at in zip(moments, local, strict=True)]


def is_quiet(weekday: int, minute: int, start: int, end: int, days: set[int], silent: set[int]) -> bool:
    """The rule by definition: whose quiet hours are running, today's or yesterday's."""
    if weekday in silent:
        return True
    if start < end:
        return weekday in days and start <= minute < end
    return (weekday in days and minute >= start) or ((weekday - 1) % 7 in days and minute < end)


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES = st.integers(0, 1439)
DAYS = st.sets(st.integers(0, 6), min_size=1)
PLACES = st.sampled_from([(zone, change) for zone, both in CHANGES.items() for change in both])


def named(days: set[int]) -> str:
    return ",".join(NAMES[day] for day in sorted(days))


@settings(max_examples=60, deadline=None)
@given(PLACES, MINUTES, MINUTES, DAYS, st.sets(st.integers(0, 6), max_size=3))
def test_quiet_hours_hold_minute_by_minute_over_both_changes(place, start, end, days, silent):
    minutes = walls(*place)
    if start == end:
        return
    try:
        quiet = here(clock(start), clock(end), place[0], days=named(days), silent_days=named(silent))
    except InvalidInputError:
        assert all(is_quiet(day, minute, start, end, days, silent) for day in range(7) for minute in range(1440))
        return
    expected = {
        moment for moment, weekday, minute in minutes if not is_quiet(weekday, minute, start, end, days, silent)
    }
    first, last = minutes[0][0], minutes[-1][0] + MINUTE
    spans = quiet.spans(NUMBER, first, last)
    assert {moment for opens, closes in spans for moment in range(opens, closes, MINUTE)} == expected
    assert all(opens % MINUTE == closes % MINUTE == 0 for opens, closes in spans)
    assert all(one[1] < other[0] for one, other in pairwise(spans))
    for moment, _, _ in minutes[::7]:
        assert (quiet.refusal(NUMBER, moment) is None) == (moment in expected)
        assert (quiet.refusal(NUMBER, moment + MINUTE - 1) is None) == (moment in expected)


@settings(max_examples=60, deadline=None)
@given(PLACES, MINUTES, MINUTES, st.integers(0, 2 * 24 * 60 * MINUTE))
def test_the_next_allowed_moment_is_the_first_that_is_not_quiet(place, start, end, passed):
    if start == end:
        return
    minutes = walls(*place)
    at_ms = minutes[0][0] + passed
    quiet = here(clock(start), clock(end), place[0])
    later = (
        max(moment, at_ms)
        for moment, weekday, minute in minutes
        if moment + MINUTE > at_ms and not is_quiet(weekday, minute, start, end, set(range(7)), set())
    )
    assert quiet.next_allowed_ms(NUMBER, at_ms) == next(later)


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(sorted(CHANGES)), min_size=2, max_size=4), PLACES, MINUTES, st.integers(60, 700))
def test_with_several_zones_it_is_quiet_where_it_is_quiet_in_any(zones, place, start, length):
    end = (start + length) % 1440
    together = here(clock(start), clock(end), *sorted(zones))
    alone = [here(clock(start), clock(end), zone) for zone in zones]
    first = ms(place[1]) - 24 * 60 * MINUTE
    for moment in range(first, first + 48 * 60 * MINUTE, 13 * MINUTE):
        allowed = all(one.refusal(NUMBER, moment) is None for one in alone)
        assert (together.refusal(NUMBER, moment) is None) == allowed
    opening = together.next_allowed_ms(NUMBER, first)
    candidates = (moment for moment in range(first, first + 72 * 60 * MINUTE, MINUTE))
    expected = next((at for at in candidates if all(one.refusal(NUMBER, at) is None for one in alone)), None)
    assert expected is None or opening == expected


def test_the_night_is_an_hour_shorter_in_spring_and_an_hour_longer_in_autumn():
    for zone in ("Europe/London", "America/New_York", "Australia/Sydney"):
        spring, autumn = (
            next(
                (later[0] - earlier[1]) // (60 * MINUTE)
                for earlier, later in pairwise(spans)
                if earlier[1] < ms(change) < later[0]
            )
            for change in CHANGES[zone]
            for spans in [here("21:00", "08:00", zone).spans(NUMBER, ms(change) - 10**8, ms(change) + 10**8)]
        )
        assert (spring, autumn) == (10, 12)


def test_an_hour_that_spring_skips_opens_nothing_and_one_that_autumn_repeats_opens_twice():
    only_one_to_two = here("02:00", "01:00", "Europe/London")
    day = ms("2026-03-29T00:00"), ms("2026-03-30T00:00")
    assert only_one_to_two.spans(NUMBER, *day) == ()
    assert only_one_to_two.next_allowed_ms(NUMBER, day[0]) == ms("2026-03-30T00:00")
    day = ms("2026-10-24T23:00"), ms("2026-10-26T00:00")
    assert only_one_to_two.spans(NUMBER, *day) == ((ms("2026-10-25T00:00"), ms("2026-10-25T02:00")),)
    half_past = here("01:30", "01:00", "Europe/London")
    assert half_past.spans(NUMBER, *day) == (
        (ms("2026-10-25T00:00"), ms("2026-10-25T00:30")),
        (ms("2026-10-25T01:00"), ms("2026-10-25T01:30")),
    )


def test_a_change_of_half_an_hour_at_half_past_is_kept_to_the_minute():
    quarter = here("02:45", "02:00", "Australia/Lord_Howe")  # 02:00 to 02:30 does not exist that day
    day = ms("2026-10-03T13:30"), ms("2026-10-04T12:00")
    assert quarter.spans(NUMBER, *day) == ((ms("2026-10-03T15:30"), ms("2026-10-03T15:45")),)


def test_hours_across_midnight_belong_to_the_day_on_which_they_start():
    friday_night = here("22:00", "06:00", "UTC", days="fri")
    assert friday_night.refusal(NUMBER, ms("2026-03-06T23:00"))
    assert friday_night.refusal(NUMBER, ms("2026-03-07T05:59"))
    assert friday_night.refusal(NUMBER, ms("2026-03-06T05:00")) is None
    assert friday_night.refusal(NUMBER, ms("2026-03-07T23:00")) is None


def test_a_silent_day_is_quiet_from_midnight_to_midnight():
    quiet = here("20:00", "09:00", "Asia/Kolkata", silent_days="sun")
    sunday_noon = ms("2026-03-01T12:00", "Asia/Kolkata")
    assert quiet.refusal(NUMBER, sunday_noon) == "quiet hours: it is 12:00 on Sunday in Asia/Kolkata"
    assert quiet.next_allowed_ms(NUMBER, sunday_noon) == ms("2026-03-02T09:00", "Asia/Kolkata")


def mobile(region: str) -> str:
    number = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def test_a_number_that_may_be_in_many_zones_is_called_when_it_is_day_in_all():
    russian, quiet = mobile("RU"), QuietHours("20:00", "09:00")
    zones = zones_of(russian)
    assert len(zones) == 16
    opening = quiet.next_allowed_ms(russian, ms("2026-07-06T00:00"))
    assert opening is not None
    hours = [datetime.fromtimestamp(opening / 1000, ZoneInfo(zone)).hour for zone in zones]
    assert (min(hours), max(hours) < 20) == (9, True)
    refusal = quiet.refusal(russian, opening - 1)
    assert refusal
    assert refusal.startswith("quiet hours: it is 08:59 on Monday in ")
    assert refusal.endswith(", one of 16 zones it may be in")


def test_a_number_whose_zones_share_no_waking_hour_is_never_called_unless_somebody_vouches_for_its_zone():
    jamaican, now_ms = mobile("JM"), ms("2026-07-06T15:00")
    assert len(zones_of(jamaican)) == 42
    assert QuietHours().next_allowed_ms(jamaican, now_ms) is None
    assert QuietHours().spans(jamaican, now_ms, now_ms + 10**9) == ()
    vouched = QuietHours(country_zones={"JM": ["America/Jamaica"]})
    assert vouched.refusal(jamaican, now_ms) is None
    assert vouched.zones(mobile("RU")) == zones_of(mobile("RU"))


def test_every_mobile_example_is_called_by_day_in_each_of_its_zones_or_not_at_all():
    quiet, now_ms = QuietHours("20:00", "09:00"), ms("2026-10-24T18:00")
    several = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        if phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE) is None:
            continue
        number = mobile(region)
        zones = zones_of(number)
        several += len(zones) > 1
        opening = quiet.next_allowed_ms(number, now_ms)
        if opening is None:
            assert len(zones) == 42
            continue
        assert quiet.refusal(number, opening) is None
        for zone in zones:
            assert 9 <= datetime.fromtimestamp(opening / 1000, ZoneInfo(zone)).hour < 20
    assert several == 47


def test_a_number_of_unknown_zone_is_refused():
    for number in ("+19995550123", "no number", "", *map(worldwide, (870, 881, 800))):
        assert zones_of(number) == ()
        assert QuietHours().refusal(number, 0) == "its zone is unknown, so quiet hours cannot be kept"
        assert QuietHours().next_allowed_ms(number, 0) is None


def worldwide(code: int) -> str:
    number = phonenumbers.example_number_for_non_geo_entity(code)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def test_a_refusal_does_not_hold_the_number():
    assert "5550123" not in (QuietHours().refusal(NUMBER, ms("2026-03-02T03:00")) or "")
    assert "5550123" not in repr(QuietHours())


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("20:00", "20:00"), "quiet_hours"),
        (("20", "09:00"), "quiet_hours"),
        (("25:00", "09:00"), "quiet_hours"),
        (("24:00", "09:00"), "quiet_hours"),
        (("٢٠:00", "09:00"), "quiet_hours"),
        (("00:00", "24:00"), "quiet_hours"),
        (("20:00", "09:00", "someday"), "days"),
        (("20:00", "09:00", "mo"), "days"),
        (("20:00", "09:00", ""), "days"),
        (("20:00", "09:00", "mon-sun", "x"), "silent_days"),
        (("20:00", "09:00", "mon-sun", "mon-sun"), "quiet_hours"),
        (("20:00", "09:00", "mon-sun", "", {"US": ["Mars/Base"]}), "country_zones"),
        (("20:00", "09:00", "mon-sun", "", {"US": "America/New_York"}), "country_zones"),
        (("20:00", "09:00", "mon-sun", "", {"US": []}), "country_zones"),
    ],
)
def test_quiet_hours_that_cannot_be_read_are_refused_by_name(arguments, field):
    with pytest.raises(InvalidInputError) as caught:
        QuietHours(*arguments)
    assert caught.value.field == field

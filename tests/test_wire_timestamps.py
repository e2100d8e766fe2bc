"""Time stamps with Z, with an offset, with neither; times to send at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import TimestampError
from imilab.wire import format_timestamp, parse_send_at, parse_timestamp
from imilab.wire.timestamps import FARTHEST_SEND_MS, timestamp_or_none

NOW_MS = 1_772_442_000_000  # 2026-03-02T09:00:00Z
LONDON = ZoneInfo("Europe/London")
ZONES = [UTC, LONDON, *map(ZoneInfo, ("Asia/Kolkata", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"))]
moments = st.integers(min_value=-2_000_000_000_000, max_value=4_000_000_000_000)


@pytest.mark.parametrize(
    ("text", "expected_ms"),
    [
        ("2020-02-05T07:34:23.596Z", 1_580_888_063_596),
        ("2020-02-05T07:34:23Z", 1_580_888_063_000),
        ("2024-12-03T17:44:33.151+05:30", 1_733_228_073_151),
        ("2024-12-03T17:44:33.151+0530", 1_733_228_073_151),
        ("2024-12-03 12:14:33.151999-00:00", 1_733_228_073_151),
        ("  2024-12-03T04:14:33.1-08:00 ", 1_733_228_073_100),
        ("1969-12-31T23:59:59.9999Z", -1),
    ],
)
def test_a_time_stamp_that_names_its_offset_needs_no_zone(text, expected_ms):
    assert parse_timestamp(text, None) == expected_ms
    assert parse_timestamp(text, ZoneInfo("Asia/Tokyo")) == expected_ms


@pytest.mark.parametrize(
    ("text", "zone", "in_utc"),
    [
        ("2016-07-28T08:07:38.481", "Asia/Kolkata", "2016-07-28T02:37:38.481Z"),
        ("2016-07-28T08:07:38.481", "Europe/London", "2016-07-28T07:07:38.481Z"),
        ("2016-01-28T08:07:38", "Europe/London", "2016-01-28T08:07:38.000Z"),
        # 01:30 occurs twice on the autumn night: the first is meant. It never occurs on the spring night.
        ("2026-10-25T01:30:00", "Europe/London", "2026-10-25T00:30:00.000Z"),
        ("2026-03-29T01:30:00", "Europe/London", "2026-03-29T01:30:00.000Z"),
        ("2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00.000Z"),
    ],
)
def test_a_time_stamp_without_a_zone_is_in_the_tenants(text, zone, in_utc):
    assert format_timestamp(parse_timestamp(text, ZoneInfo(zone)), style="z") == in_utc


def test_a_time_stamp_without_a_zone_is_never_taken_for_utc():
    with pytest.raises(TimestampError, match=r"endedAt: .*without a zone.*IMILAB_TENANT_ZONE") as caught:
        parse_timestamp("2016-07-28T08:07:38.481", None, "endedAt")
    assert caught.value.field == "endedAt"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1772442000",
        "\ud800",
        "２０２６-03-02T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-01:00",
        "2026-03-02T09:00:00Zulu",
    ],
)
def test_what_is_no_time_stamp_is_refused_without_being_shown(text):
    with pytest.raises(TimestampError) as caught:
        parse_timestamp(text, UTC)
    assert caught.value.field == "timeStamp"
    assert not text or text not in str(caught.value)
    assert timestamp_or_none(text, UTC) is None


@given(moments, st.sampled_from(ZONES), st.sampled_from(["offset", "z"]))
def test_what_is_written_with_an_offset_is_read_back(moment_ms, zone, style):
    assert parse_timestamp(format_timestamp(moment_ms, zone, style), None) == moment_ms


@given(moments, st.sampled_from(ZONES))
def test_what_is_written_without_one_is_read_back_but_for_the_second_hour_of_an_autumn_night(moment_ms, zone):
    text = format_timestamp(moment_ms, zone, "naive")
    local = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=moment_ms)
    repeated = local.astimezone(zone).fold == 1
    assert (parse_timestamp(text, zone) == moment_ms) != repeated


def test_the_two_hours_of_an_autumn_night_are_told_apart_by_their_offset_only():
    first, second = 1_792_888_200_000, 1_792_891_800_000  # 2026-10-25T00:30Z and T01:30Z
    assert format_timestamp(first, LONDON) == "2026-10-25T01:30:00.000+01:00"
    assert format_timestamp(second, LONDON) == "2026-10-25T01:30:00.000+00:00"
    assert format_timestamp(first, LONDON, "naive") == format_timestamp(second, LONDON, "naive")


def test_export_style_has_whole_seconds_and_a_space():
    assert format_timestamp(1_733_228_073_151, ZoneInfo("Asia/Kolkata"), "export") == "2024-12-03 17:44:33"


@given(st.text() | st.from_regex(r"\d{4}-?\d\d-?\d\dT\d\d:?\d\d(:?\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?", fullmatch=True))
def test_reading_never_raises_anything_else(text):
    for zone in (None, LONDON):
        try:
            moment_ms = parse_timestamp(text, zone)
        except TimestampError:
            continue
        assert parse_timestamp(format_timestamp(moment_ms), None) == moment_ms


@pytest.mark.parametrize(
    "value",
    [
        1_772_445_600,
        1_772_445_600.0,
        "1772445600",
        "2026-03-02T10:00:00Z",
        "2026-03-02T15:30:00",
        datetime(2026, 3, 2, 10, tzinfo=UTC),
        datetime(2026, 3, 2, 15, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    ],
)
def test_a_time_to_send_at_is_epoch_seconds_or_iso_8601(value):
    assert parse_send_at(value, NOW_MS, ZoneInfo("Asia/Kolkata")) == NOW_MS + 3_600_000


def test_a_fraction_of_a_second_is_kept():
    assert parse_send_at(1_772_445_600.123, NOW_MS) == 1_772_445_600_123


def test_the_bounds_of_sending_are_now_and_a_year():
    assert parse_send_at("2026-03-02T09:00:00Z", NOW_MS) == NOW_MS
    assert parse_send_at((NOW_MS + FARTHEST_SEND_MS) // 1000, NOW_MS) == NOW_MS + FARTHEST_SEND_MS
    with pytest.raises(TimestampError, match="1 seconds in the past"):
        parse_send_at("2026-03-02T08:59:59Z", NOW_MS)
    with pytest.raises(TimestampError, match="more than 366 days ahead"):
        parse_send_at((NOW_MS + FARTHEST_SEND_MS) // 1000 + 1, NOW_MS)


def test_milliseconds_are_recognised_as_a_mistake():
    with pytest.raises(TimestampError, match="is it in milliseconds"):
        parse_send_at(NOW_MS + 3_600_000, NOW_MS)


@pytest.mark.parametrize(
    "value",
    [
        *(True, float("nan"), float("inf"), -float("inf"), 1e308, 10**400, -(10**400), "9" * 5000, "soon", "", 0, -1),
        *("2016-01-01T00:00:00Z", datetime(2026, 3, 2, 10)),  # noqa: DTZ001 - a naive one is refused
    ],
)
def test_other_times_to_send_at_are_refused(value):
    with pytest.raises(TimestampError) as caught:
        parse_send_at(value, NOW_MS)
    assert caught.value.field == "sendAt"
    assert len(str(caught.value)) < 200


@given(st.integers() | st.floats() | st.text() | st.datetimes(timezones=st.none() | st.timezones()))
def test_reading_a_time_to_send_at_never_raises_anything_else(value):
    try:
        assert NOW_MS <= parse_send_at(value, NOW_MS, LONDON) <= NOW_MS + FARTHEST_SEND_MS
    except TimestampError as problem:
        assert problem.field == "sendAt"  # noqa: PT017 - most values are refused, some are not

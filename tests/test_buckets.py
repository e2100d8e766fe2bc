"""Time buckets against zoneinfo and pandas, across every kind of change of the clock."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.buckets import TimeBucket, day, hour, hour_of_day, offset_changes, weekday
from imilab.errors import InvalidInputError
from imilab.rate_table import rates
from tests.calls_factory import frame_from

# Both changes of 2026, in UTC; Lord Howe changes by 30 minutes, Kolkata never.
CHANGES = {
    "Europe/London": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
    "America/New_York": ("2026-03-08T07:00Z", "2026-11-01T06:00Z"),
    "Australia/Lord_Howe": ("2026-04-04T15:00Z", "2026-10-03T15:30Z"),
    "Asia/Kolkata": ("2026-03-29T01:00Z", "2026-10-25T01:00Z"),
}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ENGINES = ["pandas", "duckdb"]


def around(zone: str) -> list[datetime]:
    """Every ten minutes from 26 hours before to 26 hours after both changes."""
    middles = [datetime.fromisoformat(change) for change in CHANGES[zone]]
    return [middle + timedelta(minutes=10 * step) for middle in middles for step in range(-156, 157)]


def expected_label(kind: str, moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    if kind == "hour":
        fixed = timezone(local.utcoffset() or timedelta())  # the moment's own offset, not that of the full hour
        return local.replace(minute=0, second=0, microsecond=0, tzinfo=fixed).isoformat(" ", "minutes")
    return {"day": f"{local:%Y-%m-%d}", "weekday": WEEKDAYS[local.weekday()], "hour_of_day": f"{local:%H}:00"}[kind]


def calls_at(moments: list[datetime | None], engine: str, **more: Any) -> Any:
    calls = frame_from([{"requested_at": moment, "outcome": "answered", **more} for moment in moments])
    return calls if engine == "pandas" else duckdb.from_df(calls)


def counts(calls: Any, bucket: TimeBucket) -> dict[Any, int]:
    rows = rates(calls, by=bucket, outcomes="answered").to_pandas()
    return {None if pd.isna(name) else name: n for name, n in zip(rows[bucket.kind], rows["n"], strict=True)}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["hour", "day", "weekday", "hour_of_day"])
@pytest.mark.parametrize("zone", CHANGES)
def test_buckets_agree_with_zoneinfo_across_both_changes(zone: str, kind: Any, engine: str) -> None:
    moments = around(zone)
    assert counts(calls_at(moments, engine), TimeBucket(kind, zone)) == Counter(
        expected_label(kind, moment, zone) for moment in moments
    )


@pytest.mark.parametrize("zone", CHANGES)
def test_days_agree_with_pandas(zone: str) -> None:
    calls = calls_at(around(zone), "pandas")
    local = calls["requested_at"].dt.tz_convert(zone)
    assert counts(calls, day(zone)) == local.dt.strftime("%Y-%m-%d").value_counts().to_dict()
    assert counts(calls, hour_of_day(zone)) == local.dt.strftime("%H:00").value_counts().to_dict()


@pytest.mark.parametrize("zone", CHANGES)
def test_hours_come_in_the_order_of_time(zone: str) -> None:
    moments = around(zone)
    found = list(counts(calls_at(moments[::-1], "pandas"), hour(zone)))
    assert found == list(dict.fromkeys(expected_label("hour", moment, zone) for moment in moments))


def test_the_hour_that_autumn_repeats_is_two_hours() -> None:
    moments = [datetime(2026, 10, 25, 0, 30, tzinfo=UTC), *[datetime(2026, 10, 25, 1, 30, tzinfo=UTC)] * 2]
    calls = calls_at(moments, "pandas")
    assert counts(calls, hour("Europe/London")) == {"2026-10-25 01:00+01:00": 1, "2026-10-25 01:00+00:00": 2}
    assert counts(calls, hour_of_day("Europe/London")) == {"01:00": 3}


def test_hour_labels_read_as_moments() -> None:
    (label,) = counts(calls_at([datetime(2026, 1, 1, 0, 40, tzinfo=UTC)], "pandas"), hour("Asia/Kolkata"))
    assert datetime.fromisoformat(label) == datetime(2026, 1, 1, 0, 30, tzinfo=UTC)


zones = st.sampled_from([*CHANGES, "UTC", "America/St_Johns", "Pacific/Apia", "Africa/Casablanca", "Antarctica/Troll"])
seconds = st.integers(-2_000_000_000, 4_000_000_000)  # 1906 to 2096


@given(zones, st.sampled_from(["hour", "day", "weekday", "hour_of_day"]), st.lists(seconds, min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_any_moment_of_two_centuries_falls_where_zoneinfo_says(zone: str, kind: Any, times: list[int]) -> None:
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time) for time in times]
    bucket = TimeBucket(kind, zone)
    expected = Counter(expected_label(kind, moment, zone) for moment in moments)
    assert counts(calls_at(moments, "pandas"), bucket) == expected


@given(st.integers(-3_000_000_000_000, 4_000_000_000_000), zones)
@settings(max_examples=6, deadline=None)
def test_pandas_and_duckdb_bucket_alike_before_1970_too(ms: int, zone: str) -> None:
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms + step) for step in (0, 1, 86_399_999)]
    for bucket in (hour(zone), day(zone), weekday(zone), hour_of_day(zone)):
        assert counts(calls_at(moments, "pandas"), bucket) == counts(calls_at(moments, "duckdb"), bucket)


def test_duckdbs_own_session_zone_does_not_matter() -> None:
    moments = around("Europe/London")
    calls = calls_at(moments, "pandas")
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'America/Los_Angeles'")
        assert counts(engine.from_df(calls), day("Europe/London")) == counts(calls, day("Europe/London"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_call_without_requested_time_counts_by_its_offered_one_and_else_by_none(engine: str) -> None:
    offered = datetime(2026, 5, 1, 12, tzinfo=UTC)
    rows: list[dict[str, Any]] = [
        {"requested_at": offered + timedelta(days=1), "offered_at": offered, "outcome": "answered"},
        {"offered_at": offered, "outcome": "answered"},
        {"outcome": "answered"},
    ]
    calls: Any = frame_from(rows)
    calls = calls if engine == "pandas" else duckdb.from_df(calls)
    assert counts(calls, day("UTC")) == {"2026-05-01": 1, "2026-05-02": 1, None: 1}


@pytest.mark.parametrize("engine", ENGINES)
def test_calls_without_any_time_are_one_group(engine: str) -> None:
    assert counts(calls_at([None, None], engine), hour("Europe/London")) == {None: 2}


def test_another_time_can_be_named() -> None:
    calls = calls_at([None], "pandas", answered_at=datetime(2026, 5, 3, 23, 30, tzinfo=UTC))
    assert counts(calls, day("Europe/London", "answered_at")) == {"2026-05-04": 1}


def test_integer_milliseconds_of_the_store_are_read_as_they_are() -> None:
    calls = duckdb.sql("SELECT 'answered' AS outcome, 1792891800000 AS requested_at_ms, NULL::BIGINT AS offered_at_ms")
    assert counts(calls, hour("Europe/London")) == {"2026-10-25 01:00+00:00": 1}


@pytest.mark.parametrize("engine", ENGINES)
def test_times_without_zone_are_refused_not_guessed(engine: str) -> None:
    calls: Any = pd.DataFrame({"outcome": ["answered"], "requested_at": pd.to_datetime(["2026-05-01"])})
    calls = calls if engine == "pandas" else duckdb.from_df(calls)
    with pytest.raises(InvalidInputError, match=r"requested_at.*tz_localize"):
        rates(calls, by=hour("UTC"))


def test_a_missing_time_column_is_refused_with_near_names() -> None:
    with pytest.raises(InvalidInputError, match=r"answered_att.*did you mean 'answered_at'"):
        rates(calls_at([None], "pandas"), by=hour("UTC", "answered_att"))


@pytest.mark.parametrize("tz", ["Europe/Lundon", "", "../etc/passwd", "Europe", None, 3])
def test_an_unknown_zone_is_refused(tz: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"tz: .*Europe/"):
        hour(tz)


def test_the_zone_has_no_default() -> None:
    with pytest.raises(TypeError):
        hour()  # type: ignore[call-arg]  # refused


def test_offsets_of_a_zone_without_changes_are_one() -> None:
    assert offset_changes(ZoneInfo("Asia/Kolkata"), 0, 10**12)[-1][1] == 19_800
    assert offset_changes(ZoneInfo("UTC"), 5, 10**12) == [(5, 0)]


def test_a_clock_gone_wrong_by_thousands_of_years_is_still_counted() -> None:
    calls = pd.DataFrame({"outcome": ["answered"], "requested_at_ms": [9_000_000_000_000_000]})
    assert sum(counts(calls, day("Europe/London")).values()) == 1

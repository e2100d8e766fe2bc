"""Times of logs: formats, zones and the two odd hours of a year, against the webhook's reader and zoneinfo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.logs import Mapping
from imilab.logs.times import read_times
from imilab.logs.zones import changes_of
from imilab.wire.timestamps import timestamp_or_none
from tests.logs_factory import HEADER, LONDON, bring_in, csv_text, kept

ZONES = [
    *("Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"),
    *("America/St_Johns", "Pacific/Apia", "Africa/Monrovia", "America/Sao_Paulo"),
]


def read(texts, zone, time_format="iso"):
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.register("given", pa.table({"place": range(len(texts)), "t": pa.array(texts, pa.string())}))
        engine.execute("CREATE TEMP TABLE rows_ AS SELECT * FROM given")
        counts = read_times(engine, "rows_", ["t"], time_format, zone)
        return engine.execute("SELECT t_ms, t_odd FROM rows_ ORDER BY place").fetchall(), counts


FORMS = ["{:%Y-%m-%d %H:%M:%S}", "{:%Y-%m-%dT%H:%M:%S.%f}", "{:%Y-%m-%d %H:%M}", "{:%Y-%m-%dT%H:%M:%S},123456789"]
ENDS = ["", "Z", "z", "+05:30", "-0330", "+02", " Z"]
MOMENTS = st.datetimes(datetime(1960, 1, 1), datetime(2040, 1, 1))  # noqa: DTZ001 - local times


@given(
    written=st.lists(st.tuples(MOMENTS, st.sampled_from(FORMS), st.sampled_from(ENDS[:6])), min_size=1, max_size=60),
    zone=st.sampled_from(ZONES),
)
@settings(max_examples=30, deadline=None)
def test_times_read_as_the_webhook_reads_them(written, zone):
    texts = [form.format(moment) + end for moment, form, end in written]
    found, _ = read(texts, ZoneInfo(zone))

    assert [ms for ms, _ in found] == [timestamp_or_none(text.replace("z", "Z"), ZoneInfo(zone)) for text in texts]


@given(zone=st.sampled_from(ZONES), year=st.integers(1950, 2040))
@settings(max_examples=40, deadline=None)
def test_every_quarter_hour_around_a_change_is_read_as_the_standard_library_does(zone, year):
    key = ZoneInfo(zone)
    span = [int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * 1000 for month in (1, 12)]
    texts = []
    for change in changes_of(key, *span):
        local = datetime.fromtimestamp(change.first_odd_ms / 1000, UTC).replace(tzinfo=None)
        texts += [f"{local + timedelta(minutes=15 * step):%Y-%m-%d %H:%M:%S}" for step in range(-9, 15)]
    if not texts:
        return
    found, counts = read(texts, key)

    expected = [datetime.fromisoformat(text).replace(tzinfo=key) for text in texts]
    assert [ms for ms, _ in found] == [int(one.timestamp()) * 1000 for one in expected]
    again = [one.astimezone(UTC).astimezone(key).replace(tzinfo=None) for one in expected]
    never = sum(one.replace(tzinfo=None) != there for one, there in zip(expected, again, strict=True))
    later = [one.replace(fold=1).utcoffset() for one in expected]
    twice = sum(one.utcoffset() != other for one, other in zip(expected, later, strict=True)) - never
    assert (counts.twice, counts.never) == (twice, never)


@pytest.mark.parametrize(
    ("text", "time_format", "seconds"),
    [
        ("1772442000", "epoch_s", 1772442000),
        ("1772442000.25", "epoch_s", 1772442000.25),
        ("1772442000500", "epoch_ms", 1772442000.5),
        ("02/03/2026 09:00:00", "%d/%m/%Y %H:%M:%S", 1772442000),
        ("2026-03-02 09:00:00", "iso", 1772442000),
    ],
)
def test_other_formats_are_read_where_the_mapping_says_so(text, time_format, seconds):
    found, _ = read([text], ZoneInfo("UTC"), time_format)

    assert found == [(round(seconds * 1000), False)]


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-13-01 00:00:00",
        "2026-02-30 00:00:00",
        "2026-03-02",
        "2026-03-02 24:00:00",
        "infinity",
        "epoch",
        "0000-01-01 00:00:00",
    ],
)
def test_what_is_no_time_is_odd_and_what_stands_for_nothing_is_not(text):
    found, _ = read([text, "", "NULL", " - "], ZoneInfo("UTC"))

    assert found == [(None, True), (None, False), (None, False), (None, False)]


def test_odd_local_times_are_counted_and_follow_the_rule(tmp_path):
    moments = ["2026-03-29 01:30:00", "2026-10-25 01:30:00", "2026-10-25 02:30:00"]
    rows = [(f"m{place}", "", "OFFERED", "7407", "", text, "+12025550101") for place, text in enumerate(moments)]
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    summary = bring_in(tmp_path / "log.csv", tmp_path / "a", zone=LONDON)

    utc = [datetime.fromtimestamp(ms / 1000, UTC).isoformat() for (ms,) in kept(tmp_path / "a", "event_at_ms")]
    assert utc == ["2026-03-29T01:30:00+00:00", "2026-10-25T00:30:00+00:00", "2026-10-25T02:30:00+00:00"]
    assert (summary.without_zone, summary.twice, summary.never) == (3, 1, 1)
    assert "1 local times occur twice" in str(summary)
    assert "1 local times never occur" in str(summary)


def test_a_mapping_can_name_the_zone_and_an_argument_goes_before_it(tmp_path):
    rows = [("m1", "", "OFFERED", "7407", "", "2026-07-01 12:00:00", "+12025550101")]
    (tmp_path / "log.csv").write_text(csv_text(rows), encoding="utf-8")
    columns = {"message_id": HEADER[0], "status": HEADER[2], "event_at": HEADER[5]}
    kolkata, tenant = Mapping(columns=columns, tz="Asia/Kolkata"), ZoneInfo("America/New_York")

    for name, mapping, zone, hour in [("a", kolkata, None, 6.5), ("b", kolkata, LONDON, 11), ("c", None, None, 16)]:
        bring_in(tmp_path / "log.csv", tmp_path / name, mapping=mapping, zone=zone, tenant_zone=tenant)
        start = datetime(2026, 7, 1, tzinfo=UTC).timestamp() * 1000
        assert kept(tmp_path / name, "event_at_ms") == [(start + hour * 3_600_000,)]

"""Reading back what a report wrote: the same frame, whatever stands in it; and saying why where that cannot be."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imilab
from imilab.errors import InvalidInputError, TimestampError
from imilab.terms import OUTCOMES
from tests.calls_factory import CALL_DTYPES, frame_from, make_calls

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
HOSTILE = st.sampled_from(
    [
        "",
        "=1+1",
        "'=1+1",
        "''@x",
        "+1",
        "-2",
        "@x",
        "\tx",
        "\r\n",
        '"',
        ",",
        "NaN",
        "null",
        "'",
        "0044",
        "1e5",
        "\ufeff",
        " x ",
    ]
)
MOMENTS = st.integers(-(10**12), 4 * 10**12).map(lambda ms: pd.Timestamp(ms, unit="ms", tz="UTC"))
SECONDS = st.floats(-1e9, 1e9, allow_nan=False)
WHOLE = st.integers(0, 2**62)
VALUES = {
    "str": st.none() | TEXTS | HOSTILE,
    "datetime64[ms, UTC]": st.none() | MOMENTS,
    "float64": st.none() | SECONDS,
    "bool": st.booleans(),
    "int64": WHOLE,
    "Int64": st.none() | WHOLE,
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            name: st.sampled_from(OUTCOMES)
            if name == "outcome"
            else st.none()
            if name in {"msisdn", "caller_id"}
            else VALUES[kind]
            for name, kind in CALL_DTYPES.items()
        }
    ),
    max_size=4,
)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@given(rows=ROWS, tz=st.sampled_from(["UTC", "Europe/London", "Asia/Kolkata", "Africa/Monrovia", "America/St_Johns"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_report_read_back_is_the_same_frame(tmp_path, suffix, rows, tz):
    calls = frame_from(rows)
    path = imilab.report(calls, tmp_path / f"calls{suffix}", tz=tz)

    pd.testing.assert_frame_equal(imilab.read_calls(path), calls)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".CSV"])
def test_a_real_table_read_back_is_the_same_frame(tmp_path, suffix):
    calls = imilab.load_sample("calls")

    assert imilab.read_calls(imilab.report(calls, tmp_path / f"calls{suffix}", tz="Asia/Kolkata")).equals(calls)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_without_calls_read_back_has_its_columns_and_types(tmp_path, suffix):
    read = imilab.read_calls(imilab.report(frame_from([]), tmp_path / f"calls{suffix}"))

    assert len(read) == 0
    assert {name: str(kind) for name, kind in read.dtypes.items()} == dict(CALL_DTYPES)


def test_the_two_hours_of_an_autumn_night_stay_apart(tmp_path):
    moments = ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]
    calls = frame_from([{"outcome": "busy", "requested_at": moment} for moment in moments])
    path = imilab.report(calls, tmp_path / "calls.csv", tz="Europe/London")

    text = path.read_text(encoding="utf-8-sig")
    assert "2026-10-25T01:30:00.000+01:00" in text
    assert "2026-10-25T01:30:00.000+00:00" in text
    assert imilab.read_calls(path).equals(calls)


def test_the_arm_of_a_report_comes_after_the_columns_of_the_table(tmp_path):
    calls = make_calls(20).assign(**{"=wave": pd.Series(["+1", "'@b"] * 10, dtype="str")})
    read = imilab.read_calls(imilab.report(calls, tmp_path / "calls.csv", arm="=wave"))

    assert list(read)[-1] == "=wave"
    assert read.equals(calls)


def test_csv_that_pandas_wrote_is_read_too(tmp_path):
    calls = make_calls(50)
    calls.to_csv(tmp_path / "calls.csv", index=False)

    assert imilab.read_calls(tmp_path / "calls.csv").equals(calls)


def test_parquet_that_pandas_wrote_is_read_too(tmp_path):
    calls = make_calls(50)
    calls.to_parquet(tmp_path / "calls.parquet")

    assert imilab.read_calls(tmp_path / "calls.parquet").equals(calls)


def without_offset(tmp_path):
    calls = frame_from([{"outcome": "busy", "requested_at": "2026-03-29T09:00:00Z"}, {"outcome": "busy"}])
    path = imilab.report(calls, tmp_path / "calls.csv")
    path.write_text(path.read_text(encoding="utf-8-sig").replace("09:00:00.000+00:00", "10:00:00"), encoding="utf-8")
    return path, calls


def test_a_time_without_an_offset_needs_a_zone(tmp_path):
    path, calls = without_offset(tmp_path)

    with pytest.raises(TimestampError, match="tz=") as caught:
        imilab.read_calls(path)
    assert caught.value.field == "requested_at"
    assert imilab.read_calls(path, tz="Europe/London").equals(calls)


def test_a_time_that_is_none_is_refused_by_the_name_of_its_column(tmp_path):
    path, _ = without_offset(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("2026-03-29T10:00:00", "tomorrow"), encoding="utf-8")

    with pytest.raises(TimestampError) as caught:
        imilab.read_calls(path, tz="UTC")
    assert caught.value.field == "requested_at"


@pytest.mark.parametrize("name", ["export.zip", "calls.xlsx", "calls"])
def test_files_that_are_neither_calls_nor_logs_are_refused(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")

    with pytest.raises(InvalidInputError, match="no column tells the call's id"):
        imilab.read_calls(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=r"there is no file .*calls\.csv"):
        imilab.read_calls(tmp_path / "calls.csv")


def header(*names):
    return ",".join([*CALL_DTYPES, *names]).encode()


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("calls.csv", b"", "calls.csv is empty"),
        ("calls.csv", b"msisdn,shoe\n+12025550123,busy\n", "no column tells the call's id"),
        ("calls.csv", header().replace(b"call_id,", b"") + b"\n", "no whole calls table, it has no column call_id; "),
        ("calls.csv", header("outcome"), "'outcome' is there twice"),
        ("calls.csv", header() + "\nB\xfcro\n".encode("latin-1"), "not UTF-8"),
        ("calls.csv", header() + b"\n1\n", "not a CSV of calls"),
        ("calls.parquet", b"PAR1 no", "no Parquet file"),
    ],
)
def test_files_that_are_no_calls_table_are_refused_with_the_reason(tmp_path, name, content, match):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidInputError, match=match):
        imilab.read_calls(tmp_path / name)


def test_a_field_that_does_not_fit_is_refused_without_being_quoted(tmp_path):
    path = imilab.report(make_calls(3), tmp_path / "calls.csv")
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    lines[1] = lines[1].rsplit(",", 1)[0] + ",+12025550123x"
    path.write_text("\n".join(lines), encoding="utf-8")

    with pytest.raises(InvalidInputError, match="conversion error to int64") as caught:
        imilab.read_calls(path)
    assert "2025550123" not in str(caught.value)


def test_an_unknown_zone_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="no time zone"):
        imilab.read_calls(tmp_path / "calls.csv", tz="Europe/Londn")

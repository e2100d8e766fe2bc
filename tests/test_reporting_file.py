"""Writing a report: the form by the suffix, whole or not at all, never a full number, always where it comes from."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from datetime import UTC, datetime

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

import imilab
from imilab.calls import CALL_COLUMNS
from imilab.errors import InvalidInputError
from imilab.reporting.calls_table import hide_numbers_in_text
from tests.calls_factory import frame_from, make_calls

FORMS = [".html", ".xlsx", ".csv", ".parquet"]
MADE_AT = datetime(2026, 4, 1, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def calls():
    return make_calls(60, pending=0.1)


def words_in(path):
    """Return all that a report file says, unpacked."""
    if path.suffix == ".xlsx":
        with zipfile.ZipFile(path) as parts:
            return "\n".join(parts.read(name).decode() for name in parts.namelist())
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        return table.to_pandas().to_csv() + str(table.schema.metadata)
    return path.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("suffix", [*FORMS, ".HTML"])
def test_the_path_that_was_written_is_returned_and_nothing_lies_beside_it(tmp_path, calls, suffix):
    path = imilab.report(calls, str(tmp_path / f"report{suffix}"))

    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size > 1000


def test_a_report_has_the_rights_of_any_new_file(tmp_path, calls):
    (tmp_path / "other").touch()
    path = imilab.report(calls, tmp_path / "report.csv")

    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


@pytest.mark.parametrize("suffix", FORMS)
def test_the_same_calls_at_the_same_time_give_the_same_file(tmp_path, calls, suffix):
    one, two = (imilab.report(calls, tmp_path / f"{n}{suffix}", made_at=MADE_AT).read_bytes() for n in "ab")

    assert one == two


@pytest.mark.parametrize("suffix", FORMS)
def test_a_report_that_fails_leaves_the_old_file_as_it_was(tmp_path, calls, suffix, monkeypatch):
    path = tmp_path / f"report{suffix}"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(InvalidInputError, match="cannot be written: No space left on device"):
        imilab.report(calls, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("report.pdf", "a PDF comes later.*there are .html, .xlsx, .csv, .parquet"),
        ("report.docx", "there are .html, .xlsx, .csv, .parquet"),
        ("report", "no suffix"),
        ("nowhere/report.html", "no folder .*nowhere; make it"),
        ("folder.csv", "is a folder"),
    ],
)
def test_paths_that_cannot_be_written_are_refused_with_the_way_out(tmp_path, calls, name, match):
    (tmp_path / "folder.csv").mkdir()

    with pytest.raises(InvalidInputError, match=match) as caught:
        imilab.report(calls, tmp_path / name)
    assert caught.value.field == "path"


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize(
    ("change", "field", "match"),
    [
        (lambda calls: calls.to_dict("list"), "calls", "dict is no pandas DataFrame"),
        (lambda calls: calls.drop(columns=["voice", "outcome"]), "calls", "no column voice, outcome"),
        (lambda calls: calls[["voice"]], "calls", "and 31 more"),
        (lambda calls: calls.assign(outcome="maybe"), "outcome", "maybe; outcomes are answered"),
        (lambda calls: calls.assign(offered_at=pd.Timestamp("2026-03-01")), "offered_at", "times with a zone"),
        (lambda calls: calls.assign(receipts=None), "receipts", "missing values"),
        (lambda calls: calls.assign(ring_seconds="long"), "ring_seconds", "cannot be read as float64"),
        (lambda calls: pd.concat([calls, calls["arm"]], axis=1), "calls", "'arm' is there twice"),
    ],
)
def test_what_is_no_calls_table_is_refused_by_every_form(tmp_path, calls, suffix, change, field, match):
    with pytest.raises(InvalidInputError, match=match) as caught:
        imilab.report(change(calls), tmp_path / f"report{suffix}")
    assert caught.value.field == field
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMS)
@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"tz": "Europe/Londn"}, "tz"),
        ({"arm": "vioce"}, "arm"),
        ({"arm": 3}, "arm"),
        ({"outcome": "anwsered"}, "outcome"),
        ({"outcome": "pending"}, "outcome"),
        ({"filters": 3}, "filters"),
        ({"made_at": datetime(2026, 4, 1)}, "made_at"),  # noqa: DTZ001 - without a zone on purpose
    ],
)
def test_wrong_arguments_are_refused_by_every_form(tmp_path, calls, suffix, options, field):
    with pytest.raises(InvalidInputError) as caught:
        imilab.report(calls, tmp_path / f"report{suffix}", **options)
    assert caught.value.field == field
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMS)
def test_no_full_number_gets_into_a_report_wherever_it_stood(tmp_path, calls, suffix):
    numbers = [f"+120255501{index:02d}" for index in range(10, 17)]
    leaky = calls.assign(
        msisdn=numbers[0],
        caller_id=numbers[1].removeprefix("+"),
        correlation_id=numbers[2],
        arm=pd.Series([f"wave {numbers[3]}", "wave 2"] * 30, dtype="str"),
        error_reason=f"{numbers[4]} is not reachable",
        customer="Mary Miller",
        phone=int(numbers[5].removeprefix("+")),
    )
    path = imilab.report(
        leaky, tmp_path / f"report{suffix}", filters={"msisdn": [numbers[6]]}, title=f"Calls to {numbers[6]}"
    )

    said = words_in(path)
    assert not re.search(r"1?20255501\d\d", said)
    assert "Mary Miller" not in said
    assert ("+1•••••116" if suffix == ".html" else "+1•••••110") in said
    if suffix in {".html", ".xlsx"}:
        assert "Full phone numbers were handed in. They are masked here" in said
        assert "customer, phone" in said
    assert leaky["msisdn"].iloc[0] == numbers[0]


def test_masked_numbers_are_not_called_masked_by_the_report(tmp_path, calls):
    said = words_in(imilab.report(calls, tmp_path / "report.html"))

    assert "Masked, as they were handed in." in said
    assert "Full phone numbers were handed in" not in said


def test_numbers_in_a_text_are_masked_and_other_digits_are_not():
    assert (
        hide_numbers_in_text("+12025550123, 20260318, +0530, plan-12345678")
        == "+1•••••123, 20260318, +0530, plan-12345678"
    )


def test_parquet_holds_integer_milliseconds_and_says_where_it_comes_from(tmp_path, calls):
    path = imilab.report(
        calls,
        tmp_path / "calls.parquet",
        tz="Asia/Kolkata",
        filters={"voice": ["a", "b"], "weekdays": "only"},
        title="Lunch",
        made_at=MADE_AT,
    )
    table = pq.read_table(path)
    facts = {name.decode(): value.decode() for name, value in table.schema.metadata.items() if name[:7] == b"imilab."}

    assert tuple(table.column_names) == CALL_COLUMNS
    assert {str(table.schema.field(name).type) for name in CALL_COLUMNS if name.endswith("_ms")} == {"int64"}
    assert facts == {
        "imilab.version": imilab.__version__,
        "imilab.title": "Lunch",
        "imilab.zone": "Asia/Kolkata",
        "imilab.filters": "voice: a, b; weekdays: only",
        "imilab.made_at": "2026-04-01T08:30:00+00:00",
    }


def test_duckdb_reads_the_parquet_as_the_same_moments(tmp_path, calls):
    path = imilab.report(calls, tmp_path / "calls.parquet")
    first, missing = duckdb.sql(
        f"SELECT min(requested_at_ms), count(*) FILTER (answered_at_ms IS NULL) FROM '{path}'"
    ).fetchall()[0]

    assert pd.Timestamp(first, unit="ms", tz="UTC") == calls["requested_at"].min()
    assert missing == calls["answered_at"].isna().sum()


def test_csv_begins_with_a_byte_order_mark_and_has_one_line_a_call(tmp_path, calls):
    raw = imilab.report(calls, tmp_path / "calls.csv").read_bytes()

    assert raw.startswith(b"\xef\xbb\xbf")
    assert raw.count(b"\n") == len(calls) + 1


def test_a_call_without_the_types_of_the_table_gets_them(tmp_path):
    loose = make_calls(5).astype({"arm": "category", "receipts": "float64", "block": "float64", "outcome": "object"})
    path = imilab.report(loose, tmp_path / "calls.parquet")

    assert imilab.read_calls(path).equals(make_calls(5))


def test_an_empty_arm_of_filters_is_as_good_as_none(tmp_path):
    said = words_in(imilab.report(frame_from([]), tmp_path / "report.html", filters={}))

    assert "None were told" in said


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, calls, monkeypatch):
    monkeypatch.setenv("HOME", os.fspath(tmp_path))

    assert imilab.report(calls, "~/calls.csv") == tmp_path / "calls.csv"
    assert (tmp_path / "calls.csv").is_file()

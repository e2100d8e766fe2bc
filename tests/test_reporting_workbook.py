"""The workbook, read back with another library: numbers as numbers, times as times, text as text and nothing else."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime, timedelta

import openpyxl
import pandas as pd
import pytest

import imilab
from imilab.errors import InvalidInputError
from imilab.frames import CALL_FRAME_COLUMNS
from imilab.reporting import workbook as workbook_module
from imilab.reporting.workbook import check_size
from tests.calls_factory import frame_from, make_calls

SHEETS = ["Summary", "By voice", "By code", "By hour", "Comparison", "Calls", "Definitions", "Provenance"]
HOSTILE = ["=cmd|' /C calc'!A0", "+1", "@x", "-2", "=1+1", "{=SUM(A1)}", "https://x", "0044", "1e5", "\tx", "<b>&"]


def write(folder, calls, **options):
    path = imilab.report(calls, folder / "report.xlsx", made_at=datetime(2026, 4, 1, tzinfo=UTC), **options)
    return openpyxl.load_workbook(io.BytesIO(path.read_bytes()))


def rows_of(sheet):
    heads, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(heads, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def sample():
    return imilab.load_sample("calls")


@pytest.fixture(scope="module")
def book(tmp_path_factory, sample):
    folder = tmp_path_factory.mktemp("book")
    return write(folder, sample, arm="voice", outcome="completed", tz="Europe/London", filters="none", title="Calls")


def test_it_has_a_sheet_for_every_part(book):
    assert book.sheetnames == SHEETS


@pytest.mark.parametrize("name", ["By voice", "By code", "By hour", "Calls", "Definitions", "Provenance"])
def test_headings_stay_in_sight_and_columns_are_wide_enough(book, name):
    sheet = book[name]

    assert sheet.freeze_panes == "B2"
    widths = {place: one.width for one in sheet.column_dimensions.values() for place in range(one.min, one.max + 1)}
    for head in sheet[1]:
        assert widths[head.column] >= len(str(head.value))


def test_rates_are_numbers_shown_as_per_cent(book, sample):
    rows = rows_of(book["By voice"])
    table = imilab.rates(sample, by="voice").rows

    assert [(row["voice"], row["outcome"], row["count"], row["n (resolved)"]) for row in rows] == list(
        table[["voice", "outcome", "count", "n"]].itertuples(index=False, name=None)
    )
    assert [row["rate"] for row in rows] == pytest.approx(table["rate"].tolist())
    assert {cell.number_format for cell in book["By voice"]["E"][1:]} == {"0.0%"}


def test_hours_name_their_zone(book, sample):
    rows = rows_of(book["By hour"])
    table = imilab.rates(sample, by=imilab.hour_of_day("Europe/London")).rows

    assert [row["hour_of_day (Europe/London)"] for row in rows] == table["hour_of_day"].tolist()
    assert [row["count"] for row in rows] == table["count"].tolist()


def test_codes_have_reason_meaning_and_share(book):
    rows = {row["code"]: row for row in rows_of(book["By code"])}

    assert rows["7402"]["meaning"] == "The person's line was busy."
    assert rows["7402"]["rate"] == pytest.approx(rows["7402"]["count"] / rows["7402"]["n"])
    assert rows["7003"]["share of"] == "attempted calls"
    assert rows["7401"]["share of"] == "resolved calls"


def test_the_comparison_gives_differences_in_points(book, sample):
    values = list(book["Comparison"].iter_rows(values_only=True))
    start = next(place for place, row in enumerate(values) if row[:2] == ("arm", "outcome"))
    found = imilab.compare(sample, arm="voice", outcome="completed").differences
    shown = values[start + 1 : start + 1 + len(found)]

    assert [row[0] for row in shown] == found["arm"].tolist()
    assert [row[3] for row in shown] == pytest.approx((100 * found["estimate"]).tolist())
    assert {row[1] for row in values[start + 1 :]} == {"completed", "answered", "early_hangup"}
    assert "en-GB-SoniaNeural is completed" in str(values[0][0])


def test_the_summary_begins_with_the_finding_and_counts_pending_calls(book, sample):
    values = [row[:3] for row in book["Summary"].iter_rows(values_only=True)]

    assert values[0][0] == "Calls"
    assert any(str(row[0]).startswith("Careful: Voicemail") for row in values)
    assert ("pending", (sample["outcome"] == "pending").sum()) in [row[:2] for row in values]


def test_times_are_real_local_times_with_the_zone_in_the_heading(book, sample):
    rows = rows_of(book["Calls"])
    local = sample["requested_at"].dt.tz_convert("Europe/London").dt.tz_localize(None)

    assert len(rows) == len(sample)
    for row, moment in zip(rows, local, strict=True):
        assert abs(row["requested_at (Europe/London)"] - moment.to_pydatetime()) < timedelta(milliseconds=1)
    missing = sample["answered_at"].isna().tolist()
    assert [row["answered_at (Europe/London)"] is None for row in rows] == missing
    assert [row["answer_inferred"] for row in rows] == sample["answer_inferred"].tolist()
    assert [row["talk_seconds"] for row in rows[:50]] == pytest.approx(
        [None if pd.isna(value) else value for value in sample["talk_seconds"][:50]]
    )


def test_provenance_says_filters_and_zone(book):
    facts = {row["what"]: row["value"] for row in rows_of(book["Provenance"])}

    assert facts["Filters"].startswith("none (as told")
    assert facts["Zone"].startswith("Europe/London")


@pytest.mark.parametrize("many", [False, True])
def test_no_text_becomes_a_formula_a_link_or_a_number(tmp_path, monkeypatch, many):
    if many:
        monkeypatch.setattr(workbook_module, "_MANY_CALLS", 10)
    names = pd.Series(HOSTILE * 10, dtype="str")
    calls = make_calls(len(names)).assign(campaign=names, arm=names, voice=names, region=names)
    calls["=header()"] = names
    book = write(tmp_path, calls, arm="=header()", title="=title()", filters={"=name": "=value"})

    found = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in found} <= {"s", "n", "b", "d"}
    assert not [cell for cell in found if cell.hyperlink]
    assert [row["campaign"] for row in rows_of(book["Calls"])] == names.tolist()
    assert "=header()" in {cell.value for cell in book["Calls"][1]}
    with zipfile.ZipFile(tmp_path / "report.xlsx") as parts:
        sheets = [parts.read(name) for name in parts.namelist() if name.startswith("xl/worksheets/sheet")]
    assert len(sheets) == len(SHEETS)
    assert not [sheet for sheet in sheets if b"<f>" in sheet or b"<f " in sheet or b"<hyperlink" in sheet]


def test_a_text_that_no_cell_can_hold_is_cut_and_not_lost(tmp_path):
    calls = frame_from([{"outcome": "busy", "error_code": "7402", "error_reason": "x" * 40_000}])

    assert len(rows_of(write(tmp_path, calls)["Calls"])[0]["error_reason"]) == 32_767


def test_a_workbook_on_no_calls_says_so_and_keeps_its_sheets(tmp_path):
    book = write(tmp_path, frame_from([]))

    assert book.sheetnames == SHEETS
    assert "There are no calls" in str(list(book["Summary"].iter_rows(values_only=True)))
    heads = [cell.value for cell in book["Calls"][1]]
    assert [head.split(" ")[0] for head in heads] == list(CALL_FRAME_COLUMNS)


def test_more_calls_than_a_worksheet_has_rows_are_refused_with_the_way_out():
    check_size(pd.DataFrame(index=range(1_048_575)))
    with pytest.raises(
        InvalidInputError, match=r"1,048,576 calls, and a worksheet holds 1,048,575; write \.parquet"
    ) as caught:
        check_size(pd.DataFrame(index=range(1_048_576)))
    assert caught.value.field == "calls"


def test_they_are_refused_before_anything_is_drawn_or_written(tmp_path, monkeypatch):
    monkeypatch.setattr(workbook_module, "MOST_CALLS", 10)
    with pytest.raises(InvalidInputError, match="a worksheet holds 10"):
        imilab.report(make_calls(11), tmp_path / "report.xlsx")
    assert list(tmp_path.iterdir()) == []

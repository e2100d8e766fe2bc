from __future__ import annotations

import base64
import io
import re
import shutil

import pandas as pd

from imilab.widgets.download import calls_csv, download_html
from tests.calls_factory import make_calls

CALLS = make_calls(40, seed=1)


def linked(html):
    """Return the file name and the bytes that a link holds."""
    name, data = re.search(r'download="([^"]+)" href="data:text/csv;charset=utf-8;base64,([^"]+)"', html).groups()
    return name, base64.b64decode(data)


def test_the_link_holds_the_rows():
    name, raw = linked(download_html(CALLS))

    rows = pd.read_csv(io.BytesIO(raw), encoding="utf-8-sig", dtype="str")
    assert name == "imilab-calls.csv"
    assert rows["call_id"].to_list() == CALLS["call_id"].to_list()
    assert list(rows) == list(CALLS)


def test_what_a_spreadsheet_would_calculate_is_text():
    calls = CALLS.assign(campaign="=HYPERLINK(1)", arm="@SUM(1)")

    rows = pd.read_csv(io.BytesIO(calls_csv(calls)), encoding="utf-8-sig", dtype="str")

    assert set(rows["campaign"]) == {"'=HYPERLINK(1)"}
    assert set(rows["arm"]) == {"'@SUM(1)"}


def test_full_numbers_are_masked():
    calls = CALLS.assign(msisdn="+12025550123", arm="to +12025550124")

    raw = calls_csv(calls).decode()

    assert not re.search(r"\+1202555\d+", raw)
    assert "+1•••••123" in raw


def test_too_many_rows_are_written_beside_the_notebook_and_no_file_is_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "imilab-calls.csv").write_text("mine", encoding="utf-8")

    html = download_html(CALLS, most_linked_rows=39)

    assert "data:" not in html
    assert "40 rows are too many for a link" in html
    assert "imilab-calls-2.csv" in html
    assert (tmp_path / "imilab-calls.csv").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "imilab-calls-2.csv").read_bytes() == calls_csv(CALLS)


def test_a_folder_that_cannot_be_written_to_is_said(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    shutil.rmtree(gone)

    html = download_html(CALLS, most_linked_rows=1)
    monkeypatch.chdir(tmp_path)

    assert "cannot be written" in html
    assert "No such file or directory" in html


def test_without_calls_there_is_no_link():
    assert "No calls to download" in download_html(CALLS.head(0))

"""The rows on their way out of a notebook: a link that holds them, or a file where they are too many for one."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path

import pandas as pd

from imilab import tables
from imilab.reporting.calls_table import hide_numbers
from imilab.reporting.csv_file import BYTE_ORDER_MARK, to_safe_csv
from imilab.widgets.style import render

__all__ = ["MOST_LINKED_ROWS", "calls_csv", "download_html"]

MOST_LINKED_ROWS = 50_000
"""A link holds up to so many rows: some 25 MB, all of it in the page."""

LINK = """
<a class="imilab-download" download="{{ name }}" href="data:text/csv;charset=utf-8;base64,{{ data }}">Download
{{ rows }} as CSV</a> <span class="imilab-note">({{ name }}, {{ size }}, numbers masked, times in UTC)</span>
"""
WRITTEN = """
<span class="imilab-written" role="status">{{ rows }} are too many for a link: they are in <strong>{{ name }}</strong>,
in the notebook's folder (numbers masked, times in UTC).</span>
"""
FAILED = """
<span class="imilab-wrong" role="alert">{{ rows }} are too many for a link, and the notebook's folder cannot be written
to ({{ reason }}). Filter more, or write them elsewhere: imilab.report(explorer.state.shown, "/folder/calls.csv").
</span>
"""
NOTHING = """<span class="imilab-written" role="status">No calls to download.</span>"""


def calls_csv(calls: pd.DataFrame) -> bytes:
    """Return calls as CSV for spreadsheets: UTF-8 with a byte order mark, no formulas, numbers masked."""
    masked, _ = hide_numbers(calls)
    return (BYTE_ORDER_MARK + to_safe_csv(masked)).encode()


def download_html(calls: pd.DataFrame, *, most_linked_rows: int = MOST_LINKED_ROWS) -> str:
    """Return a link that downloads the calls; where they are too many, write a file beside the notebook and name it."""
    if calls.empty:
        return render(NOTHING)
    rows = f"{tables.count(len(calls))} {'row' if len(calls) == 1 else 'rows'}"
    if len(calls) > most_linked_rows:
        return _written(calls, rows)
    raw = calls_csv(calls)
    data = base64.b64encode(raw).decode()
    return render(LINK, name="imilab-calls.csv", data=data, rows=rows, size=_size(len(raw)))


def _written(calls: pd.DataFrame, rows: str) -> str:
    try:
        return render(WRITTEN, rows=rows, name=_write(calls_csv(calls)))
    except OSError as problem:
        return render(FAILED, rows=rows, reason=problem.strerror or type(problem).__name__)


def _write(raw: bytes) -> str:
    """Write a new file into the current folder, which is the notebook's, and return its name."""
    for number in itertools.count(1):
        path = Path("imilab-calls.csv" if number == 1 else f"imilab-calls-{number}.csv")
        try:
            with path.open("xb") as file:
                file.write(raw)
        except FileExistsError:
            continue
        return path.name
    raise AssertionError


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(1, round(count / 1e3))} KB"

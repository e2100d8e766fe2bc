"""What an explorer shows, as HTML: a chart for light and one for dark pages, and the table of rates."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from matplotlib.figure import Figure

from imilab import charts, tables
from imilab.buckets import TimeBucket
from imilab.rate_table import RateTable
from imilab.terms import Outcome
from imilab.widgets.explorer_state import CODES, ExplorerState
from imilab.widgets.style import render

__all__ = ["MOST_BARS", "MOST_ROWS", "result_html", "summary_html"]

MOST_ROWS = 500
"""A table is shown up to so many rows."""
MOST_BARS = 40
"""A chart is drawn up to so many groups."""

SUMMARY = """<span class="imilab-shown" role="status" aria-live="polite"><strong>{{ words }}</strong></span>"""
NO_CALLS = """<div class="imilab-box imilab-no-calls" role="status">No calls fit these filters.</div>"""
RESULT = """
<div class="imilab-chart">
<div class="imilab-light">{{ light|safe }}</div>
<div class="imilab-dark">{{ dark|safe }}</div>
</div>
<div class="imilab-scroll" tabindex="0" role="region" aria-label="Table of rates">{{ table|safe }}</div>
"""


def summary_html(state: ExplorerState) -> str:
    """Say how many calls are shown of how many."""
    return render(SUMMARY, words=state.summary)


def result_html(state: ExplorerState) -> str:
    """Show the rates: a chart in light and in dark, of which the page's theme shows one, and the table."""
    if state.shown.empty:
        return render(NO_CALLS)
    light, dark = (charts.to_html(_figure(state, theme)) for theme in ("light", "dark"))
    rows = len(state.table.rows)
    note = f"Shown are the first {tables.count(MOST_ROWS)} of {tables.count(rows)} rows."
    table = state.table if rows <= MOST_ROWS else _with_note(state.table, state.table.rows.head(MOST_ROWS), note)
    return render(RESULT, light=light, dark=dark, table=table.to_html())


def _figure(state: ExplorerState, theme: str) -> Figure:
    if state.grouping == CODES:
        return charts.error_codes(state.shown, theme=theme)
    table = state.table
    groups = len(table.rows[list(table.by)].drop_duplicates())
    if isinstance(state.by, TimeBucket) and not (state.shows_all and groups <= MOST_BARS):
        outcome = Outcome.ANSWERED if state.shows_all else state.outcome
        return charts.over_time(
            state.shown, state.tz, state.by.kind, outcome=outcome, theme=theme, denominator=state.denominator
        )
    if state.grouping and groups > MOST_BARS:
        largest = state.shown[state.grouping].value_counts(dropna=False).head(MOST_BARS).index
        note = f"Drawn: the {MOST_BARS} with the most calls, of {tables.count(groups)}."
        table = _with_note(table, table.rows[table.rows[state.grouping].isin(largest)], note)
    return (
        charts.outcomes(table, theme=theme)
        if state.shows_all
        else charts.rates(table, outcome=state.outcome, theme=theme)
    )


def _with_note(table: RateTable, rows: pd.DataFrame, note: str) -> RateTable:
    return replace(table, rows=rows, footnotes=(note, *table.footnotes))

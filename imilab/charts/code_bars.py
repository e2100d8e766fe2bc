"""Why calls failed: how often each error code came, for all calls or side by side for groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from imilab import tables
from imilab.charts.code_panels import MOST_PANELS, Panel, panel_page
from imilab.charts.grouped import By, Cell, Counting, calls_in, extremes, groups_of, table_of
from imilab.charts.labels import missing, name_of, words
from imilab.charts.page import nothing, percent_axis
from imilab.charts.picture import Chart
from imilab.charts.row_axes import Row, Words, draw_bars, row_page
from imilab.charts.theme import Theme, drawing, look_of, theme_of
from imilab.errors import InvalidInputError
from imilab.intervals import wilson
from imilab.metrics import DENOMINATORS, METRICS
from imilab.rate_table import RateTable
from imilab.terms import CODES, OUTCOMES

__all__ = ["error_codes"]

CODE = "error_code"
FAILURES = tuple(name for name in OUTCOMES if name not in ("answered", "pending"))


@dataclass(frozen=True)
class _Failure:
    """How often one code came in one group."""

    group: tuple[Hashable, ...]
    code: str
    cell: Cell
    outcome: str


def error_codes(calls: Any, by: By = None, *, theme: str = "light", **counting: Unpack[Counting]) -> Chart:
    """Draw how often each error code came: its share of all counted calls, with the Wilson interval.

    Parameters
    ----------
    calls : DataFrame or RateTable
        Calls (anything `imilab.rates` takes), or rates by ``error_code`` already counted.
    by : str, TimeBucket, list of these or None
        What makes a group; None for all calls, or for a rate table, which knows.
    theme : str
        ``"light"`` or ``"dark"``.
    **counting
        `denominator` and `confidence` of `imilab.rates`.

    Returns
    -------
    Figure
        One row a code, the most frequent first; for groups one row a group and one panel for each of the five most
        frequent codes, all on one scale. It grows in height.

    Raises
    ------
    InvalidInputError
        If the theme, a column or the denominator is unknown, or a rate table is not by ``error_code``.
    """
    colours = theme_of(theme)
    with drawing(colours):
        table = _table(calls, by, counting)
        others = [place for place, column in enumerate(table.by) if column != CODE]
        title = f"Why calls failed{' by ' + ' and '.join(words(table.by[place]) for place in others) if others else ''}"
        found, groups = _failures(table, others)
        if not found:
            reason = f"No error code among {calls_in(list(groups.values()), table)}." if groups else "No calls to show."
            return nothing(colours, title, reason)
        drawn = _panels if others else _bars
        figure, said = drawn(colours, title, found, groups, table)
    figure.alternative = f"{title}: {said} {calls_in(list(groups.values()), table)}."
    return figure


def _table(calls: Any, by: By, counting: Counting) -> RateTable:
    if isinstance(calls, RateTable):
        if CODE not in calls.by:
            raise InvalidInputError("calls", f"the rate table is not by {CODE}; give imilab.rates(calls, by={CODE!r})")
        return table_of(calls, by, None, counting)
    denominator = counting.get("denominator", "resolved")
    failures = [name for name in FAILURES if METRICS[name].fits(denominator)] if denominator in DENOMINATORS else None
    listed = [] if by is None else [by] if not isinstance(by, Sequence) or isinstance(by, str) else list(by)
    return table_of(calls, [*listed, CODE], failures, counting)


def _failures(table: RateTable, others: Sequence[int]) -> tuple[list[_Failure], dict[tuple[Hashable, ...], Cell]]:
    """Read what failed, and of each group of calls any cell: they share n and pending."""
    found: list[_Failure] = []
    groups: dict[tuple[Hashable, ...], Cell] = {}
    place = table.by.index(CODE)
    for group in groups_of(table):
        values = tuple(None if missing(group.values[other]) else group.values[other] for other in others)
        for outcome, cell in group.cells.items():
            if outcome in METRICS and not METRICS[outcome].heard:
                groups.setdefault(values, cell)
            if outcome in FAILURES and cell.count:
                found.append(_Failure(values, _code_words(group.values[place], outcome), cell, outcome))
    return found, groups if any(cell.n or cell.pending for cell in groups.values()) else {}


def _code_words(code: Hashable, outcome: str) -> str:
    """Write a code with its reason; where both leave the outcome open, with the outcome too."""
    if missing(code):
        return f"no code ({words(outcome)})"
    known = CODES.get(str(code))
    if known is None:
        return f"{name_of([code])} not documented ({words(outcome)})"
    return f"{code} {known.reason}" if known.outcome == outcome else f"{code} {known.reason} ({words(outcome)})"


def _bars(
    theme: Theme, title: str, found: Sequence[_Failure], groups: dict[tuple[Hashable, ...], Cell], table: RateTable
) -> tuple[Chart, str]:
    found = sorted(found, key=lambda failure: -failure.cell.count)
    every = [
        Row(one.code, "", one.cell.rate, one.cell.low, one.cell.high,
            (tables.count(one.cell.count), *one.cell.figures), look_of(one.outcome))
        for one in found
    ]  # fmt: skip
    columns = ("calls", "share", f"{tables.level(table.confidence)} interval")
    cells = list(groups.values())
    page, axes, rows = row_page(theme, Words(title, calls_in(cells, table), columns, table.footnotes), every)
    draw_bars(axes, rows, theme)
    percent_axis(
        axes, max(row.high for row in rows), f"share of {table.denominator} calls (n {tables.count(cells[0].n)})"
    )
    return (
        page.figure,
        f"a bar with an interval for each error code. {extremes([(one.code, one.cell) for one in found])}",
    )


def _panels(
    theme: Theme, title: str, found: Sequence[_Failure], groups: dict[tuple[Hashable, ...], Cell], table: RateTable
) -> tuple[Chart, str]:
    totals: dict[str, int] = {}
    for one in found:
        totals[one.code] = totals.get(one.code, 0) + one.cell.count
    ordered = sorted(totals, key=lambda code: -totals[code])
    panels = [Panel(code, _panel_rows(code, found, groups, table)) for code in ordered[:MOST_PANELS]]
    rare = "; ".join(f"{code} {tables.count(totals[code])}" for code in ordered[MOST_PANELS:][:MOST_PANELS])
    beyond = len(ordered) - 2 * MOST_PANELS
    more = (f"Rarer codes, not drawn: {rare}{f'; and {beyond} more' if beyond > 0 else ''}.",) if rare else ()
    line = f"Line: {tables.level(table.confidence)} interval. All panels are on one scale."
    # The table says that what did not occur has no row; here it has one.
    notes = [note for note in table.footnotes if not note.startswith("Rates by")]
    subtitle = calls_in(list(groups.values()), table)
    figure = panel_page(
        theme,
        Words(title, subtitle, (), (line, *more, *notes)),
        panels,
        f"share of {table.denominator} calls",
    )
    counts = ", ".join(f"{code} {tables.count(totals[code])}" for code in ordered[:MOST_PANELS])
    return figure, f"bars with intervals, {len(groups)} rows, a panel for each error code. Calls in all: {counts}."


def _panel_rows(
    code: str, found: Sequence[_Failure], groups: dict[tuple[Hashable, ...], Cell], table: RateTable
) -> list[Row]:
    """Make a row for every group; where the code did not come, it is none of the group's calls."""
    look = next(look_of(one.outcome) for one in found if one.code == code)
    came = {one.group: one.cell for one in found if one.code == code}
    rows = []
    for group, other in groups.items():
        low, high = (float(end) for end in wilson(0, other.n, table.confidence))
        cell = came.get(group) or Cell(0, other.n, 0.0 if other.n else float("nan"), low, high, other.pending)
        rows.append(
            Row(name_of(group), f"n {tables.count(cell.n)}", cell.rate, cell.low, cell.high, cell.figures, look)
        )
    return rows

"""What became of the calls: a bar an outcome for all calls, a stack of shares for each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from imilab import tables
from imilab.charts.grouped import (
    By,
    Cell,
    Counting,
    Group,
    by_words,
    calls_in,
    extremes,
    groups_of,
    refuse_results,
    spoken,
    table_of,
)
from imilab.charts.labels import text_width, words
from imilab.charts.page import WIDTH, Key, nothing, percent_axis
from imilab.charts.picture import Chart
from imilab.charts.row_axes import BAR, Row, Words, draw_bars, draw_intervals, row_page
from imilab.charts.theme import EDGE, SMALL, Theme, drawing, ink_on, look_of, theme_of
from imilab.metrics import METRICS, check_denominator
from imilab.rate_table import RateTable
from imilab.terms import OUTCOMES

__all__ = ["outcomes"]


def outcomes(calls: Any, by: By = None, *, theme: str = "light", **counting: Unpack[Counting]) -> Chart:
    """Draw the share of every outcome.

    For all calls together each outcome is a bar with its Wilson interval. For groups each is a stack of all outcomes,
    100 % wide; the line on it is the interval of its first outcome, answered.

    Parameters
    ----------
    calls : DataFrame or RateTable
        Calls (anything `imilab.rates` takes), or rates already counted.
    by : str, TimeBucket, list of these or None
        What makes a group; None for all calls, or for a rate table, which knows.
    theme : str
        ``"light"`` or ``"dark"``.
    **counting
        `denominator` and `confidence` of `imilab.rates`. Pending calls are drawn where the denominator holds them.

    Returns
    -------
    Figure
        One row an outcome or a group; it grows in height.

    Raises
    ------
    InvalidInputError
        If the theme, a column or the denominator is unknown, or the groups are by what became of a call.
    """
    colours = theme_of(theme)
    denominator = calls.denominator if isinstance(calls, RateTable) else counting.get("denominator", "resolved")
    check_denominator(denominator)
    table = table_of(calls, by, [name for name in OUTCOMES if METRICS[name].fits(denominator)], counting)
    refuse_results(table)
    with drawing(colours):
        title = f"What became of the calls{by_words(table)}"
        groups = groups_of(table)
        if not any(cell.n or cell.pending for group in groups for cell in group.cells.values()):
            return nothing(colours, title, "No calls to show.")
        return _stacks(colours, title, groups, table) if table.by else _single(colours, title, groups[0], table)


def _single(theme: Theme, title: str, group: Group, table: RateTable) -> Chart:
    cells = _stackable(group)
    rows = [
        Row(words(name), "", cell.rate, cell.low, cell.high, (tables.count(cell.count), *cell.figures), look_of(name))
        for name, cell in cells.items()
    ]
    first = next(iter(cells.values()))
    columns = ("calls", "share", f"{tables.level(table.confidence)} interval")
    page, axes, _ = row_page(theme, Words(title, calls_in([first], table), columns, table.footnotes), rows)
    draw_bars(axes, rows, theme)
    percent_axis(axes, max(row.high for row in rows), f"share of {table.denominator} calls (n {tables.count(first.n)})")
    page.figure.alternative = (
        f"{title}, a bar with an interval for each outcome. {_said(group)} {calls_in([first], table)}."
    )
    return page.figure


def _stacks(theme: Theme, title: str, groups: Sequence[Group], table: RateTable) -> Chart:
    firsts = [next(iter(_stackable(group).values())) for group in groups]
    leading = next(iter(_stackable(groups[0])))
    rows = [
        Row(group.name, cell.note, cell.rate, cell.low, cell.high, cell.figures, look_of(leading))
        for group, cell in zip(groups, firsts, strict=True)
    ]
    totals = {name: sum(group.cells[name].count for group in groups) for name in _stackable(groups[0])}
    keys = [Key(look_of(name), f"{words(name)} {tables.count(total)}") for name, total in totals.items() if total]
    line = f"Line: {tables.level(table.confidence)} interval of the share of {words(leading)} calls."
    columns = (words(leading), f"{tables.level(table.confidence)} interval")
    said_around = Words(title, calls_in(firsts, table), columns, (line, *table.footnotes))
    page, axes, drawn = row_page(theme, said_around, rows, keys)
    for place, group in enumerate(groups[: len(drawn)]):
        _stack(axes, place, _stackable(group))
    draw_intervals(axes, drawn, theme, width=1.4)
    percent_axis(axes, 1.0, f"share of {table.denominator} calls")
    said = extremes([(group.name, cell) for group, cell in zip(groups, firsts, strict=True)])
    counts = ", ".join(f"{words(name)} {tables.count(total)}" for name, total in totals.items() if total)
    page.figure.alternative = (
        f"{title}, a stack of shares for each group. Calls in all: {counts or 'none decided'}. "
        f"Share of {words(leading)}: {said} {calls_in(firsts, table)}."
    )
    return page.figure


def _stackable(group: Group) -> dict[str, Cell]:
    """Pick the outcomes that add up to all counted calls, in display order."""
    return {name: group.cells[name] for name in OUTCOMES if name in group.cells}


def _stack(axes: Axes, place: int, cells: dict[str, Cell]) -> None:
    inches = axes.get_position().width * WIDTH
    first = next(iter(cells.values()))
    left = 0.0
    for name, cell in cells.items():
        if cell.count:
            look = look_of(name)
            (bar,) = axes.barh([place], [cell.rate], left=left, height=BAR, color=look.colour, linewidth=0.6, zorder=2)
            bar.set(edgecolor=EDGE, hatch=look.hatch, gid=name)
            text, middle = f"{100 * cell.rate:.0f} %", left + cell.rate / 2
            needed = text_width(text, SMALL) / inches + 0.01
            if cell is not first and cell.rate > needed and middle - needed / 2 > first.high:
                _write(axes, middle, place, text, look.colour)
            left += cell.rate


def _write(axes: Axes, across: float, place: int, text: str, colour: str) -> None:
    """Write on a hatched bar, so that the hatch does not run through the figures."""
    axes.text(
        across, place, text, ha="center", va="center_baseline", fontsize=SMALL, color=ink_on(colour), zorder=5,
        path_effects=[withStroke(linewidth=4, foreground=colour)],
    )  # fmt: skip


def _said(group: Group) -> str:
    some = {name: cell for name, cell in _stackable(group).items() if cell.count}
    return "; ".join(spoken(words(name), cell) for name, cell in some.items()) + "." if some else "No call to rate yet."

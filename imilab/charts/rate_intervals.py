"""One outcome's rate in each group: a dot on the line of its interval."""

from __future__ import annotations

from typing import Any, Literal, Unpack

from imilab import tables
from imilab.charts.grouped import By, Counting, Group, apart, by_words, calls_in, extremes, groups_of, table_of
from imilab.charts.labels import sentence, words
from imilab.charts.page import nothing, percent_axis
from imilab.charts.picture import Chart
from imilab.charts.row_axes import Row, Words, draw_dots, row_page
from imilab.charts.theme import drawing, look_of, theme_of
from imilab.errors import InvalidInputError

__all__ = ["rates"]


def rates(
    calls: Any,
    by: By = None,
    *,
    outcome: str = "answered",
    order: Literal["table", "rate"] = "table",
    theme: str = "light",
    **counting: Unpack[Counting],
) -> Chart:
    """Draw the rate of one outcome in each group, with its Wilson interval, n and what is pending.

    Parameters
    ----------
    calls : DataFrame or RateTable
        Calls (anything `imilab.rates` takes), or rates already counted.
    by : str, TimeBucket, list of these or None
        What makes a group; None for all calls, or for a rate table, which knows.
    outcome : str
        An outcome, ``"completed"`` or ``"early_hangup"``.
    order : str
        ``"table"`` keeps the table's order, ``"rate"`` puts the highest rate first.
    theme : str
        ``"light"`` or ``"dark"``.
    **counting
        `denominator`, `confidence` and `early_hangup_seconds` of `imilab.rates`.

    Returns
    -------
    Figure
        One row a group; it grows in height.

    Raises
    ------
    InvalidInputError
        If the outcome, the order, the theme or a column is unknown.
    """
    colours, look = theme_of(theme), look_of(outcome)
    if order not in ("table", "rate"):
        raise InvalidInputError("order", f"{order!r} is not an order; give 'table' or 'rate'")
    table = table_of(calls, by, [outcome], counting)
    with drawing(colours):
        title = f"{sentence(words(outcome))}: rate{by_words(table) or ' of all calls'}"
        groups = _ordered([group for group in groups_of(table) if outcome in group.cells], outcome, order)
        cells = [group.cells[outcome] for group in groups]
        if not any(cell.n or cell.pending for cell in cells):
            return nothing(colours, title, "No calls to show.")
        every = [
            Row(group.name, cell.note, cell.rate, cell.low, cell.high, cell.figures, look)
            for group, cell in zip(groups, cells, strict=True)
        ]
        counted = calls_in([group.cells[outcome] for group in apart(groups, table)], table)
        columns = ("rate", f"{tables.level(table.confidence)} interval")
        page, axes, rows = row_page(colours, Words(title, counted, columns, table.footnotes), every)
        draw_dots(axes, rows, colours)
        highest = max((row.high for row in rows if row.drawable), default=1.0)
        percent_axis(axes, highest, f"{words(outcome)}, share of {table.denominator} calls")
    said = extremes([(group.name, cell) for group, cell in zip(groups, cells, strict=True)])
    page.figure.alternative = f"{title}, a dot with an interval in each row. {said} {counted}."
    return page.figure


def _ordered(groups: list[Group], outcome: str, order: str) -> list[Group]:
    if order == "table":
        return groups
    return sorted(groups, key=lambda group: -group.cells[outcome].rate if group.cells[outcome].n else 1.0)

"""The tables of a report as they are seen: captions, columns and cells of text, not yet escaped for any form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imilab import tables
from imilab.comparison import Comparison
from imilab.rate_table import RateTable
from imilab.reporting.content import Content
from imilab.reporting.definitions import Definition

__all__ = ["Cell", "Grid", "code_grid", "comparison_grid", "definition_grid", "other_grid", "rate_grid", "summary_grid"]

PARTS_OF_ANSWERED = ("completed", "early_hangup")


@dataclass(frozen=True)
class Cell:
    """A cell: its text, lines under it in small type, and whether it is a part of the one above."""

    text: str
    small: tuple[str, ...] = ()
    part: bool = False


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes
    ----------
    caption : str
        What it shows.
    columns : tuple of str
        Their headings; the first column names the row.
    rows : tuple of tuple of Cell
        As long as `columns`.
    texts : int
        How many columns from the left hold text; the others hold numbers.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    texts: int = 1


def words(outcome: str) -> str:
    """Return an outcome's name in words."""
    return outcome.replace("_", " ")


def summary_grid(content: Content) -> Grid:
    """Show every outcome that occurs, with its share of all resolved calls."""
    table = content.summary
    return Grid(
        f"What became of the calls, as shares of {table.denominator} calls",
        ("outcome", "calls", f"of {table.denominator}", "share", _interval(table)),
        tuple(
            (
                Cell(words(row["outcome"]), part=row["outcome"] in PARTS_OF_ANSWERED),
                Cell(tables.count(row["count"])),
                Cell(tables.count(row["n"])),
                Cell(tables.percent(row["rate"])),
                Cell(tables.percent_range(row["low"], row["high"]) if row["n"] else tables.MISSING),
            )
            for row in _occurring(table).to_dict("records")
        ),
    )


def rate_grid(table: RateTable, heading: str, caption: str, unnamed: str) -> Grid:
    """Show one row a group and one column an outcome.

    Parameters
    ----------
    table : RateTable
        By one column.
    heading : str
        Of the first column.
    caption : str
        What it shows.
    unnamed : str
        The name of the group whose value is missing.
    """
    shown = _occurring(table)
    outcomes = list(dict.fromkeys(shown["outcome"]))
    (by,) = table.by
    rows = []
    for value, group in table.rows.groupby(by, sort=False, dropna=False):
        cells = {row["outcome"]: row for row in group.to_dict("records")}
        first = cells[outcomes[0]]
        waiting = f"{tables.count(first['pending'])} pending ({tables.percent(first['pending_share'])})"
        waiting = waiting if first["pending"] else "none pending"
        counted = (f"{tables.count(first['n'])} {table.denominator}", waiting)
        name = tables.name(value)
        rows.append(
            (
                Cell(unnamed if name == tables.MISSING else name, counted),
                *(_rate_cell(cells[outcome]) for outcome in outcomes),
            )
        )
    return Grid(caption, (heading, *map(words, outcomes)), tuple(rows))


def code_grid(content: Content) -> Grid:
    """Show every code that occurs."""
    return Grid(
        "Why calls failed: each code's share of resolved calls, or of attempted ones where the platform refused them",
        ("code", "outcome", "reason", "calls", "of", "share", _interval(content.summary)),
        tuple(
            (
                Cell(row.code),
                Cell(words(row.outcome)),
                Cell(row.reason),
                Cell(tables.count(row.count)),
                Cell(f"{tables.count(row.n)} {row.denominator}"),
                Cell(tables.percent(row.rate)),
                Cell(tables.percent_range(row.low, row.high)),
            )
            for row in content.by_code
        ),
        texts=3,
    )


def comparison_grid(comparison: Comparison) -> Grid:
    """Show the arms beside the baseline."""
    rows = comparison.to_rows()
    outcome = words(comparison.outcome)
    columns = tuple(outcome if name == comparison.outcome else name for name in rows[0])
    return Grid(
        f"{outcome.capitalize()} by {comparison.arm}, as a share of {comparison.denominator} calls",
        columns,
        tuple(tuple(Cell(text) for text in row.values()) for row in rows),
    )


def other_grid(comparisons: Sequence[Comparison]) -> Grid:
    """Show the same arms by other outcomes."""
    level = tables.level(comparisons[0].confidence)
    several = len(comparisons[0].differences) > 1
    rows = [(one, row) for one in comparisons for row in one.table().to_dict("records")[1:]]
    return Grid(
        "The same arms by the other outcomes; p is not adjusted for looking at several of them",
        ("outcome", "arm", "rate", "difference", f"{level} interval", "Holm-adjusted p" if several else "p"),
        tuple(
            (
                Cell(words(one.outcome)),
                Cell(tables.name(row["arm"])),
                Cell(tables.percent(row["rate"]), (_of(row),)),
                Cell(tables.points(row["difference"])),
                Cell(tables.points_range(row["difference_low"], row["difference_high"])),
                Cell(tables.p_value(row["p_adjusted"])),
            )
            for one, row in rows
        ),
        texts=2,
    )


def definition_grid(caption: str, headings: tuple[str, str, str], definitions: Sequence[Definition]) -> Grid:
    """Show words and their meanings; the last column is left out where nothing stands in it."""
    shown = 3 if any(one.told_by for one in definitions) else 2
    read: tuple[Callable[[Definition], str], ...] = (
        lambda one: words(one.term),
        lambda one: one.meaning,
        lambda one: words(one.told_by),
    )
    rows = tuple(tuple(Cell(part(one)) for part in read[:shown]) for one in definitions)
    return Grid(caption, headings[:shown], rows, texts=shown)


def _occurring(table: RateTable) -> pd.DataFrame:
    """Leave out outcomes that no call came to, and put the parts of answered beside it."""
    totals = table.rows.groupby("outcome")["count"].sum()
    rows = table.rows[table.rows["outcome"].isin([*totals[totals > 0].index, "answered"])]
    order = {name: place for place, name in enumerate(("answered", *PARTS_OF_ANSWERED))}
    return rows.sort_values("outcome", key=lambda names: names.map(order).fillna(len(order)), kind="stable")


def _rate_cell(row: Mapping[Any, Any]) -> Cell:
    if not row["n"]:
        return Cell(tables.MISSING, ("no call",))
    reach = tables.percent_range(row["low"], row["high"]).removesuffix(" %")
    return Cell(tables.percent(row["rate"]), (_of(row), reach))


def _of(row: Mapping[Any, Any]) -> str:
    return f"{tables.count(row['count'])} of {tables.count(row['n'])}"


def _interval(table: RateTable) -> str:
    return f"{tables.level(table.confidence)} interval"

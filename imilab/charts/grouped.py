"""A rate table as charts read it: one group a row, one cell an outcome. Nothing is counted here."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from imilab import tables
from imilab.buckets import TimeBucket
from imilab.charts.labels import missing, name_of, words
from imilab.counting import RESULT_COLUMNS
from imilab.errors import InvalidInputError
from imilab.rate_table import RateTable
from imilab.rate_table import rates as count_rates

__all__ = [
    "By",
    "Cell",
    "Counting",
    "Group",
    "apart",
    "by_words",
    "calls_in",
    "extremes",
    "groups_of",
    "refuse_results",
    "spoken",
    "table_of",
]

By = str | TimeBucket | Sequence[str | TimeBucket] | None
ALL_CALLS = "all calls"
FEW = 3


class Counting(TypedDict, total=False):
    """What `imilab.rates` can be told about counting; every chart of calls passes it on.

    Attributes
    ----------
    denominator : str
        ``"resolved"`` (default), ``"placed"`` or ``"attempted"``.
    confidence : float
        Of the intervals; 0.95 by default.
    early_hangup_seconds : float
        What counts as an early hang-up; 5 by default.
    """

    denominator: str
    confidence: float
    early_hangup_seconds: float


@dataclass(frozen=True)
class Cell:
    """One row of a rate table, without its group."""

    count: int
    n: int
    rate: float
    low: float
    high: float
    pending: int

    @property
    def figures(self) -> tuple[str, str]:
        """The rate and its interval, or marks that there is nothing to rate."""
        if not self.n:
            return tables.MISSING, tables.MISSING
        return tables.percent(self.rate), tables.percent_range(self.low, self.high)

    @property
    def note(self) -> str:
        """The counts that stand in a label."""
        waiting = f", {tables.count(self.pending)} pending" if self.pending else ""
        return f"n {tables.count(self.n)}{waiting}"


@dataclass(frozen=True)
class Group:
    """The calls that share the values of the columns a table is grouped by."""

    values: tuple[Hashable, ...]
    cells: Mapping[str, Cell]

    @property
    def name(self) -> str:
        """Its values on one line."""
        return name_of(self.values) if self.values else ALL_CALLS


def table_of(source: Any, by: By, outcomes: Sequence[str] | None, counting: Counting) -> RateTable:
    """Return `source` if it is a rate table already, else the rates of these calls."""
    if not isinstance(source, RateTable):
        return count_rates(source, by, outcomes=outcomes, **counting)
    given = [name for name, value in {"by": by, **counting}.items() if value is not None]
    if given:
        raise InvalidInputError(given[0], "the rate table is counted already; give this to imilab.rates instead")
    absent = set(outcomes or ()) - set(source.rows["outcome"])
    if absent:
        there = ", ".join(dict.fromkeys(source.rows["outcome"]))
        raise InvalidInputError("outcome", f"the table has no {min(absent)!r}, it has {there}")
    return source


def refuse_results(table: RateTable) -> None:
    """Refuse groups by what became of a call: their rows share one n, so they cannot be stacked."""
    split = RESULT_COLUMNS.intersection(table.by)
    if split:
        raise InvalidInputError("by", f"{min(split)} is what became of a call; draw imilab.charts.error_codes instead")


def apart(groups: Sequence[Group], table: RateTable) -> list[Group]:
    """Keep one group of those that share one n, so that no call is counted twice."""
    kept: dict[tuple[Hashable, ...], Group] = {}
    for group in groups:
        values = zip(table.by, group.values, strict=True)
        own = tuple(None if missing(value) else value for column, value in values if column not in RESULT_COLUMNS)
        kept.setdefault(own, group)
    return list(kept.values())


def groups_of(table: RateTable) -> list[Group]:
    """Read the groups in the table's own order."""
    cells: dict[tuple[Hashable, ...], dict[str, Cell]] = {}
    values: dict[tuple[Hashable, ...], tuple[Hashable, ...]] = {}
    for row in table.rows.to_dict("records"):
        group = tuple(row[column] for column in table.by)
        key = tuple(None if missing(value) else value for value in group)
        values.setdefault(key, group)
        cell = Cell(
            count=int(row["count"]),
            n=int(row["n"]),
            rate=float(row["rate"]),
            low=float(row["low"]),
            high=float(row["high"]),
            pending=int(row["pending"]),
        )
        cells.setdefault(key, {})[str(row["outcome"])] = cell
    return [Group(values[key], cells[key]) for key in cells]


def by_words(table: RateTable) -> str:
    """Write what a table is grouped by, with its `by` in front, or nothing."""
    return f" by {' and '.join(words(column) for column in table.by)}" if table.by else ""


def calls_in(cells: Sequence[Cell], table: RateTable) -> str:
    """Write how many calls stand behind the cells."""
    n, pending = sum(cell.n for cell in cells), sum(cell.pending for cell in cells)
    waiting = f"{tables.count(pending)} pending" if pending else "none pending"
    return f"{tables.count(n)} {table.denominator} calls, {waiting}"


def spoken(name: str, cell: Cell) -> str:
    """Write one cell as part of a sentence, for an alternative text."""
    if not cell.n:
        return f"{name}: no call to rate yet"
    share, reach = tables.percent(cell.rate), tables.percent_range(cell.low, cell.high)
    return f"{name}: {share} ({tables.count(cell.count)} of {tables.count(cell.n)}; interval {reach})"


def extremes(named: Sequence[tuple[str, Cell]], things: str = "rows") -> str:
    """Write all cells where they are few, else how many there are, the highest and the lowest, as sentences."""
    rated = sorted((pair for pair in named if pair[1].n), key=lambda pair: -pair[1].rate)
    if len(named) <= FEW:
        return " ".join(f"{spoken(name, cell)}." for name, cell in named)
    if not rated:
        return f"{len(named)} {things}, no call to rate yet."
    return f"{len(named)} {things}. Highest, {spoken(*rated[0])}. Lowest, {spoken(*rated[-1])}."

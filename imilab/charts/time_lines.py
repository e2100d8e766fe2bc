"""A rate over time: dots joined where buckets follow each other, the band of their intervals, and n underneath."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Unpack

from imilab import tables
from imilab.buckets import TimeBucket
from imilab.charts.grouped import By, Counting, calls_in, extremes, groups_of, refuse_results, table_of
from imilab.charts.labels import missing, name_of, sentence, words
from imilab.charts.page import nothing
from imilab.charts.picture import Chart
from imilab.charts.row_axes import Words
from imilab.charts.series import Point, Series, draw_panels, draw_together
from imilab.charts.theme import GROUP_LOOKS, drawing, look_of, theme_of
from imilab.charts.time_buckets import bucket_of, place_of
from imilab.rate_table import RateTable

__all__ = ["over_time"]

EVERY_WORDS = {"hour": "hour", "day": "day", "weekday": "day of the week", "hour_of_day": "hour of day"}
MOST_PANELS = 60
MOST_POINTS = 160


def over_time(
    calls: Any,
    tz: str,
    every: str = "hour",
    *,
    outcome: str = "answered",
    by: By = None,
    theme: str = "light",
    **counting: Unpack[Counting],
) -> Chart:
    """Draw the rate of one outcome over time, with its Wilson interval and n.

    Parameters
    ----------
    calls : DataFrame
        Calls (anything `imilab.rates` takes). Buckets use requested_at, else offered_at.
    tz : str
        IANA zone whose clock makes the buckets and labels the axis.
    every : str
        ``"hour"``, ``"day"``, ``"weekday"`` or ``"hour_of_day"``.
    outcome : str
        An outcome, ``"completed"`` or ``"early_hangup"``.
    by : str, list of str or None
        What makes a group. Up to four groups share one set of axes where they have few points; else each gets a
        small one, all on one scale.
    theme : str
        ``"light"`` or ``"dark"``.
    **counting
        `denominator`, `confidence` and `early_hangup_seconds` of `imilab.rates`.

    Returns
    -------
    Figure
        A line breaks where a bucket has no call; a bucket that stands alone has its interval as a bar.

    Raises
    ------
    InvalidInputError
        If the outcome, zone, bucket, theme or a column is unknown, or the groups are by what became of a call.
    """
    colours, _, bucket = theme_of(theme), look_of(outcome), bucket_of(every, tz)
    listed = [] if by is None else [by] if isinstance(by, (str, TimeBucket)) else list(by)
    table = table_of(calls, [*listed, bucket], [outcome], counting)
    refuse_results(table)
    with drawing(colours):
        by_words = f" and by {' and '.join(words(column) for column in table.by[:-1])}" if listed else ""
        title = f"{sentence(words(outcome))}: rate by {EVERY_WORDS[every]}{by_words}"
        lines, untimed = _series(table, bucket, outcome)
        cells = [point.cell for line in lines for point in line.points]
        if not any(cell.n or cell.pending for cell in cells):
            return nothing(colours, title, "No calls with a time to show." if untimed else "No calls to show.")
        if not any(cell.n for cell in cells):
            return nothing(colours, title, f"No call to rate yet: {calls_in(cells, table)}.")
        when = f"{EVERY_WORDS[every]}, {tz} time"
        when += f", {_span(lines)}" if every in ("hour", "day") else ""
        columns = (f"{words(outcome)}, share of {table.denominator} calls", when)
        around = Words(title, calls_in(cells, table), columns, _footnotes(table, lines, untimed))
        together = len(lines) == 1 or (len(lines) <= len(GROUP_LOOKS) and len(cells) <= MOST_POINTS)
        figure = (draw_together if together else draw_panels)(colours, around, lines[:MOST_PANELS], bucket)
    figure.alternative = _alternative(f"{title} ({when})", lines, table)
    return figure


def _series(table: RateTable, bucket: TimeBucket, outcome: str) -> tuple[list[Series], int]:
    """Sort the table's cells into one series a group; count what has no time."""
    points: dict[tuple[Hashable, ...], list[Point]] = {}
    untimed = 0
    for group in groups_of(table):
        *values, label = group.values
        cell = group.cells[outcome]
        if missing(label):
            untimed += cell.n + cell.pending
            continue
        key = tuple(None if missing(value) else value for value in values)
        points.setdefault(key, []).append(Point(str(label), place_of(bucket, str(label)), cell))
    looks = GROUP_LOOKS if 1 < len(points) <= len(GROUP_LOOKS) else [look_of(outcome)] * len(points)
    return [Series(name_of(key), look, line) for (key, line), look in zip(points.items(), looks, strict=False)], untimed


def _footnotes(table: RateTable, lines: Sequence[Series], untimed: int) -> tuple[str, ...]:
    return (
        *((f"{tables.count(untimed)} calls without a time are not drawn.",) if untimed else ()),
        *((f"Drawn: the first {MOST_PANELS} of {len(lines):,} groups.",) if len(lines) > MOST_PANELS else ()),
        f"Band or bar: {tables.level(table.confidence)} interval. A line breaks where no call was counted.",
        *table.footnotes,
    )


def _span(lines: Sequence[Series]) -> str:
    labels = [point.label for line in lines for point in (line.points[0], line.points[-1])]
    return f"{min(labels)[:10]} to {max(labels)[:10]}"


def _alternative(title: str, lines: Sequence[Series], table: RateTable) -> str:
    named = [(f"{line.name} {point.label}".strip(), point.cell) for line in lines for point in line.points]
    drawn = "a line" if len(lines) == 1 else f"{len(lines)} lines"
    cells = [cell for _, cell in named]
    return f"{title}: {drawn} with an interval for each bucket. {extremes(named, 'buckets')} {calls_in(cells, table)}."

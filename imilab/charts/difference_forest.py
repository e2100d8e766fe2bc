"""Differences from a baseline: a dot on the line of its interval for every arm, and the line of no difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from imilab import tables
from imilab.charts.labels import name_of, points_tick, words
from imilab.charts.page import nothing
from imilab.charts.picture import Chart
from imilab.charts.row_axes import Row, Words, draw_dots, row_page
from imilab.charts.theme import Theme, drawing, look_of, theme_of
from imilab.errors import InvalidInputError

__all__ = ["ComparisonLike", "difference"]

Record = dict[Any, Any]


class ComparisonLike(Protocol):
    """What is drawn of an `imilab.Comparison`, which documents each of these."""

    @property
    def arms(self) -> pd.DataFrame: ...
    @property
    def differences(self) -> pd.DataFrame: ...
    @property
    def outcome(self) -> str: ...
    @property
    def arm(self) -> str: ...
    @property
    def denominator(self) -> str: ...
    @property
    def confidence(self) -> float: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    @property
    def footnotes(self) -> tuple[str, ...]: ...
    @property
    def verdict(self) -> str: ...


def difference(comparison: ComparisonLike, *, theme: str = "light") -> Chart:
    """Draw each arm's difference from the baseline, in percentage points, with its interval and p.

    Parameters
    ----------
    comparison : Comparison
        Made by `imilab.compare`.
    theme : str
        ``"light"`` or ``"dark"``.

    Returns
    -------
    Figure
        One row an arm; it grows in height. Warnings stand in the footnotes, marked with "Careful".

    Raises
    ------
    InvalidInputError
        If the theme is unknown, or this is no comparison.
    """
    colours = theme_of(theme)
    if not hasattr(comparison, "differences"):
        raise InvalidInputError("comparison", f"{type(comparison).__name__} is none; give imilab.compare(...)")
    with drawing(colours):
        arms = comparison.arms.to_dict("records")
        found = comparison.differences.to_dict("records")
        outcome, baseline = words(comparison.outcome), name_of([arms[0]["arm"]])
        title = f"Difference from {baseline}: {outcome} calls by {words(comparison.arm)}"
        if not any(arm["n"] or arm["pending"] for arm in arms):
            return nothing(colours, title, "No calls to show.")
        by_arm = {arm["arm"]: arm for arm in arms}
        every = [_row(one, by_arm[one["arm"]], comparison.outcome) for one in found]
        p = "adjusted p" if len(every) > 1 else "p"
        columns = ("points", f"{tables.level(comparison.confidence)} interval", p)
        careful = tuple(f"Careful: {text}" for text in comparison.warnings)
        around = Words(title, _baseline(arms[0], comparison), columns, (*careful, *comparison.footnotes))
        page, axes, rows = row_page(colours, around, every)
        draw_dots(axes, rows, colours)
        _points_axis(axes, rows, colours, f"difference in points; right of 0: {outcome} more often than the baseline")
    page.figure.alternative = f"{title}, a dot with an interval for each arm. {_said(found, comparison)}"
    return page.figure


def _row(one: Record, arm: Record, outcome: str) -> Row:
    waiting = f", {tables.count(arm['pending'])} pending" if arm["pending"] else ""
    note = f"n {tables.count(arm['n'])}{waiting}"
    known = not math.isnan(one["estimate"])
    figures = (
        tables.points(one["estimate"]).removesuffix(" points"),
        tables.points_range(one["low"], one["high"]).removesuffix(" points") if known else tables.MISSING,
        tables.p_value(one["p_adjusted"]),
    )
    return Row(name_of([one["arm"]]), note, one["estimate"], one["low"], one["high"], figures, look_of(outcome))


def _baseline(arm: Record, comparison: ComparisonLike) -> str:
    rated = (
        f"{tables.percent(arm['rate'])} {words(comparison.outcome)} ({tables.percent_range(arm['low'], arm['high'])})"
    )
    waiting = f"{tables.count(arm['pending'])} pending" if arm["pending"] else "none pending"
    calls = f"{tables.count(arm['n'])} {comparison.denominator} calls, {waiting}"
    return f"Baseline {name_of([arm['arm']])}: {rated if arm['n'] else 'nothing to rate'}, {calls}"


def _points_axis(axes: Axes, rows: Sequence[Row], theme: Theme, title: str) -> None:
    """Put 0 on the scale, with a line, and round steps to just beyond the farthest interval."""
    ends = [end for row in rows if row.drawable for end in (row.low, row.high)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    low, high = (low, high) if high > low else (-0.1, 0.1)
    room = 0.03 * (high - low)
    steps = MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]).tick_values(low - room, high + room)
    inside = [float(step) for step in steps if low - room <= step <= high + room]
    axes.set_xticks(inside, [points_tick(step, float(steps[1] - steps[0])) for step in inside])
    axes.set_xlim(low - room, high + room)
    axes.axvline(0, color=theme.ink, linewidth=1.1, linestyle=(0, (4, 2)), zorder=1.5, gid="no difference")
    axes.set_xlabel(title, labelpad=6)


def _said(found: Sequence[Record], comparison: ComparisonLike) -> str:
    """Give the verdict on one difference; of several, how many there are and the two farthest apart."""
    if len(found) == 1:
        return comparison.verdict
    known = sorted((one for one in found if not math.isnan(one["estimate"])), key=lambda one: -one["estimate"])
    if not known:
        return f"{len(found)} arms, nothing to rate yet."
    clear = sum(1 for one in known if one["low"] > 0 or one["high"] < 0)
    ends = " ".join(
        f"{word}, {name_of([one['arm']])}: {tables.points(one['estimate'])} (interval "
        f"{tables.points_range(one['low'], one['high'])}, adjusted p {tables.p_value(one['p_adjusted'])})."
        for word, one in (("Highest", known[0]), ("Lowest", known[-1]))
    )
    baseline = _baseline(comparison.arms.iloc[0].to_dict(), comparison)
    return f"{baseline}. {len(found)} arms, the interval of {clear} leaves out 0. {ends}"

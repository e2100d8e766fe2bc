"""A plan's power: how it rises with the calls, or with the difference looked for, and where the plan stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd
from matplotlib.axes import Axes

from imilab import tables
from imilab.charts.labels import points_tick, text_width, tick
from imilab.charts.page import MARGIN, WIDTH, Page, number_axis
from imilab.charts.picture import Chart
from imilab.charts.theme import GROUP_LOOKS, TEXT, Theme, drawing, theme_of
from imilab.errors import InvalidInputError

__all__ = ["DesignLike", "plan"]

LEFT, BODY, AXIS, TOP = MARGIN + 0.52, 2.6, 0.58, 0.34
STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class DesignLike(Protocol):
    """What is drawn of a `Design` of `imilab.power`, which documents each of these."""

    @property
    def n(self) -> int: ...
    @property
    def mde(self) -> float: ...
    @property
    def power(self) -> float: ...
    @property
    def caption(self) -> str: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    def power_curve(self, over: str = "n") -> pd.DataFrame: ...


def plan(design: DesignLike, over: str = "n", *, theme: str = "light") -> Chart:
    """Draw the power of a plan over its calls or over the difference looked for, with the plan as a marked point.

    Parameters
    ----------
    design : Design
        Made by `imilab.power`.
    over : {"n", "mde"}
        Resolved calls of all arms, or the difference in points.
    theme : str
        ``"light"`` or ``"dark"``.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidInputError
        If the theme is unknown, this is no plan, or `over` is neither.
    """
    colours = theme_of(theme)
    if not hasattr(design, "power_curve"):
        raise InvalidInputError("design", f"{type(design).__name__} is none; give imilab.power(...)")
    curve = design.power_curve(over)
    by_calls = over == "n"
    x = (curve["n"] if by_calls else curve["mde"]).tolist()
    at = float(design.n if by_calls else design.mde)
    title = f"Power by {'number of calls' if by_calls else 'difference'}"
    said = f"{tables.percent(design.power)} at {_value(at, by_calls)}"
    with drawing(colours):
        page = Page(colours, title=title, subtitle=design.caption, footnotes=design.notes, body=AXIS + BODY + TOP)
        width = WIDTH - LEFT - MARGIN - 0.2
        axes = page.axes(LEFT, AXIS, width, BODY)
        axes.plot(x, curve["power"], color=GROUP_LOOKS[0].colour, linewidth=1.8, zorder=3, gid="power")
        _mark(axes, colours, at, design.power, said, (min(x), max(x)), width)
        _scales(axes, colours, x, by_calls)
    page.figure.alternative = f"{title}, a line with the plan marked on it: {said}. {_ends(curve, x, by_calls)}"
    return page.figure


def _mark(
    axes: Axes, theme: Theme, at: float, power: float, said: str, ends: tuple[float, float], width: float
) -> None:
    """Mark the plan, and write beside it on the side that has room."""
    axes.plot([ends[0], at], [power, power], color=theme.muted, linewidth=0.9, linestyle=(0, (4, 2)), zorder=2)
    axes.plot([at, at], [0, power], color=theme.muted, linewidth=0.9, linestyle=(0, (4, 2)), zorder=2)
    (dot,) = axes.plot([at], [power], "o", markersize=8, color=GROUP_LOOKS[1].colour, zorder=4, gid="plan")
    dot.set(markeredgecolor=theme.ink, markeredgewidth=0.8, clip_on=False)
    place = (at - ends[0]) / (ends[1] - ends[0]) * width
    left = place + text_width(said, TEXT) + 0.2 > width
    axes.annotate(
        said, (at, power), xytext=(-10 if left else 10, 12 if left else -14), textcoords="offset points",
        ha="right" if left else "left", va="center", color=theme.ink, fontsize=TEXT, parse_math=False, zorder=5,
    )  # fmt: skip


def _scales(axes: Axes, theme: Theme, x: Sequence[float], by_calls: bool) -> None:
    axes.set_yticks(STEPS, [tick(step, STEPS[1]) for step in STEPS])
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("chance of finding the difference", rotation="horizontal", ha="left", va="bottom")
    axes.yaxis.set_label_coords(-(LEFT - MARGIN) / (WIDTH - LEFT - MARGIN - 0.2), 1 + 0.1 / BODY)
    start = 0.0 if by_calls else min(x)
    number_axis(axes, start, max(x), _count if by_calls else points_tick, whole=by_calls)
    axes.grid(axis="y", color=theme.grid, linewidth=0.9)
    what = "resolved calls of all arms" if by_calls else "true difference, arm less baseline, in points"
    axes.set_xlabel(what, labelpad=6)


def _count(value: float, _step: float) -> str:
    return tables.count(value)


def _value(at: float, by_calls: bool) -> str:
    return f"{tables.count(at)} calls" if by_calls else tables.points(at)


def _ends(curve: pd.DataFrame, x: Sequence[float], by_calls: bool) -> str:
    power = curve["power"].tolist()
    return (
        f"From {tables.percent(power[0])} at {_value(x[0], by_calls)} to {tables.percent(power[-1])} at "
        f"{_value(x[-1], by_calls)}."
    )

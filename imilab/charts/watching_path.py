"""Where a watched comparison stands: its statistic at each look, or its e-value after each pair, and where it stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from imilab import tables
from imilab.charts.labels import elided, name_of, words
from imilab.charts.page import MARGIN, WIDTH, Key, Page, nothing, number_axis
from imilab.charts.picture import Chart
from imilab.charts.theme import GROUP_LOOKS, TEXT, Theme, drawing, theme_of
from imilab.errors import InvalidInputError

__all__ = ["MonitoringLike", "watching"]

LEFT, BODY, AXIS, TOP = MARGIN + 0.52, 2.8, 0.58, 0.34
WIDEST_NAME = 3.2
FARTHEST = 8.0
"""A bound beyond this stops nothing; it is not drawn."""
LEAST, MOST = 1e-3, 1e5
"""What is beyond these is drawn at them: it tells nothing more."""


class MonitoringLike(Protocol):
    """What is drawn of a `Monitoring` of `imilab.monitor`, which documents each of these."""

    @property
    def rows(self) -> pd.DataFrame: ...
    @property
    def path(self) -> pd.DataFrame: ...
    @property
    def planned(self) -> pd.DataFrame: ...
    @property
    def margin(self) -> float | None: ...
    @property
    def outcome(self) -> str: ...
    @property
    def baseline(self) -> Any: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    @property
    def footnotes(self) -> tuple[str, ...]: ...
    @property
    def verdict(self) -> str: ...


def watching(monitoring: MonitoringLike, *, theme: str = "light") -> Chart:
    """Draw the way of a watched comparison: z at each planned look between its bounds, or the e-value by pairs.

    Parameters
    ----------
    monitoring : Monitoring
        Made by `imilab.monitor`.
    theme : str
        ``"light"`` or ``"dark"``.

    Returns
    -------
    Figure
        Up to four arms; the footnotes say where there are more.

    Raises
    ------
    InvalidInputError
        If the theme is unknown, or this watches nothing.
    """
    colours = theme_of(theme)
    if not hasattr(monitoring, "path"):
        raise InvalidInputError("monitoring", f"{type(monitoring).__name__} is none; give imilab.monitor(...)")
    pairs = "e_value" in monitoring.path
    title = f"Looking early: {words(monitoring.outcome)} calls against {name_of([monitoring.baseline])}"
    with drawing(colours):
        if monitoring.path.empty:
            return nothing(colours, title, "No pair is complete yet." if pairs else "No look is due yet.")
        arms = monitoring.rows["arm"].tolist()
        drawn = arms[: len(GROUP_LOOKS)]
        names = elided([name_of([arm]) for arm in drawn], [WIDEST_NAME] * len(drawn), TEXT)
        page = Page(
            colours,
            title=title,
            subtitle=_subtitle(monitoring, pairs=pairs),
            footnotes=_footnotes(monitoring, len(arms)),
            keys=[Key(look, name) for look, name in zip(GROUP_LOOKS, names, strict=False)],
            body=AXIS + BODY + TOP,
        )
        axes = page.axes(LEFT, AXIS, WIDTH - LEFT - MARGIN - 0.2, BODY)
        (_draw_pairs if pairs else _draw_looks)(axes, colours, monitoring, drawn)
        axes.grid(axis="y", color=colours.grid, linewidth=0.9)
        axes.yaxis.set_label_coords(-(LEFT - MARGIN) / (WIDTH - LEFT - MARGIN - 0.2), 1 + 0.1 / BODY)
    page.figure.alternative = f"{title}. {_subtitle(monitoring, pairs=pairs)}. {monitoring.verdict}"
    return page.figure


def _draw_looks(axes: Axes, theme: Theme, found: MonitoringLike, arms: Sequence[Any]) -> None:
    sides = (1, -1) if found.margin is None else (1,) if found.margin < 0 else (-1,)
    first = found.path[found.path["arm"] == arms[0]]
    later = found.planned[found.planned["look"] > first["look"].max()]
    n = [*first["n"], *later["n"]]
    bound = np.array([*first["bound"], *later["bound"]], dtype=np.float64)
    shown = bound <= FARTHEST
    for side in sides:
        ends = (np.array(n)[shown], side * bound[shown])
        axes.plot(*ends, color=theme.ink, linewidth=1.2, linestyle=(0, (4, 2)), marker="_", zorder=2, gid="bound")
    for arm, look in zip(arms, GROUP_LOOKS, strict=False):
        mine = found.path[(found.path["arm"] == arm) & found.path["statistic"].notna()]
        axes.plot(
            mine["n"], mine["statistic"], color=look.colour, linestyle=look.line, marker=look.marker, markersize=7,
            markeredgecolor=theme.ink, markeredgewidth=0.8, linewidth=1.6, zorder=3, gid=name_of([arm]),
        )  # fmt: skip
    axes.axhline(0, color=theme.muted, linewidth=0.9, zorder=1)
    reach = max(3.0, *np.abs(bound[shown]), *found.path["statistic"].abs().dropna()) * 1.1
    steps = [float(each) for each in MaxNLocator(7, integer=True).tick_values(-reach, reach) if abs(each) <= reach]
    axes.set_yticks(steps, [f"{each:g}".replace("-", "−") for each in steps])
    axes.set_ylim(-reach, reach)
    _counted(axes, max(n), "resolved calls of all arms")
    against = "above 0, more often than the baseline"
    if found.margin is not None:
        against = f"against a difference of {tables.points(found.margin)}"
    axes.set_ylabel(f"z: {against}", rotation="horizontal", ha="left", va="bottom")


def _draw_pairs(axes: Axes, theme: Theme, found: MonitoringLike, arms: Sequence[Any]) -> None:
    bound = float(found.rows["bound"].iloc[0])
    for arm, look in zip(arms, GROUP_LOOKS, strict=False):
        mine = found.path[found.path["arm"] == arm]
        x, e = [0, *mine["pair"]], np.clip([1.0, *mine["e_value"]], LEAST, MOST)
        axes.step(
            x, e, where="post", color=look.colour, linestyle=look.line, linewidth=1.6, zorder=3, gid=name_of([arm])
        )
        axes.plot(x[-1], e[-1], marker=look.marker, color=look.colour, markersize=7, clip_on=False, zorder=4)
    axes.axhline(bound, color=theme.ink, linewidth=1.2, linestyle=(0, (4, 2)), zorder=2, gid="bound")
    e_values = np.clip(found.path["e_value"].to_numpy(dtype=np.float64), LEAST, MOST)
    axes.set_yscale("log")
    low, high = float(min(0.1, e_values.min() / 2)), float(max(bound * 3, e_values.max() * 1.5))
    powers = [float(each) for each in LogLocator(10, numticks=7).tick_values(low, high) if low <= each <= high]
    axes.set_yticks(powers, [f"{each:,.0f}" if each >= 1 else f"{each:g}" for each in powers])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylim(low, high)
    _counted(axes, int(found.path["pair"].max()), "pairs of calls, one of each arm, in the order of allocation")
    axes.set_ylabel("e-value, on a log scale", rotation="horizontal", ha="left", va="bottom")


def _counted(axes: Axes, most: int, what: str) -> None:
    number_axis(axes, 0, most * 1.03, lambda value, _: tables.count(value), whole=True)
    axes.set_xlabel(what, labelpad=6)


def _subtitle(found: MonitoringLike, *, pairs: bool) -> str:
    row = found.rows.iloc[0]
    if pairs:
        return f"Dashed: {row['bound']:,.0f}, where it stops. After {tables.count(row['look'])} pairs"
    return f"Dashed: the bounds, where it stops. {row['look']} of {row['looks']} looks taken"


def _footnotes(found: MonitoringLike, arms: int) -> Sequence[str]:
    more = arms > len(GROUP_LOOKS)
    cut = (f"Drawn: the first {len(GROUP_LOOKS)} of {arms} arms.",) if more else ()
    return (found.verdict, *cut, *(f"Careful: {text}" for text in found.warnings), *found.footnotes)

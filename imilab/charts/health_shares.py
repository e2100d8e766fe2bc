"""The arms' shares beside what was meant: over all with their intervals, and through the time of the calls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import num2date

from imilab import tables
from imilab.charts.labels import elided, name_of, text_width, tick, words
from imilab.charts.page import MARGIN, WIDTH, Key, Page, nothing, percent_steps
from imilab.charts.picture import Chart
from imilab.charts.row_axes import GAP, Row, draw_dots, label_rows, row_height, row_labels
from imilab.charts.theme import GROUP_LOOKS, TEXT, Look, Theme, drawing, theme_of
from imilab.errors import InvalidInputError

__all__ = ["HealthLike", "health"]

LEFT, DRIFT, AXIS, TOP = MARGIN + 0.52, 1.9, 0.58, 0.34
WIDEST_NAME = 3.2
MOST_ARMS = 20
DAY = 1440
MINUTES = (1, 5, 15, 30, 60, 120, 180, 360, 720, *(days * DAY for days in (1, 2, 4, 7, 14, 28, 56, 112, 364, 3640)))
"""Steps of the time axis."""
MOST_TIMES = 6


class HealthLike(Protocol):
    """What is drawn of a `Health` of `imilab.health`, which documents each of these."""

    @property
    def checks(self) -> pd.DataFrame: ...
    @property
    def shares(self) -> pd.DataFrame: ...
    @property
    def drift(self) -> pd.DataFrame: ...
    @property
    def unit(self) -> str: ...
    @property
    def arm(self) -> str: ...
    @property
    def caption(self) -> str: ...
    @property
    def footnotes(self) -> tuple[str, ...]: ...


def health(found: HealthLike, *, theme: str = "light") -> Chart:
    """Draw each arm's share with its interval and what was meant, and below it the shares over time.

    Parameters
    ----------
    found : Health
        Made by `imilab.health`.
    theme : str
        ``"light"`` or ``"dark"``.

    Returns
    -------
    Figure
        Up to 20 arms, and up to four of them over time; the footnotes say where there are more.

    Raises
    ------
    InvalidInputError
        If the theme is unknown, or this is no result of `imilab.health`.
    """
    colours = theme_of(theme)
    if not hasattr(found, "drift"):
        raise InvalidInputError("found", f"{type(found).__name__} is none; give imilab.health(...)")
    title = f"Shares of the arms by {words(found.arm)}: {found.unit} seen and meant"
    with drawing(colours):
        every = found.shares.to_dict("records")
        if not any(arm["count"] for arm in every):
            return nothing(colours, title, "No calls with an arm.")
        arms = every[:MOST_ARMS]
        timed = min(len(arms), len(GROUP_LOOKS)) if len(found.drift) else 0
        rows = [_row(arm, _look(place)) for place, arm in enumerate(arms)]
        above = len(rows) * row_height(len(rows))
        below = AXIS + DRIFT + TOP + 0.1 if timed else 0.0
        page = Page(
            colours,
            title=title,
            subtitle=found.caption,
            footnotes=_footnotes(found, len(every), timed),
            keys=_keys(arms[:timed]),
            body=below + AXIS + above + 0.1,
        )
        _draw_shares(page, colours, rows, [arm["meant"] for arm in arms], below, above)
        if timed:
            _draw_drift(page, colours, found.drift, arms[:timed])
    page.figure.alternative = f"{title}, a dot with an interval for each arm. {_said(every)} {found.caption}"
    return page.figure


def _look(place: int) -> Look:
    return GROUP_LOOKS[place % len(GROUP_LOOKS)]


def _row(arm: dict[Any, Any], look: Look) -> Row:
    note = f"{tables.count(arm['count'])}, {tables.percent(arm['share'])}"
    return Row(name_of([arm["arm"]]), note, arm["share"], arm["low"], arm["high"], (), look)


def _keys(arms: Sequence[dict[Any, Any]]) -> list[Key]:
    names = elided([name_of([arm["arm"]]) for arm in arms], [WIDEST_NAME] * len(arms), TEXT)
    return [Key(_look(place), name) for place, name in enumerate(names)]


def _draw_shares(
    page: Page, theme: Theme, rows: Sequence[Row], meant: Sequence[float], below: float, above: float
) -> None:
    labels = row_labels(rows)
    left = MARGIN + max(text_width(label, TEXT) for label in labels) + GAP
    axes = page.axes(left, below + AXIS, WIDTH - left - MARGIN - 0.2, above)
    label_rows(axes, theme, labels)
    draw_dots(axes, rows, theme)
    for place, share in enumerate(meant):
        axes.vlines(share, place - 0.32, place + 0.32, color=theme.ink, linewidth=1.4, linestyle=(0, (3, 2)), zorder=2,
                    gid="meant")  # fmt: skip
    ends = [end for row in rows for end in (row.low, row.high)] + list(meant)
    steps = percent_steps(max(ends), 4)
    axes.set_xticks(steps, [tick(step, steps[1]) for step in steps])
    axes.set_xlim(0, max(steps[-1], *ends))
    axes.set_xlabel("share, with its 95 % interval; dashed: meant", labelpad=6)


def _draw_drift(page: Page, theme: Theme, drift: pd.DataFrame, arms: Sequence[dict[Any, Any]]) -> None:
    width = WIDTH - LEFT - MARGIN - 0.2
    axes = page.axes(LEFT, AXIS, width, DRIFT)
    shown = drift[drift["arm"].isin([arm["arm"] for arm in arms])]
    for place, arm in enumerate(arms):
        mine, look = drift[drift["arm"] == arm["arm"]], _look(place)
        middle = mine["begins_at"] + (mine["ends_at"] - mine["begins_at"]) / 2
        x = middle.dt.tz_localize(None).to_numpy()
        axes.fill_between(x, mine["low"], mine["high"], color=look.colour, alpha=0.18, linewidth=0, zorder=1.5)
        axes.plot(
            x, mine["share"], color=look.colour, linestyle=look.line, marker=look.marker, markersize=4.5,
            linewidth=1.4, zorder=3, gid=name_of([arm["arm"]]),
        )  # fmt: skip
        axes.axhline(arm["meant"], color=theme.muted, linewidth=0.9, linestyle=(0, (3, 2)), zorder=1)
    _time_scale(axes, theme, float(shown["high"].max()))
    axes.set_ylabel("share of the arms over time", rotation="horizontal", ha="left", va="bottom")
    axes.yaxis.set_label_coords(-(LEFT - MARGIN) / width, 1 + 0.1 / DRIFT)


def _time_scale(axes: Axes, theme: Theme, highest: float) -> None:
    steps = percent_steps(highest, 4)
    axes.set_yticks(steps, [tick(step, steps[1]) for step in steps])
    axes.set_ylim(0, steps[-1])
    axes.grid(axis="y", color=theme.grid, linewidth=0.9)
    low, high = axes.get_xlim()  # in days
    apart = next((step for step in MINUTES if (high - low) * DAY <= MOST_TIMES * step), MINUTES[-1]) / DAY
    first = math.ceil(low / apart - 1e-9)
    times = [place * apart for place in range(first, math.floor(high / apart + 1e-9) + 1)]
    form = "%d %b" if apart >= 1 else "%d %b %H:%M"
    axes.set_xticks(times, [f"{num2date(time):{form}}" for time in times])  # type: ignore[no-untyped-call]  # no types
    axes.set_xlim(low, high)
    axes.set_xlabel("time of the calls, UTC", labelpad=6)


def _footnotes(found: HealthLike, arms: int, timed: int) -> Sequence[str]:
    cut = []
    if arms > MOST_ARMS:
        cut.append(f"Drawn: the first {MOST_ARMS} of {arms} arms.")
    if 0 < timed < arms:
        cut.append(f"Over time: the first {timed} of {arms} arms.")
    if not timed:
        cut.append("Over time nothing is drawn: too few calls have a time.")
    worse = found.checks[found.checks["verdict"] != "ok"]
    said = [f"{row['check']}: {row['verdict']}. {row['sentence']}" for row in worse.to_dict("records")]
    return (*said, *cut, *found.footnotes)


def _said(arms: Sequence[dict[Any, Any]]) -> str:
    listed = "; ".join(
        f"{name_of([arm['arm']])} {tables.percent(arm['share'])} ({tables.count(arm['count'])}, meant "
        f"{tables.percent(arm['meant'])})"
        for arm in arms[:MOST_ARMS]
    )
    return f"{listed}."

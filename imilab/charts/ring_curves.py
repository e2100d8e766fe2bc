"""How fast calls are answered: the share answered by each second of ringing, a step line and a band for each arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from imilab import tables
from imilab.charts.labels import elided, name_of, tick, words
from imilab.charts.page import MARGIN, WIDTH, Key, Page, nothing, percent_steps
from imilab.charts.picture import Chart
from imilab.charts.theme import GROUP_LOOKS, TEXT, Look, Theme, drawing, theme_of
from imilab.errors import InvalidInputError

__all__ = ["DurationsLike", "ring_times"]

LEFT, BODY, AXIS, TOP = MARGIN + 0.52, 2.8, 0.58, 0.34
WIDEST_NAME = 3.2


class DurationsLike(Protocol):
    """What is drawn of a `Durations` of `imilab.durations`, which documents each of these."""

    @property
    def arms(self) -> pd.DataFrame: ...
    @property
    def curves(self) -> pd.DataFrame: ...
    @property
    def incidences(self) -> pd.DataFrame: ...
    @property
    def arm(self) -> str: ...
    @property
    def horizon_seconds(self) -> float: ...
    @property
    def confidence(self) -> float: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...
    @property
    def footnotes(self) -> tuple[str, ...]: ...
    @property
    def verdict(self) -> str: ...


def ring_times(durations: DurationsLike, *, theme: str = "light") -> Chart:
    """Draw the cumulative incidence of an answer by seconds of ringing, with its interval, for each arm.

    Parameters
    ----------
    durations : Durations
        Made by `imilab.durations`.
    theme : str
        ``"light"`` or ``"dark"``.

    Returns
    -------
    Figure
        Up to four arms, the baseline first; the footnotes say where there are more.

    Raises
    ------
    InvalidInputError
        If the theme is unknown, or these are no durations.
    """
    colours = theme_of(theme)
    if not hasattr(durations, "curves"):
        raise InvalidInputError("durations", f"{type(durations).__name__} is none; give imilab.durations(...)")
    title = f"Answered within seconds of ringing, by {words(durations.arm)}"
    answered = durations.curves[durations.curves["cause"] == "answered"]
    rung = durations.arms[durations.arms["rang"] > 0]
    with drawing(colours):
        if rung.empty:
            return nothing(colours, title, "No call rang for a known time.")
        drawn = rung.head(len(GROUP_LOOKS)).to_dict("records")
        looks = GROUP_LOOKS[: len(drawn)]
        names = elided([name_of([arm["arm"]]) for arm in drawn], [WIDEST_NAME] * len(drawn), TEXT)
        labels = [f"{name}: {tables.count(arm['rang'])} calls" for name, arm in zip(names, drawn, strict=True)]
        page = Page(
            colours,
            title=title,
            subtitle=f"band: {tables.level(durations.confidence)} interval; failures are competing ends",
            footnotes=_footnotes(durations, len(rung)),
            keys=[Key(look, label) for look, label in zip(looks, labels, strict=True)],
            body=AXIS + BODY + TOP,
        )
        axes = page.axes(LEFT, AXIS, WIDTH - LEFT - MARGIN - 0.1, BODY)
        for arm, look in zip(drawn, looks, strict=True):
            _draw(axes, answered[answered["arm"] == arm["arm"]], look, durations.horizon_seconds)
        _scales(axes, colours, answered, durations.horizon_seconds)
    page.figure.alternative = f"{title}, a rising step line with a band for each arm. {_said(durations)}"
    return page.figure


def _draw(axes: Axes, curve: pd.DataFrame, look: Look, horizon: float) -> None:
    seconds, shares = curve["seconds"].to_numpy(), curve["incidence"].to_numpy()
    axes.fill_between(
        seconds, curve["low"].to_numpy(), curve["high"].to_numpy(), step="post", color=look.colour, alpha=0.2,
        linewidth=0, zorder=1.5, gid="intervals",
    )  # fmt: skip
    (line,) = axes.step(seconds, shares, where="post", color=look.colour, linestyle=look.line, linewidth=1.6, zorder=3)
    line.set_gid(name_of([curve["arm"].iloc[0]]))
    axes.plot(horizon, shares[-1], marker=look.marker, color=look.colour, markersize=6, clip_on=False, zorder=4)


def _scales(axes: Axes, theme: Theme, answered: pd.DataFrame, horizon: float) -> None:
    steps = percent_steps(float(answered["high"].max()))
    axes.set_yticks(steps, [tick(step, steps[1]) for step in steps])
    axes.set_ylim(0, steps[-1])
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 3, 5, 10]))
    axes.set_xlim(0, horizon)
    axes.grid(axis="y", color=theme.grid, linewidth=0.9)
    axes.set_xlabel("seconds of ringing", labelpad=6)
    axes.set_ylabel("answered, share of ringing calls", rotation="horizontal", ha="left", va="bottom")
    axes.yaxis.set_label_coords(-(LEFT - MARGIN) / (WIDTH - LEFT - MARGIN - 0.1), 1 + 0.1 / BODY)


def _footnotes(durations: DurationsLike, arms: int) -> Sequence[str]:
    more = arms > len(GROUP_LOOKS)
    cut = (f"Drawn: the first {len(GROUP_LOOKS)} of {arms} arms.",) if more else ()
    return (*cut, *(f"Careful: {text}" for text in durations.warnings), *durations.footnotes)


def _said(durations: DurationsLike) -> str:
    found = durations.incidences[durations.incidences["cause"] == "answered"].to_dict("records")
    shares = "; ".join(
        f"{name_of([row['arm']])} {tables.percent(row['estimate'])} ({tables.percent_range(row['low'], row['high'])})"
        for row in found
    )
    return f"Answered within {durations.horizon_seconds:g} s: {shares}. {durations.verdict}"

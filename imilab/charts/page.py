"""The page under every chart: title, subtitle, legend, a body for axes, footnotes, all placed in inches.

Nothing is left to an automatic layout: the page is measured from its texts, and the figure grows with its content.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from imilab.charts.labels import text_width, tick, wrapped
from imilab.charts.picture import Chart
from imilab.charts.theme import EDGE, SMALL, TEXT, TITLE, Look, Theme

__all__ = ["MARGIN", "SMALL_LINE", "WIDTH", "Key", "Page", "nothing", "number_axis", "percent_axis", "percent_steps"]

WIDTH = 8.6
"""Width of every figure, in inches: a notebook's cell at 96 pixels an inch."""
MARGIN = 0.2
SWATCH = 0.2
TITLE_LINE, TEXT_LINE, SMALL_LINE = 0.25, 0.19, 0.165


@dataclass(frozen=True)
class Key:
    """One entry of a legend: an outcome's look and what is written beside it."""

    look: Look
    text: str


class Page:
    """A figure with its words in place and its body still empty.

    Parameters
    ----------
    theme : Theme
        Colours.
    title, subtitle : str
        Words on top; they are wrapped.
    footnotes : sequence of str
        One paragraph each at the foot.
    keys : sequence of Key
        Legend under the subtitle; may be empty.
    body : float
        Height of the body, axis labels included, in inches.
    """

    def __init__(
        self,
        theme: Theme,
        *,
        title: str,
        subtitle: str = "",
        footnotes: Sequence[str] = (),
        keys: Sequence[Key] = (),
        body: float,
    ) -> None:
        self.theme = theme
        room = WIDTH - 2 * MARGIN
        titles = wrapped(title, room, TITLE, "bold")
        subtitles = wrapped(subtitle, room, TEXT)
        notes = [line for note in footnotes for line in wrapped(note, room, SMALL)]
        legend = _legend_rows(keys, room)
        above = MARGIN + len(titles) * TITLE_LINE + len(subtitles) * TEXT_LINE + len(legend) * TEXT_LINE * 1.2 + 0.12
        self.foot = MARGIN + len(notes) * SMALL_LINE + (0.08 if notes else 0)
        self.height = above + body + self.foot
        self.body = body
        self.figure = Chart(figsize=(WIDTH, self.height), facecolor=theme.background)
        top = self._lines(titles, MARGIN, TITLE_LINE, fontsize=TITLE, color=theme.ink, fontweight="bold")
        top = self._lines(subtitles, top, TEXT_LINE, fontsize=TEXT, color=theme.muted)
        self._draw_legend(legend, top + 0.06)
        self._lines(notes, above + body + 0.08, SMALL_LINE, fontsize=SMALL, color=theme.muted)

    def axes(self, left: float, bottom: float, width: float, height: float, **options: object) -> Axes:
        """Add axes to the body; `left` from the page's edge and `bottom` from the body's foot, in inches."""
        box = (left / WIDTH, (self.foot + bottom) / self.height, width / WIDTH, height / self.height)
        axes: Axes = self.figure.add_axes(box, facecolor="none", **options)  # type: ignore[call-overload]  # options: object
        for spine in axes.spines.values():
            spine.set_visible(False)
        axes.tick_params(colors=self.theme.muted, labelsize=SMALL, length=0)
        axes.xaxis.label.set(color=self.theme.ink, fontsize=TEXT)
        axes.yaxis.label.set(color=self.theme.ink, fontsize=TEXT)
        return axes

    def text(self, left: float, bottom: float, text: str, **style: object) -> None:
        """Write into the body; `left` from the page's edge and `bottom` from the body's foot, in inches."""
        self._text(left, self.height - self.foot - bottom, text, **style)

    def _lines(self, lines: Sequence[str], top: float, step: float, **style: object) -> float:
        for line in lines:
            self._text(MARGIN, top + step / 2, line, **style)
            top += step
        return top

    def _text(self, left: float, down: float, text: str, **style: object) -> None:
        place = {"transform": self.figure.dpi_scale_trans, "va": "center", "parse_math": False}
        self.figure.text(left, self.height - down, text, **place, **style)  # type: ignore[arg-type]  # style: object

    def _draw_legend(self, rows: Sequence[Sequence[Key]], top: float) -> None:
        for number, row in enumerate(rows):
            left, down = MARGIN, top + (number + 0.5) * TEXT_LINE * 1.2
            for key in row:
                corner = (left, self.height - down - 0.06)
                swatch = Rectangle(corner, SWATCH, 0.12, transform=self.figure.dpi_scale_trans)
                swatch.set(facecolor=key.look.colour, edgecolor=EDGE, hatch=key.look.hatch, linewidth=0.6)
                self.figure.add_artist(swatch)
                self._text(left + SWATCH + 0.07, down, key.text, fontsize=SMALL, color=self.theme.ink)
                left += _key_width(key)


def _key_width(key: Key) -> float:
    return SWATCH + 0.07 + text_width(key.text, SMALL) + 0.22


def _legend_rows(keys: Sequence[Key], room: float) -> list[list[Key]]:
    rows: list[list[Key]] = []
    taken = room
    for key in keys:
        taken += _key_width(key)
        if taken > room:
            rows.append([])
            taken = _key_width(key)
        rows[-1].append(key)
    return rows


def percent_steps(highest: float, ticks: int = 5) -> list[float]:
    """Return round shares from 0 to the first one that is not below `highest`, at most 1.

    Examples
    --------
    >>> percent_steps(0.37)
    [0.0, 0.1, 0.2, 0.3, 0.4]
    """
    top = min(1.0, max(0.002, highest))
    steps = MaxNLocator(ticks, steps=[1, 2, 2.5, 5, 10]).tick_values(0, top)
    return [round(float(step), 6) for step in steps if -1e-9 <= step <= 1 + 1e-9]


def percent_axis(axes: Axes, highest: float, title: str) -> None:
    """Let the x axis run from 0 % to a round share at or above `highest`."""
    steps = percent_steps(highest)
    axes.set_xticks(steps, [tick(step, steps[1]) for step in steps])
    axes.set_xlim(0, max(steps[-1], min(highest, 1.0)))
    axes.set_xlabel(title, labelpad=6)


def number_axis(axes: Axes, low: float, high: float, written: Callable[[float, float], str], *, whole: bool) -> None:
    """Put round numbers on an x axis from `low` to `high`, written from their value and the step between two."""
    steps = [float(each) for each in MaxNLocator(7, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(low, high)]
    room = 1e-9 * (high - low)
    inside = [each for each in steps if low - room <= each <= high + room]
    axes.set_xticks(inside, [written(each, steps[1] - steps[0]) for each in inside])
    axes.tick_params(axis="x", pad=7)  # clear of the y axis's lowest label
    axes.set_xlim(low, high)


def nothing(theme: Theme, title: str, why: str) -> Chart:
    """Draw the page that says that there is nothing to draw, and why."""
    page = Page(theme, title=title, body=1.4)
    axes = page.axes(MARGIN, 0, WIDTH - 2 * MARGIN, 1.4)
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, why, ha="center", va="center", color=theme.muted, fontsize=TEXT + 1.5, parse_math=False)
    page.figure.alternative = f"{title}: {why[:1].lower()}{why[1:]}"
    return page.figure

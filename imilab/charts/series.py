"""Series of rates over time: several in one set of axes with n underneath, or many in small panels on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from imilab import tables
from imilab.buckets import TimeBucket
from imilab.charts.grouped import Cell
from imilab.charts.labels import elided, text_width, tick
from imilab.charts.page import MARGIN, WIDTH, Page, percent_steps
from imilab.charts.picture import Chart
from imilab.charts.row_axes import Words
from imilab.charts.theme import EDGE, SMALL, TEXT, Look, Theme
from imilab.charts.time_buckets import Place, label_time, width_of

__all__ = ["Point", "Series", "draw_panels", "draw_together"]

LEFT, WIDEST_NAME = MARGIN + 0.52, 2.0
BODY, STRIP, AXIS, TOP = 2.5, 0.6, 0.58, 0.3
PANEL, PANEL_TITLE, BETWEEN = 0.82, 0.5, 0.16


@dataclass(frozen=True)
class Point:
    """One bucket of a series."""

    label: str
    place: Place
    cell: Cell


@dataclass(frozen=True)
class Series:
    """One group's buckets in the order of time."""

    name: str
    look: Look
    points: Sequence[Point]

    @property
    def n(self) -> int:
        """Counted calls of all buckets."""
        return sum(point.cell.n for point in self.points)

    @property
    def label(self) -> str:
        """The counts that stand behind its name."""
        pending = sum(point.cell.pending for point in self.points)
        return f"n {tables.count(self.n)}" + (f", {tables.count(pending)} pending" if pending else "")


def draw_together(theme: Theme, words: Words, lines: Sequence[Series], bucket: TimeBucket) -> Chart:
    """Draw all series into one set of axes, named at their ends, with n as bars underneath."""
    names = elided([line.name for line in lines], [WIDEST_NAME] * len(lines), TEXT)
    labels = [(name, line.label) for name, line in zip(names, lines, strict=True)] if len(lines) > 1 else []
    right = MARGIN + max((text_width(text, TEXT) + 0.4 for label in labels for text in label), default=0.1)
    page = _page(theme, words, AXIS + STRIP + 0.12 + BODY + TOP)
    width = WIDTH - LEFT - right
    strip = page.axes(LEFT, AXIS, width, STRIP)
    axes = page.axes(LEFT, AXIS + STRIP + 0.12, width, BODY, sharex=strip)
    axes.tick_params(labelbottom=False)
    for line in lines:
        _draw_line(axes, theme, line, markersize=5.5)
    _rate_scale(axes, theme, lines, ticks=5)
    axes.set_ylabel(words.columns[0], rotation="horizontal", ha="left", va="bottom")
    axes.yaxis.set_label_coords(-(LEFT - MARGIN) / width, 1 + 0.1 / BODY)
    _draw_counts(strip, theme, lines, bucket)
    strip.tick_params(axis="x", pad=6)
    label_time(strip, bucket, [point.place for line in lines for point in line.points], width)
    strip.set_xlabel(words.columns[1], labelpad=6)
    _name_ends(axes, theme, lines, labels)
    return page.figure


def draw_panels(theme: Theme, words: Words, lines: Sequence[Series], bucket: TimeBucket) -> Chart:
    """Draw each series into a small panel of its own, all on the same scales."""
    columns = 1 if len(lines) <= 4 else 3 if len(lines) <= 9 else 4
    ranks = -(-len(lines) // columns)
    page = _page(theme, words, AXIS + ranks * (PANEL + PANEL_TITLE) + 0.2)
    width = (WIDTH - LEFT - MARGIN - (columns - 1) * BETWEEN) / columns
    places = [point.place for line in lines for point in line.points]
    names = elided([line.name for line in lines], [width] * len(lines), SMALL)
    for number, (line, name) in enumerate(zip(lines, names, strict=True)):
        rank, column = divmod(number, columns)
        bottom = AXIS + (ranks - 1 - rank) * (PANEL + PANEL_TITLE)
        axes = page.axes(LEFT + column * (width + BETWEEN), bottom, width, PANEL)
        _draw_line(axes, theme, line, markersize=3)
        _rate_scale(axes, theme, lines, ticks=2)
        label_time(axes, bucket, places, width)
        axes.tick_params(labelleft=column == 0, labelbottom=number + columns >= len(lines))
        axes.tick_params(axis="x", pad=6)
        for text, up, colour in ((name, 0.31, theme.ink), (line.label, 0.14, theme.muted)):
            axes.text(
                0, 1 + up / PANEL, text, transform=axes.transAxes, va="center_baseline", color=colour, fontsize=SMALL,
                parse_math=False,
            )  # fmt: skip
    page.text(MARGIN, AXIS + ranks * (PANEL + PANEL_TITLE) + 0.16, words.columns[0], color=theme.ink, fontsize=TEXT)
    middle = (LEFT + WIDTH - MARGIN) / 2
    page.text(middle, 0.16, words.columns[1], color=theme.ink, fontsize=TEXT, ha="center")
    return page.figure


def _page(theme: Theme, words: Words, body: float) -> Page:
    return Page(theme, title=words.title, subtitle=words.subtitle, footnotes=words.footnotes, body=body)


def _draw_line(axes: Axes, theme: Theme, line: Series, *, markersize: float) -> None:
    look = line.look
    for run in _runs(line.points):
        x, rate, low, high = zip(*((p.place.x, p.cell.rate, p.cell.low, p.cell.high) for p in run), strict=True)
        if len(run) == 1:
            axes.vlines(x, low, high, color=look.colour, linewidth=1.4, alpha=0.8, zorder=2, gid="intervals")
        else:
            axes.fill_between(x, low, high, color=look.colour, alpha=0.22, linewidth=0, zorder=1.5, gid="intervals")
        (drawn,) = axes.plot(
            x, rate, marker=look.marker, linestyle=look.line, color=look.colour, linewidth=1.5, zorder=3
        )
        drawn.set(markersize=markersize, markeredgecolor=theme.ink, markeredgewidth=0.5, clip_on=False, gid=line.name)


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Split a series where a bucket is missing or has nothing to rate."""
    rated = [point for point in points if point.cell.n]
    runs = [rated[:1]] if rated else []
    for before, point in pairwise(rated):
        if point.place.number == before.place.number + 1:
            runs[-1].append(point)
        else:
            runs.append([point])
    return runs


def _rate_scale(axes: Axes, theme: Theme, lines: Sequence[Series], *, ticks: int) -> None:
    steps = percent_steps(max((p.cell.high for line in lines for p in line.points if p.cell.n), default=1.0), ticks)
    axes.set_yticks(steps, [tick(step, steps[1]) for step in steps])
    axes.set_ylim(0, steps[-1])
    axes.grid(axis="y", color=theme.grid, linewidth=0.9)


def _draw_counts(axes: Axes, theme: Theme, lines: Sequence[Series], bucket: TimeBucket) -> None:
    """Stack the n of every bucket, so that the whole bar is the bucket's n."""
    under: dict[float, int] = {}
    for line in lines:
        for point in line.points:
            bar = axes.bar(
                point.place.x, point.cell.n, width=0.8 * width_of(bucket), bottom=under.get(point.place.x, 0),
                color=line.look.colour if len(lines) > 1 else theme.muted, linewidth=0.3, zorder=2,
            )[0]  # fmt: skip
            bar.set(edgecolor=EDGE, hatch=line.look.hatch if len(lines) > 1 else "")
            under[point.place.x] = under.get(point.place.x, 0) + point.cell.n
    top = max(1, *under.values()) if under else 1
    axes.set_yticks([step for step in MaxNLocator(2, integer=True).tick_values(0, top) if 0 <= step <= top])
    axes.yaxis.set_major_formatter(lambda value, _: tables.count(value))
    axes.set_ylim(0, top * 1.05)
    axes.grid(axis="y", color=theme.grid, linewidth=0.9)
    axes.text(
        -(LEFT - MARGIN) / _inches(axes), 0.95, "n", transform=axes.transAxes, va="top", color=theme.ink, fontsize=TEXT
    )


def _name_ends(axes: Axes, theme: Theme, lines: Sequence[Series], labels: Sequence[tuple[str, str]]) -> None:
    """Write each series' name and n beside its last point, moved apart where they would touch."""
    top, inches = axes.get_ylim()[1], _inches(axes)
    ends = [next((p.cell.rate for p in reversed(line.points) if p.cell.n), 0.0) / top for line in lines[: len(labels)]]
    for (name, counts), line, end, height in zip(labels, lines, ends, _apart(ends, 0.42 / BODY), strict=False):
        axes.plot(
            [1 + 0.02 / inches, 1 + 0.18 / inches], [end, height], color=line.look.colour, linewidth=0.8, clip_on=False,
            transform=axes.transAxes,
        )  # fmt: skip
        axes.plot(
            [1 + 0.25 / inches], [height], marker=line.look.marker, color=line.look.colour, markersize=6, clip_on=False,
            markeredgecolor=theme.ink, markeredgewidth=0.5, transform=axes.transAxes,
        )  # fmt: skip
        for text, lift, colour in ((name, 0.09, theme.ink), (counts, -0.09, theme.muted)):
            axes.text(
                1 + 0.36 / inches, height + lift / BODY, text, transform=axes.transAxes, va="center_baseline",
                fontsize=TEXT if colour == theme.ink else SMALL, color=colour, parse_math=False,
            )  # fmt: skip


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Move heights (shares of the axes) apart by at least `gap`, within 0 to 1, keeping their order."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = [max(heights[i], gap * (number + 0.5)) for number, i in enumerate(order)]
    for number in range(1, len(placed)):
        placed[number] = max(placed[number], placed[number - 1] + gap)
    for number in range(len(placed) - 1, -1, -1):
        placed[number] = min(placed[number], 1 - gap * (len(placed) - number - 0.5))
    return [placed[order.index(i)] for i in range(len(heights))]


def _inches(axes: Axes) -> float:
    return axes.get_position().width * WIDTH

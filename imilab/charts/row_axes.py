"""Horizontal rows, one a category: name and n on the left, a dot or bar with its interval, the numbers on the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.axes import Axes

from imilab.charts.labels import elided, text_width
from imilab.charts.page import MARGIN, WIDTH, Key, Page
from imilab.charts.theme import EDGE, SMALL, TEXT, Look, Theme

__all__ = [
    "AXIS_ROOM",
    "BAR",
    "GAP",
    "Row",
    "Words",
    "draw_bars",
    "draw_dots",
    "draw_intervals",
    "fitting",
    "label_rows",
    "row_height",
    "row_labels",
    "row_page",
]

WIDEST_LABEL = 3.2
GAP, COLUMN_GAP = 0.08, 0.18
AXIS_ROOM, TOP_ROOM = 0.56, 0.24
BAR = 0.66
"""Height of a bar, in rows."""
MANY_ROWS = 16
"""From here on the scale is written above the rows too."""
MOST_ROWS = 200


@dataclass(frozen=True)
class Row:
    """One category.

    Attributes
    ----------
    name, note : str
        What it is, and its counts; only the name is cut where both are too wide.
    value, low, high : float
        The estimate and its interval; NaN where there is none.
    figures : tuple of str
        The same in figures, one for each column on the right.
    look : Look
        Colour, marker and hatch.
    """

    name: str
    note: str
    value: float
    low: float
    high: float
    figures: tuple[str, ...]
    look: Look

    @property
    def drawable(self) -> bool:
        """Whether there is a value to draw."""
        return math.isfinite(self.value)


@dataclass(frozen=True)
class Words:
    """What a chart says around its data; `columns` stand over the figures on the right."""

    title: str
    subtitle: str
    columns: tuple[str, ...]
    footnotes: tuple[str, ...]


def row_page(
    theme: Theme, words: Words, rows: Sequence[Row], keys: Sequence[Key] = ()
) -> tuple[Page, Axes, Sequence[Row]]:
    """Make the page and its axes, rows from top to bottom at y = 0, 1, 2…, labelled on both sides.

    Returns
    -------
    Page, Axes, sequence of Row
        The rows are those to draw: a picture holds so many, and says where it leaves some out.
    """
    words, rows = fitting(words, rows)
    labels = row_labels(rows)
    left = MARGIN + max(text_width(label, TEXT) for label in labels) + GAP
    cells = list(zip(words.columns, *(row.figures for row in rows), strict=True))
    widths = [max(text_width(text, SMALL) for text in column) + COLUMN_GAP for column in cells]
    widths[0] += COLUMN_GAP
    right = MARGIN + sum(widths)
    many = len(rows) >= MANY_ROWS
    rows_height = len(rows) * row_height(len(rows))
    above = TOP_ROOM + (0.16 if many else 0)
    page = Page(
        theme,
        title=words.title,
        subtitle=words.subtitle,
        footnotes=words.footnotes,
        keys=keys,
        body=AXIS_ROOM + rows_height + above,
    )
    axes = page.axes(left, AXIS_ROOM, WIDTH - left - right, rows_height)
    label_rows(axes, theme, labels)
    axes.tick_params(axis="x", top=False, labeltop=many)
    column_end = WIDTH - left - right
    for column, width in zip(cells, widths, strict=True):
        column_end += width
        _figures(axes, theme, column, rows, column_end / (WIDTH - left - right))
    return page, axes, rows


def fitting(words: Words, rows: Sequence[Row]) -> tuple[Words, Sequence[Row]]:
    """Leave out rows that a picture has no room for, and say so in the footnotes."""
    if len(rows) <= MOST_ROWS:
        return words, rows
    said = f"Drawn: the first {MOST_ROWS} of {len(rows):,} rows."
    return replace(words, footnotes=(said, *words.footnotes)), rows[:MOST_ROWS]


def label_rows(axes: Axes, theme: Theme, labels: Sequence[str]) -> None:
    """Set up the rows from the top, with a label and a guide line for each."""
    places = range(len(labels))
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(places, labels, parse_math=False, fontsize=TEXT, color=theme.ink)
    axes.grid(axis="x", color=theme.grid, linewidth=0.9)
    axes.hlines(places, 0, 1, transform=axes.get_yaxis_transform(), color=theme.grid, linewidth=0.6, zorder=0.5)


def row_labels(rows: Sequence[Row]) -> list[str]:
    """Return `name (note)` of each row, cut to the widest label a page takes."""
    notes = [f" ({row.note})" if row.note else "" for row in rows]
    room = [WIDEST_LABEL - text_width(note, TEXT) for note in notes]
    names = elided([row.name for row in rows], room, TEXT)
    return [name + note for name, note in zip(names, notes, strict=True)]


def draw_dots(axes: Axes, rows: Sequence[Row], theme: Theme) -> None:
    """Draw each estimate as its marker on the line of its interval."""
    draw_intervals(axes, rows, theme, width=1.8)
    for place, row in enumerate(rows):
        if row.drawable:
            (dot,) = axes.plot([row.value], [place], row.look.marker, markersize=7.5, color=row.look.colour, zorder=4)
            dot.set(markeredgecolor=theme.ink, markeredgewidth=0.8, clip_on=False)


def draw_bars(axes: Axes, rows: Sequence[Row], theme: Theme) -> None:
    """Draw each estimate as a hatched bar from zero with the line of its interval on its end."""
    for place, row in enumerate(rows):
        if row.drawable:
            (bar,) = axes.barh([place], [row.value], height=BAR, color=row.look.colour, linewidth=0.6, zorder=2)
            bar.set(edgecolor=EDGE, hatch=row.look.hatch)
    draw_intervals(axes, rows, theme, width=1.4)


def draw_intervals(axes: Axes, rows: Sequence[Row], theme: Theme, *, width: float) -> None:
    """Draw the line of each interval, set off from what lies under it."""
    drawn = [(place, row.low, row.high) for place, row in enumerate(rows) if row.drawable]
    if drawn:
        places, lows, highs = zip(*drawn, strict=True)
        axes.hlines(places, lows, highs, color=theme.background, linewidth=width + 2.2, zorder=2.8)
        axes.hlines(places, lows, highs, color=theme.ink, linewidth=width, zorder=3, gid="intervals")


def row_height(rows: int) -> float:
    """Return the height of one of so many rows, in inches."""
    return 0.42 if rows <= 4 else 0.33 if rows <= 12 else 0.26


def _figures(axes: Axes, theme: Theme, column: Sequence[str], rows: Sequence[Row], right: float) -> None:
    placed: dict[str, Any] = {
        "transform": axes.get_yaxis_transform(),
        "ha": "right",
        "va": "center_baseline",
        "fontsize": SMALL,
        "parse_math": False,
    }
    for place, (text, row) in enumerate(zip(column[1:], rows, strict=True)):
        axes.text(right, place, text, color=theme.ink if row.drawable else theme.muted, **placed)
    axes.text(right, -0.5 - 0.13 / row_height(len(rows)), column[0], color=theme.muted, **placed)

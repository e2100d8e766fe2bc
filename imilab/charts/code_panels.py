"""Rows in several panels side by side, all on one scale: the same share has the same length in every panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from imilab.charts.labels import text_width, tick, wrapped
from imilab.charts.page import MARGIN, SMALL_LINE, WIDTH, Page
from imilab.charts.picture import Chart
from imilab.charts.row_axes import AXIS_ROOM, GAP, Row, Words, draw_bars, fitting, label_rows, row_height, row_labels
from imilab.charts.theme import SMALL, TEXT, Theme

__all__ = ["MOST_PANELS", "Panel", "panel_page"]

MOST_PANELS = 5
BETWEEN, FIGURES, NARROWEST = 0.14, 0.5, 0.72
STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Panel:
    """One panel: its words, and a row for every label of the page."""

    title: str
    rows: Sequence[Row]

    @property
    def highest(self) -> float:
        """The end of the longest interval."""
        return max((row.high for row in self.rows if row.drawable), default=0.01)


def panel_page(theme: Theme, words: Words, panels: Sequence[Panel], axis: str) -> Chart:
    """Draw panels beside each other, with the rows' labels on the left."""
    words, first = fitting(words, panels[0].rows)
    labels = row_labels(first)
    left = MARGIN + max(text_width(label, TEXT) for label in labels) + GAP
    widths, inches = _widths(panels, WIDTH - left - MARGIN)
    titles = [wrapped(panel.title, width, SMALL) for panel, width in zip(panels, widths, strict=True)]
    above = max(len(lines) for lines in titles) * SMALL_LINE + 0.1
    height = len(first) * row_height(len(first))
    page = Page(
        theme,
        title=words.title,
        subtitle=words.subtitle,
        footnotes=words.footnotes,
        body=AXIS_ROOM + height + above,
    )
    step = next((step for step in STEPS if step * inches >= 0.45), 1.0)
    for panel, width, lines in zip(panels, widths, titles, strict=True):
        axes = page.axes(left, AXIS_ROOM, width, height)
        label_rows(axes, theme, labels if panel is panels[0] else [""] * len(labels))
        rows = panel.rows[: len(first)]
        draw_bars(axes, rows, theme)
        _write_figures(axes, theme, rows, inches)
        steps = [number * step for number in range(int((width - 0.24) / inches / step) + 1)]
        axes.set_xticks(steps, [tick(share, step) for share in steps])
        axes.set_xlim(0, width / inches)
        axes.set_title("\n".join(lines), loc="left", fontsize=SMALL, color=theme.ink, pad=5, parse_math=False)
        left += width + BETWEEN
    page.figure.axes[0].set_xlabel(axis, labelpad=6, loc="left")
    return page.figure


def _widths(panels: Sequence[Panel], room: float) -> tuple[list[float], float]:
    """Share the room out: as many inches for a share of 1 as fit, the same in every panel."""

    def widths(inches: float) -> list[float]:
        return [max(NARROWEST, panel.highest * inches + FIGURES) for panel in panels]

    room -= BETWEEN * (len(panels) - 1)
    fitting, too_wide = 0.0, 1000.0
    for _ in range(50):
        middle = (fitting + too_wide) / 2
        fitting, too_wide = (middle, too_wide) if sum(widths(middle)) <= room else (fitting, middle)
    return widths(fitting), fitting


def _write_figures(axes: Axes, theme: Theme, rows: Sequence[Row], inches: float) -> None:
    for place, row in enumerate(rows):
        axes.text(
            row.high + 0.06 / inches if row.drawable else 0, place, row.figures[0], va="center_baseline",
            fontsize=SMALL - 0.5, color=theme.ink if row.drawable else theme.muted, parse_math=False,
        )  # fmt: skip

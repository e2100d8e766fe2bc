"""Charts: matplotlib figures with intervals, n and an alternative text, drawn from rate tables and comparisons.

Every chart is a `matplotlib.figure.Figure` that shows itself in a notebook; pyplot is never used.
"""

from __future__ import annotations

from imilab.charts.code_bars import error_codes
from imilab.charts.difference_forest import difference
from imilab.charts.outcome_bars import outcomes
from imilab.charts.picture import alt_text, show, to_html, to_png, to_svg
from imilab.charts.rate_intervals import rates
from imilab.charts.ring_curves import ring_times
from imilab.charts.time_lines import over_time

__all__ = [
    "alt_text",
    "difference",
    "error_codes",
    "outcomes",
    "over_time",
    "rates",
    "ring_times",
    "show",
    "to_html",
    "to_png",
    "to_svg",
]

"""Charts: matplotlib figures with intervals, n and an alternative text, drawn from rate tables and comparisons.

Every chart is a `matplotlib.figure.Figure` that shows itself in a notebook; pyplot is never used.
"""

from __future__ import annotations

from imilab.charts.code_bars import error_codes
from imilab.charts.difference_forest import difference
from imilab.charts.health_shares import health
from imilab.charts.outcome_bars import outcomes
from imilab.charts.picture import alt_text, show, to_html, to_png, to_svg
from imilab.charts.plan_curve import plan
from imilab.charts.rate_intervals import rates
from imilab.charts.ring_curves import ring_times
from imilab.charts.time_lines import over_time
from imilab.charts.watching_path import watching

__all__ = [
    "alt_text",
    "difference",
    "error_codes",
    "health",
    "outcomes",
    "over_time",
    "plan",
    "rates",
    "ring_times",
    "show",
    "to_html",
    "to_png",
    "to_svg",
    "watching",
]

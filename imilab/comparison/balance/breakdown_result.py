"""The result of `breakdown`: one row a segment, the sentence that names the greatest, and views."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imilab import tables

__all__ = ["Breakdown"]


@dataclass(frozen=True, eq=False, repr=False)
class Breakdown(tables.Table):
    """A difference, segment by segment; made by `breakdown`. Exploratory.

    Attributes
    ----------
    rows : DataFrame
        One row for each arm but the baseline and each segment, the greatest contribution first: the segment's columns,
        ``arm, baseline, count, n, rate, baseline_count, baseline_n, baseline_rate, estimate, low, high, shrunken,
        shrunken_low, shrunken_high, p, p_adjusted, rate_effect, composition_effect, contribution``. Fractions. The
        contributions of an arm sum to its difference.
    summary : DataFrame
        One row for each arm but the baseline: ``arm, baseline, difference, low, high, rate_effect, composition_effect,
        segment, contribution, heterogeneity_p``; `segment` is the one that explains most.
    by : tuple of str
        The segment's columns.
    outcome, arm, baseline, denominator, confidence
        As asked for.
    endings : bool
        Whether the segments say what became of the calls that were no success.
    warnings, footnotes : tuple of str
        What to know before it is believed; definitions and methods.
    """

    rows: pd.DataFrame
    summary: pd.DataFrame
    by: tuple[str, ...]
    outcome: str
    phrase: str
    arm: str
    baseline: Any
    denominator: str
    confidence: float
    endings: bool
    warnings: tuple[str, ...]
    footnotes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Which segment explains most of each arm's difference."""
        return " ".join(self._sentence(row) for row in self.summary.to_dict("records"))

    def _sentence(self, row: dict[Any, Any]) -> str:
        names = tables.name(row["arm"]), tables.name(row["baseline"])
        told = row["low"] > 0 or row["high"] < 0
        whole = (
            f"{names[0]} {self.phrase} {tables.points(row['difference'])} against {names[1]} "
            f"({tables.level(self.confidence)} interval {tables.points_range(row['low'], row['high'])}"
            f"{'' if told else ', so chance alone may have made it'})."
        )
        by = ", ".join(self.by)
        if row["segment"] is None:
            return f"{whole} There is no segment to explain it."
        share = row["contribution"] / row["difference"] if row["difference"] else float("nan")
        part = f" ({tables.percent(round(share, 9))} of it)" if 0 < share <= 1 + 1e-9 else ""
        if not self.endings:
            whole += (
                f" Different rates within {by} make {tables.points(row['rate_effect'])}, a different mix of {by} "
                f"{tables.points(row['composition_effect'])}."
            )
        most = f"By {by}, {row['segment']} explains most: {tables.points(row['contribution'])}{part}."
        return f"{whole} {most}{self._varies(row['heterogeneity_p'])}"

    def _varies(self, p: float) -> str:
        if math.isnan(p):
            return ""
        varies = "vary more than" if p <= 1 - self.confidence else "do not vary more than"
        text = tables.p_value(p)
        shown = f"p {text[0]} {text[1:]}" if text[0] in "<>" else f"p = {text}"
        return f" The segments' differences {varies} chance lets them (Cochran's Q, {shown})."

    @property
    def caption(self) -> str:
        """The verdict."""
        return f"Exploratory. {self.verdict}"

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings, then the footnotes."""
        return (*(f"Careful: {text}" for text in self.warnings), *self.footnotes)

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `rows`."""
        return self.rows.copy()

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown; see `Table`."""
        several = len(self.summary) > 1
        return [self._row(row, several=several) for row in self.rows.to_dict("records")]

    def _row(self, row: dict[Any, Any], *, several: bool) -> dict[str, str]:
        level = tables.level(self.confidence)
        label = "share" if self.endings else "rate"
        shown = {name: tables.name(row[name]) for name in self.by}
        if several:
            shown["arm"] = tables.name(row["arm"])
        shown |= {
            f"{label} (n)": f"{tables.percent(row['rate'])} ({tables.count(row['n'])})",
            f"baseline {label} (n)": f"{tables.percent(row['baseline_rate'])} ({tables.count(row['baseline_n'])})",
            "difference": tables.points(row["estimate"]),
            f"{level} interval": tables.points_range(row["low"], row["high"]),
        }
        if not self.endings:
            shown["shrunken"] = tables.points(row["shrunken"])
        shown |= {
            "BH-adjusted p": tables.p_value(row["p_adjusted"]),
            "contribution": tables.points(row["contribution"]),
        }
        return shown

    def __repr__(self) -> str:
        return f"Breakdown({self.outcome!r} by {', '.join(self.by)}, {len(self.rows)} rows)"

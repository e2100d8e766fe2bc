"""The result of a comparison: data, verdict and views."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from imilab import tables
from imilab.comparison.arm_table import composition
from imilab.comparison.crossing import Crossed
from imilab.comparison.verdict import Omnibus

__all__ = ["Comparison"]


@dataclass(frozen=True, eq=False, repr=False)
class Comparison(tables.Table):
    """Arms beside a baseline; made by `compare`.

    Attributes
    ----------
    arms : DataFrame
        One row an arm, the baseline first: ``arm, count, n, rate, low, high, pending, pending_share, numbers``. Rates
        are fractions; `numbers` (Int64) counts the different phone numbers among the `n` calls, missing where unknown.
        Then ``icc, design_effect, effective_n`` (how alike the calls of one number are, by how much that inflates the
        variance, and the independent calls that are worth the same) and ``unknown, bound_low, bound_high`` (pending
        and lost calls, and the rate if none or all of them were successes).
    differences : DataFrame
        One row for each arm but the baseline: ``metric, arm, baseline, method, estimate, low, high, p, p_adjusted, n,
        numbers, pending, warnings``. Differences are fractions (0.031 is 3.1 points); `n`, `numbers` and `pending` are
        those of the two arms together. Then ``ratio, ratio_low, ratio_high`` (arm by baseline), ``bound_low,
        bound_high`` (the difference over all fates of pending and lost calls), ``margin, p_margin`` (one-sided),
        ``p_mid`` (Fisher's mid-p, for tiny tables only) and ``reason`` (why there is no interval). Where `method` is
        ``none``, interval and p are missing.
    outcome : str
        What was compared, such as ``answered`` or ``completed``.
    arm : str
        The column that tells the arms apart.
    baseline : object
        The baseline's value in that column.
    denominator : str
        What `n` counts.
    confidence : float
        Coverage of the intervals; 1 less it is the level of the test.
    warnings : tuple of str
        What to know before the result is believed.
    footnotes : tuple of str
        Definitions and methods.
    verdict : str
        What was found and how sure it is, with the warnings that bear on it.
    estimand : str
        What the difference is a difference of.
    layout : str
        How phone numbers met the arms: ``once``, ``fixed`` or ``varying``.
    crossed : Crossed or None
        The numbers that were left out as they met several arms against their design.
    counts : DataFrame
        The compared calls by arm (``by0``), ``outcome`` and ``end``.
    details : tuple of str
        What repeated numbers are worth, and how far pending and lost calls could move the differences.
    omnibus : Omnibus or None
        For more than two arms, the test of whether they differ at all.
    findings : tuple of str
        The verdict's sentences on what was found, without the warnings.
    """

    arms: pd.DataFrame
    differences: pd.DataFrame
    outcome: str
    arm: str
    baseline: Any
    denominator: str
    confidence: float
    warnings: tuple[str, ...]
    footnotes: tuple[str, ...]
    verdict: str
    estimand: str
    layout: str
    crossed: Crossed | None
    counts: pd.DataFrame
    details: tuple[str, ...]
    omnibus: Omnibus | None
    findings: tuple[str, ...]

    @property
    def caption(self) -> str:
        """The verdict."""
        return self.verdict

    @cached_property
    def composition(self) -> pd.DataFrame:
        """All outcomes of each arm: ``arm, outcome, count, n, rate, low, high, pending, pending_share``."""
        return composition(self.counts, self.arms["arm"], self.denominator, self.confidence)

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings that the verdict does not hold yet, outcomes and details of the arms, then the footnotes."""
        careful = (f"Careful: {text}" for text in self.warnings if text not in self.verdict)
        return (*careful, *self._outcomes(), *self.details, *self.footnotes)

    def _outcomes(self) -> list[str]:
        """Say of each arm what became of its calls."""
        said = []
        for arm in self.arms["arm"]:
            rows = self.composition[(self.composition["arm"] == arm) & (self.composition["count"] > 0)]
            listed = ", ".join(f"{row['outcome']} {tables.percent(row['rate'])}" for row in rows.to_dict("records"))
            if listed:
                said.append(f"Outcomes of {tables.name(arm)}, as shares of {self.denominator} calls: {listed}.")
        return said

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `differences`."""
        return self.differences.copy()

    def table(self) -> pd.DataFrame:
        """Return one row an arm with its rate and its difference from the baseline.

        Returns
        -------
        DataFrame
            The first columns of `arms`, then ``difference, difference_low, difference_high, p, p_adjusted, ratio,
            ratio_low, ratio_high``; these are missing in the baseline's row.
        """
        new_names = {"estimate": "difference", "low": "difference_low", "high": "difference_high"}
        columns = ["arm", "estimate", "low", "high", "p", "p_adjusted", "ratio", "ratio_low", "ratio_high"]
        beside = self.differences[columns].rename(columns=new_names)
        shown = ["arm", "count", "n", "rate", "low", "high", "pending", "pending_share", "numbers", "effective_n"]
        return self.arms[shown].merge(beside, on="arm", how="left")

    def plot(self, **options: Any) -> Any:
        """Draw the differences with their intervals; `options` go to `imilab.charts.difference`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from imilab import charts

        return charts.difference(self, **options)

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown; see `Table`."""
        level = tables.level(self.confidence)
        adjusted = len(self.differences) > 1
        return [
            {
                "arm": tables.name(row["arm"]),
                "count": tables.count(row["count"]),
                "n": tables.count(row["n"]),
                self.outcome: tables.percent(row["rate"]),
                f"{level} interval": tables.percent_range(row["low"], row["high"]) if row["n"] else tables.MISSING,
                "pending": f"{tables.count(row['pending'])} ({tables.percent(row['pending_share'])})",
                "numbers": tables.MISSING if pd.isna(row["numbers"]) else tables.count(row["numbers"]),
                "difference": "baseline" if index == 0 else tables.points(row["difference"]),
                f"{level} interval of the difference": tables.points_range(
                    row["difference_low"], row["difference_high"]
                ),
                "ratio": _ratio(row["ratio"], row["ratio_low"], row["ratio_high"]),
                "Holm-adjusted p" if adjusted else "p": tables.p_value(row["p_adjusted"]),
            }
            for index, row in enumerate(self.table().to_dict("records"))
        ]

    def __repr__(self) -> str:
        return f"Comparison({self.outcome!r} by {self.arm!r}, {len(self.arms)} arms, baseline {self.baseline!r})"


def _ratio(ratio: float, low: float, high: float) -> str:
    """Return a ratio with its interval as text."""
    if math.isnan(ratio) and math.isnan(low):
        return tables.MISSING
    return f"{_times(ratio)} ({_times(low)} to {_times(high)})" if not math.isnan(low) else _times(ratio)


def _times(ratio: float) -> str:
    return tables.MISSING if math.isnan(ratio) else "∞" if math.isinf(ratio) else f"{ratio:.3g}"

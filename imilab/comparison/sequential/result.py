"""What watching a comparison shows: where it stands, whether it may stop, and the views."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imilab import tables

__all__ = ["Monitoring"]

_MOST_SHOWN = 1e6


@dataclass(frozen=True, eq=False, repr=False)
class Monitoring(tables.Table):
    """Where a comparison stands; made by `imilab.monitor`.

    Attributes
    ----------
    rows : DataFrame
        One row for each arm but the baseline: ``metric, arm, baseline, method, decision, look`` (planned looks taken,
        or pairs read), ``looks`` (planned, missing for pairs), ``statistic`` (z, or the e-value now), ``most`` (the
        largest e-value so far; missing for looks), ``bound`` (where it stops), ``estimate, low, high`` (arm less
        baseline, with an interval that holds at all looks at once), ``p`` (valid at all looks), ``p_adjusted`` (times
        the number of comparisons), ``n`` (resolved calls in it), ``numbers`` (phone numbers, Int64), ``pending``
        (awaited calls), ``set_aside`` (pairs, or calls for looks) and ``warnings``.
    path : DataFrame
        How it came there: one row for each arm and look (``arm, look, n, information, statistic, bound, estimate, low,
        high, crossed``), or for each arm and pair (``arm, pair, wins, losses, e_value``).
    planned : DataFrame
        The looks as planned: ``look, n, bound``; empty for pairs.
    margin : float or None
        The difference that is to be ruled out.
    decision : str
        ``stop`` (a bound was crossed in every comparison, or the plan is complete) or ``go on``.
    verdict : str
        The decision in words.
    outcome, arm : str
        What is watched, and the column that tells the arms apart.
    baseline : object
        The baseline's value in that column; None where it was not given and fewer than two arms have calls.
    confidence : float
        Coverage of each interval, at all looks at once.
    warnings : tuple of str
        What to know before it is believed.
    footnotes : tuple of str
        Definitions and methods.
    """

    rows: pd.DataFrame
    path: pd.DataFrame
    planned: pd.DataFrame
    margin: float | None
    decision: str
    verdict: str
    outcome: str
    arm: str
    baseline: Any
    confidence: float
    warnings: tuple[str, ...]
    footnotes: tuple[str, ...]

    @property
    def caption(self) -> str:
        """The decision in words."""
        return self.verdict

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings, then the footnotes."""
        return (*(f"Careful: {text}" for text in self.warnings), *self.footnotes)

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `rows`."""
        return self.rows.copy()

    def plot(self, **options: Any) -> Any:
        """Draw the path and where it stops; `options` go to `imilab.charts.watching`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from imilab.charts.watching_path import watching

        return watching(self, **options)

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown; see `Table`."""
        return [self._shown(row) for row in self.rows.to_dict("records")] or [{"decision": self.decision}]

    def _shown(self, row: dict[Any, Any]) -> dict[str, str]:
        planned = not pd.isna(row["looks"])
        looked = (
            {"look": f"{row['look']} of {row['looks']}", "z": _number(row["statistic"]), "bound": _number(row["bound"])}
            if planned
            else {
                "pairs": tables.count(row["look"]),
                "e-value": _number(row["statistic"]),
                "largest": _number(row["most"]),
                "stops at": _number(row["bound"]),
            }
        )
        told = math.isfinite(row["estimate"])
        return {
            "arm": tables.name(row["arm"]),
            **looked,
            "calls": tables.count(row["n"]),
            "difference": tables.points(row["estimate"]),
            f"{tables.level(self.confidence)} interval": tables.points_range(row["low"], row["high"])
            if told
            else tables.MISSING,
            "p": tables.p_value(row["p_adjusted"]),
            "decision": row["decision"],
        }

    def __repr__(self) -> str:
        return f"Monitoring({self.outcome!r} by {self.arm!r}: {self.decision})"


def _number(value: float) -> str:
    if math.isnan(value) or value == math.inf:
        return tables.MISSING if math.isnan(value) else "out of reach"
    return f"{value:.2f}".replace("-", "−") if abs(value) < _MOST_SHOWN else ">1,000,000"

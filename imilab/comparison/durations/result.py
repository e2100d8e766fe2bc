"""The result of `durations`: data, a sentence and views."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from imilab import tables

__all__ = ["Durations"]


@dataclass(frozen=True, eq=False, repr=False)
class Durations(tables.Table):
    """Ring and talk times of arms, the baseline first; made by `durations`. Seconds and fractions throughout.

    Attributes
    ----------
    arms : DataFrame
        One row an arm: ``arm, calls`` (placed), ``rang`` (analysed), ``answered, still_ringing`` (censored),
        ``untimed`` and ``end_unknown`` (not analysed).
    curves : DataFrame
        ``arm, cause, seconds, incidence, low, high, at_risk``: by how many seconds which share of the ringing calls had
        ended how; the cause ``ringing`` is the share that still rings.
    incidences : DataFrame
        The same by the horizon: ``arm, cause, events, estimate, low, high``.
    differences : DataFrame
        Incidences by the horizon less the baseline's: ``arm, cause, estimate, low, high``.
    restricted_means : DataFrame
        Mean seconds up to the horizon: ``quantity, arm, estimate, standard_error, low, high, difference,
        difference_low, difference_high, p, p_adjusted``. In "seconds until answered" a call that fails counts with the
        whole horizon; "ring seconds" ends with any end.
    tests : DataFrame
        ``method, cause, arm, statistic, df, p, p_adjusted``; `arm` is missing where all arms are tested together.
    talk : DataFrame
        Talk times of answered calls, a description: ``arm, n, unknown, mean, q10, q25, q50, q75, q90, shift, shift_low,
        shift_high``.
    comparisons : DataFrame
        One row a comparison with the baseline: ``metric, arm, baseline, method, estimate, low, high, p, p_adjusted, n,
        numbers, pending, warnings``.
    arm : str
        The column that tells the arms apart.
    horizon_seconds : float
        Up to where incidences and means are taken.
    confidence : float
        Coverage of the intervals.
    warnings, footnotes : tuple of str
        What to know before the result is believed; definitions and methods.
    verdict : str
        What was found, in words.
    """

    arms: pd.DataFrame
    curves: pd.DataFrame
    incidences: pd.DataFrame
    differences: pd.DataFrame
    restricted_means: pd.DataFrame
    tests: pd.DataFrame
    talk: pd.DataFrame
    comparisons: pd.DataFrame
    arm: str
    baseline: Any
    horizon_seconds: float
    confidence: float
    warnings: tuple[str, ...]
    footnotes: tuple[str, ...]
    verdict: str

    @property
    def caption(self) -> str:
        """The verdict."""
        return self.verdict

    @property
    def notes(self) -> tuple[str, ...]:
        """The warnings, then the footnotes."""
        return (*(f"Careful: {text}" for text in self.warnings), *self.footnotes)

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `comparisons`."""
        return self.comparisons.copy()

    def plot(self, **options: Any) -> Any:
        """Draw the curves; `options` go to `imilab.charts.ring_times`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from imilab.charts.ring_curves import ring_times

        return ring_times(self, **options)

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown: one row an arm; see `Table`."""
        answered = self.incidences[self.incidences["cause"] == "answered"].to_dict("records")
        wait, ring = (
            self.restricted_means[self.restricted_means["quantity"] == name].to_dict("records")
            for name in ("seconds until answered", "ring seconds")
        )
        whole = zip(self.arms.to_dict("records"), answered, wait, ring, self.talk.to_dict("records"), strict=True)
        return [self._row(*parts) for parts in whole]

    def _row(self, arm: Any, answered: Any, wait: Any, ring: Any, talk: Any) -> dict[str, str]:
        level, horizon = tables.level(self.confidence), f"{self.horizon_seconds:g} s"
        first = arm["arm"] == self.baseline
        row = {
            "arm": tables.name(arm["arm"]),
            "rang": tables.count(arm["rang"]),
            f"answered within {horizon}": tables.percent(answered["estimate"]) if arm["rang"] else tables.MISSING,
            f"{level} interval": tables.percent_range(answered["low"], answered["high"]),
            "mean wait for an answer": seconds(wait["estimate"]),
            "difference": "baseline" if first else seconds(wait["difference"], signed=True),
            f"{level} interval of the difference": seconds_range(wait["difference_low"], wait["difference_high"]),
            "mean ring": seconds(ring["estimate"]),
            "median talk": seconds(talk["q50"]),
            "talk shift": "baseline" if first else seconds(talk["shift"], signed=True),
        }
        alone = len(self.arms) == 1
        return {name: text for name, text in row.items() if not (alone and ("difference" in name or "shift" in name))}

    def __repr__(self) -> str:
        return f"Durations(by {self.arm!r}, {len(self.arms)} arms, to {self.horizon_seconds:g} s)"


def seconds(value: float, *, signed: bool = False) -> str:
    """Return seconds as text.

    Examples
    --------
    >>> seconds(12.345), seconds(-0.52, signed=True), seconds(float("nan"))
    ('12.3 s', '−0.5 s', '—')
    """
    if math.isnan(value):
        return tables.MISSING
    text = f"{abs(value):.1f}" if abs(value) >= 0.1 or value == 0 else f"{abs(value):.2g}"
    sign = "" if float(text) == 0 else "−" if value < 0 else "+" if signed else ""
    return f"{sign}{text} s"


def seconds_range(low: float, high: float) -> str:
    """Return two differences in seconds as a range.

    Examples
    --------
    >>> seconds_range(-1.25, 0.5)
    '−1.2 to +0.5 s'
    """
    if math.isnan(low):
        return tables.MISSING
    return f"{seconds(low, signed=True).removesuffix(' s')} to {seconds(high, signed=True)}"

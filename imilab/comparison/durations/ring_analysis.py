"""Ring times compared: curves, incidences by a horizon, restricted means and tests, each as a tidy DataFrame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

from imilab.comparison.adjustment import benjamini_hochberg, holm
from imilab.comparison.durations.competing import Incidence, cumulative_incidence
from imilab.comparison.durations.group_tests import GroupTest, gray, logrank
from imilab.comparison.durations.reading import Arms, RingTimes
from imilab.comparison.durations.risk_table import Floats
from imilab.comparison.durations.survival import loglog_interval
from imilab.intervals import wilson

__all__ = ["REFERENCES", "RINGING", "RING_MEAN", "WAIT", "RingAnalysis"]

RINGING = "ringing"
WAIT = "seconds until answered"
RING_MEAN = "ring seconds"
REFERENCES = {
    "incidence": (
        "Cumulative incidence: Aalen and Johansen (1978), variance by the delta method with ties corrected (as in "
        "cmprsk), interval on the log-log scale, Wilson's where nothing or everything has happened"
    ),
    "difference": "difference by MOVER, square-and-add of these intervals: Zou and Donner (2008)",
    "gray": "Gray (1988), cumulative incidence of answered",
    "logrank": "log-rank, Mantel (1966): the pace of answering while it rings",
    "restricted": "Restricted means: area between curve and horizon, Andersen (2013), normal interval",
}
_CURVE_POINTS = 400
_UNTESTED = GroupTest(float("nan"), 0, float("nan"))
_TEST_COLUMNS = ["method", "cause", "arm", "statistic", "df", "p", "p_adjusted"]


@dataclass(frozen=True)
class RingAnalysis:
    """What is computed of the ring times of some arms, the baseline first."""

    ring: RingTimes
    arms: Arms
    horizon: float
    confidence: float

    def fits(self) -> list[Incidence]:
        """Estimate the cumulative incidences of each arm."""
        ring, causes = self.ring, len(self.ring.causes)
        chosen = [ring.arm == number for number in range(len(self.arms.values))]
        return [cumulative_incidence(ring.seconds[some], ring.cause[some], causes=causes) for some in chosen]

    def curves(self, fits: list[Incidence]) -> pd.DataFrame:
        """Return ``arm, cause, seconds, incidence, low, high, at_risk``; the cause `ringing` is what has not ended.

        Where an arm has more than 400 distinct times up to the horizon, 400 of them are shown.
        """
        parts = []
        for number, fit in enumerate(fits):
            inside = fit.table.times[fit.table.times <= self.horizon]
            if len(inside) > _CURVE_POINTS:
                inside = inside[np.linspace(0, len(inside) - 1, _CURVE_POINTS).astype(int)]
            seconds = np.unique(np.concatenate([[0.0], inside, [self.horizon]]))
            mine = np.sort(self.ring.seconds[self.ring.arm == number])
            at_risk = len(mine) - np.searchsorted(mine, seconds, "left")
            for index, cause in enumerate(self.ring.causes, start=1):
                estimate = fit.at(index, seconds)
                low, high = self._interval(number, estimate, fit.variance_at(index, seconds), seconds)
                parts.append(self._part(number, cause, seconds, estimate, low, high, at_risk))
            still = fit.survival_at(seconds)
            unknown = np.full(len(seconds), np.nan)
            parts.append(self._part(number, RINGING, seconds, still, unknown, unknown, at_risk))
        return pd.concat(parts, ignore_index=True)

    def _part(self, number: int, cause: str, *columns: Any) -> pd.DataFrame:
        names = ("seconds", "incidence", "low", "high", "at_risk")
        return pd.DataFrame({"arm": self.arms.values[number], "cause": cause, **dict(zip(names, columns, strict=True))})

    def _interval(self, number: int, estimate: Floats, variance: Floats, seconds: Floats) -> tuple[Floats, Floats]:
        low, high = loglog_interval(estimate, np.sqrt(variance), self.confidence)
        mine = self.ring.arm == number
        censored = np.sort(self.ring.seconds[mine & (self.ring.cause == 0)])
        known = int(mine.sum()) - np.searchsorted(censored, seconds, "left")
        edge = np.isnan(low)
        count = np.where(estimate > 0.5, known, 0)
        wilson_low, wilson_high = wilson(count, known, self.confidence)
        return np.where(edge, wilson_low, low), np.where(edge, wilson_high, high)

    def incidences(self, fits: list[Incidence]) -> pd.DataFrame:
        """Return the incidence of each cause by the horizon: ``arm, cause, events, estimate, low, high``."""
        at = np.array([self.horizon])
        rows = []
        for number, fit in enumerate(fits):
            mine = (self.ring.arm == number) & (self.ring.seconds <= self.horizon)
            for index, cause in enumerate(self.ring.causes, start=1):
                estimate = fit.at(index, at) if len(fit.table.times) else np.array([np.nan])
                low, high = self._interval(number, estimate, fit.variance_at(index, at), at)
                events = int((mine & (self.ring.cause == index)).sum())
                rows.append((self.arms.values[number], cause, events, estimate[0], low[0], high[0]))
        return pd.DataFrame(rows, columns=["arm", "cause", "events", "estimate", "low", "high"])

    def differences(self, incidences: pd.DataFrame) -> pd.DataFrame:
        """Return each arm's incidences less the baseline's: ``arm, cause, estimate, low, high``."""
        width, count = len(self.ring.causes), len(self.arms.values)
        estimate, low, high = (
            incidences[name].to_numpy().reshape(count, width) for name in ("estimate", "low", "high")
        )
        gap = estimate[1:] - estimate[0]
        lower = gap - np.hypot(estimate[1:] - low[1:], high[0] - estimate[0])
        upper = gap + np.hypot(high[1:] - estimate[1:], estimate[0] - low[0])
        return pd.DataFrame(
            {
                "arm": [value for value in self.arms.values[1:] for _ in range(width)],
                "cause": list(self.ring.causes) * (count - 1),
                "estimate": gap.ravel(),
                "low": np.clip(lower, -1, 1).ravel(),
                "high": np.clip(upper, -1, 1).ravel(),
            }
        )

    def restricted_means(self, fits: list[Incidence]) -> pd.DataFrame:
        """Return mean seconds up to the horizon, of the wait for an answer and of ringing, beside the baseline's.

        ``quantity, arm, estimate, standard_error, low, high, difference, difference_low, difference_high, p,
        p_adjusted``
        """
        z = NormalDist().inv_cdf(0.5 + self.confidence / 2)
        rows = []
        for quantity, each in self._means(fits):
            mean, error = (np.array(column) for column in zip(*each, strict=True))
            gap, spread = mean - mean[0], np.hypot(error, error[0])
            gap[0] = spread[0] = np.nan
            p = _two_sided(gap, spread)
            rows.append(
                pd.DataFrame(
                    {
                        "quantity": quantity,
                        "arm": self.arms.values,
                        "estimate": mean,
                        "standard_error": error,
                        "low": np.clip(mean - z * error, 0, self.horizon),
                        "high": np.clip(mean + z * error, 0, self.horizon),
                        "difference": gap,
                        "difference_low": gap - z * spread,
                        "difference_high": gap + z * spread,
                        "p": p,
                        "p_adjusted": holm(p),
                    }
                )
            )
        return pd.concat(rows, ignore_index=True)

    def _means(self, fits: list[Incidence]) -> Iterator[tuple[str, list[tuple[float, float]]]]:
        yield WAIT, [self._mean_before(fit) for fit in fits]
        ended = np.minimum(self.ring.cause, 1)
        chosen = [self.ring.arm == number for number in range(len(fits))]
        any_end = [cumulative_incidence(self.ring.seconds[some], ended[some]) for some in chosen]
        yield RING_MEAN, [self._mean_before(fit) for fit in any_end]

    def _mean_before(self, fit: Incidence) -> tuple[float, float]:
        if not len(fit.table.times):
            return float("nan"), float("nan")
        area, error = fit.time_in(1, self.horizon)
        return self.horizon - area, error

    def tests(self) -> pd.DataFrame:
        """Return ``method, cause, arm, statistic, df, p, p_adjusted``.

        Gray's test of answered over all arms first, then of each arm against the baseline (Holm), the log-rank test of
        answered over all arms, and Gray's test of every other cause (Benjamini and Hochberg, exploratory).
        """
        ring, values = self.ring, self.arms.values
        if len(np.unique(ring.arm)) < 2:
            return pd.DataFrame(columns=_TEST_COLUMNS)
        whole = gray(ring.seconds, ring.cause, ring.arm)
        rows = [self._test("gray", 1, None, whole, whole.p)]
        pairs = []
        for number in range(1, len(values)):
            both = (ring.arm == 0) | (ring.arm == number)
            told = len(np.unique(ring.arm[both])) == 2
            pairs.append(gray(ring.seconds[both], ring.cause[both], ring.arm[both]) if told else _UNTESTED)
        adjusted = holm([pair.p for pair in pairs])
        rows += [self._test("gray", 1, n, *found) for n, found in enumerate(zip(pairs, adjusted, strict=True), start=1)]
        pace = logrank(ring.seconds, ring.cause == 1, ring.arm)
        rows.append(self._test("logrank", 1, None, pace, pace.p))
        others = [gray(ring.seconds, ring.cause, ring.arm, of=index) for index in range(2, len(ring.causes) + 1)]
        explored = benjamini_hochberg([other.p for other in others])
        rows += [
            self._test("gray, exploratory", n, None, *found)
            for n, found in enumerate(zip(others, explored, strict=True), start=2)
        ]
        return pd.DataFrame(rows)

    def _test(self, method: str, cause: int, number: int | None, found: GroupTest, adjusted: float) -> dict[str, Any]:
        arm = None if number is None else self.arms.values[number]
        return {
            "method": method,
            "cause": self.ring.causes[cause - 1],
            "arm": arm,
            "statistic": found.statistic,
            "df": found.df,
            "p": found.p,
            "p_adjusted": adjusted,
        }


def _two_sided(gap: Floats, error: Floats) -> Floats:
    from scipy.special import ndtr

    with np.errstate(divide="ignore", invalid="ignore"):
        p: Floats = 2 * ndtr(-np.abs(gap / error))
    return np.where((error == 0) & (gap == 0), 1.0, p)

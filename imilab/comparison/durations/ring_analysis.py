"""Ring times compared: curves, incidences by a horizon, restricted means and tests, each as a tidy DataFrame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from imilab.comparison.durations.competing import Incidence, cumulative_incidence
from imilab.comparison.durations.number_errors import NumberErrors, number_errors
from imilab.comparison.durations.reading import Arms, RingTimes
from imilab.comparison.durations.ring_tests import holm_of_arms, ring_tests, scores_of
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
_EDGE = 1e-12


@dataclass(frozen=True)
class RingAnalysis:
    """What is computed of the ring times of some arms, the baseline first; of `clustered` calls between numbers."""

    ring: RingTimes
    arms: Arms
    horizon: float
    confidence: float
    clustered: bool

    @cached_property
    def fits(self) -> list[Incidence]:
        """The cumulative incidences of each arm."""
        ring, causes = self.ring, len(self.ring.causes)
        chosen = [ring.arm == number for number in range(len(self.arms.values))]
        return [cumulative_incidence(ring.seconds[some], ring.cause[some], causes=causes) for some in chosen]

    @cached_property
    def errors(self) -> NumberErrors | None:
        """The errors between numbers; None where every call counts as independent."""
        if not self.clustered:
            return None
        arms = len(self.arms.values)
        return number_errors(self.ring, arms, self.horizon, self._seconds, scores_of(self.ring, arms))

    @cached_property
    def _seconds(self) -> list[Floats]:
        """The times of each arm's curves; the last is the horizon."""
        found = []
        for fit in self.fits:
            inside = fit.table.times[fit.table.times <= self.horizon]
            if len(inside) > _CURVE_POINTS:
                inside = inside[np.linspace(0, len(inside) - 1, _CURVE_POINTS).astype(int)]
            found.append(np.unique(np.concatenate([[0.0], inside, [self.horizon]])))
        return found

    def tests(self) -> pd.DataFrame:
        """Return the tests of all arms and of each against the baseline; see `ring_tests`."""
        return ring_tests(self.ring, self.arms, self.errors)

    def curves(self) -> pd.DataFrame:
        """Return ``arm, cause, seconds, incidence, low, high, at_risk``; the cause `ringing` is what has not ended.

        Where an arm has more than 400 distinct times up to the horizon, 400 of them are shown.
        """
        parts = []
        for number, (fit, seconds) in enumerate(zip(self.fits, self._seconds, strict=True)):
            mine = np.sort(self.ring.seconds[self.ring.arm == number])
            at_risk = len(mine) - np.searchsorted(mine, seconds, "left")
            for index, cause in enumerate(self.ring.causes, start=1):
                estimate = fit.at(index, seconds)
                low, high = self._interval(number, index)
                parts.append(self._part(number, cause, seconds, estimate, low, high, at_risk))
            still = fit.survival_at(seconds)
            unknown = np.full(len(seconds), np.nan)
            parts.append(self._part(number, RINGING, seconds, still, unknown, unknown, at_risk))
        return pd.concat(parts, ignore_index=True)

    def _part(self, number: int, cause: str, *columns: Any) -> pd.DataFrame:
        names = ("seconds", "incidence", "low", "high", "at_risk")
        return pd.DataFrame({"arm": self.arms.values[number], "cause": cause, **dict(zip(names, columns, strict=True))})

    def _interval(self, number: int, cause: int) -> tuple[Floats, Floats]:
        """Return the interval of an arm's incidence of a cause at the times of its curve."""
        seconds, mine = self._seconds[number], self.ring.arm == number
        estimate = self.fits[number].at(cause, seconds)
        if self.errors is None:
            error, worth = np.sqrt(self.fits[number].variance_at(cause, seconds)), 1.0
        else:
            wider = self.errors.as_normal(number, self.confidence)
            error = np.sqrt(self.errors.curve_variance(number, cause)) * wider
            worth = len(np.unique(self.ring.number[mine])) / max(int(mine.sum()), 1)
        low, high = loglog_interval(estimate, error, self.confidence)
        censored = np.sort(self.ring.seconds[mine & (self.ring.cause == 0)])
        known = (int(mine.sum()) - np.searchsorted(censored, seconds, "left")) * worth
        edge = (estimate <= _EDGE) | (estimate >= 1 - _EDGE)
        wilson_low, wilson_high = wilson(np.where(estimate > 0.5, known, 0), known, self.confidence)
        return np.where(edge, wilson_low, low), np.where(edge, wilson_high, high)

    def incidences(self) -> pd.DataFrame:
        """Return the incidence of each cause by the horizon: ``arm, cause, events, estimate, low, high``."""
        rows = []
        for number, fit in enumerate(self.fits):
            mine = (self.ring.arm == number) & (self.ring.seconds <= self.horizon)
            for index, cause in enumerate(self.ring.causes, start=1):
                estimate = float(fit.at(index, self.horizon)) if len(fit.table.times) else float("nan")
                low, high = self._interval(number, index)
                events = int((mine & (self.ring.cause == index)).sum())
                rows.append((self.arms.values[number], cause, events, estimate, low[-1], high[-1]))
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

    def restricted_means(self) -> pd.DataFrame:
        """Return mean seconds up to the horizon, of the wait for an answer and of ringing, beside the baseline's.

        ``quantity, arm, estimate, standard_error, low, high, difference, difference_low, difference_high, p,
        p_adjusted``
        """
        tail, rows = (1 + self.confidence) / 2, []
        for quantity, mean, error, spread, freedom, gap_freedom in self._means():
            gap = mean - mean[0]
            gap[0] = spread[0] = np.nan
            reach, gap_reach = stdtrit(freedom, tail) * error, stdtrit(gap_freedom, tail) * spread
            p = _two_sided(gap, spread, gap_freedom)
            rows.append(
                pd.DataFrame(
                    {
                        "quantity": quantity,
                        "arm": self.arms.values,
                        "estimate": mean,
                        "standard_error": error,
                        "low": np.clip(mean - reach, 0, self.horizon),
                        "high": np.clip(mean + reach, 0, self.horizon),
                        "difference": gap,
                        "difference_low": np.clip(gap - gap_reach, -self.horizon, self.horizon),
                        "difference_high": np.clip(gap + gap_reach, -self.horizon, self.horizon),
                        "p": p,
                        "p_adjusted": np.r_[np.nan, holm_of_arms(p[1:])],
                    }
                )
            )
        return pd.concat(rows, ignore_index=True)

    def _means(self) -> Iterator[tuple[str, Floats, Floats, Floats, Floats, Floats]]:
        """Yield each quantity with its means, errors, errors of the differences, and the freedom of both errors."""
        ended, arms = np.minimum(self.ring.cause, 1), range(len(self.fits))
        chosen = [self.ring.arm == number for number in arms]
        any_end = [cumulative_incidence(self.ring.seconds[some], ended[some]) for some in chosen]
        for quantity, short, fits in ((WAIT, "wait", self.fits), (RING_MEAN, "ring", any_end)):
            mean, error = (np.array(column) for column in zip(*map(self._mean_before, fits), strict=True))
            if self.errors is None:
                sure = np.full(len(mean), np.inf)
                yield quantity, mean, error, np.hypot(error, error[0]), sure, sure
                continue
            own = np.array([self.errors.mean_error(short, number) for number in arms])
            gaps = [self.errors.gap_error(short, number) for number in arms]
            spread, gap_freedom = (np.array(column) for column in zip(*gaps, strict=True))
            yield quantity, mean, own, spread, np.array([self.errors.freedom(each) for each in arms]), gap_freedom

    def _mean_before(self, fit: Incidence) -> tuple[float, float]:
        if not len(fit.table.times):
            return float("nan"), float("nan")
        area, error = fit.time_in(1, self.horizon)
        return self.horizon - area, error


def _two_sided(gap: Floats, error: Floats, freedom: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        p: Floats = 2 * stdtr(freedom, -np.abs(gap / error))
    return np.where((error == 0) & (gap == 0), 1.0, p)

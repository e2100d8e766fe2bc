"""How long something lasts when it ends in one way: Kaplan-Meier, its interval, the restricted mean."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from imilab.comparison.durations.risk_table import Floats, risk_table, steps_at
from imilab.errors import InvalidInputError
from imilab.intervals import check_confidence

__all__ = ["Survival", "kaplan_meier", "loglog_interval", "restricted_mean"]


@dataclass(frozen=True)
class Survival:
    """A Kaplan-Meier curve; made by `kaplan_meier`.

    Attributes
    ----------
    times : numpy.ndarray
        The distinct times with an event, in order.
    at_risk, events : numpy.ndarray
        How many were at risk just before each time, and how many of them had the event at it.
    survival : numpy.ndarray
        The chance of lasting beyond each time.
    standard_error : numpy.ndarray
        Of `survival`, by Greenwood's formula.
    """

    times: Floats
    at_risk: Floats
    events: Floats
    survival: Floats
    standard_error: Floats

    def at(self, seconds: ArrayLike) -> Floats:
        """Return the curve at some times."""
        return steps_at(self.times, self.survival, seconds, before=1.0)

    def standard_error_at(self, seconds: ArrayLike) -> Floats:
        """Return the curve's standard error at some times."""
        return steps_at(self.times, self.standard_error, seconds, before=0.0)

    def interval_at(self, seconds: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the log-log interval at some times; see `loglog_interval`."""
        return loglog_interval(self.at(seconds), self.standard_error_at(seconds), confidence)

    @property
    def median(self) -> float:
        """When the curve falls to a half; the middle of the stretch where it is a half exactly; NaN where it never is.

        The rule is that of R's survfit.
        """
        low = np.flatnonzero(self.survival < 0.5 + 1e-8)
        if not len(low):
            return float("nan")
        below = np.flatnonzero(self.survival < 0.5 - 1e-8)
        first = self.times[low[0]]
        exact = self.survival[low[0]] >= 0.5 - 1e-8
        return float((first + self.times[below[0]]) / 2 if exact and len(below) else first)


def kaplan_meier(time: ArrayLike, event: ArrayLike) -> Survival:
    """Estimate how long something lasts, some of it still lasting when it was last seen.

    Kaplan EL, Meier P (1958), "Nonparametric estimation from incomplete observations", JASA 53, 457-481; variance of
    Greenwood M (1926), "The natural duration of cancer", Reports on Public Health 33, 1-26.

    Parameters
    ----------
    time : array_like of float
        Until the event or the last sight.
    event : array_like of bool or 0, 1
        Whether it is the event.

    Returns
    -------
    Survival

    Raises
    ------
    InvalidInputError
        A time is negative or missing, or the lengths differ.

    Examples
    --------
    >>> curve = kaplan_meier([9, 13, 13, 18, 23, 28, 31, 34, 45, 48, 161], [1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 0])
    >>> curve.at([13, 20]).round(4).tolist(), curve.median
    ([0.8182, 0.7159], 31.0)
    """
    table = risk_table(time, np.asarray(event).astype(bool), causes=1)
    events = table.events
    survival = table.survival
    error: Floats = survival * np.sqrt(np.cumsum(_greenwood(events, table.at_risk)))
    return Survival(table.times, table.at_risk, events, survival, error)


def loglog_interval(estimate: ArrayLike, standard_error: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the interval of a probability by the log-log transformation.

    Kalbfleisch JD, Prentice RL (1980), "The Statistical Analysis of Failure Time Data", section 1.3. It stays between
    0 and 1; at 0 and at 1 the transformation does not exist, and both limits are NaN.

    Examples
    --------
    >>> low, high = loglog_interval(0.8181818, 0.1162913)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4474, 0.9512)
    """
    z = NormalDist().inv_cdf(0.5 + check_confidence(confidence) / 2)
    p, error = np.asarray(estimate, dtype=np.float64), np.asarray(standard_error, dtype=np.float64)
    inside = (p > 1e-12) & (p < 1 - 1e-12)
    safe = np.where(inside, p, 0.5)
    power = np.exp(z * error / (safe * -np.log(safe)))
    return np.where(inside, safe**power, np.nan), np.where(inside, safe ** (1 / power), np.nan)


def restricted_mean(curve: Survival, horizon: float) -> tuple[float, float]:
    """Return the mean time up to a horizon, the area under the curve, and its standard error.

    Irwin JO (1949), "The standard error of an estimate of expectation of life", Journal of Hygiene 47, 188-189. Beyond
    the last event the curve goes on flat.

    Examples
    --------
    >>> mean, error = restricted_mean(kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]), 3)
    >>> mean, round(error, 4)
    (2.25, 0.4146)
    """
    if not horizon > 0:
        raise InvalidInputError("horizon", f"{horizon!r} is not above 0 seconds")
    inside = curve.times <= horizon
    times, survival = curve.times[inside], curve.survival[inside]
    edges = np.concatenate([[0.0], times, [horizon]])
    areas = np.diff(edges) * np.concatenate([[1.0], survival])
    remaining = np.cumsum(areas[::-1])[::-1][1:]
    variance = np.sum(remaining**2 * _greenwood(curve.events[inside], curve.at_risk[inside]))
    return float(areas.sum()), float(np.sqrt(variance))


def _greenwood(events: Floats, at_risk: Floats) -> Floats:
    """Return the terms of Greenwood's sum; where all of those left end, survival is 0 for sure and nothing is added."""
    left = at_risk - events
    return np.divide(events, at_risk * left, out=np.zeros_like(events), where=left > 0)

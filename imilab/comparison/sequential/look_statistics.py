"""The statistic of one planned look, on calls that went to a number each or on numbers that were called again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imilab.comparison.clusters import FEWEST_NUMBERS, error_scales
from imilab.comparison.correlation import Arm
from imilab.intervals.score import miettinen_nurminen, score_z

__all__ = ["FEWEST_NUMBERS", "LookStatistic", "look_statistic"]

_FARTHEST = 8.0  # a bound from here on rules nothing out


@dataclass(frozen=True)
class LookStatistic:
    """What one arm and the baseline show at one look.

    Attributes
    ----------
    counts : (int, int, int, int)
        Successes and calls of the arm, then of the baseline.
    z : float
        Standardised statistic; NaN where it cannot be told.
    estimate : float
        Difference of the rates, arm less baseline; NaN without calls.
    scales : tuple of (float, float)
        Standard errors between numbers, each with its degrees of freedom, of which the one counts that tells less;
        none where every call has a number of its own.
    """

    counts: tuple[int, int, int, int]
    z: float
    estimate: float
    scales: tuple[tuple[float, float], ...] = ()

    def interval(self, bound: float) -> tuple[float, float]:
        """Return the differences that the statistic does not push beyond a bound.

        The repeated confidence interval of Jennison and Turnbull (1989), JRSS B 51, 305-361; with a number for each
        call it is that of Miettinen and Nurminen (1985).
        """
        from scipy.special import ndtr, stdtrit

        if math.isnan(self.estimate) or math.isnan(self.z) or bound > _FARTHEST:
            return -1.0, 1.0
        if not self.scales:
            low, high = miettinen_nurminen(*self.counts, 1 - 2 * float(ndtr(-bound)))
            return float(low), float(high)
        reach = max(-float(stdtrit(freedom, ndtr(-bound))) * error for error, freedom in self.scales)
        return max(self.estimate - reach, -1.0), min(self.estimate + reach, 1.0)


def look_statistic(
    arm: NDArray[np.bool_], success: NDArray[np.bool_], number: NDArray[np.int64], margin: float | None
) -> LookStatistic:
    """Return the statistic of decided calls.

    Calls to a number each: the score statistic of Miettinen and Nurminen (1985). Repeated numbers: the t of
    `number_means_difference`, brought to a normal score. Both are the statistics of `imilab.compare`. Where numbers are
    in both arms, each counts with its own difference (delta method; Deng A, Knoblich U, Lu J 2018, KDD).

    Parameters
    ----------
    arm : numpy.ndarray of bool
        Whether a call is the arm's, else the baseline's.
    success : numpy.ndarray of bool
        Whether it is a success.
    number : numpy.ndarray of int
        Calls to one number have the same value; below 0 where it is not known.
    margin : float or None
        The difference under the null hypothesis.
    """
    n1, n0 = int(arm.sum()), int((~arm).sum())
    x1, x0 = int(success[arm].sum()), int(success[~arm].sum())
    counts = (x1, n1, x0, n0)
    if not n1 or not n0:
        return LookStatistic(counts, math.nan, math.nan)
    known = number[number >= 0]
    if len(np.unique(known)) == len(known):
        return LookStatistic(counts, float(score_z(*counts, margin or 0.0)), x1 / n1 - x0 / n0)
    return _between_numbers(arm, success, number, counts, margin or 0.0)


def _between_numbers(
    arm: NDArray[np.bool_],
    success: NDArray[np.bool_],
    number: NDArray[np.int64],
    counts: tuple[int, int, int, int],
    margin: float,
) -> LookStatistic:
    x1, n1, x0, n0 = counts
    estimate = x1 / n1 - x0 / n0
    own = np.where(number >= 0, number, -1 - np.arange(len(number)))  # an unknown number is one of its own
    keys, cluster = np.unique(own, return_inverse=True)
    one, zero = (_arm(cluster[side], success[side], len(keys)) for side in (arm, ~arm))
    if min(len(one.calls), len(zero.calls)) < FEWEST_NUMBERS:
        return LookStatistic(counts, math.nan, estimate, ((math.nan, 1.0),))
    if len(one.calls) + len(zero.calls) > len(keys):
        residual = np.where(arm, (success - x1 / n1) / n1, -(success - x0 / n0) / n0)
        parts = np.bincount(cluster, residual, minlength=len(keys))
        scales = [(math.sqrt(float(np.sum(parts**2)) * len(keys) / (len(keys) - 1)), len(keys) - 1.0)]
    else:
        scales = error_scales(one, zero)
    z = min((_normal_score(estimate - margin, *scale) for scale in scales), key=abs)
    return LookStatistic(counts, z, estimate, tuple(scales))


def _arm(cluster: NDArray[np.int64], success: NDArray[np.bool_], size: int) -> Arm:
    calls = np.bincount(cluster, minlength=size)
    there = calls > 0
    successes = np.bincount(cluster, success, minlength=size)
    return Arm(calls[there].astype(np.float64), successes[there].astype(np.float64))


def _normal_score(gap: float, error: float, freedom: float) -> float:
    """Bring a gap over its error, which has a t distribution, to the normal score of the same probability."""
    from scipy.special import ndtri, stdtr

    if error == 0:
        return math.nan if gap else 0.0
    t = gap / error
    return math.copysign(float(ndtri(stdtr(freedom, -abs(t)))), t)

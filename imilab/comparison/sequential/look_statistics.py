"""The statistic of one planned look, on calls that went to a number each or on numbers that were called again."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imilab.intervals.score import miettinen_nurminen, score_z

__all__ = ["FEWEST_NUMBERS", "LookStatistic", "look_statistic"]

_FARTHEST = 8.0  # a bound from here on rules nothing out
FEWEST_NUMBERS = 5
"""Below so many numbers in an arm, repeated numbers cannot be judged."""


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
    error : float or None
        Standard error between numbers; None where every call has a number of its own.
    freedom : float
        Degrees of freedom of that error.
    """

    counts: tuple[int, int, int, int]
    z: float
    estimate: float
    error: float | None = None
    freedom: float = math.inf

    def interval(self, bound: float) -> tuple[float, float]:
        """Return the differences that the statistic does not push beyond a bound.

        The repeated confidence interval of Jennison and Turnbull (1989), JRSS B 51, 305-361; with a number for each
        call it is that of Miettinen and Nurminen (1985).
        """
        from scipy.special import ndtr, stdtrit

        if math.isnan(self.estimate) or math.isnan(self.z) or bound > _FARTHEST:
            return -1.0, 1.0
        if self.error is None:
            low, high = miettinen_nurminen(*self.counts, 1 - 2 * float(ndtr(-bound)))
            return float(low), float(high)
        reach = -float(stdtrit(self.freedom, ndtr(-bound))) * self.error
        return max(self.estimate - reach, -1.0), min(self.estimate + reach, 1.0)


def look_statistic(
    arm: NDArray[np.bool_], success: NDArray[np.bool_], number: NDArray[np.int64], margin: float | None
) -> LookStatistic:
    """Return the statistic of decided calls.

    Calls to a number each: the score statistic of Miettinen and Nurminen (1985), as in `imilab.compare`. Repeated
    numbers: the difference over its linearised standard error between numbers (delta method; Deng A, Knoblich U, Lu J
    2018, KDD), brought from t with Satterthwaite's degrees of freedom to a normal score. A number in both arms counts
    with its own difference.

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
    from scipy.special import ndtri, stdtr

    x1, n1, x0, n0 = counts
    estimate = x1 / n1 - x0 / n0
    own = np.where(number >= 0, number, -1 - np.arange(len(number)))  # an unknown number is one of its own
    keys, cluster = np.unique(own, return_inverse=True)
    residual = np.where(arm, (success - x1 / n1) / n1, -(success - x0 / n0) / n0)
    parts = [np.bincount(cluster[side], residual[side], minlength=len(keys)) for side in (arm, ~arm)]
    numbers = [len(np.unique(cluster[side])) for side in (arm, ~arm)]
    if min(numbers) < FEWEST_NUMBERS:
        return LookStatistic(counts, math.nan, estimate, math.nan)
    if sum(numbers) > len(keys):
        variance = float(((parts[0] + parts[1]) ** 2).sum()) * len(keys) / (len(keys) - 1)
        freedom = len(keys) - 1.0
    else:
        spreads = [float((part**2).sum()) * many / (many - 1) for part, many in zip(parts, numbers, strict=True)]
        variance = sum(spreads)
        share = sum(spread**2 / (many - 1) for spread, many in zip(spreads, numbers, strict=True))
        freedom = variance**2 / share if share else 1.0
    if variance == 0:
        return LookStatistic(counts, 0.0 if estimate == margin else math.nan, estimate, math.nan)
    error = math.sqrt(variance)
    t = (estimate - margin) / error
    return LookStatistic(counts, math.copysign(float(ndtri(stdtr(freedom, -abs(t)))), t), estimate, error, freedom)

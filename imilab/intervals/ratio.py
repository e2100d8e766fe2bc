"""Confidence intervals of the ratio of two rates."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from imilab.intervals.roots import Floats, falling_root
from imilab.intervals.single import quantile, two_arms

__all__ = ["katz", "koopman", "miettinen_nurminen_ratio", "ratio_score_z"]

_FARTHEST = 46.0
"""The logarithm of the largest ratio that is looked for, 1e20."""


def koopman(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the score interval of the ratio ``(x1 / n1) / (x0 / n0)``.

    Koopman PAR (1984), "Confidence intervals for the ratio of two binomial proportions", Biometrics 40, 513-517.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int
        Successes and trials of the arm (1) and of the baseline (0); they broadcast against each other.
    confidence : float
        Coverage, strictly between 0 and 1.

    Returns
    -------
    low, high : numpy.ndarray
        From 0 to infinity, which they are where an arm has no success. Where an `n` is 0 nothing is known: 0 and
        infinity.

    Raises
    ------
    InvalidInputError
        A count is negative or above its `n`, or `confidence` is not between 0 and 1.

    Examples
    --------
    >>> low, high = koopman([6, 5], [7, 56], [2, 0], [7, 29])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([1.1026, 0.7257], [10.666, inf])
    """
    return _limits(x1, n1, x0, n0, confidence, corrected=False)


def miettinen_nurminen_ratio(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return Koopman's interval with the variance times N / (N - 1).

    Miettinen O, Nurminen M (1985), "Comparative analysis of two rates", Statistics in Medicine 4, 213-226. Arguments,
    results and errors as in `koopman`.

    Examples
    --------
    >>> low, high = miettinen_nurminen_ratio(6, 7, 2, 7)
    >>> round(float(low), 4), round(float(high), 4)
    (1.0637, 11.1478)
    """
    return _limits(x1, n1, x0, n0, confidence, corrected=True)


def katz(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the interval of the ratio that is symmetric on the log scale; 0 to infinity where a count is 0.

    Katz D, Baptista J, Azen SP, Pike MC (1978), "Obtaining confidence intervals for the risk ratio in cohort studies",
    Biometrics 34, 469-474. Too sure where counts are small: `koopman` is the default. Arguments and errors as there.

    Examples
    --------
    >>> low, high = katz(56, 70, 48, 80)
    >>> round(float(low), 4), round(float(high), 4)
    (1.0766, 1.6512)
    """
    z = quantile(confidence)
    x1, n1, x0, n0 = two_arms(x1, n1, x0, n0)
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = np.log(x1 / n1) - np.log(x0 / n0)
        reach = z * np.sqrt(np.maximum(1 / x1 - 1 / n1 + 1 / x0 - 1 / n0, 0.0))
        low, high = np.exp(estimate - reach), np.exp(estimate + reach)
    unknown = (x1 == 0) | (x0 == 0)
    return np.where(unknown, 0.0, low), np.where(unknown, np.inf, high)


def ratio_score_z(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, ratio: ArrayLike, *, corrected: bool = False
) -> Floats:
    """Return the score statistic of a supposed ratio: positive where the observed one is greater.

    Examples
    --------
    >>> round(float(ratio_score_z(56, 70, 48, 80, 1.0)) ** 2, 4)  # Pearson's chi-square
    7.0234
    """
    x1, n1, x0, n0 = two_arms(x1, n1, x0, n0)
    r = np.asarray(ratio, dtype=np.float64)
    n, x = n1 + n0, x1 + x0
    linear = n1 * r + x1 + n0 + x0 * r
    # The smaller root of N r p² - linear p + x; written so that nothing cancels.
    p0 = 2 * x / (linear + np.sqrt(np.maximum(linear**2 - 4 * n * r * x, 0.0)))
    p0 = np.minimum(p0, 1.0)
    p1 = np.minimum(r * p0, 1.0)
    variance = p1 * (1 - p1) / n1 + r**2 * p0 * (1 - p0) / n0
    if corrected:
        variance = variance * n / (n - 1)
    gap = x1 / n1 - r * x0 / n0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(gap == 0, 0.0, gap / np.sqrt(np.maximum(variance, 0.0)))


def _limits(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float, *, corrected: bool
) -> tuple[Floats, Floats]:
    z = quantile(confidence)
    x1, n1, x0, n0 = two_arms(x1, n1, x0, n0)
    x1, n1, x0, n0 = np.broadcast_arrays(x1, n1, x0, n0)
    unknown = (n1 == 0) | (n0 == 0)
    n1, n0 = np.maximum(n1, 1), np.maximum(n0, 1)
    sides = np.array([z, -z]).reshape(2, *[1] * x1.ndim)
    shape = (2, *x1.shape)

    def above(log_ratio: Floats) -> Floats:
        found: Floats = ratio_score_z(x1, n1, x0, n0, np.exp(log_ratio), corrected=corrected) - sides
        return found

    low, high = np.exp(falling_root(above, np.full(shape, -_FARTHEST), np.full(shape, _FARTHEST), steps=62))
    low = np.where(unknown | (x1 == 0), 0.0, low)
    return low, np.where(unknown | (x0 == 0), np.inf, high)

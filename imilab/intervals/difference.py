"""Closed-form confidence intervals of the difference of two rates; those from the score test are in `score`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from imilab.intervals.roots import Floats
from imilab.intervals.single import quantile, rate, two_arms, wilson

__all__ = ["agresti_caffo", "newcombe"]


def newcombe(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return Newcombe's hybrid score interval of the difference ``x1 / n1 - x0 / n0``.

    Newcombe RG (1998), "Interval estimation for the difference between independent proportions: comparison of eleven
    methods", Statistics in Medicine 17, 873-890, method 10.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int
        Successes and trials of the arm (1) and of the baseline (0); they broadcast against each other.
    confidence : float
        Coverage, strictly between 0 and 1.

    Returns
    -------
    low, high : numpy.ndarray
        Fractions between -1 and 1. Where an `n` is 0 nothing is known: -1 and 1.

    Raises
    ------
    InvalidInputError
        A count is negative or above its `n`, or `confidence` is not between 0 and 1.

    Examples
    --------
    >>> low, high = newcombe(56, 70, 48, 80)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0524, 0.3339)
    """
    p1, p0 = rate(x1, n1), rate(x0, n0)
    (low1, high1), (low0, high0) = wilson(x1, n1, confidence), wilson(x0, n0, confidence)
    difference = p1 - p0
    low = difference - np.hypot(p1 - low1, high0 - p0)
    high = difference + np.hypot(high1 - p1, p0 - low0)
    unknown = np.isnan(difference)
    return np.where(unknown, -1.0, np.clip(low, -1.0, 1.0)), np.where(unknown, 1.0, np.clip(high, -1.0, 1.0))


def agresti_caffo(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the interval of the difference with one success and one failure added to each arm.

    Agresti A, Caffo B (2000), "Simple and effective confidence intervals for proportions and differences of
    proportions result from adding two successes and two failures", American Statistician 54, 280-288. Arguments,
    results and errors as in `newcombe`.

    Examples
    --------
    >>> low, high = agresti_caffo(9, 10, 3, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.16, 0.84)
    """
    z = quantile(confidence)
    x1, n1, x0, n0 = two_arms(x1, n1, x0, n0)
    p1, p0 = (x1 + 1) / (n1 + 2), (x0 + 1) / (n0 + 2)
    reach = z * np.sqrt(p1 * (1 - p1) / (n1 + 2) + p0 * (1 - p0) / (n0 + 2))
    unknown = (n1 == 0) | (n0 == 0)
    low, high = np.clip(p1 - p0 - reach, -1.0, 1.0), np.clip(p1 - p0 + reach, -1.0, 1.0)
    return np.where(unknown, -1.0, low), np.where(unknown, 1.0, high)

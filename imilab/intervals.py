"""Confidence intervals of a rate and of a difference of two rates, vectorised.

Every method is one function whose docstring names its source; `REFERENCES` gives the same source for footnotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError

__all__ = ["REFERENCES", "check_confidence", "newcombe", "rate", "wilson"]

Floats = NDArray[np.float64]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "wilson": "Wilson (1927), score interval",
        "newcombe": "Newcombe (1998), method 10: square-and-add of Wilson intervals",
    }
)


def check_confidence(confidence: object) -> float:
    """Return `confidence` if it lies strictly between 0 and 1.

    Raises
    ------
    InvalidInputError
        It does not.
    """
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)) or not 0 < confidence < 1:
        raise InvalidInputError("confidence", f"{confidence!r} is not between 0 and 1; for 95 % give 0.95")
    return float(confidence)


def rate(count: ArrayLike, n: ArrayLike) -> Floats:
    """Return ``count / n``, NaN where `n` is 0.

    Examples
    --------
    >>> rate([1, 0], [4, 0]).tolist()
    [0.25, nan]
    """
    count, n = _counts(count, n)
    return _divide(count, n, empty=np.nan)


def wilson(count: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the Wilson score interval of a rate.

    Wilson EB (1927), "Probable inference, the law of succession, and statistical inference", JASA 22, 209-212.

    Parameters
    ----------
    count, n : array_like of int
        Successes and trials; they broadcast against each other.
    confidence : float
        Coverage, strictly between 0 and 1.

    Returns
    -------
    low, high : numpy.ndarray
        Fractions between 0 and 1, in the broadcast shape. With `n` 0 nothing is known: 0 and 1.

    Raises
    ------
    InvalidInputError
        A count is negative or above its `n`, or `confidence` is not between 0 and 1.

    Examples
    --------
    >>> low, high = wilson(15, 148)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0624, 0.1605)
    """
    z = NormalDist().inv_cdf(0.5 + check_confidence(confidence) / 2)
    count, n = _counts(count, n)
    centre = (count + z * z / 2) / (n + z * z)
    reach = z * np.sqrt(_divide(count * (n - count), n, empty=0.0) + z * z / 4) / (n + z * z)
    # At 0 of n and n of n the limit is exact by definition; floating point would leave it a hair inside.
    low = np.where(count == 0, 0.0, np.clip(centre - reach, 0.0, 1.0))
    high = np.where(count == n, 1.0, np.clip(centre + reach, 0.0, 1.0))
    return low, high


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


def _counts(count: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    successes: NDArray[Any] = np.asarray(count, dtype=np.float64)
    trials: NDArray[Any] = np.asarray(n, dtype=np.float64)
    if not np.all((successes >= 0) & (successes <= trials)):
        raise InvalidInputError("count", "a count is negative, missing or above its n")
    return successes, trials


def _divide(numerator: Floats, denominator: Floats, *, empty: float) -> Floats:
    """Divide, and give `empty` where the denominator is 0, without a warning."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    quotient: Floats = np.divide(numerator, denominator, out=np.full(shape, empty), where=denominator != 0)
    return quotient

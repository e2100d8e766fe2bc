"""Confidence intervals of one rate."""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError
from imilab.intervals.roots import Floats, falling_root

__all__ = [
    "check_confidence",
    "checked_counts",
    "clopper_pearson",
    "jeffreys",
    "mid_p",
    "quantile",
    "rate",
    "two_arms",
    "wilson",
]


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


def quantile(confidence: float) -> float:
    """Return how many standard errors a two-sided interval reaches to each side: 1.96 for 0.95."""
    # Of the small tail, which keeps its digits where the confidence is close to 1.
    return -NormalDist().inv_cdf((1 - check_confidence(confidence)) / 2)


def checked_counts(count: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Return successes and trials as floats.

    Raises
    ------
    InvalidInputError
        A count is negative, missing or above its n.
    """
    successes: NDArray[Any] = np.asarray(count, dtype=np.float64)
    trials: NDArray[Any] = np.asarray(n, dtype=np.float64)
    if not np.all((successes >= 0) & (successes <= trials)):
        raise InvalidInputError("count", "a count is negative, missing or above its n")
    return successes, trials


def two_arms(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike) -> tuple[Floats, Floats, Floats, Floats]:
    """Return successes and trials of the arm and of the baseline as floats; see `checked_counts`."""
    return *checked_counts(x1, n1), *checked_counts(x0, n0)


def rate(count: ArrayLike, n: ArrayLike) -> Floats:
    """Return ``count / n``, NaN where `n` is 0.

    Examples
    --------
    >>> rate([1, 0], [4, 0]).tolist()
    [0.25, nan]
    """
    count, n = checked_counts(count, n)
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
    z = quantile(confidence)
    count, n = checked_counts(count, n)
    centre = (count + z * z / 2) / (n + z * z)
    reach = z * np.sqrt(_divide(count * (n - count), n, empty=0.0) + z * z / 4) / (n + z * z)
    # At 0 of n and n of n the limit is exact by definition; floating point would leave it a hair inside.
    low = np.where(count == 0, 0.0, np.clip(centre - reach, 0.0, 1.0))
    high = np.where(count == n, 1.0, np.clip(centre + reach, 0.0, 1.0))
    return low, high


def clopper_pearson(count: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the exact (conservative) interval of a rate; arguments and errors as in `wilson`.

    Clopper CJ, Pearson ES (1934), "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 404-413.

    Examples
    --------
    >>> low, high = clopper_pearson(10, 10)
    >>> round(float(low), 4), float(high)
    (0.6915, 1.0)
    """
    from scipy.special import betaincinv

    tail = (1 - check_confidence(confidence)) / 2
    count, n = np.broadcast_arrays(*checked_counts(count, n))
    low = betaincinv(np.maximum(count, 1), n - count + 1, tail)
    high = betaincinv(count + 1, np.maximum(n - count, 1), 1 - tail)
    return np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)


def jeffreys(count: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the interval of a rate from Jeffreys' prior, closed at 0 and 1; arguments and errors as in `wilson`.

    Brown LD, Cai TT, DasGupta A (2001), "Interval estimation for a binomial proportion", Statistical Science 16,
    101-133.

    Examples
    --------
    >>> low, high = jeffreys(13, 16)
    >>> round(float(low), 4), round(float(high), 4)
    (0.5792, 0.9442)
    """
    from scipy.special import betaincinv

    tail = (1 - check_confidence(confidence)) / 2
    count, n = np.broadcast_arrays(*checked_counts(count, n))
    low = betaincinv(count + 0.5, n - count + 0.5, tail)
    high = betaincinv(count + 0.5, n - count + 0.5, 1 - tail)
    return np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)


def mid_p(count: ArrayLike, n: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the mid-p interval of a rate: Clopper-Pearson with half of what was seen; arguments as in `wilson`.

    Lancaster HO (1961), "Significance tests in discrete distributions", JASA 56, 223-234; method 6 of Newcombe RG
    (1998), Statistics in Medicine 17, 857-872.

    Examples
    --------
    >>> low, high = mid_p(4, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.1423, 0.7089)
    """
    from scipy.special import betainc

    tail = (1 - check_confidence(confidence)) / 2
    count, n = np.broadcast_arrays(*checked_counts(count, n))

    def above(p: Floats) -> Floats:
        reached = np.where(count == 0, 1.0, betainc(np.maximum(count, 1), n - count + 1, p))
        passed = np.where(count == n, 0.0, betainc(count + 1, np.maximum(n - count, 1), p))
        found: Floats = (reached + passed) / 2
        return found

    zero, one = np.zeros(count.shape), np.ones(count.shape)
    low = falling_root(lambda p: tail - above(p), zero, one)
    high = falling_root(lambda p: 1 - tail - above(p), zero, one)
    return np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)


def _divide(numerator: Floats, denominator: Floats, *, empty: float) -> Floats:
    """Divide, and give `empty` where the denominator is 0, without a warning."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    quotient: Floats = np.divide(numerator, denominator, out=np.full(shape, empty), where=denominator != 0)
    return quotient

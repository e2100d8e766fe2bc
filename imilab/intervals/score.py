"""Score intervals of the difference of two rates: Miettinen and Nurminen, Mee, and the stratified form.

All invert one statistic: the observed difference less a supposed one, over the standard error that the rates most
likely have if the supposed one is true.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from imilab.intervals.roots import Floats, falling_root
from imilab.intervals.single import quantile, two_arms

__all__ = ["mee", "miettinen_nurminen", "miettinen_nurminen_stratified", "restricted_rates", "score_z", "stratified_z"]


def miettinen_nurminen(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the score interval of the difference ``x1 / n1 - x0 / n0``, with variance times N / (N - 1).

    Miettinen O, Nurminen M (1985), "Comparative analysis of two rates", Statistics in Medicine 4, 213-226. It holds
    the differences that the score test (`score_z`) does not reject, so it agrees with that test by construction, and
    it stays an interval where an arm is at 0 or 100 %.

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
    >>> low, high = miettinen_nurminen([56, 0], [70, 10], [48, 0], [80, 10])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.0528, -0.2879], [0.3382, 0.2879])
    """
    return _limits(x1, n1, x0, n0, confidence, corrected=True)


def mee(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return the score interval of the difference without the factor N / (N - 1).

    Mee RW (1984), "Confidence bounds for the difference between two probabilities", Biometrics 40, 1175-1176.
    Arguments, results and errors as in `miettinen_nurminen`. It agrees with Pearson's chi-square test.

    Examples
    --------
    >>> low, high = mee(0, 10, 0, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (-0.2775, 0.2775)
    """
    return _limits(x1, n1, x0, n0, confidence, corrected=False)


def miettinen_nurminen_stratified(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the score interval of a difference that is the same in every stratum, with Mantel-Haenszel weights.

    Miettinen O, Nurminen M (1985), section on stratified data. At a difference of 0 its statistic is that of Cochran,
    Mantel and Haenszel.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int, shape (strata,)
        Successes and trials of the two arms; strata that hold one arm only carry no information.
    confidence : float
        Coverage, strictly between 0 and 1.

    Returns
    -------
    low, high : float
        -1 and 1 where no stratum holds both arms.

    Examples
    --------
    >>> low, high = miettinen_nurminen_stratified([40, 55, 8], [50, 100, 20], [30, 50, 4], [50, 100, 20])
    >>> round(low, 6), round(high, 6)
    (0.008708, 0.21239)
    """
    z = quantile(confidence)
    sides = np.array([z, -z])
    limits = falling_root(
        lambda d: np.array([stratified_z(x1, n1, x0, n0, each) for each in d]) - sides, -np.ones(2), np.ones(2)
    )
    return float(limits[0]), float(limits[1])


def stratified_z(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, difference: float = 0.0) -> float:
    """Return the stratified score statistic of a supposed common difference (0 where nothing is known)."""
    a1, m1, a0, m0 = two_arms(x1, n1, x0, n0)
    both = (m1 > 0) & (m0 > 0)
    a1, m1, a0, m0 = a1[both], m1[both], a0[both], m0[both]
    weight = m1 * m0 / (m1 + m0)
    gap = float(np.sum(weight * (a1 / m1 - a0 / m0 - difference)))
    variance = float(np.sum(weight**2 * _variance(a1, m1, a0, m0, np.asarray(difference), corrected=True)))
    return float(_ratio(np.asarray(gap), np.asarray(variance)))


def score_z(
    x1: ArrayLike,
    n1: ArrayLike,
    x0: ArrayLike,
    n0: ArrayLike,
    difference: ArrayLike = 0.0,
    *,
    corrected: bool = True,
) -> Floats:
    """Return the score statistic of a supposed difference: positive where the observed one is greater.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int
        Successes and trials of the arm (1) and of the baseline (0).
    difference : array_like of float
        What is supposed, between -1 and 1.
    corrected : bool
        Whether the variance is multiplied with N / (N - 1), as Miettinen and Nurminen do and Mee does not.

    Returns
    -------
    numpy.ndarray
        NaN where an `n` is 0; infinite where the supposed difference cannot have given these counts.

    Examples
    --------
    >>> round(float(score_z(84, 101, 89, 105, -0.1)), 6)
    1.608521
    """
    a1, m1, a0, m0 = two_arms(x1, n1, x0, n0)
    a1, m1, a0, m0, d = np.broadcast_arrays(a1, m1, a0, m0, np.asarray(difference, dtype=np.float64))
    unknown = (m1 == 0) | (m0 == 0)
    m1, m0 = np.maximum(m1, 1), np.maximum(m0, 1)
    z = _ratio(a1 / m1 - a0 / m0 - d, _variance(a1, m1, a0, m0, d, corrected=corrected))
    return np.where(unknown, np.nan, z)


def restricted_rates(x1: Floats, n1: Floats, x0: Floats, n0: Floats, d: Floats) -> tuple[Floats, Floats]:
    """Return the most likely rates of both arms if their difference is `d`.

    The root of a cubic in closed form, from Farrington CP, Manning G (1990), Statistics in Medicine 9, 1447-1454.
    """
    n, x = n1 + n0, x1 + x0
    square = (n1 + 2 * n0) * d - n - x
    linear = (n0 * d - n - 2 * x0) * d + x
    constant = x0 * d * (1 - d)
    third = square / (3 * n)
    q = third**3 - square * linear / (6 * n * n) + constant / (2 * n)
    radius = np.copysign(np.sqrt(np.maximum(third**2 - linear / (3 * n), 0.0)), q)
    # Where the radius is zero the three roots are one, and the angle is of no account.
    cosine = np.divide(q, radius**3, out=np.zeros(np.shape(q)), where=np.abs(radius) > 1e-9)
    angle = (np.pi + np.arccos(np.clip(cosine, -1.0, 1.0))) / 3
    low, high = np.maximum(0.0, -d), np.minimum(1.0, 1 - d)
    p0 = np.clip(2 * radius * np.cos(angle) - third, low, high)
    # Without any success, or any failure, the most likely rates lie at the edge, which the root misses by its rounding.
    p0 = np.where(x == 0, low, np.where(x == n, high, p0))
    return np.clip(p0 + d, 0.0, 1.0), p0


def _variance(x1: Floats, n1: Floats, x0: Floats, n0: Floats, d: Floats, *, corrected: bool) -> Floats:
    p1, p0 = restricted_rates(x1, n1, x0, n0, d)
    variance = p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0
    found: Floats = variance * (n1 + n0) / (n1 + n0 - 1) if corrected else variance
    return found


def _ratio(gap: Floats, variance: Floats) -> Floats:
    """Divide by the root; a gap of nothing is 0 standard errors, whatever the variance."""
    gap = np.where(np.abs(gap) < 1e-15, 0.0, gap)
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
    estimate = x1 / n1 - x0 / n0
    sides = np.array([z, -z]).reshape(2, *[1] * estimate.ndim)
    start = np.stack([-np.ones(estimate.shape), estimate])
    end = np.stack([estimate, np.ones(estimate.shape)])

    def above(d: Floats) -> Floats:
        found: Floats = score_z(x1, n1, x0, n0, d, corrected=corrected) - sides
        return found

    low, high = falling_root(above, start, end)
    # A difference of everything is its own limit: there is nothing beyond it.
    low, high = np.where(estimate == -1, -1.0, low), np.where(estimate == 1, 1.0, high)
    return np.where(unknown, -1.0, low), np.where(unknown, 1.0, high)

"""A difference of rates, split over segments so that the parts sum to it; and estimates of segments, shrunken."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError
from imilab.intervals import check_confidence
from imilab.intervals.score import restricted_rates

__all__ = ["Decomposition", "Shrunken", "decompose", "shrink"]

Floats = NDArray[np.float64]
_ADDED = 0.25


@dataclass(frozen=True)
class Decomposition:
    """Parts of a difference, one a segment; made by `decompose`.

    Attributes
    ----------
    rate_effect : numpy.ndarray
        What the segment's rates contribute, at the mean of its two shares.
    composition_effect : numpy.ndarray
        What the segment's different shares contribute, at its mean rate against the overall one.
    contribution : numpy.ndarray
        Their sum; over all segments it is the difference.
    """

    rate_effect: Floats
    composition_effect: Floats

    @property
    def contribution(self) -> Floats:
        """Rate and composition effect together."""
        return self.rate_effect + self.composition_effect


def decompose(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike) -> Decomposition:
    """Split the difference of two overall rates into what each segment's rate and each segment's share contribute.

    Kitagawa EM (1955), "Components of a difference between two rates", JASA 50, 1168-1194. The composition effect of a
    segment is taken against the mean of the two overall rates, so that it says whether there is more of what is above
    average; these constants cancel in the sum. A segment that one arm does not have contributes by its share alone.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int
        Successes and trials of each segment, in the arm (1) and the baseline (0).

    Raises
    ------
    InvalidInputError
        An arm has no trials, or a count is negative or above its trials.

    Examples
    --------
    >>> parts = decompose([30, 20], [50, 50], [10, 20], [20, 80])
    >>> parts.rate_effect.round(4).tolist(), parts.composition_effect.round(4).tolist()
    ([0.035, 0.0975], [0.045, 0.0225])
    >>> round(float(parts.contribution.sum()), 4)  # 50 % less 30 %
    0.2
    """
    s1, t1, s0, t0 = (np.asarray(each, dtype=np.float64) for each in (x1, n1, x0, n0))
    if not (t1.sum() > 0 and t0.sum() > 0) or not np.all((s1 >= 0) & (s1 <= t1) & (s0 >= 0) & (s0 <= t0)):
        raise InvalidInputError("count", "an arm has no trials, or a count is negative or above its n")
    share1, share0 = t1 / t1.sum(), t0 / t0.sum()
    own1, own0 = _rate(s1, t1), _rate(s0, t0)
    rate1 = np.where(t1 > 0, own1, np.where(t0 > 0, own0, 0.0))
    rate0 = np.where(t0 > 0, own0, rate1)
    middle = (s1.sum() / t1.sum() + s0.sum() / t0.sum()) / 2
    rate_effect = (share1 + share0) / 2 * (rate1 - rate0)
    return Decomposition(rate_effect, (share1 - share0) * ((rate1 + rate0) / 2 - middle))


@dataclass(frozen=True)
class Shrunken:
    """Segments' differences, drawn towards their common mean; made by `shrink`.

    Attributes
    ----------
    estimate, low, high : numpy.ndarray
        Fractions; NaN where an arm has no trials.
    heterogeneity_p : float
        Of Cochran's Q: whether the differences vary between segments more than chance lets them.
    between : float
        The standard deviation between the segments' true differences, as estimated.
    """

    estimate: Floats
    low: Floats
    high: Floats
    heterogeneity_p: float
    between: float


def shrink(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, confidence: float = 0.95) -> Shrunken:
    """Estimate the difference in every segment by empirical Bayes: small segments lean on the others.

    Normal model of Efron B, Morris C (1975), "Data analysis using Stein's estimator and its generalizations", JASA 70,
    311-319. The variance between segments is that of Paule RC, Mandel J (1982), Journal of Research of the NBS 87,
    377-385; each segment's own variance is that of Miettinen and Nurminen (1985) at the Mantel-Haenszel difference
    of all, with a quarter of a success and of a failure added, so that 0 and 100 % work and Q holds its level in small
    segments. The interval counts that the common mean and the variance between segments are estimates: Morris CN
    (1983), JASA 78, 47-55; it is approximate.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int
        Successes and trials of each segment, in the arm (1) and the baseline (0).
    confidence : float
        Coverage of the intervals.

    Examples
    --------
    >>> found = shrink([30, 20, 1], [50, 50, 2], [20, 12, 0], [50, 50, 2])
    >>> found.estimate.round(3).tolist(), round(found.heterogeneity_p, 3)
    ([0.184, 0.184, 0.184], 0.785)
    """
    z = NormalDist().inv_cdf(0.5 + check_confidence(confidence) / 2)
    s1, t1, s0, t0 = (np.asarray(each, dtype=np.float64) for each in (x1, n1, x0, n0))
    known = (t1 > 0) & (t0 > 0)
    empty = np.full(known.shape, np.nan)
    if not known.any():
        return Shrunken(empty, empty, empty, float("nan"), float("nan"))
    difference = _rate(s1[known], t1[known]) - _rate(s0[known], t0[known])
    variance = _variance(s1[known], t1[known], s0[known], t0[known], difference)
    between = _between(difference, variance)
    weight = 1 / (variance + between)
    mean = float(weight @ difference / weight.sum())
    kept = between / (variance + between)
    drawn = 1 - kept
    # How far segments scatter is itself estimated, on few segments badly; Morris counts that in.
    unsure = 2 / max(len(difference) - 3, 1) * (drawn * (difference - mean)) ** 2
    error = np.sqrt(kept * variance + drawn**2 / weight.sum() + unsure)
    estimate, low, high = empty.copy(), empty.copy(), empty.copy()
    estimate[known] = kept * difference + (1 - kept) * mean
    low[known] = np.clip(estimate[known] - z * error, -1, 1)
    high[known] = np.clip(estimate[known] + z * error, -1, 1)
    return Shrunken(estimate, low, high, _heterogeneity(difference, variance), float(np.sqrt(between)))


def _variance(s1: Floats, t1: Floats, s0: Floats, t0: Floats, difference: Floats) -> Floats:
    """Return each segment's variance as it would be if all had the common difference."""
    weight = t1 * t0 / (t1 + t0)
    common = np.full(len(t1), weight @ difference / weight.sum())
    p1, p0 = restricted_rates(s1 + _ADDED, t1 + 2 * _ADDED, s0 + _ADDED, t0 + 2 * _ADDED, common)
    floor = 1e-9  # where every call of all segments is a success in one arm and none in the other
    correction = (t1 + t0) / (t1 + t0 - 1)
    return (p1 * (1 - p1) / t1 + p0 * (1 - p0) / t0) * correction + floor


def _q(difference: Floats, variance: Floats, between: float) -> float:
    weight = 1 / (variance + between)
    mean = weight @ difference / weight.sum()
    return float(weight @ (difference - mean) ** 2)


def _between(difference: Floats, variance: Floats) -> float:
    """Find the variance between segments at which Q is its degrees of freedom; Q falls with it."""
    df = len(difference) - 1
    if df < 1 or _q(difference, variance, 0.0) <= df:
        return 0.0
    low, high = 0.0, 1.0
    while _q(difference, variance, high) > df:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _q(difference, variance, middle) > df else (low, middle)
    return (low + high) / 2


def _heterogeneity(difference: Floats, variance: Floats) -> float:
    if len(difference) < 2:
        return float("nan")
    from scipy.special import chdtrc

    return float(chdtrc(len(difference) - 1, _q(difference, variance, 0.0)))


def _rate(count: Floats, n: Floats) -> Floats:
    found: Floats = np.divide(count, n, out=np.full(count.shape, np.nan), where=n > 0)
    return found

"""Repeated numbers where each number has one voice: the number is the unit, its calls are no independent evidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtr, stdtrit

from imilab.comparison.correlation import Arm, intraclass_correlation
from imilab.errors import InvalidInputError
from imilab.intervals import check_confidence

__all__ = [
    "FEWEST_NUMBERS",
    "REFERENCES",
    "Clustered",
    "error_scales",
    "number_means",
    "number_means_difference",
    "welch",
]

Floats = NDArray[np.float64]

FEWEST_NUMBERS = 5
"""With fewer numbers an arm, nothing can be said of how numbers differ."""
_SMALL_ARM = 250
"""With fewer numbers in an arm, its own spread is too rough to be relied on alone."""

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "number_means": "delta method on number means (Cochran 1977), t with Satterthwaite's (1946) degrees of freedom",
        "welch": "Welch (1951), on number means",
    }
)


@dataclass(frozen=True)
class Clustered:
    """A difference of two arms with the number as its unit.

    Attributes
    ----------
    estimate, standard_error, df : float
        The difference, its standard error and the degrees of freedom of t.
    low, high, p : float
        Interval and two-sided p; they agree.
    ratio, ratio_low, ratio_high : float
        The ratio of the rates with its interval, by the delta method on the log scale.
    p_margin : float
        One-sided p against the margin; NaN without one.
    """

    estimate: float
    standard_error: float
    df: float
    low: float
    high: float
    p: float
    ratio: float
    ratio_low: float
    ratio_high: float
    p_margin: float


def number_means(arm: Arm) -> tuple[float, float]:
    """Return an arm's rate and its standard error by the delta method (a ratio of two means over numbers).

    Cochran WG (1977), "Sampling Techniques", section 6.4; with the factor K / (K - 1) for K numbers.

    Examples
    --------
    >>> estimate, error = number_means(Arm(np.array([5.0, 5, 4, 6]), np.array([2.0, 4, 1, 3])))
    >>> estimate, round(error, 4)
    (0.5, 0.108)
    """
    return arm.rate, math.sqrt(_spread(arm))


def number_means_difference(
    arm: Arm, baseline: Arm, confidence: float = 0.95, *, covariance: float = 0.0, margin: float | None = None
) -> Clustered:
    """Return the difference of two arms' rates, with the number as the unit.

    The variance comes from the numbers' surpluses (delta method). The degrees of freedom are Satterthwaite's, taken at
    the numbers' sizes and the common intraclass correlation instead of at each arm's observed variance, which is too
    noisy on few numbers: Satterthwaite FE (1946), Biometrics Bulletin 2, 110-114; Bell RM, McCaffrey DF (2002), Survey
    Methodology 28, 169-181. While an arm has fewer than 250 numbers or no spread at all, the wider of two intervals is
    taken: this one, and the one from the two arms' common spread.

    Parameters
    ----------
    arm, baseline : Arm
        At least two numbers each; see `FEWEST_NUMBERS`.
    confidence : float
        Coverage, strictly between 0 and 1.
    covariance : float
        Of the two rates, where some numbers are in both arms.
    margin : float, optional
        Below 0: p against a difference greater than it. Above 0: p against a smaller one.

    Raises
    ------
    InvalidInputError
        An arm has fewer than two numbers.

    Examples
    --------
    >>> one = Arm(np.full(6, 5.0), np.array([5.0, 4, 5, 3, 5, 4]))
    >>> other = Arm(np.full(6, 5.0), np.array([1.0, 2, 0, 3, 1, 2]))
    >>> found = number_means_difference(one, other)
    >>> round(found.estimate, 3), round(found.low, 3), round(found.high, 3), round(found.df)
    (0.567, 0.325, 0.808, 10)
    """
    tail = (1 + check_confidence(confidence)) / 2
    if min(len(arm.calls), len(baseline.calls)) < 2:
        raise InvalidInputError("numbers", "an arm has fewer than two numbers")
    estimate = arm.rate - baseline.rate
    scales = error_scales(arm, baseline, covariance=covariance)
    reach, error, df = max((error * float(stdtrit(df, tail)), error, df) for error, df in scales)
    logarithm = _log_ratio(arm, baseline, _scales([arm, baseline]), covariance, tail)
    return Clustered(
        estimate=estimate,
        standard_error=error,
        df=df,
        low=max(estimate - reach, -1.0),
        high=min(estimate + reach, 1.0),
        p=_p(estimate, scales),
        ratio=logarithm[0],
        ratio_low=logarithm[1],
        ratio_high=logarithm[2],
        p_margin=float("nan") if margin is None else _p(estimate - margin, scales, side=-np.sign(margin)),
    )


def error_scales(arm: Arm, baseline: Arm, *, covariance: float = 0.0) -> list[tuple[float, float]]:
    """Return the ways to measure the error of the difference, each with the degrees of freedom of its t.

    See `number_means_difference`, which takes the one that tells less.

    Examples
    --------
    >>> one, other = Arm(np.full(6, 5.0), np.arange(6.0)), Arm(np.full(6, 5.0), np.ones(6))
    >>> [(round(error, 4), round(df)) for error, df in error_scales(one, other)]
    [(0.1528, 10)]
    """
    return [
        (math.sqrt(max(float(variances.sum()) - 2 * covariance, 0.0)), df) for variances, df in _scales([arm, baseline])
    ]


def welch(arms: Sequence[Arm]) -> tuple[float, float, float, float]:
    """Test whether several arms' rates are the same, with the number as the unit.

    Welch BL (1951), "On the comparison of several mean values: an alternative approach", Biometrika 38, 330-336.

    Parameters
    ----------
    arms : sequence of Arm
        At least two numbers each.

    Returns
    -------
    statistic, df1, df2, p

    Examples
    --------
    >>> successes = [5.0, 4, 5, 3, 5, 4], [1.0, 2, 0, 3, 1, 2], [2.0, 3, 2, 4, 3, 1]
    >>> round(welch([Arm(np.full(6, 5.0), np.array(each)) for each in successes])[3], 4)
    0.0021
    """
    several = len(arms)
    found = []
    for variances, _ in _scales(arms):
        weight = 1 / variances
        share = 1 - weight / weight.sum()
        each_df = np.array([_own_df(arm, _common_correlation(arms)) for arm in arms])
        centre = float(np.sum(weight * [arm.rate for arm in arms]) / weight.sum())
        between = float(np.sum(weight * (np.array([arm.rate for arm in arms]) - centre) ** 2)) / (several - 1)
        lack = float(np.sum(share**2 / each_df))
        statistic = between / (1 + 2 * (several - 2) / (several**2 - 1) * lack)
        df2 = (several**2 - 1) / (3 * lack)
        found.append((statistic, float(several - 1), df2, float(fdtrc(several - 1, df2, statistic))))
    return max(found, key=lambda each: each[3])


def _spread(arm: Arm) -> float:
    numbers = len(arm.calls)
    return float(np.sum(arm.surplus**2)) * numbers / (numbers - 1) / float(arm.calls.sum()) ** 2


def _common_correlation(arms: Sequence[Arm]) -> float:
    found = intraclass_correlation(arms)
    return min(max(found, 0.0), 1.0) if math.isfinite(found) else 0.0


def _weights(arm: Arm, correlation: float) -> Floats:
    """Return what each number adds to the variance of its arm's sum, but for a common factor."""
    weights: Floats = arm.calls * (1 + (arm.calls - 1) * correlation)
    return weights


def _own_df(arm: Arm, correlation: float) -> float:
    weights = _weights(arm, correlation)
    return max(float(weights.sum() ** 2 / np.sum(weights**2)) - 1, 1.0)


def _scales(arms: Sequence[Arm]) -> list[tuple[Floats, float]]:
    """Return the ways to measure the arms' variances, each with its degrees of freedom: apart, and in common."""
    correlation = _common_correlation(arms)
    totals = np.array([arm.calls.sum() for arm in arms])
    weights = [_weights(arm, correlation) for arm in arms]
    size = np.array([each.sum() for each in weights]) / totals**2
    each_df = np.array([_own_df(arm, correlation) for arm in arms])
    apart = np.array([_spread(arm) for arm in arms])
    scales = [(apart, float(size.sum() ** 2 / np.sum(size**2 / each_df)))]
    if min(len(arm.calls) for arm in arms) < _SMALL_ARM or not apart.all():
        numbers = np.array([len(arm.calls) for arm in arms])
        squares = sum(float(np.sum(arm.surplus**2)) for arm in arms)
        spare = sum(float(each.sum()) * (1 - 1 / len(each)) for each in weights)
        if squares > 1e-12:
            common = squares / spare * size
        else:
            p = (np.array([arm.rate for arm in arms]) * numbers + 1) / (numbers + 2)
            common = p * (1 - p) / (numbers + 2)
        scales.append((common, float(each_df.sum())))
        if not apart.all():
            scales = scales[1:]
    return scales


def _p(gap: float, scales: Sequence[tuple[float, float]], *, side: float | None = None) -> float:
    """Return the larger p of the scales; with a side, against a gap below (-1) or above (1)."""
    found = []
    for error, df in scales:
        t = gap / error if error > 0 else math.copysign(math.inf, gap) if gap else 0.0
        found.append(2 * float(stdtr(df, -abs(t))) if side is None else float(stdtr(df, -side * t)))
    return max(found)


def _log_ratio(
    arm: Arm, baseline: Arm, scales: Sequence[tuple[Floats, float]], covariance: float, tail: float
) -> tuple[float, float, float]:
    p1, p0 = arm.rate, baseline.rate
    if p1 == 0 or p0 == 0:
        return (p1 / p0 if p0 else math.inf if p1 else math.nan), 0.0, math.inf
    reach = max(
        float(stdtrit(df, tail))
        * math.sqrt(max(float(v[0]) / p1**2 + float(v[1]) / p0**2 - 2 * covariance / (p1 * p0), 0.0))
        for v, df in scales
    )
    return p1 / p0, p1 / p0 * math.exp(-reach), p1 / p0 * math.exp(min(reach, 500.0))

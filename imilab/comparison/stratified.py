"""Two arms within strata: the Cochran-Mantel-Haenszel test, Mantel-Haenszel estimates, and whether strata agree.

A table of counts has the shape (strata, 2, 2): first the arm and then the baseline, each with successes and failures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from imilab.errors import InvalidInputError
from imilab.intervals.single import quantile

__all__ = [
    "REFERENCES",
    "Pooled",
    "breslow_day",
    "cmh",
    "cmh_arms",
    "mh_odds_ratio",
    "mh_rate_difference",
    "mh_rate_ratio",
]

Floats = NDArray[np.float64]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "cmh": "Cochran (1954), Mantel and Haenszel (1959), without continuity correction",
        "mh_rate_difference": "Greenland and Robins (1985), Mantel-Haenszel difference, variance of Sato (1989)",
        "mh_rate_ratio": "Greenland and Robins (1985), Mantel-Haenszel ratio",
        "cmh_arms": "Landis, Heyman and Koch (1978), generalized Cochran-Mantel-Haenszel",
        "breslow_day": "Breslow and Day (1980), with Tarone's (1985) correction",
    }
)


@dataclass(frozen=True)
class Pooled:
    """An estimate over strata.

    Attributes
    ----------
    estimate, low, high : float
        NaN where it cannot be given.
    standard_error : float
        Of the estimate; of its logarithm for a ratio.
    """

    estimate: float
    standard_error: float
    low: float
    high: float


def cmh(tables: ArrayLike, *, continuity: bool = False) -> tuple[float, float]:
    """Test whether arm and baseline differ within strata.

    Cochran WG (1954), Biometrics 10, 417-451; Mantel N, Haenszel W (1959), Journal of the National Cancer Institute
    22, 719-748.

    Parameters
    ----------
    tables : array_like, shape (strata, 2, 2)
        See the module.
    continuity : bool
        Whether half a call is taken off, which makes the test more careful than its level; nothing is taken off where
        the arms are less than half a call apart, as in R's ``mantelhaen.test``.

    Returns
    -------
    statistic, p
        Chi-square with one degree of freedom; NaN where no stratum holds both arms and both results.

    Examples
    --------
    >>> statistic, p = cmh([[[40, 10], [30, 20]], [[55, 45], [50, 50]], [[8, 12], [4, 16]]])
    >>> round(statistic, 5), round(p, 5)
    (4.51515, 0.0336)
    """
    x1, n1, x0, n0 = _counts(tables)
    n, x = n1 + n0, x1 + x0
    gap = abs(float(np.sum(x1 - n1 * x / n)))
    variance = float(np.sum(n1 * n0 * x * (n - x) / (n**2 * np.maximum(n - 1, 1))))
    if variance == 0:
        return float("nan"), float("nan")
    taken_off = 0.5 if continuity and gap >= 0.5 else 0.0
    statistic = (gap - taken_off) ** 2 / variance
    return statistic, float(chdtrc(1, statistic))


def cmh_arms(x: ArrayLike, n: ArrayLike) -> tuple[float, int, float]:
    """Test whether several arms are the same within strata: the generalized Cochran-Mantel-Haenszel test.

    Landis JR, Heyman ER, Koch GG (1978), "Average partial association in three-way contingency tables", International
    Statistical Review 46, 237-254.

    Parameters
    ----------
    x, n : array_like, shape (strata, arms)
        Successes and trials.

    Returns
    -------
    statistic, df, p
        NaN where nothing can be told.

    Examples
    --------
    >>> statistic, df, p = cmh_arms([[40, 30], [55, 50], [8, 4]], [[50, 50], [100, 100], [20, 20]])
    >>> round(statistic, 5), df, round(p, 5)
    (4.51515, 1, 0.0336)
    """
    successes, trials = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
    every = np.ones(trials.shape[1])
    total, reached = trials @ every, successes @ every
    # Where all or none are successes, and of one call, both sums get nothing: such strata need no leaving out.
    share = np.divide(reached, total, out=np.zeros_like(total), where=total > 0)
    gap = (np.ones(len(total)) @ successes - share @ trials)[1:]
    scale = np.divide(share * (1 - share), total - 1, out=np.zeros_like(total), where=total > 1)
    covariance = np.diag((scale * total) @ trials) - trials.T @ (trials * scale[:, None])
    covariance = covariance[1:, 1:]
    df = int(np.linalg.matrix_rank(covariance)) if len(gap) else 0
    if df == 0:
        return float("nan"), 0, float("nan")
    statistic = float(gap @ np.linalg.pinv(covariance) @ gap)
    return statistic, df, float(chdtrc(df, statistic))


def mh_rate_difference(tables: ArrayLike, confidence: float = 0.95) -> Pooled:
    """Return the Mantel-Haenszel difference of rates with Sato's variance, right for few large or many small strata.

    Greenland S, Robins JM (1985), Biometrics 41, 55-68; Sato T (1989), "On the variance estimator for the
    Mantel-Haenszel risk difference", Biometrics 45, 1323-1324.

    Parameters
    ----------
    tables : array_like, shape (strata, 2, 2)
        See the module.
    confidence : float
        Coverage of the interval.

    Examples
    --------
    >>> found = mh_rate_difference([[[0, 6], [0, 5]], [[3, 3], [0, 6]], [[6, 0], [2, 4]], [[5, 1], [6, 0]]])
    >>> round(found.estimate, 4), found.low < 0.2 < found.high
    (0.2558, True)
    """
    x1, n1, x0, n0 = _counts(tables)
    n = n1 + n0
    weight = float(np.sum(n1 * n0 / n))
    if weight == 0:
        return Pooled(float("nan"), float("nan"), float("nan"), float("nan"))
    estimate = float(np.sum((x1 * n0 - x0 * n1) / n)) / weight
    p = (n1**2 * x0 - n0**2 * x1 + n1 * n0 * (n0 - n1) / 2) / n**2
    q = (x1 * (n0 - x0) + x0 * (n1 - x1)) / (2 * n)
    error = float(np.sqrt(max(estimate * np.sum(p) + np.sum(q), 0.0))) / weight
    reach = quantile(confidence) * error
    return Pooled(estimate, error, max(estimate - reach, -1.0), min(estimate + reach, 1.0))


def mh_rate_ratio(tables: ArrayLike, confidence: float = 0.95) -> Pooled:
    """Return the Mantel-Haenszel ratio of rates with the variance of its logarithm by Greenland and Robins (1985).

    Greenland S, Robins JM (1985), "Estimation of a common effect parameter from sparse follow-up data", Biometrics 41,
    55-68. Arguments as in `mh_rate_difference`.

    Examples
    --------
    >>> found = mh_rate_ratio([[[40, 10], [30, 20]], [[55, 45], [50, 50]], [[8, 12], [4, 16]]])
    >>> round(found.estimate, 4)
    1.2262
    """
    x1, n1, x0, n0 = _counts(tables)
    n = n1 + n0
    r, s = float(np.sum(x1 * n0 / n)), float(np.sum(x0 * n1 / n))
    if r == 0 or s == 0:
        estimate = r / s if s else float("inf") if r else float("nan")
        return Pooled(estimate, float("nan"), 0.0, float("inf"))
    variance = float(np.sum((n1 * n0 * (x1 + x0) - x1 * x0 * n) / n**2)) / (r * s)
    error = float(np.sqrt(max(variance, 0.0)))
    reach = quantile(confidence) * error
    return Pooled(r / s, error, r / s * float(np.exp(-reach)), r / s * float(np.exp(reach)))


def mh_odds_ratio(tables: ArrayLike, confidence: float = 0.95) -> Pooled:
    """Return the Mantel-Haenszel odds ratio with the variance of its logarithm by Robins, Breslow and Greenland (1986).

    Robins J, Breslow N, Greenland S (1986), Biometrics 42, 311-323. Arguments as in `mh_rate_difference`.

    Examples
    --------
    >>> found = mh_odds_ratio([[[40, 10], [30, 20]], [[55, 45], [50, 50]], [[8, 12], [4, 16]]])
    >>> round(found.estimate, 5), round(found.low, 5), round(found.high, 5)
    (1.61489, 1.03678, 2.51534)
    """
    x1, n1, x0, n0 = _counts(tables)
    n, y1, y0 = n1 + n0, n1 - x1, n0 - x0
    r, s, p, q = x1 * y0 / n, y1 * x0 / n, (x1 + y0) / n, (y1 + x0) / n
    total_r, total_s = float(r.sum()), float(s.sum())
    if total_r == 0 or total_s == 0:
        estimate = total_r / total_s if total_s else float("inf") if total_r else float("nan")
        return Pooled(estimate, float("nan"), 0.0, float("inf"))
    variance = (
        np.sum(p * r) / (2 * total_r**2)
        + np.sum(p * s + q * r) / (2 * total_r * total_s)
        + np.sum(q * s) / (2 * total_s**2)
    )
    error = float(np.sqrt(variance))
    estimate, factor = total_r / total_s, float(np.exp(quantile(confidence) * error))
    return Pooled(estimate, error, estimate / factor, estimate * factor)


def breslow_day(tables: ArrayLike, *, tarone: bool = True) -> tuple[float, int, float]:
    """Test whether the odds ratio is the same in all strata; for few large strata only.

    Breslow NE, Day NE (1980), "Statistical Methods in Cancer Research I", section 4.4; Tarone RE (1985), Biometrika
    72, 91-95.

    Parameters
    ----------
    tables : array_like, shape (strata, 2, 2)
        See the module.
    tarone : bool
        Whether the statistic is corrected for the Mantel-Haenszel estimate's not being the most efficient one.

    Returns
    -------
    statistic, df, p
        Chi-square; NaN where no common odds ratio can be given.

    Examples
    --------
    >>> statistic, df, p = breslow_day([[[40, 10], [30, 20]], [[55, 45], [50, 50]], [[8, 12], [4, 16]]])
    >>> round(statistic, 5), df, round(p, 5)
    (2.6714, 2, 0.26297)
    """
    x1, n1, x0, n0 = _counts(tables)
    x = x1 + x0
    told = (x > 0) & (x < n1 + n0)
    x1, n1, n0, x = x1[told], n1[told], n0[told], x[told]
    common, df = mh_odds_ratio(tables).estimate, len(x) - 1
    if df < 1 or not 0 < common < float("inf"):
        return float("nan"), max(df, 0), float("nan")
    expected = _expected(common, n1, n0, x)
    variance = 1 / (1 / expected + 1 / (n1 - expected) + 1 / (x - expected) + 1 / (n0 - x + expected))
    statistic = float(np.sum((x1 - expected) ** 2 / variance))
    if tarone:
        statistic -= float(np.sum(x1 - expected)) ** 2 / float(np.sum(variance))
    return statistic, df, float(chdtrc(df, statistic))


def _expected(common: float, n1: Floats, n0: Floats, x: Floats) -> Floats:
    """Return the arm's successes that the common odds ratio gives with the same margins."""
    if abs(common - 1) < 1e-12:
        return n1 * x / (n1 + n0)
    linear = common * (n1 + x) + n0 - x
    root = np.sqrt(np.maximum(linear**2 - 4 * (common - 1) * common * n1 * x, 0.0))
    return 2 * common * n1 * x / (linear + root)


def _counts(tables: ArrayLike) -> tuple[Floats, Floats, Floats, Floats]:
    """Return x1, n1, x0, n0 of the strata that hold both arms."""
    cells = np.asarray(tables, dtype=np.float64)
    if cells.ndim != 3 or cells.shape[1:] != (2, 2) or np.any(cells < 0):
        raise InvalidInputError("tables", "give counts of the shape (strata, 2, 2), none negative")
    # For many strata two columns added are much quicker than a sum by axis.
    n1, n0 = cells[:, 0, 0] + cells[:, 0, 1], cells[:, 1, 0] + cells[:, 1, 1]
    both = np.flatnonzero((n1 > 0) & (n0 > 0))
    return cells[:, 0, 0].take(both), n1.take(both), cells[:, 1, 0].take(both), n0.take(both)

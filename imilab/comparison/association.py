"""Arms and results within strata beyond two by two: several results at once, and the exact test for few calls."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, gammaln

from imilab.comparison.exact import Alternative
from imilab.errors import InvalidInputError

__all__ = ["REFERENCES", "cmh_association", "cmh_exact"]

Floats = NDArray[np.float64]
_TIE = 1 + 1e-7
_FARTHEST = 60.0

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "cmh_association": "Landis, Heyman and Koch (1978), general association",
        "cmh_exact": "Mehta, Patel and Gray (1985), exact conditional test of several 2 x 2 tables",
    }
)


def cmh_association(tables: ArrayLike) -> tuple[float, int, float]:
    """Test whether arms and results are associated within strata, whatever the form: several arms, several outcomes.

    Landis JR, Heyman ER, Koch GG (1978), "Average partial association in three-way contingency tables", International
    Statistical Review 46, 237-254. With two arms and two results it is the test of Cochran, Mantel and Haenszel.

    Parameters
    ----------
    tables : array_like, shape (strata, arms, results)
        Counts.

    Returns
    -------
    statistic, df, p
        Chi-square; NaN where nothing can be told.

    Raises
    ------
    InvalidInputError
        Another shape, or a negative count.

    Examples
    --------
    >>> statistic, df, p = cmh_association([[[40, 10], [30, 20]], [[55, 45], [50, 50]], [[8, 12], [4, 16]]])
    >>> round(statistic, 5), df, round(p, 5)
    (4.51515, 1, 0.0336)
    """
    counts = np.asarray(tables, dtype=np.float64)
    if counts.ndim != 3 or min(counts.shape[1:], default=0) < 2 or np.any(counts < 0):
        raise InvalidInputError("tables", "give counts of the shape (strata, arms, results), two or more of each")
    width = (counts.shape[1] - 1) * (counts.shape[2] - 1)
    gap, covariance = np.zeros(width), np.zeros((width, width))
    for each in counts:
        total, rows, columns = each.sum(), each.sum(axis=1), each.sum(axis=0)
        if total < 2:
            continue
        gap += (each - np.outer(rows, columns) / total)[:-1, :-1].ravel()
        row, column = rows[:-1], columns[:-1]
        covariance += np.kron(
            np.diag(row) * total - np.outer(row, row), np.diag(column) * total - np.outer(column, column)
        ) / (total**2 * (total - 1))
    df = int(np.linalg.matrix_rank(covariance, hermitian=True)) if np.any(covariance) else 0
    if not df:
        return float("nan"), 0, float("nan")
    statistic = float(gap @ np.linalg.pinv(covariance, hermitian=True) @ gap)
    return statistic, df, float(chdtrc(df, statistic))


def cmh_exact(tables: ArrayLike, *, alternative: Alternative = "two-sided") -> tuple[float, float]:
    """Test exactly, for few calls, whether arm and baseline differ within strata.

    Given every stratum's margins, the arm's successes are a sum of hypergeometric variables; two-sided p adds the
    outcomes that are no more likely than what was seen. Mehta CR, Patel NR, Gray R (1985), "Computing an exact
    confidence interval for the common odds ratio in several 2 x 2 contingency tables", JASA 80, 969-973.

    Parameters
    ----------
    tables : array_like, shape (strata, 2, 2)
        First the arm, then the baseline, each with successes and failures; whole numbers.
    alternative : {"two-sided", "greater", "less"}
        Greater: the arm's odds are greater than the baseline's.

    Returns
    -------
    p, odds_ratio : float
        The odds ratio is the conditional maximum-likelihood estimate, 0 or infinite at the ends of what is possible;
        NaN where only one outcome is possible.

    Raises
    ------
    InvalidInputError
        Another shape, or counts that are negative or not whole.

    Examples
    --------
    >>> rabbits = [[[0, 6], [0, 5]], [[3, 3], [0, 6]], [[6, 0], [2, 4]], [[5, 1], [6, 0]], [[2, 0], [5, 0]]]
    >>> p, odds_ratio = cmh_exact(rabbits)
    >>> round(p, 5), round(odds_ratio, 3)
    (0.03994, 10.361)
    """
    counts = np.asarray(tables, dtype=np.float64)
    if counts.ndim != 3 or counts.shape[1:] != (2, 2) or np.any(counts < 0) or np.any(counts != np.round(counts)):
        raise InvalidInputError("tables", "give whole counts of the shape (strata, 2, 2), none negative")
    chances, least = np.ones(1), 0
    for (a, b), (c, d) in counts.astype(np.int64):
        first, stratum = _hypergeometric(int(a + b), int(c + d), int(a + c))
        chances, least = np.convolve(chances, stratum), least + first
    seen = int(counts[:, 0, 0].sum()) - least
    if alternative == "two-sided":
        counted = chances[chances <= chances[seen] * _TIE]
    else:
        counted = chances[seen:] if alternative == "greater" else chances[: seen + 1]
    return min(float(counted.sum()), 1.0), _odds_ratio(chances, seen)


def _hypergeometric(n1: int, n0: int, successes: int) -> tuple[int, Floats]:
    """Return the least number of the arm's successes, and the chance of it and of each greater one."""
    least, most = max(0, successes - n0), min(n1, successes)
    x = np.arange(least, most + 1, dtype=np.float64)
    logs = -gammaln(x + 1) - gammaln(n1 - x + 1) - gammaln(successes - x + 1) - gammaln(n0 - successes + x + 1)
    chances: Floats = np.exp(logs - logs.max())
    return least, chances / chances.sum()


def _odds_ratio(chances: Floats, seen: int) -> float:
    """Return the odds ratio at which what was seen is what is expected."""
    last = len(chances) - 1
    if last == 0:
        return float("nan")
    if seen in (0, last):
        return 0.0 if seen == 0 else float("inf")
    from scipy.optimize import brentq

    places = np.arange(last + 1)
    with np.errstate(divide="ignore"):
        logs = np.log(chances)

    def lacking(log_odds: float) -> float:
        tilted = logs + log_odds * places
        weights = np.exp(tilted - tilted.max())
        return float(weights @ places / weights.sum()) - seen

    return float(np.exp(brentq(lacking, -_FARTHEST, _FARTHEST, xtol=1e-12)))

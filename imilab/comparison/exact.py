"""Exact tests of one rate and of two, for tiny tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlog1py, xlogy

from imilab.errors import InvalidInputError

__all__ = ["REFERENCES", "barnard", "binomial_test", "conditional_odds_ratio", "fisher_exact", "fisher_mid_p"]

Floats = NDArray[np.float64]
Alternative = Literal["two-sided", "greater", "less"]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "fisher_exact": "Fisher (1935), exact test",
        "fisher_mid_p": "Lancaster (1961), mid-p of Fisher's exact test, twice the smaller tail",
        "barnard": "Barnard (1947) with the pooled z as order, the largest p over the common rate",
        "binomial_test": "Clopper and Pearson (1934), exact binomial test, two-sided by likelihood",
    }
)

_TIES = 1 + 1e-7
"""Probabilities closer than this are ties; floating point would tell them apart (as in R's fisher.test)."""
_LARGEST_ARM = 1000


def fisher_exact(x1: int, n1: int, x0: int, n0: int, alternative: Alternative = "two-sided") -> float:
    """Return p of Fisher's exact test; two-sided it sums all tables that are no likelier than the one seen.

    Fisher RA (1935), "The Design of Experiments".

    Parameters
    ----------
    x1, n1, x0, n0 : int
        Successes and trials of the arm (1) and of the baseline (0).
    alternative : {"two-sided", "greater", "less"}
        Greater: the arm's odds are greater than the baseline's.

    Examples
    --------
    >>> round(fisher_exact(3, 4, 1, 4), 6)
    0.485714
    """
    probabilities, place = _tables(x1, n1, x0, n0)
    if alternative == "greater":
        return min(float(probabilities[place:].sum()), 1.0)
    if alternative == "less":
        return min(float(probabilities[: place + 1].sum()), 1.0)
    return min(float(probabilities[probabilities <= probabilities[place] * _TIES].sum()), 1.0)


def fisher_mid_p(x1: int, n1: int, x0: int, n0: int, *, alternative: Alternative = "two-sided") -> float:
    """Return the mid-p of Fisher's test: the table seen counts half; two-sided it is twice the smaller tail.

    Less careful than Fisher's test, and close to the level on tiny tables. Lancaster HO (1961), JASA 56, 223-234;
    Hirji KF, Tan SJ, Elashoff RM (1991), Statistics in Medicine 10, 1137-1153. Parameters are those of `fisher_exact`.

    Examples
    --------
    >>> round(fisher_mid_p(6, 7, 2, 7), 6)
    0.053613
    """
    probabilities, place = _tables(x1, n1, x0, n0)
    half = probabilities[place] / 2
    less, greater = float(probabilities[:place].sum() + half), float(probabilities[place + 1 :].sum() + half)
    return min({"less": less, "greater": greater}.get(alternative, 2 * min(less, greater)), 1.0)


def barnard(x1: int, n1: int, x0: int, n0: int, *, alternative: Alternative = "two-sided", points: int = 1000) -> float:
    """Return p of Barnard's unconditional test that orders the tables by the pooled z.

    Barnard GA (1947), "Significance tests for 2 x 2 tables", Biometrika 34, 123-138. The tables are compared in whole
    numbers, so that ties are ties.

    Parameters
    ----------
    x1, n1, x0, n0 : int
        Successes and trials, at most 1000 each.
    alternative : {"two-sided", "greater", "less"}
        Greater: the arm's rate is greater than the baseline's.
    points : int
        How many common rates are tried before the best is refined.

    Raises
    ------
    InvalidInputError
        An arm is larger: use `score_test` there.

    Examples
    --------
    >>> round(barnard(9, 10, 3, 10), 5)
    0.00796
    """
    _check(x1, n1, x0, n0)
    if max(n1, n0) > _LARGEST_ARM:
        raise InvalidInputError("n1", f"an arm has more than {_LARGEST_ARM} calls; the score test is right there")
    extreme = _as_extreme(x1, n1, x0, n0, alternative).astype(np.float64)

    def chance(rates: Floats) -> Floats:
        found: Floats = np.einsum("ra,ab,rb->r", _binomial(n1, rates), extreme, _binomial(n0, rates), optimize=True)
        return found

    grid = np.linspace(1e-5, 1 - 1e-5, points)
    step = grid[1] - grid[0]
    for _ in range(3):
        best = float(grid[np.argmax(chance(grid))])
        grid = np.clip(np.linspace(best - step, best + step, 101), 0.0, 1.0)
        step /= 50
    return min(float(chance(grid).max()), 1.0)


def binomial_test(x: int, n: int, rate: float = 0.5, *, alternative: Alternative = "two-sided") -> float:
    """Return the exact p of `x` successes in `n` if the rate is `rate`; two-sided it sums all that is no likelier.

    Clopper CJ, Pearson ES (1934), Biometrika 26, 404-413; the two-sided rule is that of R's binom.test.

    Parameters
    ----------
    x, n : int
        Successes and trials.
    rate : float
        The supposed rate.
    alternative : {"two-sided", "greater", "less"}
        Greater: the true rate is greater than the supposed one.

    Raises
    ------
    InvalidInputError
        A count or the rate lies outside its range.

    Examples
    --------
    >>> round(binomial_test(682, 925, 0.75), 6)
    0.382492
    """
    if not 0 <= x <= n or not 0 <= rate <= 1:
        raise InvalidInputError("x", "the count is above its n, or one is negative, or the rate lies outside 0 to 1")
    probabilities = _binomial(n, np.array([rate]))[0]
    if alternative != "two-sided":
        return min(float((probabilities[x:] if alternative == "greater" else probabilities[: x + 1]).sum()), 1.0)
    return min(float(probabilities[probabilities <= probabilities[x] * _TIES].sum()), 1.0)


def conditional_odds_ratio(
    x1: int, n1: int, x0: int, n0: int, confidence: float = 0.95, alternative: Alternative = "two-sided"
) -> tuple[float, float, float]:
    """Return the conditional odds ratio that belongs to Fisher's test, with its exact interval (from scipy).

    Cornfield J (1956), "A statistical problem arising from retrospective studies", Proc. 3rd Berkeley Symposium 4,
    135-148. R's limits differ from these by up to 1 %, and by more beyond 1000 and below 1 / 1000. Where the margins
    allow one table only, as without any success, nothing is known: the estimate is missing, the limits are 0 and
    infinite.

    Examples
    --------
    >>> [round(each, 2) for each in conditional_odds_ratio(6, 7, 2, 7)]
    [11.71, 0.72, 823.98]
    """
    from scipy.stats.contingency import odds_ratio

    if len(_tables(x1, n1, x0, n0)[0]) == 1:
        return math.nan, 0.0, math.inf
    found: Any = odds_ratio(np.array([[x1, n1 - x1], [x0, n0 - x0]]), kind="conditional")
    limits = found.confidence_interval(confidence_level=confidence, alternative=alternative)
    return float(found.statistic), float(limits.low), float(limits.high)


def _check(x1: int, n1: int, x0: int, n0: int) -> None:
    if not (0 <= x1 <= n1 and 0 <= x0 <= n0):
        raise InvalidInputError("count", "a count is negative or above its n")


def _as_extreme(x1: int, n1: int, x0: int, n0: int, alternative: Alternative) -> NDArray[np.bool_]:
    """Return which tables have a pooled z at least as far out as the one seen, shape (n1 + 1, n0 + 1).

    z is 0 where all or none are successes.
    """
    a, b = np.arange(n1 + 1, dtype=np.int64)[:, None], np.arange(n0 + 1, dtype=np.int64)[None, :]
    gap, spread = a * n0 - b * n1, np.maximum((a + b) * (n1 + n0 - a - b), 1)
    far = gap**2 if alternative == "two-sided" else gap * np.abs(gap) * (1 if alternative == "greater" else -1)
    found: NDArray[np.bool_] = far * spread[x1, x0] >= far[x1, x0] * spread
    return found


def _tables(x1: int, n1: int, x0: int, n0: int) -> tuple[Floats, int]:
    """Return the chance of every table with the same margins, by rising successes of the arm, and where x1 stands."""
    _check(x1, n1, x0, n0)
    successes = x1 + x0
    lowest = max(0, successes - n0)
    a = np.arange(lowest, min(n1, successes) + 1)
    logarithm = _log_choose(n1, a) + _log_choose(n0, successes - a) - _log_choose(n1 + n0, np.array(successes))
    probabilities = np.exp(logarithm)
    return probabilities / probabilities.sum(), int(x1 - lowest)


def _log_choose(n: int, k: NDArray[Any]) -> Floats:
    found: Floats = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return found


def _binomial(n: int, rates: Floats) -> Floats:
    """Return the binomial probabilities of 0 to n for each rate, shape (rates, n + 1)."""
    k = np.arange(n + 1)
    found: Floats = np.exp(_log_choose(n, k) + xlogy(k, rates[:, None]) + xlog1py(n - k, -rates[:, None]))
    return found

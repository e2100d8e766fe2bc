"""Power, sample size and smallest detectable difference of two rates, for a test that is looked at once.

Sample sizes are exact real numbers; round them up. All of them take calls as independent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

from imilab.comparison.planning.formulas import check_level, check_rate, check_sides, check_sizes, quantile, root, tail
from imilab.errors import InvalidInputError

__all__ = ["mde_pooled", "power_arcsine", "power_pooled", "size_arcsine", "size_pooled", "size_unpooled"]

_NORMAL = NormalDist()


def power_pooled(
    n1: float, n0: float, p1: float, p0: float, *, alpha: float = 0.05, sides: int = 2, both_tails: bool = False
) -> float:
    """Return the power of the pooled z test of two rates.

    Fleiss JL, Levin B, Paik MC (2003), Statistical Methods for Rates and Proportions, 3rd ed., section 4.2; for equal
    sizes it is R's ``power.prop.test``.

    Parameters
    ----------
    n1, n0 : float
        Calls of arm and baseline.
    p1, p0 : float
        Their true rates.
    alpha : float
        Level of the test.
    sides : {2, 1}
        Sides of the test; one side looks where the difference lies.
    both_tails : bool
        Count finding a difference in the wrong direction too (R's ``strict``).

    Returns
    -------
    float

    Examples
    --------
    >>> round(power_pooled(200, 200, 0.35, 0.3), 4)
    0.1857
    """
    critical, null, error = _normals(n1, n0, p1, p0, alpha, sides)
    difference = abs(p1 - p0)
    power = tail(difference - critical * null, error)
    return power + (tail(-difference - critical * null, error) if both_tails and sides == 2 else 0.0)


def size_pooled(
    p1: float,
    p0: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    sides: int = 2,
    ratio: float = 1.0,
    both_tails: bool = False,
) -> tuple[float, float]:
    """Return the calls that arm and baseline need for the pooled z test.

    Fleiss, Levin and Paik (2003), section 4.2, without continuity correction.

    Parameters
    ----------
    p1, p0 : float
        True rates of arm and baseline.
    power : float
        Chance of finding the difference.
    alpha, sides, both_tails
        See `power_pooled`.
    ratio : float
        Calls of the arm for each call of the baseline.

    Returns
    -------
    n1, n0 : float

    Raises
    ------
    InvalidInputError
        Equal rates, which no number of calls can tell apart, a power that needs no call (with both tails counted it is
        never below the level), or a value outside its range.

    Examples
    --------
    >>> round(size_pooled(0.85, 0.8)[0], 3)
    905.366
    """
    _check_difference(p1 - p0)
    critical, null, error = _normals(ratio, 1.0, p1, p0, alpha, sides)
    wanted = quantile(check_level("power", power))
    if both_tails and sides == 2:
        options = {"alpha": alpha, "both_tails": True}
        return _searched(lambda n: power_pooled(ratio * n, n, p1, p0, **options), power, ratio)  # type: ignore[arg-type]
    n0 = (max(critical * null + wanted * error, 0.0) / abs(p1 - p0)) ** 2
    return ratio * n0, n0


def mde_pooled(
    n1: float,
    n0: float,
    p0: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    sides: int = 2,
    direction: int = 1,
    both_tails: bool = False,
) -> float:
    """Return the smallest difference that the pooled z test finds with the given power.

    Parameters
    ----------
    n1, n0 : float
        Calls of arm and baseline.
    p0 : float
        The baseline's rate.
    power, alpha, sides, both_tails
        See `size_pooled`.
    direction : {1, -1}
        Whether the arm is better or worse.

    Returns
    -------
    float
        Arm less baseline.

    Raises
    ------
    InvalidInputError
        Even the largest possible difference is not found so often.

    Examples
    --------
    >>> round(0.5 + mde_pooled(1000, 1000, 0.5), 6)
    0.562486
    """
    check_rate("baseline", p0)

    def lacking(size: float) -> float:
        arm = p0 + direction * size
        return power_pooled(n1, n0, arm, p0, alpha=alpha, sides=sides, both_tails=both_tails) - power

    largest = (1 - p0 if direction > 0 else p0) - 1e-12
    if lacking(largest) < 0:
        raise InvalidInputError("n", f"{n1 + n0:g} calls are too few: even the largest difference would be missed")
    return direction * root(lacking, 1e-12, largest)


def size_unpooled(
    p1: float, p0: float, *, power: float = 0.8, alpha: float = 0.05, sides: int = 2, ratio: float = 1.0
) -> tuple[float, float]:
    """Return the calls that arm and baseline need for the z test with unpooled variance.

    Chow SC, Shao J, Wang H (2008), Sample Size Calculations in Clinical Research, 2nd ed., section 4.2.

    Parameters and result are those of `size_pooled`.

    Examples
    --------
    >>> math.ceil(size_unpooled(0.85, 0.65)[0])
    70
    """
    _check_difference(p1 - p0)
    critical, _, error = _normals(ratio, 1.0, p1, p0, alpha, sides)
    n0 = ((critical + quantile(check_level("power", power))) * error / (p1 - p0)) ** 2
    return ratio * n0, n0


def power_arcsine(n1: float, n0: float, p1: float, p0: float, *, alpha: float = 0.05, sides: int = 2) -> float:
    """Return the power after Cohen's arcsine transformation; two sides count both tails.

    Cohen J (1988), Statistical Power Analysis for the Behavioral Sciences, 2nd ed., chapter 6.

    Parameters are those of `power_pooled`.

    Examples
    --------
    >>> round(power_arcsine(475.8065, 475.8065, 0.7, 0.6), 4)
    0.9
    """
    critical = quantile(1 - check_level("alpha", alpha) / check_sides(sides))
    check_rate("p1", p1), check_rate("p0", p0)
    shift = abs(2 * math.asin(math.sqrt(p1)) - 2 * math.asin(math.sqrt(p0))) * math.sqrt(n1 * n0 / (n1 + n0))
    return _NORMAL.cdf(shift - critical) + (_NORMAL.cdf(-shift - critical) if sides == 2 else 0.0)


def size_arcsine(
    p1: float, p0: float, *, power: float = 0.8, alpha: float = 0.05, sides: int = 2, ratio: float = 1.0
) -> tuple[float, float]:
    """Return the calls that arm and baseline need after Cohen's arcsine transformation.

    Cohen (1988), chapter 6; for equal sizes it is ``pwr.2p.test`` of R's package pwr.

    Parameters and result are those of `size_pooled`.

    Examples
    --------
    >>> round(size_arcsine(0.35, 0.3)[0], 3)
    1375.616
    """
    _check_difference(p1 - p0)
    check_level("power", power)
    return _searched(lambda n: power_arcsine(ratio * n, n, p1, p0, alpha=alpha, sides=sides), power, ratio)


def _searched(power_of: Callable[[float], float], power: float, ratio: float) -> tuple[float, float]:
    """Return the calls of arm and baseline at which the power, by the baseline's calls, is what is wanted."""

    def lacking(log_n: float) -> float:
        return power_of(math.exp(log_n)) - power

    if lacking(-20.0) >= 0:
        raise InvalidInputError("power", f"{power!r} is no more than the level: no call is needed")
    n0 = math.exp(root(lacking, -20.0, 60.0))
    return ratio * n0, n0


def _normals(n1: float, n0: float, p1: float, p0: float, alpha: float, sides: int) -> tuple[float, float, float]:
    """Return the critical value, and the standard errors under no difference and under the true rates."""
    critical = quantile(1 - check_level("alpha", alpha) / check_sides(sides))
    check_rate("p1", p1), check_rate("p0", p0)
    check_sizes(n1, n0)
    pooled = (n1 * p1 + n0 * p0) / (n1 + n0)
    null = math.sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    return critical, null, math.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)


def _check_difference(difference: float) -> None:
    if difference == 0:
        raise InvalidInputError("mde", "the rates are equal: no number of calls can tell them apart")

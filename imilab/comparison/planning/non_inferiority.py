"""Power and sample size to rule a difference out: the arm is no worse than the baseline by a margin.

Sample sizes are exact real numbers; round them up. They take calls as independent.
"""

from __future__ import annotations

import math

import numpy as np

from imilab.comparison.planning.formulas import check_level, check_rate, check_sizes, quantile, tail
from imilab.errors import InvalidInputError
from imilab.intervals.score import restricted_rates

__all__ = ["power_non_inferiority", "size_non_inferiority"]


def power_non_inferiority(
    n1: float, n0: float, p1: float, p0: float, margin: float, *, alpha: float = 0.025, upward: bool | None = None
) -> float:
    """Return the power to rule out a difference, one-sided.

    Farrington CP, Manning G (1990), Statistics in Medicine 9, 1447-1454, with the variance under the null hypothesis at
    the restricted rates of largest likelihood.

    Parameters
    ----------
    n1, n0 : float
        Calls of arm and baseline.
    p1, p0 : float
        Their true rates.
    margin : float
        The difference, arm less baseline, to be ruled out: -0.05 where the arm must not be 5 points lower, 0.05 where
        it must not be 5 points higher.
    alpha : float
        Level of the one side.
    upward : bool, optional
        Whether the test is to show that the difference lies above the margin, or else below it; by default that
        follows from the margin's sign. True with a margin of 0 or 0.05: better at all, or by more than 5 points.

    Returns
    -------
    float

    Examples
    --------
    >>> round(power_non_inferiority(229.489, 229.489, 0.85, 0.8, -0.05), 4)
    0.8
    """
    critical, null, error = _restricted(n1, n0, p1, p0, margin, alpha, upward)
    return tail(abs(p1 - p0 - margin) - critical * null, error)


def size_non_inferiority(
    p1: float,
    p0: float,
    margin: float,
    *,
    power: float = 0.8,
    alpha: float = 0.025,
    ratio: float = 1.0,
    upward: bool | None = None,
) -> tuple[float, float]:
    """Return the calls that arm and baseline need to rule out a difference.

    Farrington and Manning (1990); parameters are those of `power_non_inferiority` and `size_pooled`.

    Returns
    -------
    n1, n0 : float

    Raises
    ------
    InvalidInputError
        The true difference is the margin, or lies beyond it.

    Examples
    --------
    >>> [round(n, 2) for n in size_non_inferiority(0.5, 0.5, -0.1, ratio=2)]
    [583.2, 291.6]
    """
    critical, null, error = _restricted(ratio, 1.0, p1, p0, margin, alpha, upward)
    wanted = quantile(check_level("power", power))
    n0 = (max(critical * null + wanted * error, 0.0) / abs(p1 - p0 - margin)) ** 2
    return ratio * n0, n0


def _restricted(
    n1: float, n0: float, p1: float, p0: float, margin: float, alpha: float, upward: bool | None
) -> tuple[float, float, float]:
    check_rate("p1", p1), check_rate("p0", p0)
    check_sizes(n1, n0)
    if not -1 < margin < 1 or (margin == 0 and upward is None):
        raise InvalidInputError("margin", f"{margin!r} is no difference to rule out; for 5 points lower give -0.05")
    side = 1 if (margin < 0 if upward is None else upward) else -1
    if (p1 - p0 - margin) * side < 1e-12:
        raise InvalidInputError(
            "margin", f"a true difference of {p1 - p0:g} is not on the good side of {margin:g}: it cannot be ruled out"
        )
    rate1, rate0 = (float(rate) for rate in restricted_rates(*map(np.asarray, (n1 * p1, n1, n0 * p0, n0, margin))))
    null = math.sqrt(rate1 * (1 - rate1) / n1 + rate0 * (1 - rate0) / n0)
    error = math.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
    return quantile(1 - check_level("alpha", alpha)), null, error

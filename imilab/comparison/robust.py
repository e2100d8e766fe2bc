"""Two arms by regression with errors clustered by number: the sandwich estimators CR1 and CR2, for who is used to them.

`imilab.compare` takes `number_means`, whose estimate is the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.special import ndtr, stdtr

from imilab.comparison.correlation import Arm
from imilab.errors import InvalidInputError

__all__ = ["REFERENCES", "Robust", "cr1", "cr2"]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "cr1": "Liang and Zeger (1986), times K / (K - 1) for K numbers, normal",
        "cr2": "Bell and McCaffrey (2002), bias-reduced linearization, t with their degrees of freedom",
    }
)


@dataclass(frozen=True)
class Robust:
    """A difference of two arms' rates.

    Attributes
    ----------
    estimate, standard_error, df, p : float
        The difference, its standard error, the degrees of freedom of t (infinite for a normal test), two-sided p.
    """

    estimate: float
    standard_error: float
    df: float
    p: float


def cr1(arm: Arm, baseline: Arm) -> Robust:
    """Compare two arms by ordinary regression of the calls, with the sandwich variance of the numbers' residuals.

    Liang KY, Zeger SL (1986), "Longitudinal data analysis using generalized linear models", Biometrika 73, 13-22. It
    finds too much on few numbers; use `cr2` or `number_means_difference` there.

    Parameters
    ----------
    arm, baseline : Arm
        At least two numbers each, none in both.

    Examples
    --------
    >>> one, other = Arm(np.array([5.0, 4, 6]), np.array([2.0, 3, 1])), Arm(np.full(3, 5.0), np.array([4.0, 3, 5]))
    >>> found = cr1(one, other)
    >>> round(found.estimate, 4), round(found.standard_error, 4)
    (-0.4, 0.1777)
    """
    _check(arm, baseline)
    numbers = len(arm.calls) + len(baseline.calls)
    variance = sum(float(np.sum(each.surplus**2)) / float(each.calls.sum()) ** 2 for each in (arm, baseline))
    error = math.sqrt(variance * numbers / (numbers - 1))
    estimate = arm.rate - baseline.rate
    return Robust(estimate, error, math.inf, _p(estimate, error, math.inf))


def cr2(arm: Arm, baseline: Arm) -> Robust:
    """Compare two arms as `cr1`, with residuals that are set right for what the fit took from them.

    Bell RM, McCaffrey DF (2002), "Bias reduction in standard errors for linear regression with multi-stage samples",
    Survey Methodology 28, 169-181, with calls that are independent as the working model.

    Parameters
    ----------
    arm, baseline : Arm
        At least two numbers each, none in both.

    Examples
    --------
    >>> one, other = Arm(np.array([5.0, 4, 6]), np.array([2.0, 3, 1])), Arm(np.full(3, 5.0), np.array([4.0, 3, 5]))
    >>> found = cr2(one, other)
    >>> round(found.standard_error, 4), round(found.df, 2)
    (0.1993, 3.94)
    """
    _check(arm, baseline)
    variance, trace, squares = (sum(parts) for parts in zip(_of_arm(arm), _of_arm(baseline), strict=True))
    error, df, estimate = math.sqrt(variance), trace**2 / squares, arm.rate - baseline.rate
    return Robust(estimate, error, df, _p(estimate, error, df))


def _of_arm(arm: Arm) -> tuple[float, float, float]:
    """Return an arm's part of the variance, and of the trace and the squared norm that give degrees of freedom."""
    calls, total = arm.calls, float(arm.calls.sum())
    left = 1 - calls / total
    variance = float(np.sum(arm.surplus**2 / left)) / total**2
    # The quadratic form's matrix has m / n^2 on its diagonal and -(a a') / n^3 beside it; a is m / sqrt(1 - m / n).
    a = calls**2 / left
    beside = (float(a.sum()) ** 2 - float(np.sum(a**2))) / total**6
    return variance, float(calls.sum()) / total**2, float(np.sum(calls**2)) / total**4 + beside


def _p(estimate: float, error: float, df: float) -> float:
    if error == 0:
        return math.nan if estimate == 0 else 0.0
    t = -abs(estimate) / error
    return 2 * float(ndtr(t) if df == math.inf else stdtr(df, t))


def _check(arm: Arm, baseline: Arm) -> None:
    if min(len(arm.calls), len(baseline.calls)) < 2:
        raise InvalidInputError("numbers", "an arm has fewer than two numbers")

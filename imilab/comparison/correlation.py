"""How alike the calls of one number are: the intraclass correlation, and what it does to a sample's size.

An arm is given as two arrays with one place for each number: its calls and how many of them were successes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

__all__ = ["REFERENCES", "Arm", "StandardisedArm", "design_effect", "intraclass_correlation"]

Floats = NDArray[np.float64]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "intraclass_correlation": "Donner (1986), analysis of variance estimator",
        "design_effect": "Kish (1965)",
    }
)


@dataclass(frozen=True, eq=False)
class Arm:
    """The numbers of one arm.

    Attributes
    ----------
    calls, successes : numpy.ndarray of float, shape (numbers,)
        Of each number with at least one call.
    """

    calls: Floats
    successes: Floats

    @property
    def rate(self) -> float:
        """Successes by calls: every call counts once."""
        return float(self.successes.sum() / self.calls.sum())

    @property
    def surplus(self) -> Floats:
        """Each number's successes beyond those that the arm's rate gives it."""
        return self.successes - self.rate * self.calls


@dataclass(frozen=True, eq=False)
class StandardisedArm(Arm):
    """An arm whose rate is a weighted mean of its rates in strata.

    Attributes
    ----------
    standard_rate : float
        That mean.
    standard_surplus : numpy.ndarray of float, shape (numbers,)
        Each number's part in its error, on the scale of calls.
    """

    standard_rate: float
    standard_surplus: Floats

    @property
    def rate(self) -> float:
        """The weighted mean."""
        return self.standard_rate

    @property
    def surplus(self) -> Floats:
        """Each number's part in its error."""
        return self.standard_surplus


def intraclass_correlation(arms: Sequence[Arm]) -> float:
    """Return how alike the calls of one number are, within arms: 0 as any calls, 1 all the same.

    The analysis of variance estimator; it can fall below 0. Donner A (1986), "A review of inference procedures for the
    intraclass correlation coefficient", International Statistical Review 54, 67-82.

    Returns
    -------
    float
        NaN where no number has two calls, or all calls came to the same.

    Examples
    --------
    >>> round(intraclass_correlation([Arm(np.full(4, 5.0), np.array([5.0, 0, 4, 1]))]), 3)
    0.674
    """
    between = within = spare = sizes = 0.0
    numbers = calls = 0
    for arm in arms:
        p = arm.successes / arm.calls
        total = float(arm.calls.sum())
        between += float(np.sum(arm.calls * (p - arm.rate) ** 2))
        within += float(np.sum(arm.calls * p * (1 - p)))
        numbers, calls = numbers + len(p) - 1, calls + int(total)
        spare += total - len(p)
        sizes += total - float(np.sum(arm.calls**2)) / total
    if numbers <= 0 or spare <= 0 or between + within <= 1e-12:
        return float("nan")
    mean_between, mean_within, size = between / numbers, within / spare, sizes / numbers
    return (mean_between - mean_within) / (mean_between + (size - 1) * mean_within)


def design_effect(arm: Arm, correlation: float) -> float:
    """Return by how much repeated numbers inflate an arm's variance; calls by this are the effective calls.

    Kish L (1965), "Survey Sampling", section 5.4: 1 + (m - 1) ICC, with the mean size m weighted by calls. A negative
    or missing correlation counts as 0.

    Examples
    --------
    >>> round(design_effect(Arm(np.full(4, 5.0), np.ones(4)), 0.3), 3)
    2.2
    """
    size = float(np.sum(arm.calls**2) / arm.calls.sum())
    return 1.0 if math.isnan(correlation) else 1 + (size - 1) * max(correlation, 0.0)

"""Plans of two rates: what values are allowed, and the little that all of their formulas share."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

from imilab.errors import InvalidInputError

__all__ = ["check_level", "check_rate", "check_sides", "check_sizes", "quantile", "root", "tail"]


def quantile(probability: float) -> float:
    """Return the standard normal quantile."""
    return NormalDist().inv_cdf(probability)


def check_rate(field: str, value: object) -> float:
    """Return a rate if it lies between 0 and 1.

    Raises
    ------
    InvalidInputError
        It does not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise InvalidInputError(field, f"{value!r} is no rate between 0 and 1; for 55 % give 0.55")
    return float(value)


def check_level(field: str, value: object) -> float:
    """Return a level or a power if it lies strictly between 0 and 1.

    Raises
    ------
    InvalidInputError
        It does not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise InvalidInputError(field, f"{value!r} is not between 0 and 1")
    return float(value)


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where a function changes its sign between two values."""
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-13, rtol=1e-13))


def tail(excess: float, error: float) -> float:
    """Return the chance that an estimate passes its limit, which it exceeds by so much on average."""
    return NormalDist().cdf(excess / error) if error else float(excess > 0)


def check_sides(sides: int) -> int:
    """Return the number of sides of a test if it is 1 or 2."""
    if sides not in (1, 2):
        raise InvalidInputError("sides", f"{sides!r} is neither 1 nor 2")
    return sides


def check_sizes(n1: float, n0: float) -> None:
    """Raise unless both arms have calls."""
    if not (n1 > 0 and n0 > 0):
        raise InvalidInputError("n", f"{n1!r} and {n0!r}: both arms need calls")

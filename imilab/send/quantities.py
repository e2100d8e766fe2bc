"""Quantities as callers give them: seconds, minutes, calls a second. Pure."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from numbers import Real

from imilab.errors import InvalidInputError

__all__ = ["quantity"]


def quantity(value: object, field: str, *, unit: str) -> float:
    """Return a quantity as a number.

    Parameters
    ----------
    value : object
        Any kind of number, 0 or above; infinity is none.
    field : str
        What it is called in an error.
    unit : str
        In what it is counted, such as ``seconds``.

    Raises
    ------
    InvalidInputError
        It is no number, or below 0.

    Examples
    --------
    >>> quantity(3, "timeout_seconds", unit="seconds")
    3.0
    """
    if not isinstance(value, bool) and isinstance(value, Real | Decimal | Fraction):
        number = float(value)
        if number >= 0 and math.isfinite(number):
            return number
    raise InvalidInputError(field, f"not a number of {unit}, 0 or above; give one such as 1.5")

"""Quantities as callers give them."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from imilab.errors import InvalidInputError
from imilab.send.quantities import quantity


@pytest.mark.parametrize(
    ("given", "number"),
    [(0, 0.0), (1.5, 1.5), (Decimal("0.5"), 0.5), (Fraction(1, 4), 0.25), (np.int64(3), 3.0), (np.float32(0.5), 0.5)],
)
def test_every_kind_of_number_is_one(given, number: float):
    assert quantity(given, "timeout_seconds", unit="seconds") == number


@pytest.mark.parametrize("given", [None, "3", True, -1, math.nan, math.inf, -math.inf, [1], 1j])
def test_anything_else_is_an_error_that_names_the_field(given):
    with pytest.raises(InvalidInputError, match=r"timeout_seconds: not a number of seconds, 0 or above"):
        quantity(given, "timeout_seconds", unit="seconds")

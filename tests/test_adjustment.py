"""Adjustments that need independent p values, or such as rise and fall together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.comparison.adjustment import hochberg, holm, hommel

several = st.lists(st.floats(0, 1), max_size=6)


def _closed(p: Sequence[float], local: Callable[[list[float]], float]) -> list[float]:
    """Test every set of hypotheses; each keeps the largest p of a set that holds it."""
    adjusted = [0.0] * len(p)
    for size in range(1, len(p) + 1):
        for chosen in combinations(range(len(p)), size):
            whole = local(sorted(p[place] for place in chosen))
            for place in chosen:
                adjusted[place] = max(adjusted[place], whole)
    return [min(each, 1.0) for each in adjusted]


@given(several)
def test_hommel_closes_the_test_of_simes(p: list[float]) -> None:
    expected = _closed(p, lambda chosen: min(len(chosen) * each / rank for rank, each in enumerate(chosen, 1)))
    np.testing.assert_allclose(hommel(p), expected, atol=1e-12)


@given(several)
def test_hochberg_lies_between_hommel_and_holm(p: list[float]) -> None:
    assert (hommel(p) <= hochberg(p) + 1e-12).all()
    assert (hochberg(p) <= holm(p) + 1e-12).all()


@given(several)
def test_hochberg_rejects_exactly_where_its_steps_do(p: list[float]) -> None:
    # Hochberg's own words: walk down the sorted p values, stop at the first at or below level / (comparisons left).
    for level in (0.05, 0.2):
        ordered = sorted(p)
        passing = [each for place, each in enumerate(ordered) if each <= level / (len(p) - place) - 1e-12]
        largest = passing[-1] if passing else -1.0
        assert all(adjusted <= level for each, adjusted in zip(p, hochberg(p), strict=True) if each <= largest)


def test_one_and_missing_p_values_stay() -> None:
    for method in (hochberg, hommel):
        assert method([0.03]).tolist() == [0.03]
        assert method([]).tolist() == []
        np.testing.assert_allclose(method([0.01, float("nan"), 0.02]), [0.02, np.nan, 0.02])


def test_equal_p_values_are_adjusted_alike() -> None:
    assert hommel([0.02, 0.02, 0.02]).tolist() == pytest.approx([0.02] * 3)

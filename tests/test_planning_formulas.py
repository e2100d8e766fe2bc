"""Formulas of two rates: both tails counted, and a difference to be shown rather than ruled out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.comparison.planning.non_inferiority import power_non_inferiority, size_non_inferiority
from imilab.comparison.planning.two_rates import mde_pooled, power_pooled, size_pooled
from imilab.errors import InvalidInputError


@given(st.floats(0.05, 0.85), st.floats(0.02, 0.1), st.floats(0.3, 0.95), st.floats(0.01, 0.25))
@settings(max_examples=40)
def test_size_and_power_with_both_tails_are_each_others_inverse(
    p0: float, gap: float, goal: float, alpha: float
) -> None:
    n1, n0 = size_pooled(p0 + gap, p0, power=goal, alpha=alpha, both_tails=True)
    assert power_pooled(n1, n0, p0 + gap, p0, alpha=alpha, both_tails=True) == pytest.approx(goal, abs=1e-9)
    assert n0 <= size_pooled(p0 + gap, p0, power=goal, alpha=alpha)[1] + 1e-6


def test_both_tails_change_the_size_where_the_power_is_low() -> None:
    assert size_pooled(0.35, 0.3, power=0.5, alpha=0.2, both_tails=True)[1] == pytest.approx(282.262, abs=1e-3)
    assert size_pooled(0.35, 0.3, power=0.5, alpha=0.2)[1] == pytest.approx(288.237, abs=1e-3)
    one = {"power": 0.5, "alpha": 0.2, "sides": 1}
    assert size_pooled(0.35, 0.3, both_tails=True, **one) == size_pooled(0.35, 0.3, **one)  # type: ignore[arg-type]  # options of several types


def test_the_smallest_difference_with_both_tails_is_found_with_the_power_asked_for() -> None:
    difference = mde_pooled(1000, 1000, 0.5, both_tails=True)
    assert 0.5 + difference == pytest.approx(0.56248601, abs=1e-8)
    assert power_pooled(1000, 1000, 0.5 + difference, 0.5, both_tails=True) == pytest.approx(0.8)


def test_a_power_below_the_level_needs_no_call_where_both_tails_count() -> None:
    with pytest.raises(InvalidInputError, match="no call"):
        size_pooled(0.35, 0.3, power=0.04, both_tails=True)


@pytest.mark.parametrize("margin", [-0.05, 0.0, 0.05])
def test_being_better_by_a_margin_can_be_planned_on_either_side(margin: float) -> None:
    n1, n0 = size_non_inferiority(0.85, 0.7, margin, upward=True)
    assert power_non_inferiority(n1, n0, 0.85, 0.7, margin, upward=True) == pytest.approx(0.8)
    turned = size_non_inferiority(0.15, 0.3, -margin, upward=False)
    assert turned == pytest.approx((n1, n0))


def test_no_margin_is_the_plan_of_the_pooled_test() -> None:
    assert size_non_inferiority(0.85, 0.7, 0.0, upward=True) == pytest.approx(
        size_pooled(0.85, 0.7, sides=1, alpha=0.025)
    )


def test_a_margin_without_a_side_follows_its_sign() -> None:
    assert size_non_inferiority(0.5, 0.5, -0.1) == size_non_inferiority(0.5, 0.5, -0.1, upward=True)
    assert size_non_inferiority(0.5, 0.5, 0.1) == size_non_inferiority(0.5, 0.5, 0.1, upward=False)
    with pytest.raises(InvalidInputError, match="no difference to rule out"):
        size_non_inferiority(0.6, 0.5, 0.0)
    with pytest.raises(InvalidInputError, match="not on the good side"):
        size_non_inferiority(0.7, 0.6, 0.15, upward=True)

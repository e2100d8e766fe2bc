"""The exact tests one-sided, and the odds ratio where the margins say nothing."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from imilab.comparison.association import cmh_exact
from imilab.comparison.exact import barnard, binomial_test, conditional_odds_ratio, fisher_exact, fisher_mid_p
from imilab.comparison.significance import pooled_z

OneSided = Literal["greater", "less"]
SIDES: tuple[OneSided, ...] = ("greater", "less")
counts = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize("alternative", SIDES)
@given(one=counts, rate=st.floats(0.01, 0.99))
def test_the_one_sided_binomial_test_agrees_with_scipy(
    alternative: OneSided, one: tuple[int, int], rate: float
) -> None:
    expected = stats.binomtest(*one, rate, alternative=alternative).pvalue
    assert binomial_test(*one, rate, alternative=alternative) == pytest.approx(expected, rel=1e-9, abs=1e-14)


@given(counts, counts)
def test_the_mid_p_of_both_sides_adds_to_one(one: tuple[int, int], other: tuple[int, int]) -> None:
    greater, less = (fisher_mid_p(*one, *other, alternative=side) for side in SIDES)
    assert greater + less == pytest.approx(1)
    assert fisher_mid_p(*one, *other) == pytest.approx(2 * min(greater, less))
    assert greater <= fisher_exact(*one, *other, "greater")


@pytest.mark.parametrize("alternative", SIDES)
@given(sizes=st.tuples(st.integers(1, 8), st.integers(1, 8)), data=st.data())
@settings(max_examples=25, deadline=None)
def test_one_sided_barnard_is_the_largest_chance_of_a_table_as_far_out(
    alternative: OneSided, sizes: tuple[int, int], data: st.DataObject
) -> None:
    n1, n0 = sizes
    x1, x0 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n0))
    sign = 1 if alternative == "greater" else -1

    def signed_square(a: int, b: int) -> Fraction:
        gap, s = (a * n0 - b * n1) * sign, a + b
        return Fraction(gap * abs(gap), s * (n1 + n0 - s)) if 0 < s < n1 + n0 else Fraction(0)

    seen = signed_square(x1, x0)
    extreme = [(a, b) for a in range(n1 + 1) for b in range(n0 + 1) if signed_square(a, b) >= seen]
    rates = np.linspace(0, 1, 401)
    largest = float(np.max(sum(stats.binom.pmf(a, n1, rates) * stats.binom.pmf(b, n0, rates) for a, b in extreme)))
    assert largest - 1e-4 <= barnard(x1, n1, x0, n0, alternative=alternative) <= min(largest + 5e-3, 1)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
@pytest.mark.parametrize("table", [(0, 10, 0, 10), (10, 10, 10, 10), (0, 0, 3, 5)])
def test_an_odds_ratio_of_which_the_margins_say_nothing_is_missing_between_0_and_infinity(
    table: tuple[int, int, int, int], alternative: Literal["two-sided", "greater", "less"]
) -> None:
    estimate, low, high = conditional_odds_ratio(*table, alternative=alternative)
    assert math.isnan(estimate)
    assert (low, high) == (0.0, math.inf)


@given(
    st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
)
@settings(max_examples=30, deadline=None)
def test_odds_ratio_limits_leave_half_of_what_may_be_missed_in_each_tail(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    (x1, n1), (x0, n0) = one, other
    _, low, high = conditional_odds_ratio(x1, n1, x0, n0)
    total, successes = n1 + n0, x1 + x0
    if low > 0:
        assert stats.nchypergeom_fisher.sf(x1 - 1, total, n1, successes, low) == pytest.approx(0.025, rel=1e-5)
    if high < math.inf:
        assert stats.nchypergeom_fisher.cdf(x1, total, n1, successes, high) == pytest.approx(0.025, rel=1e-5)


@given(counts, counts)
def test_the_one_sided_exact_test_of_one_stratum_is_fishers(one: tuple[int, int], other: tuple[int, int]) -> None:
    table = [[[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]]]
    for side in SIDES:
        assert cmh_exact(table, alternative=side)[0] == pytest.approx(fisher_exact(*one, *other, side), rel=1e-9)


@given(counts, counts)
def test_half_a_call_taken_off_the_pooled_z_is_the_correction_of_yates(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    table = np.array([[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]])
    z, p = pooled_z(*one, *other, continuity=True)
    if table.sum(axis=0).all():
        expected = stats.chi2_contingency(table, correction=True)
        assert float(z) ** 2 == pytest.approx(expected.statistic, abs=1e-9)
        assert float(p) == pytest.approx(expected.pvalue, abs=1e-9)
    assert float(z) * (one[0] * other[1] - other[0] * one[1]) >= 0

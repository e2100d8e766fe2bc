from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from imilab.comparison.adjustment import ADJUSTMENTS, adjust, benjamini_hochberg, bonferroni, holm
from imilab.comparison.exact import barnard, binomial_test, fisher_exact, fisher_mid_p
from imilab.comparison.significance import (
    chi_square,
    cochran_armitage,
    g_test,
    inverted_p,
    pooled_z,
    score_test,
)
from imilab.errors import InvalidInputError
from imilab.intervals import DIFFERENCE_METHODS

counts = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_exactly_where_its_steps_do(p: list[float]) -> None:
    # Holm's own words: walk up the sorted p values, stop at the first above level / (comparisons left).
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for step, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
            if p[index] > alpha / (len(p) - step) + 1e-12:
                break
            rejected.add(index)
        assert {index for index, adjusted in enumerate(holm(p)) if adjusted <= alpha + 1e-9} >= rejected
        assert {index for index, adjusted in enumerate(holm(p)) if adjusted <= alpha - 1e-9} <= rejected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_benjamini_hochberg_rejects_exactly_where_its_steps_do(p: list[float]) -> None:
    # Their own words: the largest i whose i-th smallest p is at most i / m times the level, and all before it.
    for level in (0.05, 0.2):
        ordered = sorted(p)
        passing = [i for i, each in enumerate(ordered, 1) if each <= i / len(p) * level - 1e-12]
        largest = ordered[passing[-1] - 1] if passing else -1.0
        adjusted = benjamini_hochberg(p)
        assert all(adjusted[index] <= level for index, each in enumerate(p) if each <= largest)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_no_adjustment_lowers_p_or_changes_the_order(p: list[float]) -> None:
    for name in ADJUSTMENTS:
        adjusted = adjust(p, name)
        assert (adjusted >= np.array(p) - 1e-12).all()
        assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-12).all()


def test_adjustments_leave_missing_p_values_out() -> None:
    np.testing.assert_allclose(holm([0.01, float("nan"), 0.04]), [0.02, np.nan, 0.04])
    np.testing.assert_allclose(bonferroni([0.01, float("nan"), 0.04]), [0.02, np.nan, 0.08])
    assert holm([]).tolist() == []


def test_an_unknown_adjustment_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="bonferroni"):
        adjust([0.1], "sidak")


def test_pooled_z_of_nothing_and_of_all_or_none() -> None:
    z, p = pooled_z([0, 0, 5], [0, 4, 5], [1, 0, 3], [2, 4, 3])
    np.testing.assert_array_equal(z, [np.nan, 0, 0])
    np.testing.assert_array_equal(p, [np.nan, 1, 1])


@pytest.mark.parametrize("method", list(DIFFERENCE_METHODS))
@given(counts, counts)
@settings(max_examples=30, deadline=None)
def test_each_interval_and_its_test_agree(method: str, one: tuple[int, int], other: tuple[int, int]) -> None:
    table = (*one, *other)
    if method in {"miettinen_nurminen", "mee"}:
        _, _, p = score_test(*table, corrected=method == "miettinen_nurminen")
    else:
        _, p = inverted_p(DIFFERENCE_METHODS[method], table)
    if not math.isclose(float(p), 0.05, rel_tol=1e-6):
        low, high = DIFFERENCE_METHODS[method](*table)
        assert (p < 0.05) == (low > 1e-12 or high < -1e-12)


@given(counts, counts, st.floats(-0.9, 0.9))
@example((0, 1), (0, 1), 8.688306312682705e-09)
def test_the_score_test_of_a_margin_turns_with_the_arms(
    one: tuple[int, int], other: tuple[int, int], margin: float
) -> None:
    z, greater, _ = score_test(*one, *other, margin)
    turned, turned_greater, _ = score_test(*other, *one, -margin)
    assert float(z) == pytest.approx(-float(turned), rel=1e-6, abs=1e-6)
    assert float(greater) == pytest.approx(1 - float(turned_greater), abs=1e-6)


@given(counts, counts)
def test_fisher_agrees_with_scipy(one: tuple[int, int], other: tuple[int, int]) -> None:
    table = [[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]]
    for alternative in ("two-sided", "greater", "less"):
        expected = stats.fisher_exact(table, alternative=alternative).pvalue
        assert fisher_exact(*one, *other, alternative) == pytest.approx(expected, rel=1e-9, abs=1e-12)  # type: ignore[arg-type]  # one of the three


@given(counts, counts)
def test_mid_p_is_less_than_twice_fishers_smaller_tail(one: tuple[int, int], other: tuple[int, int]) -> None:
    tails = [fisher_exact(*one, *other, side) for side in ("greater", "less")]
    assert fisher_mid_p(*one, *other) <= min(2 * min(tails), 1) + 1e-12


@given(st.tuples(st.integers(1, 9), st.integers(1, 9)), st.data())
@settings(max_examples=25, deadline=None)
def test_barnard_is_the_largest_chance_of_a_table_as_extreme(sizes: tuple[int, int], data: st.DataObject) -> None:
    n1, n0 = sizes
    x1, x0 = data.draw(st.integers(0, n1)), data.draw(st.integers(0, n0))
    # Every table by its own, with whole-number comparison through fractions: no ties can be missed.
    from fractions import Fraction

    def squared(a: int, b: int) -> Fraction:
        s = a + b
        return Fraction((a * n0 - b * n1) ** 2, s * (n1 + n0 - s)) if 0 < s < n1 + n0 else Fraction(0)

    extreme = [(a, b) for a in range(n1 + 1) for b in range(n0 + 1) if squared(a, b) >= squared(x1, x0)]
    rates = np.linspace(0, 1, 401)
    chances = sum(stats.binom.pmf(a, n1, rates) * stats.binom.pmf(b, n0, rates) for a, b in extreme)
    found = barnard(x1, n1, x0, n0)
    assert found >= float(np.max(chances)) - 1e-4
    assert found <= min(float(np.max(chances)) + 5e-3, 1)


def test_barnard_refuses_arms_too_large_to_enumerate() -> None:
    with pytest.raises(InvalidInputError, match="score test"):
        barnard(1, 2000, 3, 10)


@given(counts, st.floats(0.01, 0.99))
def test_the_binomial_test_agrees_with_scipy(one: tuple[int, int], rate: float) -> None:
    assert binomial_test(*one, rate) == pytest.approx(stats.binomtest(*one, rate).pvalue, rel=1e-6, abs=1e-12)


@given(st.lists(counts, min_size=2, max_size=5))
def test_chi_square_and_g_agree_with_scipy(arms: list[tuple[int, int]]) -> None:
    x, n = np.array(arms).T
    if 0 < x.sum() < n.sum():
        for test, statistic in ((chi_square, "pearson"), (g_test, "log-likelihood")):
            expected = stats.chi2_contingency([x, n - x], correction=False, lambda_=statistic)
            assert test(x, n) == pytest.approx((expected.statistic, expected.dof, expected.pvalue), rel=1e-9, abs=1e-9)


def test_chi_square_of_one_arm_tells_nothing_and_of_equal_arms_no_difference() -> None:
    assert math.isnan(chi_square([3], [10])[2])
    assert chi_square([0, 0], [5, 6]) == (0.0, 1, 1.0)
    assert g_test([5, 6], [5, 6])[2] == 1.0


def test_the_trend_of_two_arms_is_their_chi_square() -> None:
    statistic, p = cochran_armitage([56, 48], [70, 80], [0, 7])
    z, expected = pooled_z(56, 70, 48, 80)
    assert (statistic, p) == pytest.approx((float(z) ** 2, float(expected)))
    with pytest.raises(InvalidInputError, match="one each"):
        cochran_armitage([1, 2], [3, 4], [1, 2, 3])

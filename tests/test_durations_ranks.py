"""Mann-Whitney and Hodges-Lehmann against scipy and all pairs."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imilab.comparison.durations import ranks
from imilab.comparison.durations.ranks import hodges_lehmann, mann_whitney
from imilab.errors import InvalidInputError


@pytest.mark.parametrize(("m", "n", "decimals"), [(3, 4, 9), (12, 9, 9), (49, 40, 9), (60, 70, 9), (30, 25, 0)])
def test_mann_whitney_agrees_with_scipy(m: int, n: int, decimals: int) -> None:
    rng = np.random.default_rng(m)
    x, y = rng.exponential(9, m).round(decimals), rng.exponential(12, n).round(decimals)
    mine = mann_whitney(x, y)
    theirs = stats.mannwhitneyu(x, y, method="exact" if mine.exact else "asymptotic")
    assert mine.w == theirs.statistic
    assert mine.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert mine.exact == (decimals > 0 and max(m, n) < 50)


@pytest.mark.parametrize("alternative", ["greater", "less"])
@pytest.mark.parametrize(("m", "n", "decimals"), [(5, 4, 9), (60, 70, 9), (30, 25, 0)])
def test_one_sided_mann_whitney_agrees_with_scipy(
    m: int, n: int, decimals: int, alternative: Literal["greater", "less"]
) -> None:
    rng = np.random.default_rng(m)
    x, y = rng.exponential(9, m).round(decimals), rng.exponential(12, n).round(decimals)
    method = "exact" if mann_whitney(x, y).exact else "asymptotic"
    for continuity in (True, False):
        theirs = stats.mannwhitneyu(x, y, alternative=alternative, method=method, use_continuity=continuity)
        assert mann_whitney(x, y, alternative=alternative, continuity=continuity).p == pytest.approx(
            theirs.pvalue, rel=1e-9
        )


def test_mann_whitney_of_equal_values_finds_nothing() -> None:
    assert mann_whitney([1, 1, 1], [1, 1]).p == 1
    with pytest.raises(InvalidInputError, match="equal"):
        mann_whitney([1, 1], [2, 3], exact=True)
    with pytest.raises(InvalidInputError, match="empty"):
        mann_whitney([], [1])


def test_exact_shift_limits_are_where_the_exact_test_turns() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.exponential(5, 9), rng.exponential(6, 8)
    found = hodges_lehmann(x, y)
    inside, outside = 1e-9, -1e-9
    for limit, sign in ((found.low, 1), (found.high, -1)):
        assert stats.mannwhitneyu(x - limit - sign * inside, y, method="exact").pvalue > 0.05
        assert stats.mannwhitneyu(x - limit - sign * outside, y, method="exact").pvalue <= 0.05
    assert found.estimate == np.median(x[:, None] - y)


def test_asymptotic_shift_limits_are_where_the_corrected_test_turns() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.exponential(5, 70), rng.exponential(6, 60)
    found = hodges_lehmann(x, y)
    for limit, sign in ((found.low, 1), (found.high, -1)):
        assert stats.mannwhitneyu(x - limit - sign * 1e-9, y, method="asymptotic").pvalue > 0.05
        assert stats.mannwhitneyu(x - limit + sign * 1e-9, y, method="asymptotic").pvalue <= 0.05


def test_many_values_give_the_same_shift_as_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    for decimals in (0, 1, 9):
        x, y = rng.exponential(9, 83).round(decimals), rng.exponential(9, 71).round(decimals)
        whole = hodges_lehmann(x, y)
        monkeypatch.setattr(ranks, "_ALL_PAIRS", 0)
        np.testing.assert_allclose(hodges_lehmann(x, y)[:3], whole[:3], atol=1e-6)
        monkeypatch.undo()


@given(st.lists(st.integers(0, 30), min_size=2, max_size=30), st.integers(-20, 20))
def test_shifting_a_group_shifts_the_estimate(values: list[int], by: int) -> None:
    x = np.array(values, dtype=float)
    found = hodges_lehmann(x + by, x)
    assert found.estimate == pytest.approx(by)
    assert found.low <= by <= found.high

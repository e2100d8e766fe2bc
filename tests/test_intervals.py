from __future__ import annotations

import subprocess
import sys
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from imilab import intervals
from imilab.errors import InvalidInputError
from imilab.intervals import (
    clopper_pearson,
    jeffreys,
    katz,
    koopman,
    mee,
    mid_p,
    miettinen_nurminen,
    miettinen_nurminen_ratio,
    miettinen_nurminen_stratified,
    newcombe,
    rate,
    stratified_z,
    wilson,
)


@st.composite
def counts(draw: st.DrawFn, largest: int = 100_000) -> tuple[int, int]:
    n = draw(st.integers(1, largest))
    return draw(st.integers(0, n)), n


levels = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@given(counts(), levels)
def test_wilson_limits_solve_the_score_equation(xn: tuple[int, int], confidence: float) -> None:
    # Wilson's definition, not his formula: at a limit p the observed rate lies exactly z standard errors of p away.
    x, n = xn
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    for limit in map(float, wilson(x, n, confidence)):
        assert (x / n - limit) ** 2 == pytest.approx(z**2 * limit * (1 - limit) / n, rel=1e-6, abs=1e-12)


@given(counts(), levels)
def test_wilson_holds_the_rate_and_stays_within_0_and_1(xn: tuple[int, int], confidence: float) -> None:
    low, high = wilson(*xn, confidence)
    assert 0 <= low <= xn[0] / xn[1] <= high <= 1


@given(counts())
def test_wilson_of_failures_mirrors_wilson_of_successes(xn: tuple[int, int]) -> None:
    (low, high), (mirrored_low, mirrored_high) = wilson(*xn), wilson(xn[1] - xn[0], xn[1])
    assert (low, high) == pytest.approx((1 - mirrored_high, 1 - mirrored_low))


def test_wilson_is_exact_where_none_or_all_succeed() -> None:
    (low, _), (_, high) = wilson(0, 7), wilson(7, 7)
    assert (float(low), float(high)) == (0.0, 1.0)


def test_wilson_without_calls_knows_nothing() -> None:
    low, high = wilson([0, 1], [0, 2])
    assert (low[0], high[0]) == (0.0, 1.0)
    assert 0 < low[1] < high[1] < 1


def test_wilson_broadcasts_and_accepts_empty_arrays() -> None:
    low, high = wilson([[0], [1]], [2, 3, 4])
    assert low.shape == high.shape == (2, 3)
    assert wilson([], [])[0].shape == (0,)


@given(counts(500), counts(500), levels)
def test_newcombe_turns_its_sign_when_the_arms_are_swapped(
    one: tuple[int, int], other: tuple[int, int], confidence: float
) -> None:
    low, high = newcombe(*one, *other, confidence)
    swapped_low, swapped_high = newcombe(*other, *one, confidence)
    assert (low, high) == pytest.approx((-swapped_high, -swapped_low), abs=1e-12)
    assert -1 <= low <= one[0] / one[1] - other[0] / other[1] <= high <= 1


@given(counts(500), counts(500))
def test_newcombe_is_no_wider_than_the_distance_between_the_wilson_limits(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    low, high = newcombe(*one, *other)
    (low1, high1), (low0, high0) = wilson(*one), wilson(*other)
    assert low >= low1 - high0 - 1e-12
    assert high <= high1 - low0 + 1e-12


def test_newcombe_without_calls_knows_nothing() -> None:
    low, high = newcombe([0, 1], [0, 2], 1, 2)
    assert (low[0], high[0]) == (-1.0, 1.0)
    assert -1 < low[1] < high[1] < 1


def test_rate_without_calls_is_missing() -> None:
    assert np.isnan(rate(0, 0))


@pytest.mark.parametrize(("count", "n"), [(3, 2), (-1, 2), (float("nan"), 2), (1, float("nan"))])
def test_impossible_counts_are_refused(count: float, n: float) -> None:
    with pytest.raises(InvalidInputError, match="count"):
        wilson(count, n)


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, float("nan"), "0.95", True])
def test_confidence_outside_0_to_1_is_refused(confidence: float) -> None:
    with pytest.raises(InvalidInputError, match=r"0\.95"):
        wilson(1, 2, confidence)


def test_intervals_need_no_scipy() -> None:
    code = "import sys, imilab.intervals; imilab.intervals.wilson(1, 2); print('scipy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def _most_likely_base_rate(x1: int, n1: int, x0: int, n0: int, d: float) -> float:
    """Maximise the likelihood with the arm's rate d above the baseline's, by bisection of its slope: no cubic."""
    low, high = max(0.0, -d), min(1.0, 1 - d)

    def slope(p: float) -> float:
        found = 0.0
        for x, n, rate_ in ((x1, n1, p + d), (x0, n0, p)):
            found += (x / rate_ if x else 0.0) - ((n - x) / (1 - rate_) if n - x else 0.0)
        return found

    for _ in range(200):
        middle = (low + high) / 2
        if slope(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@given(counts(60), counts(60), st.sampled_from([0.8, 0.95, 0.99]))
@example((0, 10), (0, 10), 0.95)
@example((10, 10), (0, 20), 0.95)
@example((1, 1), (0, 1), 0.95)
@example((5, 5), (5, 5), 0.95)
@settings(max_examples=60)
def test_score_limits_lie_where_the_score_says(one: tuple[int, int], other: tuple[int, int], confidence: float) -> None:
    # The definition, with the restricted maximum found another way: at a limit the statistic is the normal quantile.
    (x1, n1), (x0, n0) = one, other
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    for method, factor in ((miettinen_nurminen, (n1 + n0) / (n1 + n0 - 1)), (mee, 1.0)):
        for limit, side in zip(map(float, method(x1, n1, x0, n0, confidence)), (z, -z), strict=True):
            if abs(limit) > 0.999:
                continue
            p0 = _most_likely_base_rate(x1, n1, x0, n0, limit)
            p1 = p0 + limit
            variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * factor
            assert x1 / n1 - x0 / n0 - limit == pytest.approx(side * variance**0.5, abs=1e-6)


@given(counts(200), counts(200))
def test_every_interval_of_a_difference_turns_with_the_arms(one: tuple[int, int], other: tuple[int, int]) -> None:
    for method in intervals.DIFFERENCE_METHODS.values():
        low, high = method(*one, *other)
        turned_low, turned_high = method(*other, *one)
        assert (float(low), float(high)) == pytest.approx((-float(turned_high), -float(turned_low)), abs=1e-9)
        assert -1 <= low < high <= 1


@given(counts(200), counts(200))
def test_every_interval_of_a_ratio_turns_with_the_arms(one: tuple[int, int], other: tuple[int, int]) -> None:
    for method in intervals.RATIO_METHODS.values():
        (low, high), (turned_low, turned_high) = method(*one, *other), method(*other, *one)
        for limit, turned in ((float(low), float(turned_high)), (float(high), float(turned_low))):
            assert limit == pytest.approx(1 / turned if turned else np.inf, rel=1e-6)
        assert 0 <= low <= high


@given(counts(100), counts(100))
def test_score_intervals_of_difference_and_ratio_agree(one: tuple[int, int], other: tuple[int, int]) -> None:
    low, high = miettinen_nurminen(*one, *other)
    ratio_low, ratio_high = miettinen_nurminen_ratio(*one, *other)
    if min(abs(low), abs(high)) > 1e-9:
        assert (low > 0, high < 0) == (ratio_low > 1, ratio_high < 1)


@pytest.mark.parametrize("method", list(intervals.DIFFERENCE_METHODS.values()))
def test_without_calls_no_difference_is_known(method: Any) -> None:
    low, high = method([0, 1], [0, 2], 1, 2)
    assert (low[0], high[0]) == (-1.0, 1.0)
    assert -1 < low[1] < high[1] < 1


@pytest.mark.parametrize("method", [koopman, miettinen_nurminen_ratio, katz])
def test_without_calls_or_successes_no_ratio_is_known(method: Any) -> None:
    low, high = method([0, 0], [0, 5], [1, 0], [2, 5])
    assert low.tolist() == [0, 0]
    assert high.tolist() == [np.inf, np.inf]


def test_intervals_of_differences_broadcast() -> None:
    low, high = miettinen_nurminen(np.arange(3)[:, None], 2, np.arange(5), 4)
    assert low.shape == high.shape == (3, 5)
    alone = miettinen_nurminen(1, 2, 3, 4)
    assert (low[1, 3], high[1, 3]) == pytest.approx((float(alone[0]), float(alone[1])))


def test_one_stratum_is_no_stratum() -> None:
    low, high = miettinen_nurminen_stratified([56], [70], [48], [80])
    assert (low, high) == pytest.approx(tuple(map(float, miettinen_nurminen(56, 70, 48, 80))))
    assert miettinen_nurminen_stratified([5, 0], [9, 0], [0, 4], [0, 8]) == pytest.approx((-1, 1))
    assert stratified_z([5], [9], [0], [0]) == 0


@given(counts(300), levels)
def test_exact_limits_leave_half_the_level_in_each_tail(xn: tuple[int, int], confidence: float) -> None:
    x, n = xn
    tail = (1 - confidence) / 2
    low, high = map(float, clopper_pearson(x, n, confidence))
    middle_low, middle_high = map(float, mid_p(x, n, confidence))
    if x:
        assert stats.binom.sf(x - 1, n, low) == pytest.approx(tail, rel=1e-6)
        assert stats.binom.sf(x, n, middle_low) + stats.binom.pmf(x, n, middle_low) / 2 == pytest.approx(tail, rel=1e-6)
    if x < n:
        assert stats.binom.cdf(x, n, high) == pytest.approx(tail, rel=1e-6)
        below = stats.binom.cdf(x - 1, n, middle_high) + stats.binom.pmf(x, n, middle_high) / 2
        assert below == pytest.approx(tail, rel=1e-6)
    assert low <= middle_low + 1e-12
    assert middle_high <= high + 1e-12


@given(counts(300), levels)
def test_jeffreys_limits_are_quantiles_of_its_posterior(xn: tuple[int, int], confidence: float) -> None:
    x, n = xn
    low, high = map(float, jeffreys(x, n, confidence))
    posterior = stats.beta(x + 0.5, n - x + 0.5)
    assert low == pytest.approx(posterior.ppf((1 - confidence) / 2) if x else 0, rel=1e-9)
    assert high == pytest.approx(posterior.ppf((1 + confidence) / 2) if x < n else 1, rel=1e-9)


@pytest.mark.parametrize("method", [clopper_pearson, jeffreys, mid_p])
def test_without_calls_no_rate_is_known(method: Any) -> None:
    low, high = method([0, 1], [0, 2])
    assert (low[0], high[0]) == (0.0, 1.0)


@pytest.mark.parametrize("n", [20, 50, 200])
def test_the_default_interval_covers_by_enumeration(n: int) -> None:
    # Every table of two arms of n calls, weighted with its chance: no simulation. 95 % intervals.
    x, rates = np.arange(n + 1), np.arange(1, 10) / 10
    low, high = miettinen_nurminen(x[:, None], n, x, n)
    chances = stats.binom.pmf(x, n, rates[:, None])
    covered = []
    for arm in range(len(rates)):
        for base in range(len(rates)):
            difference = rates[arm] - rates[base]
            holds = (low <= difference + 1e-12) & (difference - 1e-12 <= high)
            covered.append(float(chances[arm] @ holds @ chances[base]))
    assert np.mean(covered) >= 0.945
    assert min(covered) >= 0.93

from __future__ import annotations

import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.intervals import newcombe, rate, wilson


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

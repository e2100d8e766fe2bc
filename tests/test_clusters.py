"""The number as the unit, and comparing within strata: the methods by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from imilab.comparison.clusters import number_means, number_means_difference, welch
from imilab.comparison.correlation import Arm
from imilab.comparison.stratified import breslow_day, cmh, cmh_arms, mh_rate_difference, mh_rate_ratio
from imilab.errors import InvalidInputError

ONE = [(5, 5), (4, 5), (2, 3), (5, 5), (1, 2), (4, 6), (3, 5)]
OTHER = [(1, 5), (0, 4), (2, 5), (1, 1), (0, 5), (3, 6), (2, 5), (1, 3)]


def arm_from(answered: list[tuple[int, int]]) -> Arm:
    successes, calls = np.array(answered, dtype=float).T
    return Arm(calls, successes)


def test_large_arms_use_their_own_spread() -> None:
    rng = np.random.default_rng(3)
    one = Arm(rng.integers(1, 9, 400).astype(float), np.zeros(400))
    one = Arm(one.calls, rng.binomial(one.calls.astype(int), 0.7).astype(float))
    other = Arm(np.full(300, 5.0), rng.binomial(5, rng.beta(0.4, 0.4, 300)).astype(float))
    found = number_means_difference(one, other)
    assert found.standard_error == pytest.approx(np.hypot(number_means(one)[1], number_means(other)[1]))


def test_equal_sizes_give_students_t_on_number_means() -> None:
    one, other = [(4, 5), (5, 5), (2, 5), (3, 5), (5, 5), (4, 5)], [(1, 5), (0, 5), (2, 5), (3, 5), (0, 5), (4, 5)]
    found = number_means_difference(arm_from(one), arm_from(other), 0.9)
    expected = stats.ttest_ind([x / n for x, n in one], [x / n for x, n in other])
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.9)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.df == pytest.approx(10)


def test_the_standard_error_is_that_of_a_ratio_of_means() -> None:
    # Survey sampling's own formula, written out number by number.
    arm = arm_from(ONE)
    rate, error = number_means(arm)
    numbers, mean = len(ONE), 31 / len(ONE)
    surplus = [successes - rate * calls for successes, calls in ONE]
    variance = sum(each**2 for each in surplus) / (numbers - 1) / numbers / mean**2
    assert error == pytest.approx(variance**0.5)


def test_two_arms_are_a_special_case_of_several_within_strata() -> None:
    tables = np.array([[[4, 1], [2, 3]], [[5, 4], [1, 7]], [[0, 3], [2, 2]]])
    statistic, df, p = cmh_arms(tables[:, :, 0], tables.sum(axis=2))
    assert (statistic, p) == pytest.approx(cmh(tables))
    assert df == 1


def test_welchs_test_of_two_arms_is_the_square_of_t() -> None:
    one, other = arm_from(ONE), arm_from(OTHER)
    found = number_means_difference(one, other)
    statistic, df1, _, p = welch([one, other])
    assert df1 == 1
    assert p == pytest.approx(found.p, rel=0.2)
    assert statistic == pytest.approx((found.estimate / found.standard_error) ** 2, rel=0.1)


def test_the_continuity_correction_is_left_away_under_half_a_call_as_in_r() -> None:
    # R 4.2.2: mantelhaen.test(array(c(5, 5, 5, 5, 3, 3, 2, 3), c(2, 2, 2)), correct = TRUE)
    assert cmh([[[5, 5], [5, 5]], [[3, 2], [3, 3]]], continuity=True) == pytest.approx((0.0361, 0.84928), abs=1e-4)


def test_strata_without_information_tell_nothing() -> None:
    assert np.isnan(cmh([[[3, 2], [0, 0]]])[1])
    assert np.isnan(mh_rate_difference([[[3, 2], [0, 0]]]).estimate)
    assert np.isnan(breslow_day([[[3, 2], [1, 4]]])[2])
    assert np.isnan(cmh_arms([[3, 0]], [[3, 0]])[2])
    assert mh_rate_ratio([[[3, 2], [0, 4]]]).high == np.inf
    with pytest.raises(InvalidInputError, match="strata, 2, 2"):
        cmh([[3, 2], [1, 4]])


def test_fewer_than_two_numbers_are_refused_by_the_method_itself() -> None:
    with pytest.raises(InvalidInputError, match="two numbers"):
        number_means_difference(arm_from([(1, 5)]), arm_from(OTHER))


def _beta_binomial(rng: np.random.Generator, numbers: int, rate: float, correlation: float) -> Arm:
    shape = 1 / correlation - 1 if correlation else np.inf
    chance = rng.beta(rate * shape, (1 - rate) * shape, numbers) if correlation else np.full(numbers, rate)
    return Arm(np.full(numbers, 5.0), rng.binomial(5, chance).astype(float))


@pytest.mark.parametrize(
    ("numbers", "rate", "correlation"),
    [(5, 0.5, 0.0), (5, 0.3, 0.6), (10, 0.7, 0.3), (50, 0.3, 0.6), (200, 0.5, 0.3), (20, 0.05, 0.6), (5, 0.95, 0.3)],
)
def test_false_findings_stay_at_the_level_when_numbers_repeat(numbers: int, rate: float, correlation: float) -> None:
    rng, runs = np.random.default_rng(17), 2000
    found = np.mean(
        [
            number_means_difference(
                _beta_binomial(rng, numbers, rate, correlation), _beta_binomial(rng, numbers, rate, correlation)
            ).p
            <= 0.05
            for _ in range(runs)
        ]
    )
    assert found <= 0.065
    if 0.3 <= rate <= 0.7:
        assert found >= 0.035


@pytest.mark.parametrize(("numbers", "rate", "correlation"), [(10, 0.3, 0.6), (20, 0.5, 0.3), (200, 0.7, 0.6)])
def test_false_findings_stay_at_the_level_within_numbers(numbers: int, rate: float, correlation: float) -> None:
    rng, runs, shape = np.random.default_rng(23), 2000, 1 / correlation - 1
    chance = rng.beta(rate * shape, (1 - rate) * shape, (runs, numbers))
    b = rng.binomial(5, 0.5, (runs, numbers))
    x1, x0 = rng.binomial(b, chance), rng.binomial(5 - b, chance)
    tables = np.stack([np.stack([x1, b - x1], axis=-1), np.stack([x0, 5 - b - x0], axis=-1)], axis=-2)
    found = np.mean([cmh(each)[1] <= 0.05 for each in tables])
    assert 0.035 <= found <= 0.065

"""Survival and competing risks against R, scipy, small tables by hand and brute force."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from imilab.comparison.durations.competing import cumulative_incidence
from imilab.comparison.durations.group_tests import gray, logrank
from imilab.comparison.durations.survival import kaplan_meier, loglog_interval, restricted_mean
from imilab.errors import InvalidInputError
from tests.reference_agreement import Asked
from tests.reference_methods_durations import METHODS

REFERENCE = Path(__file__).with_name("data") / "reference_statistics.csv"
ROWS = [row for row in csv.DictReader(REFERENCE.read_text("utf-8").splitlines()) if row["method"] in METHODS]
TIMES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 3)), min_size=1, max_size=40
)  # whole seconds, so that ties are frequent


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["case_id"])
def test_agrees_with_reference_row(row: dict[str, str]) -> None:
    METHODS[row["method"]](Asked(json.loads(row["inputs"])), json.loads(row["expected"]))


def test_every_method_has_a_reference_row() -> None:
    assert {row["method"] for row in ROWS} == set(METHODS)


# -- Kaplan-Meier ------------------------------------------------------------------------------------------------------


def test_kaplan_meier_agrees_with_scipy_on_ties_and_censoring() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        time, event = rng.integers(1, 10, 30).astype(float), rng.random(30) < 0.7
        event[0] = True
        mine = kaplan_meier(time, event)
        theirs = stats.ecdf(stats.CensoredData.right_censored(time, ~event)).sf
        inside = np.isin(theirs.quantiles, mine.times)
        np.testing.assert_allclose(mine.survival, theirs.probabilities[inside], atol=1e-12)


def test_without_censoring_survival_is_the_share_left_and_its_error_binomial() -> None:
    curve = kaplan_meier([3, 1, 4, 1, 5], [1, 1, 1, 1, 1])
    assert curve.at([0, 0.9, 1, 3, 4.5, 5, 9]).round(12).tolist() == [1, 1, 0.6, 0.4, 0.2, 0, 0]
    assert curve.standard_error_at(1) == pytest.approx(math.sqrt(0.6 * 0.4 / 5))


def test_median_lies_in_the_middle_where_survival_is_a_half_exactly() -> None:
    assert kaplan_meier([1, 2, 3, 4], [1, 1, 1, 1]).median == 2.5
    assert kaplan_meier([1, 2, 3], [1, 1, 1]).median == 2
    assert math.isnan(kaplan_meier([1, 2, 3], [1, 0, 0]).median)
    assert kaplan_meier([1, 2, 9, 9], [1, 1, 0, 0]).median == 2


def test_loglog_limits_exist_only_between_0_and_1() -> None:
    low, high = loglog_interval([0.0, 0.5, 1.0], [0.1, 0.1, 0.1])
    assert np.isnan(low[[0, 2]]).all()
    assert np.isnan(high[[0, 2]]).all()
    assert 0 < low[1] < 0.5 < high[1] < 1


def test_restricted_mean_without_censoring_is_the_mean_of_the_times_cut_at_the_horizon() -> None:
    rng = np.random.default_rng(5)
    time = rng.exponential(10, 200)
    mean, error = restricted_mean(kaplan_meier(time, np.ones(200)), 12.0)
    cut = np.minimum(time, 12.0)
    assert mean == pytest.approx(cut.mean())
    assert error == pytest.approx(cut.std() / math.sqrt(200))


def test_restricted_mean_beyond_the_last_event_goes_on_flat() -> None:
    assert restricted_mean(kaplan_meier([1, 4], [1, 0]), 10)[0] == 1 + 9 * 0.5
    with pytest.raises(InvalidInputError, match="above 0"):
        restricted_mean(kaplan_meier([1], [1]), 0)


@pytest.mark.parametrize(
    ("time", "event"), [([1, 2], [1]), ([-1.0], [1]), ([float("nan")], [1]), ([float("inf")], [0])]
)
def test_unusable_times_are_refused(time: list[float], event: list[int]) -> None:
    with pytest.raises(InvalidInputError):
        kaplan_meier(time, event)


# -- Competing risks ---------------------------------------------------------------------------------------------------


def test_incidence_by_hand() -> None:
    # At 2: 1 of 5 by cause 1. At 3: 1 of 4 by cause 2. Censored at 4. At 5: 1 of 2 by cause 1.
    curves = cumulative_incidence([2, 3, 4, 5, 6], [1, 2, 0, 1, 0])
    assert curves.at(1, [1, 2, 4.9, 5]).round(12).tolist() == [0, 0.2, 0.2, 0.5]
    assert curves.at(2, [2, 3, 9]).round(12).tolist() == [0, 0.2, 0.2]
    assert curves.survival_at([2, 3, 5]).round(12).tolist() == [0.8, 0.6, 0.3]


@given(TIMES)
def test_incidences_and_survival_sum_to_one(calls: list[tuple[int, int]]) -> None:
    time, cause = zip(*calls, strict=True)
    curves = cumulative_incidence(time, cause, causes=3)
    np.testing.assert_allclose(curves.incidence.sum(axis=1) + curves.survival, 1.0, atol=1e-12)
    assert np.all(np.diff(curves.incidence, axis=0) >= -1e-12)
    assert np.all(curves.variance >= 0)


@given(TIMES, st.randoms(use_true_random=False))
def test_incidence_does_not_depend_on_the_order(calls: list[tuple[int, int]], random: Random) -> None:
    shuffled = list(calls)
    random.shuffle(shuffled)
    one, other = (cumulative_incidence(*zip(*each, strict=True), causes=3) for each in (calls, shuffled))
    np.testing.assert_array_equal(one.incidence, other.incidence)
    np.testing.assert_array_equal(one.variance, other.variance)


@given(TIMES)
def test_one_cause_alone_is_kaplan_meier(calls: list[tuple[int, int]]) -> None:
    time, cause = zip(*calls, strict=True)
    event = np.minimum(cause, 1)
    curves, curve = cumulative_incidence(time, event), kaplan_meier(time, event)
    np.testing.assert_allclose(curves.incidence[:, 0], 1 - curve.survival, atol=1e-12)


def test_without_censoring_incidence_and_its_variance_are_those_of_a_share() -> None:
    rng = np.random.default_rng(8)
    time, cause = rng.permutation(400) / 10, rng.integers(1, 4, 400)
    curves = cumulative_incidence(time, cause)
    for seconds in (5.0, 20.0, 39.0):
        share = np.mean((time <= seconds) & (cause == 2))
        assert curves.at(2, seconds) == pytest.approx(share)
        assert curves.variance_at(2, seconds) == pytest.approx(share * (1 - share) / 400, rel=0.02)


def test_variance_agrees_with_the_bootstrap_under_censoring() -> None:
    rng = np.random.default_rng(11)
    n = 150
    time = rng.exponential(10, n).round(1)
    cause = rng.integers(0, 3, n)
    draws = []
    means = []
    for _ in range(400):
        again = rng.integers(0, n, n)
        curves = cumulative_incidence(time[again], cause[again], causes=2)
        draws.append(float(curves.at(1, 12.0)))
        means.append(curves.time_in(1, 12.0)[0])
    real = cumulative_incidence(time, cause, causes=2)
    assert math.sqrt(real.variance_at(1, 12.0)) == pytest.approx(np.std(draws), rel=0.12)
    assert real.time_in(1, 12.0)[1] == pytest.approx(np.std(means), rel=0.12)


def test_time_in_a_cause_without_censoring_is_a_mean() -> None:
    rng = np.random.default_rng(12)
    time, cause = rng.exponential(10, 300), rng.integers(1, 3, 300)
    area, error = cumulative_incidence(time, cause).time_in(1, 15.0)
    gained = np.where(cause == 1, np.maximum(15.0 - time, 0), 0)
    assert area == pytest.approx(gained.mean())
    assert error == pytest.approx(gained.std() / math.sqrt(300), rel=0.005)


# -- Tests of groups ---------------------------------------------------------------------------------------------------


def test_logrank_agrees_with_scipy() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        time, event = rng.integers(1, 15, 60).astype(float), rng.random(60) < 0.8
        group = rng.integers(0, 2, 60)
        samples = [stats.CensoredData.right_censored(time[group == g], ~event[group == g]) for g in (0, 1)]
        assert logrank(time, event, group).p == pytest.approx(stats.logrank(*samples).pvalue, rel=1e-9)


def test_gray_without_competition_and_censoring_nears_logrank() -> None:
    rng = np.random.default_rng(4)
    time, group = rng.exponential(1 + 0.1 * (np.arange(4000) % 2)), np.arange(4000) % 2
    one, other = gray(time, np.ones(4000), group), logrank(time, np.ones(4000), group)
    assert one.statistic == pytest.approx(other.statistic, rel=0.05)


def test_gray_statistic_by_a_second_way_through_scalar_loops() -> None:
    rng = np.random.default_rng(6)
    for groups in (2, 3):
        time, cause = rng.integers(1, 25, 90).astype(float), rng.integers(0, 3, 90)
        group = rng.integers(0, groups, 90)
        assert gray(time, cause, group).statistic == pytest.approx(_gray_by_loops(time, cause, group), rel=1e-9)


def _gray_by_loops(time: np.ndarray, cause: np.ndarray, group: np.ndarray) -> float:
    """Sum the score and variance of Gray's test over single times, groups and pairs of groups."""
    names = sorted(set(group.tolist()))
    size = range(len(names))
    alive, survival = [int(np.sum(group == g)) for g in names], [1.0 for _ in names]
    incidence, pooled = [0.0 for _ in names], 0.0
    score = np.zeros(len(names))
    steps = []
    indirect = np.zeros((len(names), len(names)))
    for moment in sorted(set(time.tolist())):
        own = [int(np.sum((time == moment) & (cause == 1) & (group == g))) for g in names]
        other = [int(np.sum((time == moment) & (cause == 2) & (group == g))) for g in names]
        gone = [int(np.sum((time == moment) & (group == g))) for g in names]
        if sum(own) + sum(other):
            weight = [alive[k] / survival[k] if alive[k] else 0.0 for k in size]
            subjects = [weight[k] * (1 - incidence[k]) for k in size]
            for k in size:
                score[k] += own[k] - sum(own) * subjects[k] / sum(subjects)
            direct = np.array(
                [[(weight[i] if i == j else 0.0) - weight[i] * weight[j] / sum(weight) for j in size] for i in size]
            )
            step = sum(own) / sum(weight)
            indirect = indirect + direct * step / (1 - pooled)
            after = [survival[k] * (1 - (own[k] + other[k]) / alive[k]) if alive[k] else survival[k] for k in size]
            new_pooled = pooled + step
            for k in size:
                if not alive[k]:
                    continue
                incidence[k] += survival[k] * own[k] / alive[k]
                kept = (1 - new_pooled) / after[k] if after[k] > 0 else 0.0
                if sum(own):
                    tie = 1 - (sum(own) - 1) / (sum(weight) * survival[k] - 1) if sum(own) > 1 else 1.0
                    steps.append((direct[:, k], 1 - kept, k, indirect, tie * survival[k] * step / alive[k]))
                if other[k] and after[k] > 0:
                    tie = 1 - (other[k] - 1) / (alive[k] - 1) if other[k] > 1 else 1.0
                    noise = tie * survival[k] ** 2 * other[k] / alive[k] ** 2
                    steps.append((np.zeros(len(names)), kept, k, indirect, noise))
            survival, pooled = after, new_pooled
        alive = [alive[k] - gone[k] for k in size]
    covariance = np.zeros((len(names), len(names)))
    for direct_k, share, k, so_far, noise in steps:
        felt = direct_k + share * (indirect - so_far)[:, k]
        covariance += np.outer(felt, felt) * noise
    return float(score[:-1] @ np.linalg.solve(covariance[:-1, :-1], score[:-1]))


def test_gray_and_logrank_hold_their_level() -> None:
    rng = np.random.default_rng(10)
    found = []
    for _ in range(400):
        time, cause = rng.exponential(10, 120).round(0), rng.integers(0, 3, 120)
        group = rng.integers(0, 3, 120)
        found.append((gray(time, cause, group).p, logrank(time, cause == 1, group).p))
    rejected = (np.array(found) <= 0.05).mean(axis=0)
    assert np.all(rejected <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400))
    assert np.all(rejected >= 0.015)


@given(TIMES, st.integers(2, 3))
@settings(max_examples=60)
def test_group_tests_do_not_depend_on_the_names_of_groups(calls: list[tuple[int, int]], groups: int) -> None:
    time, cause = (np.array(each) for each in zip(*calls, strict=True))
    group = np.arange(len(calls)) % groups
    if len(calls) < groups:
        return
    renamed = np.array(["c", "a", "b"])[group]
    for one, other in (
        (gray(time, cause, group), gray(time, cause, renamed)),
        (logrank(time, cause == 1, group), logrank(time, cause == 1, renamed)),
    ):
        assert one.df == other.df
        assert one.p == pytest.approx(other.p, abs=1e-6, nan_ok=True)


def test_a_group_without_any_event_of_interest_still_gives_a_test() -> None:
    assert gray([1, 2, 3, 4], [1, 1, 2, 2], ["a", "a", "b", "b"]).df == 1
    assert math.isnan(gray([1, 2], [0, 0], ["a", "b"]).p)
    with pytest.raises(InvalidInputError, match="two groups"):
        logrank([1, 2], [1, 1], ["a", "a"])

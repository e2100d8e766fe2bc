"""Looking early: levels by exact calculation and by simulation, against published tables and other engines."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln
from scipy.stats import binomtest, multivariate_normal

from imilab.comparison.planning import power
from imilab.comparison.sequential import (
    always_valid_interval,
    block_e_values,
    group_sequential_bounds,
    paired_e_value,
    sample_ratio_e_values,
)
from imilab.comparison.sequential.boundaries import crossing_probabilities
from imilab.comparison.sequential.crossing import crossing_by_discordant, crossing_chance, discordance
from imilab.comparison.sequential.paired import log_e_value, log_e_value_of, tuned_mixture
from imilab.comparison.sequential.spending import SPENDING
from imilab.errors import InvalidInputError
from imilab.intervals.score import score_z

RATES = (0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95)


@pytest.mark.parametrize("two_sided", [True, False])
def test_crossing_probabilities_agree_with_the_multivariate_normal(two_sided: bool) -> None:
    information, bounds, drift = np.array([0.25, 0.6, 1.0]), np.array([2.6, 2.4, 2.1]), 1.7
    correlation = np.sqrt(np.minimum.outer(information, information) / np.maximum.outer(information, information))
    mean = drift * np.sqrt(information)
    above, below = crossing_probabilities(bounds, information, drift=drift, two_sided=two_sided)
    stayed = 1.0
    for look in range(3):
        normal = multivariate_normal(mean[: look + 1], correlation[: look + 1, : look + 1])
        lower = -bounds[: look + 1] if two_sided else np.full(look + 1, -np.inf)
        inside = normal.cdf(bounds[: look + 1], lower_limit=lower)
        assert above[look] + below[look] == pytest.approx(stayed - inside, abs=2e-5)
        stayed = inside


@pytest.mark.parametrize("kind", [*SPENDING, "obrien_fleming_classical", "pocock_classical"])
@pytest.mark.parametrize("information", [(1.0,), (0.1, 0.15, 0.9, 1.0), tuple(np.arange(1, 41) / 40)])
def test_bounds_spend_exactly_the_level(kind: str, information: tuple[float, ...]) -> None:
    for alpha in (0.001, 0.05, 0.2):
        assert group_sequential_bounds(kind, information, alpha).alpha_spent[-1] == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize(("kind", "power_wanted", "factor"), [("pocock", 0.8, 1.229), ("pocock", 0.9, 1.207)])
def test_classical_looks_cost_what_jennison_and_turnbull_tabulate(
    kind: str, power_wanted: float, factor: float
) -> None:
    from imilab.comparison.planning.looking import PlannedLooks

    bounds = group_sequential_bounds(f"{kind}_classical", np.arange(1, 6) / 5)
    assert PlannedLooks(bounds, 0.05).inflation(power_wanted) == pytest.approx(factor, abs=6e-4)


@pytest.mark.parametrize("information", [[], [0.5, 0.5], [0.5, 0.2], [0.0, 1.0], [math.nan]])
def test_information_that_does_not_rise_is_refused(information: list[float]) -> None:
    with pytest.raises(InvalidInputError, match="rise"):
        group_sequential_bounds("pocock", information)


@pytest.mark.parametrize("spending", ["obrien_fleming", "pocock"])
def test_planned_designs_keep_the_level_at_every_rate(spending: str) -> None:
    trials, rng = 20_000, np.random.default_rng(5)
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    for rate, mde in product(RATES, (0.05, 0.2)):
        design = power(baseline=rate, mde=mde if rate < 0.8 else -mde, looks=5, spending=spending)
        sizes = np.diff([look.n // 2 for look in design.looks], prepend=0)
        x1, x0 = (rng.binomial(sizes, rate, (trials, 5)).cumsum(axis=1) for _ in range(2))
        n = sizes.cumsum()
        z = score_z(x1, n, x0, n)
        false = np.any(np.abs(z) >= [look.z for look in design.looks], axis=1).mean()
        assert false <= limit, (spending, rate, false)


@pytest.mark.parametrize("mixture", [1.0, 10.0, 60.0])
@pytest.mark.parametrize("rate", [0.01, *RATES, 0.99])
def test_the_e_value_after_every_pair_to_5000_keeps_the_level_exactly(rate: float, mixture: float) -> None:
    assert sum(crossing_chance(rate, rate, 5000, mixture, 20.0)) <= 0.05


def test_the_e_value_after_every_pair_to_5000_keeps_the_level_in_simulated_calls() -> None:
    trials, rng, mixture = 600, np.random.default_rng(12), tuned_mixture(1000)
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    for rate in RATES:
        calls = rng.random((2, trials, 5000)) < rate
        crossed = [paired_e_value(arm, base, mixture).max() >= 20 for arm, base in zip(*calls, strict=True)]
        exact = sum(crossing_chance(rate, rate, 5000, mixture, 20.0))
        assert np.mean(crossed) <= limit
        assert abs(np.mean(crossed) - exact) <= 4 * math.sqrt(exact * (1 - exact) / trials) + 1e-9


@pytest.mark.parametrize("win", [0.5, 0.6])
def test_exact_crossing_is_what_following_every_number_of_wins_gives(win: float) -> None:
    chances, crossed, most = np.array([1.0]), 0.0, 400
    for pairs in range(1, most + 1):
        chances = np.append(chances * (1 - win), 0.0) + np.append(0.0, chances * win)
        wins = np.arange(pairs + 1)
        stops = log_e_value(wins, pairs - wins, 15.0) >= math.log(20)
        crossed += chances[stops].sum()
        chances = np.where(stops, 0.0, chances)
    found = crossing_by_discordant(win, most, 15.0, 20.0)
    assert found[0][-1] + found[1][-1] == pytest.approx(crossed, abs=1e-12)


def test_exact_power_of_the_e_value_is_that_of_simulated_calls() -> None:
    trials, pairs, mixture, rng = 2000, 600, 20.0, np.random.default_rng(3)
    arm, base = rng.random((trials, pairs)) < 0.62, rng.random((trials, pairs)) < 0.5
    found = [paired_e_value(*each, mixture).max() >= 20 for each in zip(arm, base, strict=True)]
    exact = sum(crossing_chance(0.62, 0.5, pairs, mixture, 20.0))
    assert np.mean(found) == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / trials))


def test_the_e_value_is_the_mixture_of_likelihood_ratios_of_coins() -> None:
    def ratio(chance: float) -> float:
        density = math.exp(3 * math.log(chance * (1 - chance)) - betaln(4, 4))
        return (2 * chance) ** 9 * (2 * (1 - chance)) ** 4 * density

    arm = np.array([1] * 9 + [0] * 4 + [1, 0, 1], dtype=bool)
    base = np.array([0] * 9 + [1] * 4 + [1, 0, 1], dtype=bool)
    assert paired_e_value(arm, base, 4.0)[-1] == pytest.approx(quad(ratio, 0, 1)[0], rel=1e-9)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 80), st.floats(1, 40), st.floats(-0.95, 0.95))
@settings(max_examples=60, deadline=None)
def test_bets_against_a_difference_are_what_direct_integration_gives(
    won: int, lost: int, same: int, mixture: float, difference: float
) -> None:
    up, down = max(mixture * (1 + difference), 1.0), max(mixture * (1 - difference), 1.0)
    u = (np.arange(400_000) + 0.5) / 400_000
    stake = (2 * u - 1 - difference) / (1 - difference**2)
    logs = won * np.log1p(stake * (1 - difference)) + lost * np.log1p(-stake * (1 + difference))
    logs += same * np.log1p(-stake * difference) + (up - 1) * np.log(u) + (down - 1) * np.log1p(-u) - betaln(up, down)
    top = logs.max()
    direct = top + math.log(np.exp(logs - top).mean())
    assert float(log_e_value_of(difference, won, lost, same, mixture)) == pytest.approx(direct, abs=2e-3)


@pytest.mark.parametrize("difference", [-0.3, 0.0, 0.1, 0.6])
def test_bets_against_the_true_difference_are_fair(difference: float) -> None:
    """One pair's expected factor is 1: summed over what a pair can be, for any chances with that difference."""
    win = max(difference, 0.0) + 0.1
    chances = {(1, 0, 0): win, (0, 1, 0): win - difference, (0, 0, 1): 1 - 2 * win + difference}
    mean = sum(p * math.exp(float(log_e_value_of(difference, *score, 5.0))) for score, p in chances.items())
    assert mean == pytest.approx(1.0, abs=1e-6)


@given(st.integers(0, 400), st.integers(0, 400), st.integers(0, 4000), st.sampled_from([1.0, 8.0, 50.0]))
@settings(max_examples=30, deadline=None)
def test_the_interval_leaves_zero_out_exactly_where_the_e_value_reaches_its_limit(
    won: int, lost: int, same: int, mixture: float
) -> None:
    low, high = always_valid_interval(won, lost, same, mixture)
    e_value = math.exp(min(float(log_e_value_of(0.0, won, lost, same, mixture)), 700))
    assert (bool(low > 0 or high < 0)) == (e_value >= 20) or abs(e_value - 20) < 1e-3
    pairs = max(won + lost + same, 1)
    assert -1 <= low <= (won - lost) / pairs <= high <= 1


def test_the_interval_holds_the_difference_at_all_looks_at_once() -> None:
    """The true difference is outside where its own e-value reached 20; intervals are checked against that below."""
    trials, rng, looks = 400, np.random.default_rng(2), np.unique(np.geomspace(5, 1500, 60).astype(int))
    for arm, base in ((0.5, 0.5), (0.95, 0.9), (0.3, 0.6), (0.02, 0.02)):
        score = (rng.random((trials, 1500)) < arm).astype(int) - (rng.random((trials, 1500)) < base)
        won, lost = (np.cumsum(score == sign, axis=1)[:, looks - 1] for sign in (1, -1))
        outside = log_e_value_of(arm - base, won, lost, looks - won - lost, 20.0) >= math.log(20)
        assert outside.any(axis=1).mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
        low, high = always_valid_interval(won[:5, ::12], lost[:5, ::12], (looks - won - lost)[:5, ::12], 20.0)
        assert np.array_equal((low > arm - base) | (high < arm - base), outside[:5, ::12])


def test_the_split_e_value_never_alarms_more_often_than_its_level() -> None:
    trials, rng = 2000, np.random.default_rng(8)
    batches = rng.multinomial(50, [0.5, 0.3, 0.2], (trials, 60))
    smallest = [sample_ratio_e_values(each, [5, 3, 2])[1][-1] for each in batches]
    assert np.mean(np.array(smallest) <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    assert sample_ratio_e_values([[600, 400]], [1, 1])[1][0] < 1e-3


def test_block_e_values_take_unequal_blocks_and_keep_the_level() -> None:
    trials, rng = 1000, np.random.default_rng(9)
    x1, x0 = rng.binomial(2, 0.4, (trials, 200)), rng.binomial(1, 0.4, (trials, 200))
    crossed = np.mean([block_e_values(one, zero, 2, 1).max() >= 20 for one, zero in zip(x1, x0, strict=True)])
    assert crossed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)
    assert block_e_values([2] * 30, [0] * 30, 2, 1)[-1] > 1000


def test_discordance_is_what_pairs_of_independent_calls_show() -> None:
    assert discordance(0.5, 0.5).win == 0.5
    assert discordance(0.0, 0.0).win == 0.5
    assert binomtest(6, 10).statistic == pytest.approx(discordance(0.6, 0.5).win)


def test_wrong_inputs_are_refused_by_name() -> None:
    with pytest.raises(InvalidInputError, match="mixture"):
        paired_e_value([True], [False], 0.5)
    with pytest.raises(InvalidInputError, match="arm"):
        paired_e_value([True], [False, True])
    with pytest.raises(InvalidInputError, match="shares"):
        sample_ratio_e_values([[1, 2]], [0.5, 0.0])
    with pytest.raises(InvalidInputError, match="counts"):
        sample_ratio_e_values([[1, -2]], [0.5, 0.5])
    with pytest.raises(InvalidInputError, match="concentration"):
        sample_ratio_e_values([[1, 2]], [0.5, 0.5], concentration=0)
    with pytest.raises(InvalidInputError, match="x1"):
        block_e_values([2], [0])
    with pytest.raises(InvalidInputError, match="kind"):
        group_sequential_bounds("haybittle", [1.0])

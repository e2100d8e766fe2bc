"""`simulate_aa`: dealing the arms out again, against enumeration and against methods known to fail."""

from __future__ import annotations

import itertools
import math

import duckdb
import numpy as np
import pandas as pd
import pytest

from imilab.comparison.balance import simulate_aa
from imilab.comparison.balance.rerandomise import read_units
from imilab.comparison.significance import pooled_z
from imilab.errors import InvalidInputError
from imilab.metrics import metric
from tests.calls_factory import make_calls

ANSWERED = metric("answered")


def clustered(numbers: int = 60, calls: int = 5, *, seed: int = 0) -> pd.DataFrame:
    """Make numbers with rates of their own, each in one arm, called several times."""
    rng = np.random.default_rng(seed)
    rates = np.repeat(rng.beta(0.5, 0.5, numbers), calls)
    return pd.DataFrame(
        {
            "arm": np.repeat(rng.permutation(["a", "b"] * (numbers // 2)), calls),
            "number_key": np.repeat(np.arange(numbers), calls).astype(str),
            "outcome": np.where(rng.random(numbers * calls) < rates, "answered", "busy"),
        }
    )


def blocked(blocks: int, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    arms = np.concatenate([rng.permutation(["a", "a", "b", "b"]) for _ in range(blocks)])
    return pd.DataFrame(
        {
            "arm": arms,
            "plan_id": "p",
            "block": np.repeat(np.arange(blocks), 4),
            "number_key": [f"n{i}" for i in range(4 * blocks)],
            # Hours differ widely: within blocks the arms are much more alike than over all.
            "outcome": np.where(rng.random(4 * blocks) < np.repeat(rng.random(blocks) < 0.5, 4), "answered", "busy"),
        }
    )


def test_independent_calls_give_the_claimed_rate() -> None:
    found = simulate_aa(make_calls(600, seed=1), runs=2000, seed=1)
    assert found.method == "score"
    assert (found.kind, found.within) == ("numbers", "all")
    assert found.low <= 0.05 <= found.high
    assert "what it claims" in found.verdict


def test_a_test_that_takes_calls_of_one_number_as_independent_is_found_out() -> None:
    calls = clustered()
    naive, honest = (simulate_aa(calls, method=method, seed=2) for method in ("score", "auto"))
    assert naive.low > 0.1
    assert "too often" in naive.verdict
    assert honest.method == "numbers"
    assert honest.rate <= 0.065


def test_a_method_that_ignores_blocks_is_cautious() -> None:
    found = simulate_aa(blocked(60), seed=3)
    assert found.within == "block"
    assert found.high < 0.05
    assert "cautious" in found.verdict


def test_the_rate_is_that_of_all_deals() -> None:
    calls = pd.DataFrame({"arm": ["a"] * 5 + ["b"] * 5, "outcome": ["answered"] * 4 + ["busy"] * 6})
    success = np.array([1] * 4 + [0] * 6)
    every = []
    for chosen in itertools.combinations(range(10), 5):
        x = success[list(chosen)].sum()
        every.append(float(pooled_z(4 - x, 5, x, 5)[1]))
    exact = np.mean(np.array(every) <= 0.05)
    real = float(pooled_z(0, 5, 4, 5)[1])
    found = simulate_aa(calls, runs=10_000, method="pooled_z", seed=4)
    assert found.rate == pytest.approx(exact, abs=3 * math.sqrt(exact * (1 - exact) / 10_000))
    assert found.observed_p == pytest.approx(real)
    within = 3 * math.sqrt(0.05 * 0.95 / 10_000)
    assert found.randomisation_p == pytest.approx(np.mean(np.array(every) <= real * (1 + 1e-9)), abs=within)


def test_deals_keep_each_blocks_arms_and_reach_every_order() -> None:
    calls = pd.DataFrame(
        {
            "arm": ["a", "b", "a", "a", "b", "b", "b"],
            "plan_id": "p",
            "block": [0, 0, 1, 1, 1, 1, 2],
            "outcome": "busy",
        }
    )
    units = read_units(calls, "arm", None, ANSWERED, within="block", early_hangup_seconds=5.0)
    seen = {tuple(label.tolist()) for label in units.deals(400, np.random.default_rng(0))}
    assert len(seen) == 2 * 6
    assert all(sorted(label[:2]) == [0, 1] and sorted(label[2:6]) == [0, 0, 1, 1] and label[6] == 1 for label in seen)


def test_deals_are_even() -> None:
    calls = pd.DataFrame(
        {"arm": ["a", "a", "b", "b"] * 2, "plan_id": "p", "block": [0] * 4 + [1] * 4, "outcome": "busy"}
    )
    units = read_units(calls, "arm", None, ANSWERED, within="block", early_hangup_seconds=5.0)
    mean = np.mean(list(units.deals(4000, np.random.default_rng(1))), axis=0)
    assert mean == pytest.approx(np.full(8, 0.5), abs=4 * 0.5 / math.sqrt(4000))


def test_within_numbers_arms_change_places_within_each_number() -> None:
    calls = clustered(numbers=20, calls=6).assign(arm=["a", "b"] * 60)
    found = simulate_aa(calls, within="number", runs=300, seed=5)
    assert (found.kind, found.within) == ("calls", "number")
    units = read_units(calls, "arm", None, ANSWERED, within="number", early_hangup_seconds=5.0)
    for label in units.deals(5, np.random.default_rng(2)):
        assert (pd.Series(label).groupby(units.stratum).sum() == 3).all()


def test_blocks_that_no_design_balanced_are_not_dealt_within() -> None:
    rng = np.random.default_rng(6)
    calls = blocked(40).assign(arm=rng.permutation(["a", "b"] * 80))
    assert simulate_aa(calls, runs=10).within == "all"
    assert simulate_aa(calls, runs=10, within="block").within == "block"


def test_several_arms_are_adjusted_by_holm() -> None:
    calls = make_calls(600, seed=7, voices=("en-GB-RyanNeural", "en-GB-SoniaNeural", "en-US-AriaNeural"))
    found = simulate_aa(calls, runs=1500, seed=7)
    assert found.high <= 0.075
    assert found.rate > 0.02


def test_a_method_of_ones_own_is_called_with_whole_arrays() -> None:
    def always(x1: np.ndarray, n1: np.ndarray, x0: np.ndarray, n0: np.ndarray) -> np.ndarray:
        return np.zeros_like(x1)

    found = simulate_aa(make_calls(50), method=always, runs=20)
    assert (found.method, found.found, found.rate) == ("always", 20, 1.0)


def test_few_numbers_are_refused_and_said() -> None:
    found = simulate_aa(clustered(numbers=8), runs=30)
    assert found.found == 0
    assert any("refused 30 deals" in note for note in found.notes)
    assert found.to_text()


def test_fisher_is_the_same_for_the_same_table() -> None:
    found = simulate_aa(make_calls(80, seed=8), method="fisher_mid_p", runs=200)
    assert len(np.unique(found.p_values)) < 60
    assert found.rate <= 0.09


def test_the_same_seed_gives_the_same_and_any_engine_too() -> None:
    calls = make_calls(300, seed=9)
    one, other, there = (simulate_aa(each, runs=100, seed=3) for each in (calls, calls, duckdb.from_df(calls)))
    np.testing.assert_array_equal(one.p_values, other.p_values)
    np.testing.assert_array_equal(one.p_values, there.p_values)
    assert not np.array_equal(one.p_values, simulate_aa(calls, runs=100, seed=4).p_values)
    row = one.to_pandas().iloc[0]
    assert row["runs"] == 100
    assert "randomisation p" in one.to_html()


def test_listening_outcomes_and_pending_calls() -> None:
    calls = make_calls(400, seed=10)
    units = read_units(calls, "arm", None, metric("completed"), within="all", early_hangup_seconds=5.0)
    answered = calls["outcome"] == "answered"
    undecided = (calls["outcome"].isin(["pending", "not_placed"])) | (answered & calls["end_reason"].isna())
    assert units.n.sum() == (~undecided).sum()
    assert units.success.sum() == (answered & (calls["end_reason"] == "released")).sum()
    assert simulate_aa(calls, outcome="completed", runs=20).outcome == "completed"


def test_what_cannot_be_used_is_refused() -> None:
    calls = make_calls(40)
    for wrong, match in (
        ({"runs": 0}, "above 0"),
        ({"alpha": 1}, "between 0 and 1"),
        ({"method": "t"}, "none of auto"),
        ({"within": "week"}, "none of auto"),
        ({"within": "number"}, "met several arms"),
        ({"outcome": "won"}, "none of the outcomes"),
        ({"baseline": "x"}, "is no arm"),
        ({"arm": "outcome"}, "became of a call"),
    ):
        with pytest.raises(InvalidInputError, match=match):
            simulate_aa(calls, **wrong)
    with pytest.raises(InvalidInputError, match="one arm only"):
        simulate_aa(calls.drop(columns="number_key"), method="numbers")
    with pytest.raises(InvalidInputError, match="no block"):
        simulate_aa(calls.drop(columns="block"), within="block")

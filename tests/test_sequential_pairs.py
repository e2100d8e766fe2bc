"""Which calls are a pair, in which order pairs are read, and why that keeps the level."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest

from imilab.comparison.planning import power
from imilab.comparison.sequential import always_valid_interval, monitor, paired_e_value
from imilab.comparison.sequential.allocation import read_allocation
from imilab.comparison.sequential.paired import tuned_mixture
from imilab.comparison.sequential.pairs import form_pairs
from imilab.metrics import metric
from tests.trials import trial

LOOKS = power(baseline=0.5, mde=0.1, looks=3)
ONCE = power(baseline=0.5, mde=0.1)


def test_pairs_are_the_first_and_first_second_and_second_of_each_block() -> None:
    rows = [(0, 0, "a", 1), (1, 0, "a", 0), (2, 0, "b", 1), (3, 0, "b", 1), (4, 1, "b", 0), (5, 1, "a", 1)]
    calls = pd.DataFrame(rows, columns=["position", "block", "arm", "ok"])
    calls["outcome"] = np.where(calls["ok"] == 1, "answered", "busy")
    pairs = form_pairs(read_allocation(calls.sample(frac=1, random_state=3), "arm", None, metric("answered")), 1)
    assert pairs.baseline.tolist() == [True, False, True]
    assert pairs.arm.tolist() == [True, True, False]


def test_the_monitor_shows_the_e_value_of_the_pairs_in_order() -> None:
    calls = trial(400, {"a": 0.5, "b": 0.6}, seed=6)
    found = monitor(calls, ONCE)
    ranked = calls.assign(rank=calls.groupby(["block", "arm"]).cumcount(), ok=calls["outcome"] == "answered")
    wide = ranked.pivot_table(index=["block", "rank"], columns="arm", values=["ok", "position"], aggfunc="first")
    wide = wide.loc[wide["position"].max(axis=1).sort_values().index]
    mixture = tuned_mixture(ONCE.n_per_arm[0] * (0.6 * 0.5 + 0.4 * 0.5))
    expected = paired_e_value(wide["ok"]["b"], wide["ok"]["a"], mixture)
    assert found.path["e_value"].tolist() == pytest.approx(expected.tolist())
    row = found.rows.iloc[0]
    assert (row["look"], row["n"], row["bound"]) == (200, 400, pytest.approx(20))
    assert row["most"] == pytest.approx(max(expected.max(), 1))
    assert row["p"] == pytest.approx(min(1, 1 / expected.max()))
    wins, losses = found.path[["wins", "losses"]].iloc[-1]
    low, high = always_valid_interval(wins, losses, 200 - wins - losses, mixture)
    assert row["low"] >= float(low) - 1e-12
    assert row["high"] <= float(high) + 1e-12


def test_the_order_of_the_rows_does_not_matter() -> None:
    calls = trial(300, {"a": 0.5, "b": 0.7}, seed=7)
    shuffled = calls.sample(frac=1, random_state=1)
    for design in (ONCE, LOOKS):
        pd.testing.assert_frame_equal(monitor(calls, design).path, monitor(shuffled, design).path)


def test_a_pair_that_waits_holds_every_later_pair_back() -> None:
    calls = trial(200, {"a": 0.5, "b": 0.5}, pending=[41])
    pairs = monitor(calls, ONCE)
    resolved = trial(200, {"a": 0.5, "b": 0.5})
    read = _pairs_of(resolved, [41])[0]
    assert pairs.rows["look"].iloc[0] == read
    assert f"{99 - read} decided pairs wait behind one that is not." in pairs.verdict
    assert monitor(resolved, ONCE).path["e_value"].iloc[:read].tolist() == pairs.path["e_value"].tolist()


def test_quick_outcomes_do_not_overtake_so_the_level_holds_when_one_arm_resolves_sooner() -> None:
    """Successes of b come at once, all else late: read as they come in, b would look better than it is."""
    rng, naive_false, false, trials, mixture = np.random.default_rng(1), 0, 0, 300, 20.0
    for _ in range(trials):
        arm, base = rng.random(400) < 0.5, rng.random(400) < 0.5
        delay = np.where(arm & ~base, 1, 150)  # the pair is complete so many pairs after it began
        ready = np.arange(400) + delay
        naive = np.argsort(ready, kind="stable")
        naive_false += paired_e_value(arm[naive], base[naive], mixture).max() >= 20
        false += paired_e_value(arm, base, mixture).max() >= 20
    assert naive_false / trials > 0.5
    assert false / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_a_pair_with_a_call_that_was_not_placed_is_set_aside_and_moves_no_other() -> None:
    whole, holed = trial(200, {"a": 0.5, "b": 0.6}), trial(200, {"a": 0.5, "b": 0.6}, not_placed=[10, 90])
    before, after = (form_pairs(read_allocation(c, "arm", None, metric("answered")), 1) for c in (whole, holed))
    assert (len(before.arm), len(after.arm), after.set_aside) == (100, 98, 2)
    kept = [i for i in range(100) if i not in _pairs_of(whole, [10, 90])]
    assert after.arm.tolist() == before.arm[kept].tolist()


def _pairs_of(calls: pd.DataFrame, positions: list[int]) -> list[int]:
    rank = calls.groupby(["block", "arm"]).cumcount()
    keys = calls.assign(rank=rank).groupby(["block", "rank"])["position"].max().sort_values()
    order = {key: place for place, key in enumerate(keys.index)}
    return [order[(calls["block"][at], rank[at])] for at in positions]


def test_calls_to_a_number_called_before_are_set_aside_and_said_so() -> None:
    calls = trial(200, {"a": 0.5, "b": 0.6}, numbers=[index % 150 for index in range(200)])
    found = monitor(calls, ONCE)
    assert found.rows["set_aside"].iloc[0] == 25
    assert any(text.startswith("50 of 200 calls went to a number that was called before") for text in found.warnings)


def test_completed_waits_for_unknown_ends_and_then_gives_them_up() -> None:
    calls = trial(200, {"a": 0.5, "b": 0.6})
    answered = calls.index[calls["outcome"] == "answered"][5]
    calls.loc[answered, "end_reason"] = None
    waiting = monitor(calls, ONCE, outcome="completed")
    assert waiting.rows["look"].iloc[0] < 20
    assert waiting.rows["pending"].iloc[0] == 1
    given_up = monitor(calls, ONCE, outcome="completed", as_of=datetime(2026, 11, 3, tzinfo=UTC))
    assert given_up.rows["look"].iloc[0] == 99
    assert given_up.rows["set_aside"].iloc[0] == 1


def test_calls_without_position_follow_their_requests_and_it_says_so() -> None:
    calls = trial(200, {"a": 0.5, "b": 0.6}, design="simple")
    bare = calls.drop(columns=["position", "block", "plan_id"]).sample(frac=1, random_state=2)
    found = monitor(bare, ONCE)
    assert found.path["e_value"].tolist() == monitor(calls, ONCE).path["e_value"].tolist()
    assert any("position" in text for text in found.warnings)


def test_plans_come_one_after_another_as_they_began() -> None:
    first, second = trial(100, {"a": 0.5, "b": 0.6}, seed=1), trial(100, {"a": 0.5, "b": 0.6}, seed=2)
    second = second.assign(
        plan_id="another",
        requested_at=second["requested_at"] + pd.Timedelta(days=1),
        number_key="x" + second["number_key"],
        call_id="x" + second["call_id"],
    )
    both = monitor(pd.concat([second, first]), ONCE).path
    pd.testing.assert_frame_equal(both.head(50), monitor(first, ONCE).path)
    assert len(both) == 100


def test_without_blocks_partners_are_neighbours_so_that_changing_hours_are_no_difference() -> None:
    """Partners over a whole plan would stop 28 % of these trials, where the rate jumps and the arms are alike."""
    trials, stopped, calls = 60, 0, 4000
    plan = power(baseline=0.5, mde=0.05)
    rate = np.where(np.arange(calls) < calls // 2, 0.1, 0.9)
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        outcome = np.where(rng.random(calls) < rate, "answered", "busy")
        arm = np.where(rng.random(calls) < 0.5, "a", "b")
        frame = pd.DataFrame({"arm": arm, "outcome": outcome, "position": range(calls), "block": 0})
        stopped += monitor(frame, plan).decision == "stop"
    assert stopped / trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_a_long_block_is_read_in_runs_of_forty_for_two_arms() -> None:
    calls = trial(200, {"a": 0.5, "b": 0.5}, design="simple", seed=3)
    found = read_allocation(calls, "arm", None, metric("answered"))
    assert np.unique(found.block, return_counts=True)[1].tolist() == [40] * 5
    per_run = [
        min((found.arm[at : at + 40] == 0).sum(), (found.arm[at : at + 40] == 1).sum()) for at in range(0, 200, 40)
    ]
    assert len(form_pairs(found, 1).arm) == sum(per_run)

"""Watching: which calls a look and a pair hold, what is decided, and what is said."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from imilab.comparison.clusters import number_means_difference
from imilab.comparison.correlation import Arm
from imilab.comparison.planning import Design, power
from imilab.comparison.sequential import group_sequential_bounds, monitor
from imilab.comparison.sequential.look_statistics import look_statistic
from imilab.errors import InvalidInputError
from imilab.intervals.score import score_z
from tests.trials import trial

LOOKS = power(baseline=0.5, mde=0.1, looks=3)
ONCE = power(baseline=0.5, mde=0.1)


def counts(calls: pd.DataFrame) -> tuple[int, int, int, int]:
    answered, is_b = calls["outcome"] == "answered", calls["arm"] == "b"
    return int(answered[is_b].sum()), int(is_b.sum()), int(answered[~is_b].sum()), int((~is_b).sum())


def test_a_look_takes_the_first_planned_calls_and_no_more() -> None:
    calls = trial(LOOKS.looks[1].n + 40, {"a": 0.5, "b": 0.5})
    row = monitor(calls, LOOKS).rows.iloc[0]
    assert (row["look"], row["looks"], row["decision"]) == (2, 3, "go on")
    look = counts(calls.head(LOOKS.looks[1].n))
    assert row["statistic"] == pytest.approx(float(score_z(*look)))
    assert row["n"] == LOOKS.looks[1].n
    assert row["estimate"] == pytest.approx(look[0] / look[1] - look[2] / look[3])


def test_bounds_are_those_of_the_information_that_was_really_there() -> None:
    calls = trial(LOOKS.n, {"a": 0.5, "b": 0.5}, design="simple", seed=4)
    path = monitor(calls, LOOKS).path
    expected = []
    for look in LOOKS.looks:
        _, n1, _, n0 = counts(calls.head(look.n))
        expected.append(n1 * n0 / (n1 + n0) / (LOOKS.n_per_arm[0] / 2))
    assert path["information"].tolist() == pytest.approx(expected)
    assert path["bound"].tolist() == pytest.approx(group_sequential_bounds("obrien_fleming", expected).z)


def test_before_the_first_look_nothing_may_be_decided() -> None:
    found = monitor(trial(50, {"a": 0.0, "b": 1.0}), LOOKS)
    assert found.decision == "go on"
    assert found.verdict == (
        f"Go on: the first look comes after {LOOKS.looks[0].n} resolved calls, and 50 are in. What is seen before is "
        "no reason to stop."
    )


def test_a_crossed_bound_stops_and_the_interval_leaves_zero_out() -> None:
    found = monitor(trial(LOOKS.n, {"a": 0.4, "b": 0.6}, seed=1), LOOKS)
    row = found.rows.iloc[0]
    assert found.decision == row["decision"] == "stop"
    assert row["statistic"] >= row["bound"]
    assert row["low"] > 0
    assert row["p"] <= 0.05
    assert found.verdict.startswith(f"Stop: at look {row['look']} of 3")
    assert "b is answered more often than a" in found.verdict


def test_a_complete_plan_stops_without_a_difference() -> None:
    found = monitor(trial(LOOKS.n, {"a": 0.5, "b": 0.5}, seed=2), LOOKS)
    assert found.decision == "stop"
    assert found.verdict.startswith("Stop: the plan is complete, and no difference can be told between b and a")
    assert found.rows["p"].iloc[0] > 0.05


def test_the_repeated_p_value_is_the_level_at_which_the_last_bound_is_touched() -> None:
    row = monitor(trial(LOOKS.looks[1].n, {"a": 0.45, "b": 0.55}, seed=5), LOOKS).rows.iloc[0]
    bounds = group_sequential_bounds("obrien_fleming", [look.n / LOOKS.n for look in LOOKS.looks], row["p"]).z
    touched = [
        abs(look) for look in monitor(trial(LOOKS.looks[1].n, {"a": 0.45, "b": 0.55}, seed=5), LOOKS).path["statistic"]
    ]
    assert max(z - bound for z, bound in zip(touched, bounds, strict=False)) == pytest.approx(0.0, abs=2e-3)


def test_a_pending_call_holds_the_look_behind_it_back() -> None:
    first = LOOKS.looks[0].n
    waiting = trial(first + 200, {"a": 0.5, "b": 0.5}, pending=[3])
    assert monitor(waiting, LOOKS).rows["look"].iloc[0] == 0
    later = datetime(2026, 11, 2, 12, tzinfo=UTC)
    given_up = monitor(waiting, LOOKS, as_of=later)
    assert given_up.rows["look"].iloc[0] == 1
    without = trial(first + 200, {"a": 0.5, "b": 0.5}, not_placed=[3])
    assert given_up.rows["statistic"].iloc[0] == monitor(without, LOOKS).rows["statistic"].iloc[0]


def test_the_last_look_can_be_taken_with_the_calls_that_are_there() -> None:
    calls = trial(LOOKS.n - 30, {"a": 0.5, "b": 0.5}, seed=3)
    assert monitor(calls, LOOKS).rows["look"].iloc[0] == 2
    last = monitor(calls, LOOKS, final=True)
    assert (last.rows["look"].iloc[0], last.decision) == (3, "stop")
    assert last.rows["n"].iloc[0] == LOOKS.n - 30


def test_early_hangup_counts_hang_ups_within_the_limit() -> None:
    calls = trial(200, {"a": 1.0, "b": 1.0}).assign(end_reason="disconnected")
    calls["talk_seconds"] = np.where(calls["arm"] == "b", 3.0, 8.0)
    found = monitor(calls, power(baseline=0.3, mde=0.2), outcome="early_hangup")
    assert found.rows["estimate"].iloc[0] == 1.0
    assert (
        monitor(calls, power(baseline=0.3, mde=0.2), outcome="early_hangup", early_hangup_seconds=2)
        .rows["estimate"]
        .iloc[0]
        == 0.0
    )


def test_a_lost_call_counts_as_a_failure() -> None:
    calls = trial(40, {"a": 1.0, "b": 1.0})
    calls.loc[calls["arm"] == "b", "outcome"] = "lost"
    assert monitor(calls, ONCE).rows["estimate"].iloc[0] == -1.0


def test_a_margin_is_ruled_out_by_pairs_and_by_looks() -> None:
    calls = trial(4000, {"a": 0.6, "b": 0.65}, seed=8)
    for design in (power(baseline=0.6, margin=-0.08), power(baseline=0.6, margin=-0.08, looks=3)):
        found = monitor(calls, design)
        assert found.decision == "stop"
        assert found.rows["low"].iloc[0] > -0.08
        assert "it is ruled out that b is 8.0 points lower than a, or more" in found.verdict
    worse = monitor(trial(4000, {"a": 0.65, "b": 0.5}, seed=8), power(baseline=0.6, margin=-0.08))
    assert worse.decision == "go on"
    assert "the margin is not ruled out yet" in worse.verdict


def test_several_arms_are_each_judged_at_their_share_of_the_level() -> None:
    calls = trial(6000, {"a": 0.5, "b": 0.6, "c": 0.5}, seed=9)
    found = monitor(calls, power(baseline=0.5, mde=0.1, arms=3))
    assert found.rows["decision"].tolist() == ["stop", "go on"]
    assert found.decision == "go on"
    assert found.rows["bound"].tolist() == pytest.approx([40, 40])
    assert found.rows["p_adjusted"].tolist() == pytest.approx(np.minimum(found.rows["p"] * 2, 1).tolist())
    assert found.confidence == pytest.approx(0.975)


@pytest.mark.parametrize("numbers", [16, 60, 600])
def test_repeated_numbers_at_planned_looks_have_the_t_of_a_comparison(numbers: int) -> None:
    """With equal calls each, one of the errors is that of a two-sample t of the means, exactly."""
    rng = np.random.default_rng(10)
    number = np.repeat(np.arange(numbers), 5)
    arm = number % 2 == 1
    success = rng.random(5 * numbers) < np.repeat(rng.beta(1, 1, numbers), 5)
    found = look_statistic(arm, success, number, None)
    means = pd.Series(success).groupby(number).mean()
    one, zero = means[means.index % 2 == 1], means[means.index % 2 == 0]
    assert found.scales[0][0] == pytest.approx(math.sqrt((one.var() + zero.var()) / (numbers / 2)))
    sums = [Arm(np.full(numbers // 2, 5.0), 5 * each.to_numpy()) for each in (one, zero)]
    compared = number_means_difference(*sums, confidence=0.99)
    assert 2 * norm.sf(abs(found.z)) == pytest.approx(compared.p)
    assert np.sign(found.z) == np.sign(one.mean() - zero.mean())
    assert found.interval(float(norm.isf(0.005))) == pytest.approx((compared.low, compared.high))


@pytest.mark.parametrize(("rate", "icc"), [(0.3, 0.6), (0.7, 0.6), (0.5, 0.3), (0.7, 0.001)])
def test_planned_looks_at_five_numbers_an_arm_find_as_much_as_they_may(rate: float, icc: float) -> None:
    """Five calls to each number, in rounds; benchmarks/bench_sequential.py has the whole sweep."""
    rng, runs, stopped = np.random.default_rng(1), 600, 0
    order = np.tile(np.arange(10), 5)
    arm, bounds = order % 2 == 1, group_sequential_bounds("obrien_fleming", [1 / 3, 2 / 3, 1.0]).z
    for _ in range(runs):
        own = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, 10)
        success = rng.random(50) < own[order]
        looks = (look_statistic(arm[:end], success[:end], order[:end], None).z for end in (16, 33, 50))
        stopped += any(abs(z) >= bound for z, bound in zip(looks, bounds, strict=True))
    spread = 3 * math.sqrt(0.05 * 0.95 / runs)
    assert 0.035 - spread <= stopped / runs <= 0.065 + spread


def test_a_number_in_both_arms_is_judged_by_its_own_difference() -> None:
    number = np.tile(np.arange(40), 2)
    arm = np.arange(80) >= 40
    success = np.random.default_rng(11).random(80) < 0.5
    found = look_statistic(arm, success, number, None)
    own = success[40:].astype(int) - success[:40]
    ((error, freedom),) = found.scales
    assert (error, freedom) == pytest.approx((math.sqrt(own.var(ddof=1) / 40), 39))


def test_fewer_than_five_numbers_are_not_judged() -> None:
    calls = trial(LOOKS.n, {"a": 0.2, "b": 0.9}, numbers=[index % 4 for index in range(LOOKS.n)])
    found = monitor(calls, LOOKS)
    assert math.isnan(found.rows["statistic"].iloc[0])
    assert any("fewer than 5 numbers" in text for text in found.warnings)


def test_a_split_that_loses_calls_of_one_arm_raises_the_alarm() -> None:
    calls = trial(1000, {"a": 0.5, "b": 0.5})
    lost = calls.index[calls["arm"] == "b"][::3].tolist()
    assert any(
        "do not split" in text for text in monitor(trial(1000, {"a": 0.5, "b": 0.5}, not_placed=lost), ONCE).warnings
    )
    assert not any("do not split" in text for text in monitor(calls, ONCE).warnings)


def test_other_engines_give_the_same() -> None:
    calls = trial(300, {"a": 0.5, "b": 0.7}, seed=7)
    with duckdb.connect() as engine:
        engine.execute("SET timezone = 'UTC'")
        relation = engine.from_df(calls)
        pd.testing.assert_frame_equal(monitor(relation, LOOKS).path, monitor(calls, LOOKS).path)


def test_the_voice_is_not_credited_with_first_pick_ups() -> None:
    calls = trial(200, {"a": 0.5, "b": 0.6})
    assert any("a voice can move" in text for text in monitor(calls, ONCE).warnings)
    assert not any("a voice can move" in text for text in monitor(calls, ONCE, outcome="completed").warnings)


def test_the_views_say_the_same() -> None:
    for design in (ONCE, LOOKS):
        found = monitor(trial(LOOKS.n, {"a": 0.4, "b": 0.6}, seed=1), design)
        assert found.verdict.split(":")[0] in found.to_text()
        assert "<table>" in found._repr_html_()
        assert "| b |" in found.to_markdown()
        assert found.to_pandas() is not found.rows
        assert found.rows.columns[:3].tolist() == ["metric", "arm", "baseline"]
        assert "stop" in repr(found)


@pytest.mark.parametrize(
    ("change", "options", "word"),
    [
        ({}, {"baseline": "z"}, "baseline"),
        ({}, {"outcome": "pending"}, "outcome"),
        ({}, {"arm": "outcome"}, "arm"),
        ({}, {"arm": "voise"}, "voise"),
        ({}, {"as_of": datetime(2026, 1, 1)}, "as_of"),  # noqa: DTZ001 - the missing zone is the point
        ({"arm": "a"}, {"final": True}, "two arms or more; in 'arm' only a has calls"),
        ({"arm": ["a", "b", "c", "d"] * 5}, {}, "arm"),
        ({"outcome": "sleeping"}, {}, "outcome"),
    ],
)
def test_wrong_questions_are_refused(change: dict[str, object], options: dict[str, object], word: str) -> None:
    calls = trial(20, {"a": 0.5, "b": 0.5}).assign(**change)
    with pytest.raises(InvalidInputError, match=word):
        monitor(calls, ONCE, **options)  # type: ignore[arg-type]  # refused


def test_a_thing_that_is_no_design_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"imilab\.power"):
        monitor(trial(20, {"a": 0.5, "b": 0.5}), 0.05)  # type: ignore[arg-type]  # refused
    assert isinstance(ONCE, Design)


@pytest.mark.parametrize("baseline", [None, "a"])
@pytest.mark.parametrize("design", [ONCE, LOOKS])
@pytest.mark.parametrize(
    ("begun", "said"), [(0, "no arm has a call (0 of"), (1, "only b has calls (1 of"), (30, "only b has calls (30 of")]
)
def test_a_look_before_two_arms_have_calls_says_go_on(begun: int, said: str, design: Design, baseline: object) -> None:
    calls = trial(60, {"a": 0.0, "b": 1.0})
    found = monitor(calls[calls["arm"] == "b"].head(begun), design, baseline=baseline)
    assert found.decision == "go on"
    assert found.verdict == (
        f"Go on: there is nothing to compare yet. The plan has 2 arms, and in 'arm' {said} {design.n} resolved calls "
        "are in)."
    )
    assert (len(found.rows), len(found.path), found.baseline) == (0, 0, baseline)
    full = monitor(calls, design)
    assert (list(found.rows), list(found.path)) == (list(full.rows), list(full.path))
    assert found.to_rows() == [{"decision": "go on"}]
    assert "yet" in found.plot().alternative


def test_nothing_decided_yet_is_said_and_shown() -> None:
    for design in (ONCE, LOOKS):
        found = monitor(trial(40, {"a": 0.5, "b": 0.5}, pending=range(40)), design)
        assert found.decision == "go on"
        assert math.isnan(found.rows["estimate"].iloc[0])
        assert (found.rows["low"].iloc[0], found.rows["high"].iloc[0], found.rows["p"].iloc[0]) == (-1, 1, 1)
        assert "—" in found.to_text()
        assert found.path.empty

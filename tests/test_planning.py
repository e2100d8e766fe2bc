"""Plans: solved for each of their three sides, against published sizes, simulation and each other."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from imilab.comparison.planning import Design, power
from imilab.comparison.planning.non_inferiority import power_non_inferiority, size_non_inferiority
from imilab.comparison.planning.two_rates import (
    mde_pooled,
    power_arcsine,
    power_pooled,
    size_arcsine,
    size_pooled,
    size_unpooled,
)
from imilab.comparison.sequential.crossing import crossing_chance
from imilab.comparison.sequential.paired import tuned_mixture
from imilab.comparison.significance import pooled_z
from imilab.errors import InvalidInputError
from imilab.intervals.score import score_z
from tests.trials import trial

rates = st.floats(0.03, 0.97)


def test_the_example_of_the_design_gives_the_calls_of_power_prop_test() -> None:
    design = power(baseline=0.55, mde=0.05, power=0.8)
    assert design.n_per_arm == (1534, 1534)
    assert design.n == 3068
    assert design.caption == (
        "3,068 resolved calls (1,534 in each of 2 arms) find a difference of +5.0 points from 55.0 % (to 60.0 %) with "
        "80.0 % power at level 0.05."
    )


@given(rates, st.floats(0.02, 0.3), st.floats(0.3, 0.99), st.sampled_from([0.01, 0.05]), st.floats(0.25, 4))
@settings(max_examples=60, deadline=None)
def test_size_and_power_are_each_others_inverse(p0: float, gap: float, goal: float, alpha: float, ratio: float) -> None:
    p1 = p0 + gap if p0 + gap <= 1 else p0 - gap
    if not 0 <= p1 <= 1:
        return
    options: dict[str, Any] = {"power": goal, "alpha": alpha, "ratio": ratio}
    assert power_pooled(*size_pooled(p1, p0, **options), p1, p0, alpha=alpha) == pytest.approx(goal, abs=1e-9)
    assert power_arcsine(*size_arcsine(p1, p0, **options), p1, p0, alpha=alpha) == pytest.approx(goal, abs=1e-9)
    n1, n0 = size_unpooled(p1, p0, **options)
    error = math.sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0)
    assert norm.cdf(gap / error - norm.isf(alpha / 2)) == pytest.approx(goal, abs=1e-9)


@given(rates, st.integers(50, 5000), st.sampled_from([1, -1]))
@settings(max_examples=40, deadline=None)
def test_the_smallest_difference_is_found_with_the_power_asked_for(p0: float, n: int, direction: int) -> None:
    try:
        mde = mde_pooled(n, n, p0, direction=direction)
    except InvalidInputError:
        assert power_pooled(n, n, 1.0 if direction > 0 else 0.0, p0) < 0.8
        return
    assert mde * direction > 0
    assert power_pooled(n, n, p0 + mde, p0) == pytest.approx(0.8, abs=1e-6)


@pytest.mark.parametrize(
    "plan",
    [
        {"baseline": 0.55, "mde": 0.05},
        {"baseline": 0.3, "mde": -0.07, "shares": (1, 2)},
        {"baseline": 0.55, "mde": 0.05, "looks": 5},
        {"baseline": 0.55, "mde": 0.05, "looks": (0.2, 0.7, 1), "spending": "pocock"},
        {"baseline": 0.55, "mde": 0.05, "arms": 4},
        {"baseline": 0.55, "mde": 0.08, "icc": 0.3, "calls_per_number": 5},
        {"baseline": 0.8, "mde": 0.02, "margin": -0.05},
        {"baseline": 0.2, "mde": -0.01, "margin": 0.05, "looks": 3},
        {"baseline": 0.55, "mde": 0.05, "looks": "any"},
    ],
)
def test_a_plan_is_the_same_whichever_side_is_solved_for(plan: dict[str, Any]) -> None:
    sized = power(**plan, power=0.8)
    assert sized.solved_for == "n"
    powered = power(**plan, n=sized.n)
    assert powered.solved_for == "power"
    assert powered.power == pytest.approx(0.8, abs=3e-3)
    assert powered.power >= 0.8 - 1e-6 or plan.get("shares") or plan.get("looks") == "any"
    rest = {name: value for name, value in plan.items() if name != "mde"}
    direction = "greater" if plan["mde"] > 0 else "less"
    found = power(**rest, n=sized.n, direction=direction)
    assert found.solved_for == "mde"
    assert found.mde == pytest.approx(plan["mde"], abs=2e-4)
    assert sized.n_per_arm == powered.n_per_arm


def test_the_power_of_a_plan_is_what_simulated_trials_show() -> None:
    trials, rng = 20_000, np.random.default_rng(4)
    design = power(baseline=0.4, mde=0.08, looks=4)
    sizes = np.diff([look.n // 2 for look in design.looks], prepend=0)
    x1, x0 = rng.binomial(sizes, 0.48, (trials, 4)).cumsum(axis=1), rng.binomial(sizes, 0.4, (trials, 4)).cumsum(axis=1)
    z, _ = pooled_z(x1, sizes.cumsum(), x0, sizes.cumsum())
    stopped = np.maximum.accumulate(z >= [look.z for look in design.looks], axis=1).mean(axis=0)
    assert stopped.tolist() == pytest.approx([look.power for look in design.looks], abs=0.015)


def test_a_margin_is_ruled_out_as_often_as_planned() -> None:
    trials, rng = 20_000, np.random.default_rng(6)
    design = power(baseline=0.8, margin=-0.06)
    n1, n0 = design.n_per_arm[1], design.n_per_arm[0]
    z = score_z(rng.binomial(n1, 0.8, trials), n1, rng.binomial(n0, 0.8, trials), n0, -0.06, corrected=False)
    assert (z >= norm.isf(0.025)).mean() == pytest.approx(0.8, abs=0.015)
    z = score_z(rng.binomial(n1, 0.74, trials), n1, rng.binomial(n0, 0.8, trials), n0, -0.06, corrected=False)
    assert (z >= norm.isf(0.025)).mean() == pytest.approx(0.025, abs=0.004)


def test_clusters_multiply_the_calls_by_the_design_effect() -> None:
    alone, repeated = power(baseline=0.5, mde=0.1), power(baseline=0.5, mde=0.1, icc=0.25, calls_per_number=5)
    assert repeated.design_effect == 2.0
    assert repeated.n == pytest.approx(2 * alone.n, abs=4)
    assert repeated.numbers == round(repeated.n / 5)
    assert any("Kish" in note for note in repeated.notes)


def test_several_arms_share_the_level() -> None:
    design, pair = power(baseline=0.5, mde=0.1, arms=5), power(baseline=0.5, mde=0.1, alpha=0.0125)
    assert design.n_per_arm == pair.n_per_arm[:1] * 5
    assert design.alpha_each == pytest.approx(0.0125)
    assert design.comparisons == 4


def test_shares_split_the_calls() -> None:
    design = power(baseline=0.5, mde=0.1, shares=(2, 1))
    n1, n0 = size_pooled(0.6, 0.5, ratio=0.5)
    assert design.n_per_arm == (math.ceil(n0), math.ceil(n1))
    assert power(baseline=0.5, mde=0.1, n=901, shares=(2, 1)).n_per_arm == (601, 300)


def test_looks_cost_little_and_save_much() -> None:
    once, late, even = (power(baseline=0.55, mde=0.05, looks=n, spending=s) for n, s in
                        ((1, "pocock"), (5, "obrien_fleming"), (5, "pocock")))  # fmt: skip
    assert once.n < late.n < even.n
    assert late.inflation == pytest.approx(1.0252, abs=1e-3)
    assert late.expected_n < once.n
    assert even.expected_n < late.expected_n
    table = late.looks_table()
    assert table["n"].tolist()[-1] == late.n
    assert table["alpha_spent"].iloc[-1] == pytest.approx(0.05, abs=1e-6)
    assert table["power"].iloc[-1] == pytest.approx(0.8, abs=1e-6)
    assert (table["nominal_p"] == 2 * norm.sf(table["z"])).all() or np.allclose(
        table["nominal_p"], 2 * norm.sf(table["z"])
    )


def test_a_plan_for_the_e_value_has_its_exact_power() -> None:
    design = power(baseline=0.5, mde=0.1, looks="any")
    pairs = design.n_per_arm[0]
    exact = crossing_chance(0.6, 0.5, pairs, tuned_mixture(pairs * 0.5), 20.0)[0]
    assert exact == pytest.approx(0.8, abs=3e-3)
    assert exact >= 0.8
    assert 1.4 < design.inflation < 1.9
    assert design.looks == ()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"baseline": 55, "mde": 0.05}, "baseline"),
        ({"baseline": 0.98, "mde": 0.05}, "mde"),
        ({"baseline": 0.5, "mde": 0.0}, "mde"),
        ({"baseline": 0.5, "mde": 0.1, "power": 1.0}, "power"),
        ({"baseline": 0.5, "mde": 0.1, "n": 100, "power": 0.8}, "all three"),
        ({"baseline": 0.5}, "too few"),
        ({"baseline": 0.5, "n": 6}, "too few"),
        ({"baseline": 0.5, "n": 1.5}, "n"),
        ({"baseline": 0.5, "mde": 0.1, "alpha": 0}, "alpha"),
        ({"baseline": 0.5, "mde": 0.1, "arms": 1}, "arms"),
        ({"baseline": 0.5, "mde": 0.1, "shares": (1, 2, 3)}, "shares"),
        ({"baseline": 0.5, "mde": 0.1, "looks": 0}, "looks"),
        ({"baseline": 0.5, "mde": 0.1, "looks": "often"}, "looks"),
        ({"baseline": 0.5, "mde": 0.1, "looks": (0.5, 0.9)}, "looks"),
        ({"baseline": 0.5, "mde": 0.1, "looks": 3, "spending": "late"}, "spending"),
        ({"baseline": 0.5, "mde": 0.1, "icc": 0.2}, "calls_per_number"),
        ({"baseline": 0.5, "mde": 0.1, "icc": 2, "calls_per_number": 3}, "icc"),
        ({"baseline": 0.5, "mde": 0.1, "calls_per_number": 0.5}, "calls_per_number"),
        ({"baseline": 0.5, "mde": -0.1, "margin": -0.05}, "margin"),
        ({"baseline": 0.5, "margin": 0.0}, "margin"),
        ({"baseline": 0.5, "n": 100, "direction": "up"}, "direction"),
        ({"baseline": 0.5, "mde": 0.1, "looks": "any", "shares": (1, 2)}, "looks"),
        ({"baseline": 0.5, "margin": -0.1, "looks": "any"}, "looks"),
    ],
)
def test_wrong_plans_are_refused(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(InvalidInputError, match=word):
        power(**wrong)


def test_sizes_refuse_what_has_no_answer() -> None:
    for size in (size_pooled, size_unpooled, size_arcsine):
        with pytest.raises(InvalidInputError, match="equal"):
            size(0.5, 0.5)
    with pytest.raises(InvalidInputError, match="margin"):
        size_non_inferiority(0.4, 0.5, -0.1)
    with pytest.raises(InvalidInputError, match="sides"):
        power_pooled(10, 10, 0.4, 0.5, sides=3)
    with pytest.raises(InvalidInputError, match="n:"):
        power_non_inferiority(0, 10, 0.5, 0.5, -0.1)


def test_rates_at_the_end_of_the_scale_work() -> None:
    assert power(baseline=1.0, mde=-0.1).n > 0
    assert power(baseline=0.0, mde=0.05).n > 0
    assert power(baseline=0.0, mde=1.0).n >= 2
    assert power(baseline=1.0, margin=-0.05).n > 0


def test_a_design_is_frozen_and_shows_itself() -> None:
    for design in (
        power(baseline=0.55, mde=0.05),
        power(baseline=0.55, mde=0.05, looks=3),
        power(baseline=0.3, margin=0.1),
    ):
        assert isinstance(design, Design)
        with pytest.raises(dataclasses.FrozenInstanceError):
            design.n = 3  # type: ignore[misc]  # refused
        assert design.caption in " ".join(design.to_text().split())
        assert design.to_html().count("<tr>") == len(design.to_rows()) + 1
        assert design.to_markdown().startswith("**")
        assert len(design.to_pandas()) == len(design.to_rows())
    assert "looks=3" in repr(power(baseline=0.55, mde=0.05, looks=3))


def test_how_much_longer_follows_the_pace_of_the_slowest_arm() -> None:
    calls = trial(400, {"a": 0.5, "b": 0.5}, gap_seconds=360)
    calls = calls.drop(calls.index[(calls["arm"] == "b") & (calls.index % 2 == 0)])
    design = power(baseline=0.5, mde=0.1, n=1000)
    now = (calls["requested_at"].min() + pd.Timedelta(hours=48)).to_pydatetime()
    outlook = design.how_much_longer(calls, as_of=now, tz="Europe/London")
    slow = outlook.rows.set_index("arm").loc["b"]
    counted = int((calls["arm"] == "b").sum())
    assert (slow["resolved"], slow["missing"]) == (counted, 500 - counted)
    assert slow["per_day"] == pytest.approx(counted / 2)
    assert outlook.hours == pytest.approx((500 - counted) / (counted / 48))
    assert outlook.ends_at is not None
    assert outlook.ends_at.timestamp() == pytest.approx(now.timestamp() + outlook.hours * 3600, abs=1)
    assert "(GMT)" in outlook.caption
    assert outlook.to_rows()[1]["resolved"] == str(counted)
    assert "Outlook" in repr(outlook)


def test_a_complete_plan_needs_no_longer_and_no_pace_is_said() -> None:
    design = power(baseline=0.5, mde=0.1, n=100)
    assert design.how_much_longer(trial(100, {"a": 0.5, "b": 0.5})).caption.endswith("The plan is complete.")
    untimed = trial(50, {"a": 0.5, "b": 0.5}).drop(columns="requested_at")
    unknown = design.how_much_longer(untimed)
    assert math.isnan(unknown.hours)
    assert "cannot be told" in unknown.caption
    young = design.how_much_longer(trial(50, {"a": 0.5, "b": 0.5}))
    assert any("less than a day" in note for note in young.notes)
    with pytest.raises(InvalidInputError, match="arm"):
        design.how_much_longer(trial(90, {"a": 0.5, "b": 0.5, "c": 0.5}))
    with pytest.raises(InvalidInputError, match="as_of"):
        design.how_much_longer(untimed, as_of=pd.Timestamp("2026-11-04").to_pydatetime())

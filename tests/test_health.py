"""`health`: every check finds what is planted, and nothing where nothing is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imilab.assign import Assignment, assign, verify_assignment
from imilab.comparison.balance import Health, health
from imilab.comparison.balance.sample_ratio import sample_ratio_chi_square, sample_ratio_p
from imilab.errors import InvalidInputError
from tests.calls_factory import frame_from, make_calls

START = pd.Timestamp("2026-11-02T10:00Z")


@dataclass(frozen=True)
class OneCall:
    correlation_id: str
    arm: str | None
    block: int | None
    position: int | None


@dataclass(frozen=True)
class Verified:
    ok: bool
    sentence: str


@dataclass(frozen=True)
class SomePlan:
    """A plan as `health` knows it; nothing of the sending half."""

    plan_id: str = "p"
    arms: dict[str, object] = field(default_factory=lambda: {"a": None, "b": None})
    seed: int = 7
    design: str = "blocked"
    calls: tuple[OneCall, ...] = ()
    shares: dict[str, int] | None = None

    def verify(self) -> Verified:
        drawn = [
            Assignment(
                -1 if one.position is None else one.position, one.arm or "", -1 if one.block is None else one.block
            )
            for one in self.calls
        ]
        ok = verify_assignment(drawn, list(self.arms), seed=self.seed, design=self.design)
        return Verified(ok, f"checked against seed {self.seed}")


def plan_of(n: int, **more: Any) -> SomePlan:
    plan = SomePlan(**more)
    drawn = assign(n, list(plan.arms), seed=plan.seed, design=plan.design)
    return replace(plan, calls=tuple(OneCall(f"c{one.position}", one.arm, one.block, one.position) for one in drawn))


def sent(plan: SomePlan, **more: Any) -> pd.DataFrame:
    rows = [
        {
            "call_id": call.correlation_id,
            "correlation_id": call.correlation_id,
            "plan_id": plan.plan_id,
            "arm": call.arm,
            "outcome": "answered",
            "number_key": f"n{call.position}",
            "number_type": "mobile",
            "requested_at": START + pd.Timedelta(minutes=call.position or 0),
            **more,
        }
        for call in plan.calls
    ]
    return frame_from(rows)


def of(found: Health, check: str) -> pd.Series:
    return found.checks.set_index("check").loc[check]


def test_sound_calls_pass_every_check() -> None:
    plan = plan_of(400)
    found = health(sent(plan), plan)
    assert found.ok
    assert found.verdict == "ok"
    assert found.checks["check"].tolist() == [
        "sample ratio",
        "sample ratio by hour of day (UTC)",
        "sample ratio by number type",
        "assignment",
        "time drift",
        "duplicates",
        "numbers in several arms",
        "inferred answers",
        "pending share",
        "lost share",
    ]
    for text in (found.to_text(), found.to_markdown(), found.to_html()):
        assert "Nothing speaks against the data" in text
    assert [*found.to_pandas().columns] == ["check", "verdict", "value", "p", "sentence"]


# -- Sample ratio ------------------------------------------------------------------------------------------------------


def test_lost_calls_of_one_arm_stop() -> None:
    calls = sent(plan_of(1000))
    cut = calls.drop(calls[calls["arm"] == "b"].index[:120])
    found = health(cut)
    assert of(found, "sample ratio")["verdict"] == "stop"
    assert of(found, "sample ratio")["p"] == pytest.approx(stats.binomtest(500, 880).pvalue)
    assert "stop" not in set(health(calls).checks["verdict"])


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.05, 0.95))
def test_two_arms_are_tested_exactly(first: int, second: int, share: float) -> None:
    p = sample_ratio_p([first, second], [share, 1 - share])
    if first + second:
        assert p == pytest.approx(stats.binomtest(first, first + second, share).pvalue, rel=1e-6)
    else:
        assert math.isnan(p)


def test_chi_square_agrees_with_scipy_for_several_arms() -> None:
    counts, ratios = np.array([320, 290, 410]), np.array([1, 1, 1.5])
    statistic, p = sample_ratio_chi_square(counts, ratios)
    theirs = stats.chisquare(counts, ratios / ratios.sum() * counts.sum())
    assert (statistic, p) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert sample_ratio_p(counts, ratios) == p


def test_shares_can_be_given_and_an_arm_that_is_missing_counts() -> None:
    calls = sent(plan_of(900))
    thirds = pd.concat([calls[calls["arm"] == "a"], calls[calls["arm"] == "b"].iloc[:225]])
    assert of(health(thirds, shares={"a": 2, "b": 1}), "sample ratio")["verdict"] == "ok"
    assert of(health(thirds), "sample ratio")["verdict"] == "stop"
    assert of(health(calls, shares={"a": 1, "b": 1, "c": 1}), "sample ratio")["verdict"] == "stop"
    with pytest.raises(InvalidInputError, match="the arms are"):
        health(calls, shares={"a": 1})


def test_numbers_are_counted_where_each_met_one_arm() -> None:
    plan = plan_of(200)
    calls = sent(plan)
    again = calls[calls["arm"] == "a"].assign(call_id=lambda frame: frame["call_id"] + "x")
    again["requested_at"] += pd.Timedelta(days=1)
    found = health(pd.concat([calls, again], ignore_index=True))
    assert of(found, "sample ratio")["verdict"] == "ok"  # 200 calls of a against 100 of b, yet 100 numbers each
    assert "Numbers of a 100" in of(found, "sample ratio")["sentence"]


def test_a_mismatch_in_one_hour_or_number_type_is_named() -> None:
    calls = sent(plan_of(960))
    hours = calls["requested_at"].dt.hour
    swapped = calls.assign(arm=np.where(hours == 12, "a", np.where(hours == 13, "b", calls["arm"])))
    found = health(swapped.astype({"arm": "str"}))
    assert of(found, "sample ratio")["verdict"] == "ok"
    row = of(found, "sample ratio by hour of day (UTC)")
    assert row["verdict"] == "stop"
    assert row["value"] == 2
    assert "12:00" in row["sentence"] or "13:00" in row["sentence"]
    assert of(found, "time drift")["verdict"] == "stop"
    typed = calls.assign(number_type=np.where(calls["arm"] == "a", "fixed_line", "mobile")).astype(
        {"number_type": "str"}
    )
    assert of(health(typed), "sample ratio by number type")["verdict"] == "stop"


def test_the_sample_ratio_check_holds_its_level() -> None:
    rng = np.random.default_rng(3)
    p = np.array([sample_ratio_p(rng.multinomial(600, [0.25, 0.25, 0.5]), [1, 1, 2]) for _ in range(4000)])
    assert (p <= 0.05).mean() <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4000)
    assert (p < 0.001).mean() <= 0.003


# -- Assignment --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("design", ["blocked", "simple"])
def test_calls_of_the_plan_pass(design: str) -> None:
    plan = plan_of(101, design=design)
    row = of(health(sent(plan).iloc[:77], plan), "assignment")
    assert row["verdict"] == "ok"
    assert "77 of 101 planned calls" in row["sentence"]


def test_the_shares_meant_are_those_of_the_plan() -> None:
    calls = sent(plan_of(400))
    calls["arm"] = ["a", "b", "b", "b"] * 100
    plan = replace(plan_of(400), shares={"a": 1, "b": 3})
    assert of(health(calls), "sample ratio")["verdict"] == "stop"
    assert of(health(calls, plan), "sample ratio")["verdict"] == "ok"
    assert of(health(calls, plan, shares={"a": 1, "b": 1}), "sample ratio")["verdict"] == "stop"


def test_a_plan_that_its_seed_does_not_give_stops() -> None:
    plan = plan_of(50)
    first, *others = plan.calls
    other_arm = "b" if first.arm == "a" else "a"
    forged = replace(plan, calls=(replace(first, arm=other_arm), *others))
    assert of(health(sent(forged), forged), "assignment")["verdict"] == "stop"
    assert of(health(sent(plan), replace(plan, seed=8)), "assignment")["verdict"] == "stop"
    unplaced = replace(plan, calls=(replace(first, position=None), *others))
    assert of(health(sent(plan), unplaced), "assignment")["verdict"] == "stop"


def test_a_call_with_another_arm_than_planned_stops_and_a_strange_one_asks_for_a_look() -> None:
    plan = plan_of(50)
    calls = sent(plan)
    swapped = calls.copy()
    swapped.loc[3, "arm"] = "b" if swapped.loc[3, "arm"] == "a" else "a"
    row = of(health(swapped, plan), "assignment")
    assert (row["verdict"], row["value"]) == ("stop", 1)
    stranger = calls.copy()
    stranger.loc[3, "correlation_id"] = "unknown"
    assert of(health(stranger, plan), "assignment")["verdict"] == "look"
    assert (
        of(health(sent(plan_of(20, plan_id="q")).assign(correlation_id="z"), plan), "assignment")["verdict"] == "look"
    )


def test_without_a_plan_the_footnote_says_what_is_not_checked() -> None:
    found = health(sent(plan_of(50)))
    assert "assignment" not in set(found.checks["check"])
    assert any("not checked" in note for note in found.footnotes)


# -- Receipts ----------------------------------------------------------------------------------------------------------


def test_a_call_that_stands_twice_stops() -> None:
    calls = sent(plan_of(50))
    row = of(health(pd.concat([calls, calls.iloc[:3]], ignore_index=True)), "duplicates")
    assert (row["verdict"], row["value"]) == ("stop", 3)


def test_a_number_called_twice_within_a_minute_asks_for_a_look() -> None:
    calls = sent(plan_of(50))
    again = calls.iloc[:2].assign(call_id=["x", "y"])
    again["requested_at"] += pd.Timedelta(seconds=30)
    row = of(health(pd.concat([calls, again], ignore_index=True)), "duplicates")
    assert (row["verdict"], row["value"]) == ("look", 2)


def test_numbers_that_met_two_arms_are_counted() -> None:
    calls = sent(plan_of(50))
    calls.loc[calls.index[:8], "number_key"] = "same"
    row = of(health(calls), "numbers in several arms")
    assert (row["verdict"], row["value"]) == ("look", 1)


def test_inferred_answers_are_seen_where_many_or_where_arms_differ() -> None:
    calls = sent(plan_of(400))
    few = calls.assign(answer_inferred=calls.index < 8)
    assert of(health(few), "inferred answers")["verdict"] == "ok"
    many = calls.assign(answer_inferred=calls.index < 40)
    row = of(health(many), "inferred answers")
    assert (row["verdict"], row["value"]) == ("look", 0.1)
    apart = calls.assign(answer_inferred=(calls["arm"] == "a") & (calls.index < 38))
    assert of(health(apart), "inferred answers")["verdict"] == "look"


@pytest.mark.parametrize("outcome", ["pending", "lost"])
def test_pending_and_lost_shares_that_differ_ask_for_a_look(outcome: str) -> None:
    calls = sent(plan_of(400))
    even = calls.assign(outcome=np.where(calls.index < 40, outcome, "answered"))
    assert of(health(even), f"{outcome} share")["verdict"] == "ok"
    uneven = calls.assign(outcome=np.where((calls.index < 40) & (calls["arm"] == "a"), outcome, "answered"))
    row = of(health(uneven), f"{outcome} share")
    assert row["verdict"] == "look"
    assert row["p"] == pytest.approx(
        stats.chi2_contingency(pd.crosstab(uneven["arm"], uneven["outcome"]), correction=False).pvalue
    )


def test_time_drift_agrees_with_scipy_on_its_slices() -> None:
    calls = make_calls(800, seed=2)
    slices = pd.qcut(calls["requested_at"].astype("int64"), 20, labels=False)
    theirs = stats.chi2_contingency(pd.crosstab(slices, calls["arm"]), correction=False)
    row = of(health(calls), "time drift")
    assert row["value"] == pytest.approx(theirs.statistic)
    assert row["p"] == pytest.approx(theirs.pvalue)

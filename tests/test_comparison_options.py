"""What compare can be asked beyond its defaults, and what it says of every outcome, of unknown fates and of strata."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from imilab.buckets import hour_of_day
from imilab.comparison import compare
from imilab.comparison.significance import inverted_p, score_test
from imilab.comparison.stratified import cmh, mh_rate_difference
from imilab.intervals import DIFFERENCE_METHODS
from tests.calls_factory import answered_of, frame_from, make_calls

RYAN = "en-GB-RyanNeural"


@pytest.mark.parametrize("method", ["newcombe", "agresti_caffo", "mee"])
def test_other_intervals_can_be_asked_for_and_come_with_the_test_that_agrees(method: str) -> None:
    counts = {"a": (2, 30), "b": (9, 30)}
    row = compare(answered_of(counts), outcome="completed", method=method).differences.iloc[0]
    interval = DIFFERENCE_METHODS[method](*counts["b"], *counts["a"])
    assert (row["low"], row["high"]) == pytest.approx(tuple(map(float, interval)))
    assert row["p"] == pytest.approx(float(inverted_p(DIFFERENCE_METHODS[method], (9, 30, 2, 30))[1]), abs=1e-9)
    assert row["method"] == method


@pytest.mark.parametrize(
    "arms", [{"a": (0, 20), "b": (20, 20)}, {"a": (0, 20), "b": (0, 20)}, {"a": (20, 20), "b": (3, 20)}]
)
def test_arms_at_none_and_all_have_an_interval(arms: dict[str, tuple[int, int]]) -> None:
    row = compare(answered_of(arms), outcome="completed").differences.iloc[0]
    assert -1 <= row["low"] < row["high"] <= 1
    assert row["low"] <= row["estimate"] <= row["high"]
    assert 0 < row["p"] <= 1


def test_a_margin_is_ruled_out_by_the_interval_and_the_one_sided_test_alike() -> None:
    counts = {"a": (170, 200), "b": (172, 200)}
    for margin, ruled_out in ((-0.1, True), (-0.05, False), (0.1, True), (0.05, False)):
        found = compare(answered_of(counts), outcome="completed", margin=margin)
        row = found.differences.iloc[0]
        _, greater, _ = score_test(172, 200, 170, 200, margin)
        assert row["p_margin"] == pytest.approx(float(greater if margin < 0 else 1 - greater))
        assert (
            (row["p_margin"] < 0.025) == ruled_out == ((row["low"] > margin) if margin < 0 else (row["high"] < margin))
        )
        assert ("is ruled out" in found.verdict) == ruled_out
    assert (
        "A difference of −10.0 points or lower is ruled out"
        in compare(answered_of(counts), outcome="completed", margin=-0.1).verdict
    )


def test_every_outcome_of_each_arm_is_shown_and_adds_up() -> None:
    calls = make_calls(400, seed=4)
    found = compare(calls, arm="voice", outcome="completed")
    sums = found.composition.groupby("arm")["rate"].sum()
    assert sums.tolist() == pytest.approx([1, 1])
    resolved = calls[~calls["outcome"].isin(["pending", "not_placed"])]
    counted = resolved.groupby(["voice", "outcome"]).size()
    for row in found.composition.to_dict("records"):
        assert row["count"] == counted.get((row["arm"], row["outcome"]), 0)
    assert any(f"Outcomes of {RYAN}, as shares of resolved calls: answered" in note for note in found.notes)


def test_bounds_take_pending_and_lost_calls_at_their_worst_and_best() -> None:
    waiting = [{"arm": "a", "outcome": "pending"}] * 6 + [{"arm": "b", "outcome": "lost"}] * 8
    calls = pd.concat([answered_of({"a": (30, 50), "b": (40, 50)}), frame_from(waiting)], ignore_index=True)
    calls["number_key"] = [f"n{index}" for index in range(len(calls))]
    found = compare(calls)
    arms = found.arms.set_index("arm")
    assert arms["unknown"].tolist() == [6, 8]
    assert arms.loc["a", ["bound_low", "bound_high"]].tolist() == pytest.approx([30 / 56, 36 / 56])
    assert arms.loc["b", ["bound_low", "bound_high"]].tolist() == pytest.approx([40 / 58, 48 / 58])
    row = found.differences.iloc[0]
    assert (row["bound_low"], row["bound_high"]) == pytest.approx((40 / 58 - 36 / 56, 48 / 58 - 30 / 56))
    assert arms["n"].tolist() == [50, 58]  # a lost call is resolved, a pending one is not


def test_strata_are_compared_within_and_agree_with_the_test_of_cochran_mantel_and_haenszel() -> None:
    tables = [[[40, 10], [30, 20]], [[55, 45], [50, 50]], [[8, 12], [4, 16]]]
    frames = [
        answered_of({"b": (t[0][0], sum(t[0])), "a": (t[1][0], sum(t[1]))}, country=country)
        for t, country in zip(tables, ("GB", "US", "IN"), strict=True)
    ]
    calls = pd.concat(frames, ignore_index=True)
    calls["number_key"] = [f"n{index}" for index in range(len(calls))]
    found = compare(calls, outcome="completed", strata="country")
    row = found.differences.iloc[0]
    assert row["estimate"] == pytest.approx(mh_rate_difference(tables).estimate)
    assert (row["low"], row["high"]) == pytest.approx((0.008708207627932, 0.21238974512744), abs=1e-6)  # ratesci
    assert row["p"] == pytest.approx(cmh(tables)[1])
    assert "within the same stratum" in found.verdict


def test_strata_of_hours_and_missing_strata_are_read() -> None:
    calls = make_calls(300, seed=6)
    found = compare(calls, arm="voice", strata=hour_of_day("Europe/London"))
    assert found.differences["method"].tolist() == ["miettinen_nurminen_stratified"]
    calls.loc[:9, "country"] = None
    assert any("Calls without stratum" in text for text in compare(calls, arm="voice", strata="country").warnings)


def test_no_statsmodels_is_loaded() -> None:
    compare(make_calls(60), arm="voice")
    assert "statsmodels" not in sys.modules

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.comparison import compare
from imilab.comparison.adjustment import holm
from imilab.comparison.significance import chi_square, score_test
from imilab.errors import InvalidInputError
from imilab.intervals import koopman, miettinen_nurminen
from imilab.rate_table import rates
from tests.calls_factory import answered_of, frame_from, make_calls

RYAN, SONIA = "en-GB-RyanNeural", "en-GB-SoniaNeural"


def test_a_difference_is_told_in_points_with_interval_p_and_calls() -> None:
    found = compare(answered_of({RYAN: (98, 200), SONIA: (122, 200)}), arm="voice", outcome="completed")
    assert found.verdict == (
        "en-GB-SoniaNeural is completed 12.0 points more often than en-GB-RyanNeural "
        "(95 % interval 2.2 to 21.5 points, p = 0.016, 200 and 200 resolved calls)."
    )


def test_a_difference_downwards_is_told_as_less_often() -> None:
    found = compare(answered_of({RYAN: (122, 200), SONIA: (98, 200)}), arm="voice", outcome="completed")
    assert found.verdict == (
        "en-GB-SoniaNeural is completed 12.0 points less often than en-GB-RyanNeural "
        "(95 % interval 2.2 to 21.5 points less, p = 0.016, 200 and 200 resolved calls)."
    )


def test_without_a_difference_the_verdict_says_how_far_the_interval_reaches() -> None:
    found = compare(answered_of({RYAN: (115, 200), SONIA: (122, 200)}), arm="voice", outcome="completed")
    assert found.verdict == (
        "No difference can be told: en-GB-SoniaNeural is completed in 61.0 % of 200 and en-GB-RyanNeural in 57.5 % of "
        "200 resolved calls, a difference of +3.5 points; the 95 % interval reaches from −6.1 to +13.1 points "
        "(p = 0.477)."
    )


def test_where_interval_and_adjusted_test_disagree_nothing_is_told_for_sure() -> None:
    found = compare(answered_of({"a": (98, 200), "b": (118, 200), "c": (119, 200)}), outcome="completed")
    row = found.differences.iloc[0]
    assert row["low"] > 0
    assert row["p"] < 0.05 < row["p_adjusted"]
    reason = "as the interval leaves zero out but the test does not"
    assert f"No difference can be told for sure, {reason}: b is completed in" in found.verdict


arm_counts = st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda pair: (min(pair), max(pair)))


@given(st.lists(arm_counts, min_size=2, max_size=4))
@settings(max_examples=40, deadline=None)
def test_the_verdict_never_says_more_than_interval_and_test(counts: list[tuple[int, int]]) -> None:
    arms = {f"arm{index}": pair for index, pair in enumerate(counts) if pair[1]}
    if len(arms) < 2:
        return
    found = compare(answered_of(arms), outcome="completed")
    told = 0
    for row in found.differences.to_dict("records"):
        more, less = (f"{row['arm']} is completed {{}} {way} often than" for way in ("more", "less"))
        shown = f"{abs(row['estimate']) * 100:.1f} points"
        if row["low"] > 0 and row["p_adjusted"] <= 0.05:
            assert more.format(shown) in found.verdict
        elif row["high"] < 0 and row["p_adjusted"] <= 0.05:
            assert less.format(shown) in found.verdict
        else:
            told += 1
            assert not any(part.format(shown) in found.verdict for part in (more, less))
    assert found.verdict.count("No difference can be told") == told


def test_differences_are_the_score_intervals_and_the_score_test() -> None:
    counts = {"a": (48, 80), "b": (56, 70), "c": (30, 60)}
    found = compare(answered_of(counts), outcome="completed", confidence=0.9).differences.set_index("arm")
    p = [float(score_test(*counts[arm], *counts["a"])[2]) for arm in "bc"]
    for arm, adjusted in zip("bc", holm(p), strict=True):
        row = found.loc[arm]
        interval = miettinen_nurminen(*counts[arm], *counts["a"], 0.9)
        assert (row["low"], row["high"]) == pytest.approx(tuple(map(float, interval)), abs=1e-12)
        ratio = koopman(*counts[arm], *counts["a"], 0.9)
        assert (row["ratio_low"], row["ratio_high"]) == pytest.approx(tuple(map(float, ratio)))
        assert row["ratio"] == pytest.approx(counts[arm][0] / counts[arm][1] / 0.6)
        assert row["method"] == "miettinen_nurminen"
        assert row["estimate"] == pytest.approx(counts[arm][0] / counts[arm][1] - 0.6)
        assert row["p_adjusted"] == pytest.approx(adjusted)
        assert row["n"] == counts[arm][1] + 80
        assert row["baseline"] == "a"


def test_several_arms_are_told_with_holms_p_and_say_so() -> None:
    found = compare(answered_of({"a": (100, 200), "b": (135, 200), "c": (120, 200)}), outcome="completed")
    assert found.verdict.startswith(
        "2 arms are each compared with a (all arms together: the arms differ, p = 0.002); p is adjusted for the 2 "
        "comparisons (Holm), the intervals are not."
    )
    assert found.omnibus is not None
    assert (found.omnibus.statistic, found.omnibus.df, found.omnibus.p) == chi_square([100, 135, 120], [200] * 3)
    assert "b is completed 17.5 points more often than a" in found.verdict
    assert "Holm-adjusted p = 0.045" in found.verdict
    assert "Holm-adjusted p" in found.to_rows()[0]
    assert any("Holm (1979)" in note for note in found.notes)


def test_calls_without_arm_are_left_out_and_said_so() -> None:
    calls = pd.concat([answered_of({"a": (5, 10), "b": (5, 10)}), frame_from([{"outcome": "answered"}] * 3)])
    found = compare(calls)
    assert found.arms["n"].tolist() == [10, 10]
    assert "Calls without arm, left out: 3." in found.warnings
    assert "Careful: Calls without arm, left out: 3." in found.notes


def test_the_baseline_is_the_first_arm_unless_given_and_the_table_says_which() -> None:
    calls = answered_of({"b": (5, 10), "a": (5, 10), "c": (5, 10)})
    default, given_one = compare(calls), compare(calls, baseline="c")
    assert (default.baseline, default.arms["arm"].tolist()) == ("a", ["a", "b", "c"])
    assert (given_one.baseline, given_one.arms["arm"].tolist()) == ("c", ["c", "a", "b"])
    assert any("none was given" in note for note in default.notes)
    assert any("Baseline: c (as asked)" in note for note in given_one.notes)


def test_an_arm_without_resolved_calls_gets_no_verdict_but_a_row() -> None:
    calls = pd.concat([answered_of({"a": (5, 10)}), frame_from([{"arm": "b", "outcome": "pending"}] * 4)])
    found = compare(calls, outcome="completed")
    assert found.verdict == "Nothing can be said of b: b has no resolved call yet."
    row = found.differences.iloc[0]
    assert (row["method"], row["reason"]) == ("none", "b has no resolved call yet")
    missing = ["estimate", "low", "high", "p", "p_adjusted", "ratio", "ratio_low", "ratio_high", "p_margin", "p_mid"]
    assert row[missing].isna().all()
    shown = found.to_rows()[1]
    assert shown["difference"] == shown["95 % interval of the difference"] == shown["ratio"] == "—"
    assert "No interval of b: b has no resolved call yet." in found.notes
    found.plot()
    assert "Nothing can be said of a: b has no resolved call yet." in compare(calls, baseline="b").verdict


def test_an_arm_without_resolved_calls_has_no_interval_within_strata_either() -> None:
    waiting = frame_from([{"arm": "b", "outcome": "pending", "country": "GB"}] * 4)
    calls = pd.concat([answered_of({"a": (5, 10)}, country="GB"), waiting])
    row = compare(calls, strata="country").differences.iloc[0]
    assert row["reason"] == "b has no resolved call yet"
    assert row[["low", "high"]].isna().all()


def test_p_is_adjusted_for_every_comparison_that_was_asked_for_also_while_an_arm_has_no_call() -> None:
    waiting = frame_from([{"arm": "c", "outcome": "pending"}] * 3)
    calls = pd.concat([answered_of({"a": (40, 70), "b": (60, 90)}), waiting])
    found = compare(calls)
    one, other = found.differences.to_dict("records")
    assert "p is adjusted for the 2 comparisons (Holm)" in found.verdict
    assert one["p_adjusted"] == pytest.approx(2 * one["p"])
    assert np.isnan([other["p"], other["p_adjusted"]]).all()


def test_arms_that_are_numbers_or_flags_can_be_compared() -> None:
    calls = answered_of({"a": (5, 20), "b": (9, 20)})
    calls = calls.assign(block=pd.array([1] * 20 + [2] * 20, dtype="Int64"), transferred=calls["arm"] == "b")
    assert compare(calls, arm="block", baseline=2).arms["arm"].tolist() == [2, 1]
    assert compare(duckdb.from_df(calls), arm="transferred").to_rows()[0]["arm"] == "False"


def test_a_duckdb_relation_is_compared_like_pandas() -> None:
    calls = make_calls(500, repeated=0.2, seed=9, voices=("a", "b", "c"))
    for outcome in ("answered", "early_hangup"):
        in_pandas = compare(calls, arm="voice", outcome=outcome)
        in_duckdb = compare(duckdb.from_df(calls), arm="voice", outcome=outcome)
        assert in_duckdb.verdict == in_pandas.verdict
        assert in_duckdb.to_rows() == in_pandas.to_rows()
        pd.testing.assert_frame_equal(in_duckdb.differences, in_pandas.differences)


def test_the_arms_are_those_of_the_rates() -> None:
    calls = make_calls(300)
    arms = compare(calls, arm="voice", outcome="completed", denominator="placed").arms
    table = rates(calls, by="voice", outcomes="completed", denominator="placed").rows
    columns = ["count", "n", "rate", "low", "high", "pending", "pending_share"]
    pd.testing.assert_frame_equal(arms[columns], table[columns])


def test_table_and_differences_are_tidy() -> None:
    found = compare(answered_of({"a": (5, 10), "b": (7, 10)}))
    assert list(found.to_pandas()) == [
        *("metric", "arm", "baseline", "method", "estimate", "low", "high", "p", "p_adjusted"),
        *("n", "numbers", "pending", "warnings"),
        *("ratio", "ratio_low", "ratio_high", "bound_low", "bound_high", "margin", "p_margin", "p_mid", "reason"),
    ]
    assert found.table()["difference"].tolist() == [pytest.approx(float("nan"), nan_ok=True), pytest.approx(0.2)]


def test_every_view_shows_verdict_rates_difference_and_denominator() -> None:
    found = compare(answered_of({"<i>a": (98, 200), "b": (122, 200)}), outcome="completed")
    for view in (str(found), found.to_markdown(), found._repr_html_()):
        flat = " ".join(view.split())
        for part in ("+12.0 points", "61.0 %", "122", "200", "54.1 to 67.5 %", "+2.2 to +21.5 points", "0 (0.0 %)"):
            assert part in flat
        methods = ("Miettinen and Nurminen (1985)", "Koopman (1984)", "not to stop on")
        for part in ("resolved calls", "Estimand: the difference in P(completed)", "Voicemail counts", *methods):
            assert part in flat
    assert "<i>" not in found.to_html()
    assert "<i>" not in found.to_markdown()
    assert repr(found) == "Comparison('completed' by 'arm', 2 arms, baseline '<i>a')"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arm": "voise"}, "did you mean 'voice'"),
        ({"arm": "error_code"}, "chosen before"),
        ({"arm": "outcome"}, "chosen before"),
        ({"arm": ["voice"]}, "no column's name"),
        ({"arm": "campaign"}, "needs two arms or more; in 'campaign' there is: 'lunch'"),
        ({"arm": "media_id"}, "there is: none"),
        ({"baseline": "ryan"}, "baseline: 'ryan' is no arm.*'en-GB-RyanNeural', 'en-GB-SoniaNeural'"),
        ({"outcome": "complete"}, "did you mean 'completed'"),
        ({"outcome": "pending"}, "denominator='placed'"),
        ({"confidence": 1}, "confidence"),
        ({"method": "wald"}, "miettinen_nurminen, newcombe, agresti_caffo, mee"),
        ({"clusters": "number"}, "auto, fixed, varying, ignore"),
        ({"margin": 0}, "other than 0"),
        ({"margin": -5}, "give -0.05"),
        ({"strata": "hour"}, "no such column"),
    ],
)
def test_a_wrong_question_is_refused_with_what_is_there(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        compare(make_calls(50), **options)


def test_an_empty_frame_has_no_arms_to_compare() -> None:
    with pytest.raises(InvalidInputError, match="two arms"):
        compare(frame_from([]))

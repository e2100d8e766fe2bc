"""`breakdown`: parts that sum to the whole, segments that are found, and no more said than is known."""

from __future__ import annotations

import math
from fractions import Fraction

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import imilab
from imilab.comparison.balance import breakdown
from imilab.comparison.balance.decomposition import decompose, shrink
from imilab.comparison.significance import score_test
from imilab.errors import InvalidInputError
from imilab.intervals import miettinen_nurminen
from tests.calls_factory import frame_from, make_calls

SEGMENTS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8
)


def counts_of(segments: list[tuple[int, int, float, float]]) -> tuple[np.ndarray, ...]:
    n1, n0 = (np.array([segment[place] for segment in segments]) for place in (0, 1))
    x1, x0 = (np.array([int(segment[place] * segment[place - 2]) for segment in segments]) for place in (2, 3))
    return x1, n1, x0, n0


def countries(table: dict[str, dict[str, tuple[int, int]]]) -> pd.DataFrame:
    """Make calls from arm -> country -> (answered, calls)."""
    rows = []
    for arm, each in table.items():
        for country, (x, n) in each.items():
            rows += [{"arm": arm, "country": country, "outcome": "answered" if i < x else "busy"} for i in range(n)]
    calls = frame_from(rows)
    return calls.assign(number_key=pd.Series([f"n{i}" for i in range(len(calls))], dtype="str"))


# -- Decomposition -----------------------------------------------------------------------------------------------------


@given(SEGMENTS)
def test_contributions_sum_to_the_difference(segments: list[tuple[int, int, float, float]]) -> None:
    x1, n1, x0, n0 = counts_of(segments)
    if not n1.sum() or not n0.sum():
        return
    exact = Fraction(int(x1.sum()), int(n1.sum())) - Fraction(int(x0.sum()), int(n0.sum()))
    assert decompose(x1, n1, x0, n0).contribution.sum() == pytest.approx(float(exact), abs=1e-13)


def test_parts_by_hand() -> None:
    # Shares .5, .5 against .2, .8; rates .6, .4 against .5, .25; overall .5 against .3.
    parts = decompose([30, 20], [50, 50], [10, 20], [20, 80])
    assert parts.rate_effect == pytest.approx([0.35 * 0.1, 0.65 * 0.15])
    assert parts.composition_effect == pytest.approx([0.3 * (0.55 - 0.4), -0.3 * (0.325 - 0.4)])


def test_the_same_rates_leave_composition_only_and_the_same_mix_rates_only() -> None:
    mix = decompose([40, 10], [50, 100], [80, 5], [100, 50])
    assert mix.rate_effect == pytest.approx([0, 0])
    rates = decompose([40, 10], [50, 100], [30, 20], [50, 100])
    assert rates.composition_effect == pytest.approx([0, 0])


def test_a_segment_of_one_arm_alone_contributes_by_its_share() -> None:
    parts = decompose([30, 5], [50, 10], [30, 0], [50, 0])
    assert parts.rate_effect == pytest.approx([0, 0])
    assert parts.contribution.sum() == pytest.approx(35 / 60 - 30 / 50)


@given(SEGMENTS)
def test_exchanging_the_arms_turns_every_part_around(segments: list[tuple[int, int, float, float]]) -> None:
    x1, n1, x0, n0 = counts_of(segments)
    if not n1.sum() or not n0.sum():
        return
    one, other = decompose(x1, n1, x0, n0), decompose(x0, n0, x1, n1)
    np.testing.assert_allclose(one.rate_effect, -other.rate_effect, atol=1e-12)
    np.testing.assert_allclose(one.composition_effect, -other.composition_effect, atol=1e-12)


# -- Shrinkage ---------------------------------------------------------------------------------------------------------


@given(SEGMENTS)
def test_shrunken_lies_between_the_own_and_the_common_difference(segments: list[tuple[int, int, float, float]]) -> None:
    x1, n1, x0, n0 = counts_of(segments)
    found = shrink(x1, n1, x0, n0)
    known = (n1 > 0) & (n0 > 0)
    assert np.isnan(found.estimate[~known]).all()
    own = x1[known] / n1[known] - x0[known] / n0[known]
    estimate = found.estimate[known]
    if known.any():
        assert np.all((estimate >= own.min() - 1e-9) & (estimate <= own.max() + 1e-9))
        assert np.all((found.low[known] <= estimate) & (estimate <= found.high[known]))


def test_heterogeneity_holds_its_level_and_finds_what_varies() -> None:
    rng = np.random.default_rng(0)
    for small, large, segments in ((5, 25, 24), (50, 100, 6)):
        p = []
        for _ in range(600):
            n1, n0 = rng.integers(small, large, (2, segments))
            base = rng.uniform(0.4, 0.6, segments)
            p.append(shrink(rng.binomial(n1, base + 0.1), n1, rng.binomial(n0, base), n0).heterogeneity_p)
        assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 600)
    assert shrink([90, 10], [100, 100], [10, 90], [100, 100]).heterogeneity_p < 1e-6


def test_shrinking_comes_nearer_to_the_truth_than_the_raw_differences() -> None:
    rng = np.random.default_rng(1)
    raw, drawn, covered = [], [], []
    for _ in range(300):
        n = rng.integers(15, 60, 20)
        truth = rng.normal(0.1, 0.08, 20)
        x1, x0 = rng.binomial(n, np.clip(0.4 + truth, 0, 1)), rng.binomial(n, 0.4)
        found = shrink(x1, n, x0, n)
        raw.append(np.mean((x1 / n - x0 / n - truth) ** 2))
        drawn.append(np.mean((found.estimate - truth) ** 2))
        covered.append(np.mean((found.low <= truth) & (truth <= found.high)))
    assert np.mean(drawn) < 0.7 * np.mean(raw)
    assert np.mean(covered) >= 0.9


def test_segments_that_are_alike_lean_on_each_other_entirely() -> None:
    found = shrink([20, 40, 60], [100, 200, 300], [10, 20, 30], [100, 200, 300])
    assert found.estimate == pytest.approx([0.1, 0.1, 0.1])
    assert found.between == 0


# -- On calls ----------------------------------------------------------------------------------------------------------


def test_the_segment_that_moved_is_named() -> None:
    calls = countries(
        {
            "a": {"GB": (50, 100), "US": (50, 100), "IN": (50, 100)},
            "b": {"GB": (50, 100), "US": (80, 100), "IN": (50, 100)},
        }
    )
    found = breakdown(calls, "country")
    assert found.rows["country"].tolist()[0] == "US"
    assert found.rows["contribution"].tolist() == pytest.approx([0.1, 0, 0])
    assert "US explains most: +10.0 points (100.0 % of it)" in found.verdict
    assert "vary more than chance" in found.verdict
    assert found.caption.startswith("Exploratory.")
    for text in (found.to_text(), found.to_markdown(), found.to_html(), found._repr_html_()):
        assert "This explores" in text


def test_every_column_by_its_own_source() -> None:
    calls = make_calls(600, seed=5)
    rows = breakdown(calls, "country").rows
    resolved = calls[~calls["outcome"].isin(["pending", "not_placed"])]
    for row in rows.to_dict("records"):
        mine = resolved[resolved["country"] == row["country"]]
        arms = [mine[mine["arm"] == row[name]]["outcome"].eq("answered") for name in ("arm", "baseline")]
        counts = (arms[0].sum(), len(arms[0]), arms[1].sum(), len(arms[1]))
        assert (row["count"], row["n"], row["baseline_count"], row["baseline_n"]) == counts
        assert (row["low"], row["high"]) == pytest.approx([float(each) for each in miettinen_nurminen(*counts)])
        assert row["p"] == pytest.approx(float(score_test(*counts)[2]))
    assert rows["p_adjusted"].to_numpy() == pytest.approx(stats.false_discovery_control(rows["p"]))


@pytest.mark.parametrize(
    "by", ["country", "gender", "error_code", "end_reason", "outcome", imilab.hour("Asia/Kolkata")]
)
@pytest.mark.parametrize("outcome", ["answered", "completed", "busy"])
@pytest.mark.parametrize("denominator", ["resolved", "attempted"])
def test_contributions_sum_to_the_difference_of_the_rates(by: object, outcome: str, denominator: str) -> None:
    calls = make_calls(300, seed=6, voices=("en-GB-RyanNeural", "en-GB-SoniaNeural", "en-US-AriaNeural"))
    found = breakdown(calls, by, outcome=outcome, denominator=denominator)  # type: ignore[arg-type]  # each is a By
    table = imilab.rates(calls, by="arm", outcomes=outcome, denominator=denominator).rows.set_index("arm")["rate"]
    sums = found.rows.groupby("arm")["contribution"].sum()
    for row in found.summary.to_dict("records"):
        difference = table[row["arm"]] - table[row["baseline"]]
        assert row["difference"] == pytest.approx(difference, abs=1e-12)
        assert sums[row["arm"]] == pytest.approx(difference, abs=1e-12)
        assert row["rate_effect"] + row["composition_effect"] == pytest.approx(difference, abs=1e-12)


def test_by_error_code_a_falling_share_of_failures_is_the_gain() -> None:
    rows = [{"arm": "a", "outcome": "busy", "error_code": "7402"}] * 30
    rows += [{"arm": "a", "outcome": "no_answer", "error_code": "7401"}] * 30
    rows += [{"arm": "b", "outcome": "busy", "error_code": "7402"}] * 10
    rows += [{"arm": "b", "outcome": "no_answer", "error_code": "7401"}] * 30
    rows += [{"arm": "a", "outcome": "answered"}] * 40 + [{"arm": "b", "outcome": "answered"}] * 60
    found = breakdown(frame_from(rows), "error_code")
    assert found.rows.set_index("error_code")["contribution"].to_dict() == pytest.approx({"7402": 0.2, "7401": 0.0})
    assert found.rows["shrunken"].isna().all()
    assert "7402 explains most: +20.0 points" in found.verdict
    assert "share (n)" in found.to_text()


def test_a_missing_value_is_a_segment_and_an_arm_without_one_is_left_out() -> None:
    calls = make_calls(200, seed=7)
    calls.loc[calls.index[:40], "country"] = None
    calls.loc[calls.index[40:50], "arm"] = None
    found = breakdown(calls, "country")
    assert found.rows["country"].isna().sum() == 1
    assert any("left out: 10" in text for text in found.warnings)


def test_segments_of_one_arm_alone_and_repeated_numbers_are_said() -> None:
    found = breakdown(make_calls(200, repeated=0.4), "voice")
    assert any("in one of the arms" in text for text in found.warnings)
    assert any("called before" in text for text in found.warnings)
    assert found.to_text()


def test_a_difference_that_chance_may_have_made_is_called_so() -> None:
    calls = countries({"a": {"GB": (10, 20)}, "b": {"GB": (11, 20)}})
    assert "chance alone may have made it" in breakdown(calls, "country").verdict


def test_any_engine_and_any_order_give_the_same() -> None:
    calls = make_calls(300, seed=8)
    by = [imilab.weekday("Europe/London"), "country"]
    here = breakdown(calls, by)
    assert breakdown(calls.sample(frac=1, random_state=2), by).to_text() == here.to_text()
    assert breakdown(duckdb.from_df(calls), by).to_text() == here.to_text()
    assert [*here.rows.columns[:2]] == ["weekday", "country"]


def test_what_cannot_be_used_is_refused() -> None:
    calls = make_calls(40)
    for by, more, match in (
        ("none", {}, "no such column"),
        ("arm", {}, "tells the arms apart"),
        (["country", "error_code"], {}, "by it alone"),
        (["country", "country"], {}, "several different"),
        ([], {}, "give one column"),
        ("country", {"baseline": "x"}, "is no arm"),
        ("country", {"outcome": "won"}, "none of the outcomes"),
        ("country", {"denominator": "all"}, "none of"),
        ("country", {"confidence": 95}, "between 0 and 1"),
    ):
        with pytest.raises(InvalidInputError, match=match):
            breakdown(calls, by, **more)  # type: ignore[arg-type]  # refused
    with pytest.raises(InvalidInputError, match="2 or more arms"):
        breakdown(calls.assign(arm="a"), "country")

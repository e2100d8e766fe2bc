"""Repeated numbers: found, and compared by the method that fits how they met the arms."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from imilab.comparison import Comparison, compare
from imilab.comparison.clusters import number_means_difference, welch
from imilab.comparison.correlation import Arm, design_effect, intraclass_correlation
from imilab.comparison.stratified import cmh, cmh_arms, mh_rate_difference, mh_rate_ratio
from imilab.errors import InvalidInputError
from imilab.intervals import miettinen_nurminen_stratified
from tests.calls_factory import frame_from, make_calls


def numbers_of(arm: str, answered: list[tuple[int, int]], *, first: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Rows of numbers with so many answered of so many calls each."""
    rows = []
    for number, (successes, calls) in enumerate(answered, first):
        for call in range(calls):
            outcome = "answered" if call < successes else "busy"
            rows.append({"arm": arm, "number_key": f"n{number}", "outcome": outcome, **more})
    return rows


ONE = [(5, 5), (4, 5), (2, 3), (5, 5), (1, 2), (4, 6), (3, 5)]
OTHER = [(1, 5), (0, 4), (2, 5), (1, 1), (0, 5), (3, 6), (2, 5), (1, 3)]


def fixed(**options: Any) -> Comparison:
    rows = numbers_of("b", ONE) + numbers_of("a", OTHER, first=100)
    return compare(frame_from(rows), **options)


def arm_from(answered: list[tuple[int, int]]) -> Arm:
    successes, calls = np.array(answered, dtype=float).T
    return Arm(calls, successes)


def test_numbers_with_one_arm_each_are_the_unit() -> None:
    found = fixed()
    row = found.differences.iloc[0]
    expected = number_means_difference(arm_from(ONE), arm_from(OTHER))
    assert found.layout == "fixed"
    assert row["method"] == "number_means"
    assert (row["estimate"], row["low"], row["high"], row["p"]) == pytest.approx(
        (24 / 31 - 10 / 34, expected.low, expected.high, expected.p)
    )
    assert row["numbers"] == 15
    assert "the phone number is the cluster" in found.estimand


def test_icc_design_effect_and_effective_n_are_shown() -> None:
    found = fixed()
    arm = found.arms.set_index("arm").loc["b"]
    correlation = intraclass_correlation([arm_from(ONE)])
    assert arm["icc"] == pytest.approx(correlation)
    assert arm["design_effect"] == pytest.approx(design_effect(arm_from(ONE), correlation))
    assert arm["effective_n"] == pytest.approx(31 / arm["design_effect"])
    assert any("31 calls to 7 numbers, ICC" in note and "effective n" in note for note in found.notes)
    assert not any("calls are taken as independent" in note for note in found.notes)


@pytest.mark.parametrize("answered", [[(0, 5)] * 8, [(5, 5)] * 8])
def test_an_arm_where_all_numbers_agree_still_has_an_interval(answered: list[tuple[int, int]]) -> None:
    for other in (OTHER, answered):
        rows = numbers_of("b", answered) + numbers_of("a", other, first=100)
        row = compare(frame_from(rows)).differences.iloc[0]
        assert row["low"] < row["estimate"] < row["high"] or row["high"] == 1
        assert 0 < row["p"] <= 1


def test_under_five_numbers_an_arm_nothing_is_inferred_and_the_reason_is_given() -> None:
    rows = numbers_of("b", ONE[:4]) + numbers_of("a", OTHER, first=100)
    found = compare(frame_from(rows))
    row = found.differences.iloc[0]
    assert row["method"] == "none"
    assert np.isnan([row["low"], row["high"], row["p"], row["p_adjusted"]]).all()
    assert row["estimate"] == pytest.approx(16 / 18 - 10 / 34)
    reason = "numbers were called repeatedly and an arm has 4 numbers: at least 5 are needed"
    assert row["reason"] == reason
    assert found.verdict == f"Nothing can be said of b beside a: {reason}."
    assert any(f"No interval of b: {reason}." in note for note in found.notes)
    found.plot()


def test_a_voice_that_varies_within_the_number_is_compared_within_it() -> None:
    rng = np.random.default_rng(1)
    rows, tables = [], []
    for number in range(30):
        b, a = rng.integers(1, 4, 2)
        x = rng.integers(0, b + 1), rng.integers(0, a + 1)
        tables.append([[x[0], b - x[0]], [x[1], a - x[1]]])
        rows += numbers_of("b", [(x[0], b)], first=number) + numbers_of("a", [(x[1], a)], first=number)
    found = compare(frame_from(rows))
    row = found.differences.iloc[0]
    difference, ratio = mh_rate_difference(tables), mh_rate_ratio(tables)
    assert (found.layout, row["method"]) == ("varying", "mantel_haenszel")
    assert (row["estimate"], row["low"], row["high"]) == pytest.approx(
        (difference.estimate, difference.low, difference.high)
    )
    assert row["p"] == pytest.approx(cmh(tables)[1])
    assert (row["ratio"], row["ratio_low"]) == pytest.approx((ratio.estimate, ratio.low))
    assert "within the same number" in found.verdict
    assert row["numbers"] == 30


def test_the_hour_can_be_a_further_stratum_within_the_number() -> None:
    rng = np.random.default_rng(2)
    rows, tables = [], []
    for number in range(40):
        for country in ("GB", "US"):
            b, a = rng.integers(1, 4, 2)
            x = rng.integers(0, b + 1), rng.integers(0, a + 1)
            tables.append([[x[0], b - x[0]], [x[1], a - x[1]]])
            rows += numbers_of("b", [(x[0], b)], first=number, country=country)
            rows += numbers_of("a", [(x[1], a)], first=number, country=country)
    row = compare(frame_from(rows), strata="country").differences.iloc[0]
    assert row["estimate"] == pytest.approx(mh_rate_difference(tables).estimate)
    assert row["p"] == pytest.approx(cmh(tables)[1])


def test_fewer_than_five_shared_numbers_tell_nothing_within_numbers() -> None:
    rows = numbers_of("b", [(1, 2)] * 3) + numbers_of("a", [(2, 2)] * 3)
    found = compare(frame_from(rows))
    assert found.differences["reason"].iloc[0] == "3 numbers met both arms: at least 5 are needed"


def test_numbers_that_always_end_alike_tell_nothing_within_numbers() -> None:
    rows = numbers_of("b", [(2, 2)] * 9) + numbers_of("a", [(2, 2)] * 9)
    found = compare(frame_from(rows))
    assert "no number came to different results" in found.verdict


@pytest.mark.parametrize("upwards", [True, False])
@pytest.mark.parametrize("alike", [0, 1])
def test_arms_that_every_number_tells_apart_are_told_apart(upwards: bool, alike: int) -> None:
    less, more = ("a", "b") if upwards else ("b", "a")
    ended = [(1, 1)] * (12 - alike) + [(0, 1)] * alike
    found = compare(frame_from(numbers_of(less, [(0, 1)] * 12) + numbers_of(more, ended)), margin=-0.05)
    row = found.differences.iloc[0]
    tables = np.array([[[1, 0], [0, 1]]] * (12 - alike) + [[[0, 1], [0, 1]]] * alike)
    tables = tables if upwards else tables[:, ::-1]
    (x1, y1), (x0, y0) = tables[:, 0].T, tables[:, 1].T
    limits = miettinen_nurminen_stratified(x1, x1 + y1, x0, x0 + y0)
    assert (found.layout, row["method"]) == ("varying", "miettinen_nurminen_stratified")
    assert row["estimate"] == pytest.approx((12 - alike) / 12 * (1 if upwards else -1))
    assert (row["low"], row["high"]) == pytest.approx(limits)
    assert row["p"] == pytest.approx(cmh(tables)[1])
    assert row["ratio"] == (np.inf if upwards else 0)
    assert (row["p_margin"] < 0.025) == upwards
    assert f"points {'more' if upwards else 'less'} often than a within the same number" in found.verdict


def test_numbers_that_all_met_both_arms_against_the_design_are_named_in_the_refusal() -> None:
    more = {"design": "blocked", "campaign": "lunch"}
    calls = frame_from(numbers_of("b", ONE, **more) + numbers_of("a", ONE, **more))
    said = r"there is: none\. 7 numbers met more than one arm in campaign lunch .* left out, with 62 calls"
    with pytest.raises(InvalidInputError, match=said):
        compare(calls)
    alone = frame_from(numbers_of("a", OTHER, first=100, **more))
    with pytest.raises(InvalidInputError, match=r"there is: 'a'\. 7 numbers met more than one arm"):
        compare(pd.concat([calls, alone]))
    assert compare(calls.drop(columns="design")).layout == "varying"  # as the refusal says


def test_numbers_that_met_both_arms_against_the_design_are_left_out_visibly() -> None:
    more = {"design": "blocked", "campaign": "lunch"}
    rows = numbers_of("b", ONE, **more) + numbers_of("a", OTHER, first=100, **more)
    wrong = numbers_of("a", [(3, 3), (0, 2)], first=0, **more)  # n0 and n1 are in b
    clean = frame_from(numbers_of("b", ONE[2:], first=2, **more) + numbers_of("a", OTHER, first=100, **more))
    found, expected = compare(frame_from(rows + wrong)), compare(clean)
    assert "2 numbers met more than one arm in campaign lunch although the design (blocked)" in found.verdict
    assert "left out, with 15 calls" in found.verdict
    assert found.crossed is not None
    assert (found.crossed.numbers, found.crossed.calls) == (2, 15)
    pd.testing.assert_frame_equal(found.arms, expected.arms)
    assert found.differences["p"].tolist() == expected.differences["p"].tolist()


@pytest.mark.parametrize("more", [{"design": "complete"}, {}, {"refused": True}, {"campaigns": True}])
def test_numbers_that_may_meet_both_arms_stay(more: dict[str, Any]) -> None:
    rows = numbers_of("b", ONE, design="blocked", campaign="lunch")
    rows += numbers_of("a", OTHER, first=4, design="blocked", campaign="lunch")
    calls = frame_from(rows)
    if "design" in more:
        calls["design"] = more["design"]
    elif "refused" in more:
        calls.loc[(calls["arm"] == "b") & calls["number_key"].isin(["n4", "n5", "n6"]), "outcome"] = "not_placed"
    elif "campaigns" in more:
        calls["campaign"] = calls["arm"]
    else:
        calls = calls.drop(columns="design")
    assert compare(calls).crossed is None


def test_columns_that_no_design_fixes_leave_no_number_out() -> None:
    rows = numbers_of("x", ONE, design="blocked", caller_id="1") + numbers_of("x", ONE, design="blocked", caller_id="2")
    found = compare(frame_from(rows), arm="caller_id")
    assert found.crossed is None
    assert found.layout == "varying"


def test_few_numbers_in_both_arms_keep_the_number_as_unit_and_count_their_likeness() -> None:
    rows = numbers_of("b", ONE) + numbers_of("a", OTHER, first=6)  # n6 is in both
    found = compare(frame_from(rows))
    one, other = arm_from(ONE), arm_from(OTHER)
    product = float(one.surplus[6] * other.surplus[0]) * np.sqrt(7 / 6 * 8 / 7) / (31 * 34)
    expected = number_means_difference(one, other, covariance=product)
    assert found.layout == "fixed"
    assert found.differences["p"].iloc[0] == pytest.approx(expected.p)
    assert found.differences["numbers"].iloc[0] == 14


def test_strata_of_fixed_numbers_are_weighted_as_mantel_and_haenszel_do() -> None:
    rows = numbers_of("b", ONE, country="GB") + numbers_of("a", OTHER, first=100, country="GB")
    rows += numbers_of("b", OTHER, first=200, country="US") + numbers_of("a", ONE, first=300, country="US")
    found = compare(frame_from(rows), strata="country")
    row = found.differences.iloc[0]
    tables = [[[24, 7], [10, 24]], [[10, 24], [24, 7]]]
    assert row["method"] == "number_means_stratified"
    assert row["estimate"] == pytest.approx(mh_rate_difference(tables).estimate, abs=1e-12)
    assert row["low"] < 0 < row["high"]
    alone = compare(frame_from(rows).assign(country="GB"), strata="country").differences.iloc[0]
    plain = compare(frame_from(rows)).differences.iloc[0]
    assert alone[["estimate", "low", "high", "p"]].tolist() == pytest.approx(
        plain[["estimate", "low", "high", "p"]].tolist()
    )


def test_unknown_numbers_count_as_numbers_of_their_own() -> None:
    rows = numbers_of("b", ONE) + numbers_of("a", OTHER, first=100)
    rows += [{"arm": "a", "outcome": "answered"}, {"arm": "a", "outcome": "busy"}, {"arm": "b", "outcome": "busy"}] * 2
    calls = frame_from(rows)
    named = calls.copy()
    unknown = named["number_key"].isna()
    named.loc[unknown, "number_key"] = [f"u{index}" for index in range(unknown.sum())]
    for frame in (calls, duckdb.from_df(calls)):
        found, expected = compare(frame), compare(named)
        assert found.differences["p"].tolist() == pytest.approx(expected.differences["p"].tolist())
        assert found.arms["numbers"].tolist() == [8, 7]
        assert any("For 6 of 71 calls it is not known which number" in text for text in found.warnings)


def test_a_duckdb_relation_with_repeated_numbers_is_compared_like_pandas() -> None:
    rows = numbers_of("b", ONE, design="blocked", campaign="x") + numbers_of(
        "a", OTHER, first=6, design="blocked", campaign="x"
    )
    calls = frame_from(rows)
    in_pandas, in_duckdb = compare(calls), compare(duckdb.from_df(calls))
    assert in_duckdb.verdict == in_pandas.verdict
    pd.testing.assert_frame_equal(in_duckdb.differences, in_pandas.differences)
    pd.testing.assert_frame_equal(in_duckdb.arms, in_pandas.arms)


def test_several_arms_of_numbers_are_tested_together_first() -> None:
    rows = numbers_of("b", ONE) + numbers_of("a", OTHER, first=100) + numbers_of("c", OTHER[::-1], first=200)
    found = compare(frame_from(rows))
    assert found.omnibus is not None
    assert found.omnibus.p == pytest.approx(welch([arm_from(OTHER), arm_from(ONE), arm_from(OTHER)])[3])
    assert "Welch (1951)" in " ".join(found.notes)


def test_several_arms_within_numbers_are_tested_together_first() -> None:
    rows = [row for arm, seed in (("a", 1), ("b", 2), ("c", 3)) for row in _random_numbers(arm, seed)]
    found = compare(frame_from(rows))
    assert found.omnibus is not None
    assert found.omnibus.df == 2
    calls = pd.DataFrame(rows).assign(answered=lambda frame: frame["outcome"] == "answered")
    sums = calls.pivot_table(index="number_key", columns="arm", values="answered", aggfunc="sum").to_numpy(dtype=float)
    assert found.omnibus.p == pytest.approx(cmh_arms(sums, np.full(sums.shape, 3.0))[2])


def _random_numbers(arm: str, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return numbers_of(arm, [(int(rng.integers(0, 4)), 3) for _ in range(20)])


def test_counting_by_sorting_gives_what_counting_into_an_array_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = make_calls(500, repeated=0.4, seed=8)
    expected = compare(calls, arm="voice", strata="country")
    monkeypatch.setattr("imilab.comparison.cells._DENSE", 0)
    found = compare(calls, arm="voice", strata="country")
    pd.testing.assert_frame_equal(found.differences, expected.differences)
    pd.testing.assert_frame_equal(found.arms, expected.arms)

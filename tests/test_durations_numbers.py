"""Durations of numbers called repeatedly: errors between numbers, by brute force and by simulation."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import t as t_distribution

from imilab.comparison.durations import durations
from imilab.comparison.durations.group_tests import gray
from tests.calls_factory import frame_from


def called(numbers: dict[str, int], times: int, *, spread: float, seed: int) -> pd.DataFrame:
    """Make calls to so many numbers an arm, each called so often, whose paces differ by a log-normal factor."""
    rng, rows = np.random.default_rng(seed), []
    for arm, many in numbers.items():
        for place in range(many):
            answering, failing = 0.06 * math.exp(spread * rng.normal()), 0.03 * math.exp(spread * rng.normal())
            answers, failures = rng.exponential(1 / answering, times), rng.exponential(1 / failing, times)
            for answer, failure in zip(answers, failures, strict=True):
                seconds = round(min(answer, failure, 30.0), 2)
                outcome = "no_answer" if seconds == 30 else "answered" if answer < failure else "busy"
                rows.append(
                    {"arm": arm, "number_key": f"{arm}{place}", "outcome": outcome, "ring_seconds": float(seconds)}
                )
    return frame_from(rows)


@pytest.fixture(scope="module")
def few() -> pd.DataFrame:
    return called({"a": 7, "b": 9}, 4, spread=1.0, seed=3)


def test_the_errors_are_those_of_leaving_out_each_number(few: pd.DataFrame) -> None:
    found = durations(few, horizon_seconds=25)
    wait = found.restricted_means.iloc[:2]
    moves = []
    for arm in ("a", "b"):
        keys = few.loc[few["arm"] == arm, "number_key"].unique()
        means = np.array(
            [
                durations(few[few["number_key"] != key], horizon_seconds=25, clusters="ignore")
                .restricted_means.iloc[:2]
                .set_index("arm")
                .loc[arm, "estimate"]
                for key in keys
            ]
        )
        moves.append(np.sum((means - means.mean()) ** 2) * (len(keys) - 1) / len(keys))
    assert wait["standard_error"].tolist() == pytest.approx(np.sqrt(moves).tolist())
    error, gap = math.sqrt(sum(moves)), wait["difference"].iloc[1]
    assert wait["p"].iloc[1] == pytest.approx(2 * t_distribution.sf(abs(gap) / error, 6))


def test_copies_of_calls_tell_nothing_more(few: pd.DataFrame) -> None:
    once, thrice = durations(few), durations(pd.concat([few] * 3, ignore_index=True))
    for one, other in (
        (once.restricted_means, thrice.restricted_means),
        (once.incidences.drop(columns="events"), thrice.incidences.drop(columns="events")),
        (once.tests.drop(columns=["statistic"]), thrice.tests.drop(columns=["statistic"])),
    ):
        pd.testing.assert_frame_equal(one, other)
    ignored = durations(pd.concat([few] * 3, ignore_index=True), clusters="ignore")
    assert ignored.tests["p"].iloc[0] < once.tests["p"].iloc[0]


def test_grays_score_is_judged_by_its_spread_between_numbers(few: pd.DataFrame) -> None:
    """With two arms, the F of the score is the square of its t."""
    tests = durations(few).tests
    first = tests.iloc[0]
    assert first["df"] == 1
    assert first["p"] == pytest.approx(f_distribution.sf(first["statistic"], 1, 16 - 2))


def test_independent_calls_to_a_number_have_about_the_usual_errors() -> None:
    calls = called({"a": 400, "b": 400}, 2, spread=0.0, seed=1)
    between, usual = durations(calls), durations(calls, clusters="ignore")
    ratio = between.restricted_means["standard_error"] / usual.restricted_means["standard_error"]
    assert ratio.between(0.75, 1.33).all()
    width = [(each.incidences["high"] - each.incidences["low"]).to_numpy() for each in (between, usual)]
    np.testing.assert_allclose(width[0], width[1], rtol=0.35)
    cause = calls["outcome"].map({"answered": 1, "busy": 2, "no_answer": 3}).to_numpy()
    expected = gray(calls["ring_seconds"], cause, calls["arm"].to_numpy(dtype=str))
    assert between.tests["statistic"].iloc[0] == pytest.approx(expected.statistic, rel=0.5, abs=0.5)


def test_false_findings_stay_at_the_level() -> None:
    runs, p = 40, []
    for seed in range(runs):
        found = durations(called({"a": 6, "b": 14}, 5, spread=1.5, seed=seed), horizon_seconds=30)
        p.append([found.tests["p"].iloc[0], found.restricted_means["p"].iloc[1]])
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert (np.array(p) <= 0.05).mean(axis=0).max() <= limit


def test_arms_within_the_same_numbers_are_compared_there() -> None:
    """What differs between numbers cancels out, as each group that is left out holds calls of both arms."""
    calls = called({"a": 40}, 10, spread=2.0, seed=5)
    calls["arm"] = np.where(np.arange(len(calls)) % 2, "a", "b")
    means = durations(calls, horizon_seconds=30).restricted_means.iloc[:2]
    half = (means["difference_high"] - means["difference_low"]).iloc[1] / 2
    apart = math.hypot(*means["standard_error"])
    assert half / 2.02 < 0.8 * apart


def test_an_arm_of_fewer_than_five_numbers_is_refused_visibly() -> None:
    calls = called({"a": 4, "b": 20, "c": 20}, 5, spread=1.0, seed=2)
    found = durations(calls, baseline="b")
    assert any("a has fewer than 5" in text for text in found.warnings)
    pairs = found.tests[found.tests["arm"].notna()].set_index("arm")["p"]
    assert math.isnan(pairs["a"])
    assert 0 <= pairs["c"] <= 1
    waits = found.restricted_means.iloc[:3].set_index("arm")
    assert waits.loc["a", ["low", "high", "p"]].isna().all()
    assert waits["estimate"].notna().all()
    assert "—" in found.to_text()
    assert found.plot() is not None


def test_a_thousand_numbers_are_left_out_in_groups_on_any_engine() -> None:
    calls = called({"a": 300, "b": 300}, 2, spread=1.0, seed=8)
    shuffled = calls.sample(frac=1, random_state=1)
    here, there = durations(calls), durations(duckdb.from_df(shuffled))
    pd.testing.assert_frame_equal(here.tests, there.tests, check_dtype=False)
    assert here.restricted_means["standard_error"].gt(0).all()

"""`durations` on calls: what is analysed, censored and set aside, and what is said of it."""

from __future__ import annotations

import math
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.comparison.durations import Durations, durations
from imilab.comparison.durations.group_tests import gray
from imilab.errors import InvalidInputError
from tests.calls_factory import frame_from, make_calls

FAILURES = ("no_answer", "busy", "rejected", "dropped")
TIDY = ["metric", "arm", "baseline", "method", "estimate", "low", "high", "p", "p_adjusted", "n", "numbers", "pending"]
START = pd.Timestamp("2026-11-02T10:00Z")


def rung(arm: str, outcome: str, seconds: float | None, start: int = 0, **more: Any) -> dict[str, Any]:
    accepted = START + pd.Timedelta(seconds=start)
    return {"arm": arm, "outcome": outcome, "ring_seconds": seconds, "accepted_at": accepted, **more}


def calls_of(arms: dict[str, tuple[float, float]], n: int = 300, seed: int = 0) -> pd.DataFrame:
    """Make calls whose answers come at a rate (a second) and whose failures come by 30 s, of each arm's two rates."""
    rng = np.random.default_rng(seed)
    rows = []
    for arm, (answer, failure) in arms.items():
        answered, failed = rng.exponential(1 / answer, n), rng.exponential(1 / failure, n)
        for one, other in zip(answered, failed, strict=True):
            first = round(float(min(one, other, 30.0)), 3)
            outcome = "no_answer" if first == 30.0 else "answered" if one < other else "busy"
            rows.append(rung(arm, outcome, first, talk_seconds=float(rng.exponential(8)) if one < other else None))
    return frame_from(rows)


@pytest.fixture(scope="module")
def two_arms() -> Durations:
    return durations(calls_of({"a": (0.05, 0.03), "b": (0.10, 0.03)}))


def test_a_faster_arm_is_found_faster_in_every_view(two_arms: Durations) -> None:
    wait = two_arms.restricted_means.query("quantity == 'seconds until answered' and arm == 'b'").iloc[0]
    assert wait["difference_high"] < 0
    assert "less than with a" in two_arms.verdict
    answered = two_arms.differences.query("cause == 'answered'").iloc[0]
    assert answered["low"] > 0
    assert two_arms.tests["p"].iloc[0] < 0.001
    for text in (two_arms.to_text(), two_arms.to_markdown(), two_arms.to_html(), two_arms._repr_html_()):
        assert "answered within 30 s" in text
        assert "answered calls only" in text


def test_comparisons_are_tidy(two_arms: Durations) -> None:
    tidy = two_arms.to_pandas()
    assert [*tidy.columns] == [*TIDY, "warnings"]
    assert tidy["metric"].tolist() == [
        "answered by the horizon",
        "seconds until answered",
        "ring seconds",
        "talk seconds of answered calls",
    ]
    assert tidy["p"].isna().tolist() == [False, False, False, True]
    tidy["estimate"] = 0.0
    assert two_arms.comparisons["estimate"].abs().min() > 0


def test_incidences_sum_with_ringing_to_one_on_every_curve(two_arms: Durations) -> None:
    for _, curves in two_arms.curves.groupby("arm"):
        sums = curves.groupby("seconds")["incidence"].sum()
        np.testing.assert_allclose(sums, 1.0, atol=1e-9)
    known = two_arms.curves[two_arms.curves["cause"] != "ringing"]
    assert ((known["low"] <= known["incidence"] + 1e-12) & (known["incidence"] <= known["high"] + 1e-12)).all()


def test_what_is_reported_by_hand() -> None:
    calls = frame_from(
        [
            *[rung("a", "answered", second) for second in (2.0, 4.0)],
            *[rung("a", "no_answer", 10.0) for _ in range(2)],
            *[rung("b", "answered", 6.0), rung("b", "busy", 1.0), *[rung("b", "no_answer", 10.0)] * 2],
        ]
    )
    found = durations(calls)
    assert found.horizon_seconds == 10
    answered = found.incidences.query("cause == 'answered'")
    assert answered["estimate"].tolist() == [0.5, 0.25]
    # Until answered: (2 + 4 + 10 + 10) / 4 and (6 + 10 + 10 + 10) / 4. Ringing: the busy call ends after 1 s.
    assert found.restricted_means["estimate"].tolist() == [6.5, 9.0, 6.5, 6.75]


def test_pending_calls_are_censored_at_their_age_or_set_aside() -> None:
    rows = [rung("a", "answered", 5.0), rung("a", "no_answer", 20.0), rung("a", "lost", None)]
    rows += [rung("a", "pending", None), rung("a", "pending", None, start=3588), rung("a", "not_placed", None)]
    rows += [rung("a", "answered", None, answer_inferred=True)]
    rows += [rung("b", "answered", 5.0), rung("b", "no_answer", 20.0, ended_at=START + pd.Timedelta(seconds=3600))]
    arms = durations(frame_from(rows)).arms.set_index("arm")
    assert arms.loc["a"].to_dict() == {
        "calls": 6,
        "rang": 3,  # answered, unanswered, and the one that has rung for 12 s
        "answered": 1,
        "still_ringing": 1,
        "untimed": 1,
        "end_unknown": 2,  # lost, and pending for an hour
    }


def test_pending_calls_never_count_as_failures() -> None:
    calls = calls_of({"a": (0.05, 0.03), "b": (0.05, 0.03)})
    waiting = frame_from([rung("b", "pending", None, start=-7200) for _ in range(200)])
    before, after = durations(calls), durations(pd.concat([calls, waiting], ignore_index=True))
    pd.testing.assert_frame_equal(before.incidences, after.incidences)
    assert any("cannot ring any more" in text for text in after.warnings)
    assert not any("cannot ring any more" in text for text in before.warnings)


def test_the_horizon_is_the_ring_timeout_as_seen_or_as_asked() -> None:
    calls = calls_of({"a": (0.05, 0.03), "b": (0.05, 0.03)})
    assert durations(calls).horizon_seconds == 30
    assert durations(calls, horizon_seconds=12.5).horizon_seconds == 12.5
    assert any("as asked" in note for note in durations(calls, horizon_seconds=12.5).footnotes)
    answered = calls[calls["outcome"] == "answered"]
    assert durations(answered).horizon_seconds == answered["ring_seconds"].max()


def test_calls_that_went_unanswered_at_once_do_not_set_the_horizon() -> None:
    for rows in ([("no_answer", 0.0), ("busy", 1.0)], [("answered", 1.0), ("no_answer", 0.0)]):
        found = durations(frame_from([rung("a", outcome, seconds) for outcome, seconds in rows]))
        assert found.horizon_seconds == 1
        assert found.incidences["estimate"].sum() == pytest.approx(1)


def test_a_horizon_beyond_what_is_known_is_cut_visibly() -> None:
    rows = [rung(arm, "answered", 5.0) for arm in "ab"] + [rung("a", "no_answer", 40.0)]
    rows += [rung("b", "pending", None), rung("a", "answered", 4.0, ended_at=START + pd.Timedelta(seconds=20))]
    found = durations(frame_from(rows), horizon_seconds=35)
    assert found.horizon_seconds == 20
    assert "beyond 20 s" in found.warnings[0]


def test_tests_are_grays_over_all_arms_then_each_with_holm() -> None:
    calls = calls_of({"a": (0.05, 0.03), "b": (0.06, 0.03), "c": (0.05, 0.05)})
    tests = durations(calls).tests
    cause = calls["outcome"].map({"answered": 1, "busy": 2, "no_answer": 3}).to_numpy()
    assert tests["p"].iloc[0] == gray(calls["ring_seconds"], cause, calls["arm"].to_numpy(dtype=object).astype(str)).p
    pairs = tests[tests["arm"].notna()]
    assert pairs["arm"].tolist() == ["b", "c"]
    p = np.sort(pairs["p"].to_numpy())
    assert np.sort(pairs["p_adjusted"].to_numpy()) == pytest.approx([min(2 * p[0], 1), max(2 * p[0], p[1])])
    assert tests["method"].tolist().count("gray, exploratory") == 2


def test_of_few_calls_the_interval_stays_within_the_horizon_and_is_called_rough() -> None:
    ends = [("a", "answered", 4.0), ("a", "no_answer", 30.0), ("b", "busy", 6.0), ("b", "answered", 9.0)]
    found = durations(frame_from([rung(*end) for end in ends]))
    means = found.restricted_means.query("arm == 'b'")
    assert means[["difference_low", "difference_high"]].iloc[0].tolist() == [-30, 30]
    assert found.warnings[0].startswith("There are few calls (of a, b fewer than 5 rang")
    enough = durations(calls_of({"a": (0.05, 0.03), "b": (0.05, 0.03)}, n=5))
    assert not any("few calls" in text for text in enough.warnings)


def test_talk_is_described_and_not_tested() -> None:
    rows = [rung("a", "answered", 5.0, talk_seconds=value) for value in (1.0, 2.0, 3.0, 4.0)]
    rows += [rung("b", "answered", 5.0, talk_seconds=value) for value in (11.0, 12.0, 13.0)]
    rows += [rung("b", "answered", 5.0), rung("b", "busy", 1.0), rung("a", "busy", 1.0)]
    talk = durations(frame_from(rows)).talk
    assert talk["n"].tolist() == [4, 3]
    assert talk["unknown"].tolist() == [0, 1]
    assert talk["q50"].tolist() == [2.5, 12.0]
    assert talk["shift"].tolist()[1] == 9.5
    assert math.isnan(talk["shift"].iloc[0])


def test_one_arm_is_described_without_tests() -> None:
    found = durations(calls_of({"a": (0.05, 0.03)}))
    assert found.tests.empty
    assert found.comparisons.empty
    assert not any("difference" in name or "shift" in name for name in found.to_rows()[0])
    assert "waited" in found.verdict


def test_an_arm_that_never_rang_is_said_to_say_nothing() -> None:
    calls = calls_of({"a": (0.05, 0.03), "c": (0.05, 0.03)})
    found = durations(pd.concat([calls, frame_from([rung("b", "lost", None)] * 20)], ignore_index=True))
    assert "Nothing can be said of b" in found.verdict
    for rows in (found.tests, found.restricted_means):  # b counts: c's p does not rise when b's receipts come
        of_c = rows[rows["arm"] == "c"].iloc[0]
        assert of_c["p_adjusted"] == pytest.approx(min(2 * of_c["p"], 1))
    assert found.restricted_means.query("arm == 'b'")["estimate"].isna().all()
    assert found.incidences.query("arm == 'b'")["estimate"].isna().all()
    assert found.to_html()


def test_nothing_answered_has_an_interval() -> None:
    rows = [rung("a", "answered", 3.0)] * 5 + [rung("a", "no_answer", 30.0)] * 5 + [rung("b", "no_answer", 30.0)] * 10
    answered = durations(frame_from(rows)).incidences.query("cause == 'answered' and arm == 'b'").iloc[0]
    assert (answered["estimate"], answered["low"]) == (0, 0)
    assert answered["high"] == pytest.approx(0.2775, abs=1e-4)  # Wilson, 0 of 10


def test_repeated_numbers_are_said_and_taken_into_the_errors() -> None:
    calls = make_calls(200, repeated=0.5)
    between, ignored = durations(calls), durations(calls, clusters="ignore")
    assert any("errors are taken between numbers" in note for note in between.footnotes)
    assert not any("called before" in text for text in between.warnings)
    assert any("called before" in text for text in ignored.warnings)
    pd.testing.assert_series_equal(between.incidences["estimate"], ignored.incidences["estimate"])
    assert between.comparisons["method"].tolist()[:2] == [
        "aalen-johansen with MOVER, gray between numbers",
        "restricted mean, t between numbers",
    ]


def test_a_voice_cannot_move_how_long_a_first_call_rings() -> None:
    first = durations(make_calls(200), arm="voice")
    assert any("cannot have moved how long calls ring" in text for text in first.warnings)
    by_country = durations(make_calls(200), arm="country")
    assert not any("cannot have moved" in text for text in by_country.warnings)


def test_any_engine_gives_the_same() -> None:
    calls = make_calls(300, seed=4)
    there, here = durations(duckdb.from_df(calls)), durations(calls)
    pd.testing.assert_frame_equal(there.incidences, here.incidences, check_dtype=False)
    assert there.verdict == here.verdict


def test_what_cannot_be_used_is_refused() -> None:
    calls = make_calls(50)
    for wrong, match in (
        ({"arm": "nothing"}, "nothing"),
        ({"arm": "outcome"}, "became of a call"),
        ({"baseline": "x"}, "is no arm"),
        ({"horizon_seconds": 0}, "above 0"),
        ({"confidence": 1.2}, "between 0 and 1"),
        ({"clusters": "fixed"}, "auto, ignore"),
    ):
        with pytest.raises(InvalidInputError, match=match):
            durations(calls, **wrong)
    with pytest.raises(InvalidInputError, match="known time"):
        durations(frame_from([rung("a", "lost", None)]))


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(("answered", *FAILURES)), st.integers(0, 30)),
        min_size=2,
        max_size=40,
    ),
    st.randoms(use_true_random=False),
)
@settings(max_examples=25, deadline=None)
def test_any_calls_in_any_order_give_the_same(rows: list[tuple[str, str, int]], random: Any) -> None:
    if not any(seconds for _, _, seconds in rows):
        return
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = (durations(frame_from([rung(a, o, float(s)) for a, o, s in each])) for each in (rows, shuffled))
    assert one.to_text() == other.to_text()
    values = one.incidences[["low", "estimate", "high"]].to_numpy()
    assert np.all((values >= -1e-12) & (values <= 1 + 1e-12))
    assert np.all(np.diff(values, axis=1) >= -1e-9)


def test_restricted_mean_intervals_cover_and_tests_hold_their_level() -> None:
    rng = np.random.default_rng(1)
    covered, rejected, runs = 0, 0, 100
    # Answers at 0.05 a second beside failures at 0.03, to 30 s: the wait is 30 less the area under the incidence.
    total = 0.08
    area = 0.05 / total * (30 - (1 - math.exp(-30 * total)) / total)
    for _ in range(runs):
        calls = calls_of({"a": (0.05, 0.03), "b": (0.05, 0.03)}, n=60, seed=int(rng.integers(1 << 30)))
        means = durations(calls, horizon_seconds=30).restricted_means.iloc[:2]
        covered += int(((means["low"] <= 30 - area) & (means["high"] >= 30 - area)).sum())
        rejected += int(means["p"].iloc[1] <= 0.05)
    assert covered / (2 * runs) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / (2 * runs))
    assert rejected / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_the_plot_draws_a_line_for_each_arm_and_says_the_numbers(two_arms: Durations) -> None:
    figure = two_arms.plot(theme="dark")
    ids = [line.get_gid() for line in figure.axes[0].lines]
    assert [one for one in ids if one] == ["a", "b"]
    assert two_arms.verdict in figure.alternative
    assert "answered within 30 s" in figure.alternative.lower()
    assert "<img alt=" in figure._repr_html_()

"""The warnings of a comparison: when they come and when they stay away."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pytest

from imilab.comparison import compare
from imilab.comparison.exact import fisher_mid_p
from tests.calls_factory import answered_of, frame_from, make_calls

RYAN, SONIA = "en-GB-RyanNeural", "en-GB-SoniaNeural"


def test_a_voice_asked_to_move_first_pick_ups_is_warned_in_the_verdict() -> None:
    found = compare(answered_of({RYAN: (98, 200), SONIA: (122, 200)}, caller_id="+1•••••100"), arm="voice")
    assert "is answered 12.0 points more often" in found.verdict
    assert "no number was called before: it cannot have moved" in found.verdict
    assert found.differences["warnings"].iloc[0] == " ".join(found.warnings)


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": "completed"},
        {"arm": "country"},
        {"caller_id": True},
        {"number": True},
        {"unknown": True},
    ],
)
def test_the_voice_warning_stays_away_where_something_can_move_the_rate(change: dict[str, Any]) -> None:
    calls = answered_of({RYAN: (98, 200), SONIA: (122, 200)}, caller_id="+1•••••100")
    calls = calls.assign(country=calls["voice"].map({RYAN: "GB", SONIA: "IN"}))
    if "caller_id" in change:
        calls["caller_id"] = calls["voice"].map({RYAN: "+1•••••100", SONIA: "+1•••••101"})
    if "number" in change:
        calls.loc[0, "number_key"] = calls.loc[1, "number_key"]
    if "unknown" in change:
        calls.loc[0, "number_key"] = None
    found = compare(calls, arm=change.get("arm", "voice"), outcome=change.get("outcome", "answered"))
    assert not any("no number was called before" in text for text in found.warnings)


def test_repeated_numbers_are_counted_and_shown() -> None:
    calls = make_calls(400, repeated=0.3, seed=2)
    found = compare(calls, arm="voice", outcome="completed")
    counted = duckdb.sql("""
        SELECT voice, count(DISTINCT number_key), count(*) FROM calls
        WHERE outcome NOT IN ('pending', 'not_placed') AND NOT (outcome = 'answered' AND end_reason IS NULL)
        GROUP BY voice ORDER BY voice
    """).fetchall()
    assert found.arms[["arm", "numbers", "n"]].to_numpy().tolist() == [list(row) for row in counted]
    (both,) = duckdb.sql("""
        SELECT count(DISTINCT number_key) FROM calls
        WHERE outcome NOT IN ('pending', 'not_placed') AND NOT (outcome = 'answered' AND end_reason IS NULL)
    """).fetchall()[0]
    assert found.differences["numbers"].tolist() == [both]
    assert any("Numbers were called repeatedly" in note for note in found.notes)
    ignored = compare(calls, arm="voice", outcome="completed", clusters="ignore")
    n = ignored.differences["n"].iloc[0]
    assert f"{n - both} of {n} calls went to a number that was called before; as asked" in ignored.verdict


def test_unknown_numbers_are_said_to_be_unknown() -> None:
    calls = answered_of({"a": (1, 10), "b": (5, 10)}).drop(columns="number_key")
    found = compare(calls, outcome="completed")
    assert found.arms["numbers"].isna().all()
    assert any("For 20 of 20 calls it is not known which number" in text for text in found.warnings)
    assert "numbers" in found.to_rows()[0]


def test_pending_shares_that_differ_are_warned_of() -> None:
    calls = answered_of({"a": (50, 100), "b": (50, 100)})
    waiting = frame_from([{"arm": "b", "outcome": "pending", "number_key": f"other-{index}"} for index in range(20)])
    found = compare(pd.concat([calls, waiting], ignore_index=True), outcome="completed")
    assert any("The pending shares differ, from 0.0 % to 16.7 %" in text for text in found.warnings)
    assert not any("pending shares" in text for text in compare(calls, outcome="completed").warnings)


def test_pending_shares_that_differ_by_more_than_chance_are_warned_of_below_five_points() -> None:
    calls = answered_of({"a": (500, 1000), "b": (500, 1000)})
    waiting = frame_from([{"arm": "b", "outcome": "pending", "number_key": f"other-{index}"} for index in range(30)])
    found = compare(pd.concat([calls, waiting], ignore_index=True), outcome="completed")
    assert any("The pending shares differ, from 0.0 % to 2.9 %" in text for text in found.warnings)


def test_lost_calls_that_could_undo_a_difference_are_warned_of() -> None:
    calls = answered_of({"a": (98, 200), "b": (122, 200)}, caller_id="+1•••••100")
    lost = calls.index[(calls["arm"] == "a") & (calls["outcome"] == "busy")][:40]
    calls.loc[lost, "outcome"] = "lost"
    found = compare(calls)
    assert found.differences["low"].iloc[0] > 0
    assert any("could undo the difference: at worst and at best it is, b from" in text for text in found.warnings)


def test_few_calls_are_warned_of() -> None:
    found = compare(answered_of({"a": (1, 9), "b": (3, 9)}))
    assert any("few calls" in text and "Fisher's mid-p, not adjusted, is b 0.3" in text for text in found.warnings)
    assert found.differences["p_mid"].iloc[0] == pytest.approx(fisher_mid_p(3, 9, 1, 9))
    assert not any("few calls" in text for text in compare(answered_of({"a": (10, 20), "b": (9, 20)})).warnings)

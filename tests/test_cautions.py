"""The warnings of a comparison: when they come and when they stay away."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pytest

from imilab.comparison import compare
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


def test_repeated_numbers_are_counted_and_warned_of() -> None:
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
    repeated = found.differences["n"].iloc[0] - both
    assert (
        f"{repeated} of {found.differences['n'].iloc[0]} calls went to a number that was called before" in found.verdict
    )


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


def test_few_calls_are_warned_of() -> None:
    assert any("few calls" in text for text in compare(answered_of({"a": (1, 9), "b": (3, 9)})).warnings)
    assert not any("few calls" in text for text in compare(answered_of({"a": (10, 20), "b": (9, 20)})).warnings)

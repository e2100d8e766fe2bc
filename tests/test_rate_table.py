"""Rates against plain SQL in DuckDB on the same calls: an oracle that shares no code with the counting."""

from __future__ import annotations

from typing import Any

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imilab.buckets import hour_of_day, weekday
from imilab.errors import InvalidInputError
from imilab.intervals import wilson
from imilab.rate_table import RateTable, rates
from imilab.terms import OUTCOMES
from tests.calls_factory import frame_from, make_calls

RESOLVED = OUTCOMES[:-2]
METRIC_NAMES = (*OUTCOMES, "completed", "early_hangup")
MEASURES = ("count", "n", "pending", "placed")

# Each metric as plain SQL: what is a success, and what is not decided yet.
SUCCESS = {
    **{outcome: f"outcome = '{outcome}'" for outcome in OUTCOMES},
    "completed": "outcome = 'answered' AND end_reason = 'released'",
    "early_hangup": "outcome = 'answered' AND end_reason = 'disconnected' AND talk_seconds <= 5",
}
UNDECIDED = {
    **dict.fromkeys(OUTCOMES, "outcome = 'pending'"),
    "completed": "outcome = 'pending' OR (outcome = 'answered' AND end_reason IS NULL)",
    "early_hangup": (
        "outcome = 'pending' OR (outcome = 'answered' AND "
        "(end_reason IS NULL OR (end_reason = 'disconnected' AND talk_seconds IS NULL)))"
    ),
}
DENOMINATOR = {
    "attempted": "true",
    "placed": "outcome <> 'not_placed'",
    "resolved": "outcome <> 'not_placed' AND NOT coalesce({undecided}, false)",
}


def by_sql(calls: pd.DataFrame, by: list[str], name: str, denominator: str) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """Count with SQL: group to (count, n, pending, placed)."""
    counted = DENOMINATOR[denominator].format(undecided=f"({UNDECIDED[name]})")
    keys = ", ".join(f'"{column}"' for column in by)
    query = f"""
        SELECT {keys + ", " if by else ""}
            count(*) FILTER ({SUCCESS[name]}), count(*) FILTER ({counted}),
            count(*) FILTER ({UNDECIDED[name]}), count(*) FILTER (outcome <> 'not_placed')
        FROM calls {"GROUP BY " + keys if by else ""}
    """
    rows = duckdb.sql(query).fetchall()
    return {tuple(row[: len(by)]): tuple(row[len(by) :]) for row in rows}


def as_dict(table: RateTable, name: str) -> dict[tuple[Any, ...], tuple[int, ...]]:
    rows = table.rows[table.rows["outcome"] == name]
    found = {}
    for row in rows.to_dict("records"):
        group = tuple(None if pd.isna(row[column]) else row[column] for column in table.by)
        share = row["pending_share"]
        placed = 0 if pd.isna(share) else round(row["pending"] / share) if share else -1
        found[group] = (row["count"], row["n"], row["pending"], placed)
    return found


def assert_equal_to_sql(table: RateTable, calls: pd.DataFrame, by: list[str], denominator: str) -> None:
    for name in dict.fromkeys(table.rows["outcome"]):
        found, expected = as_dict(table, name), by_sql(calls, by, name, denominator)
        assert found.keys() == expected.keys()
        for group, numbers in expected.items():
            assert found[group][:3] == numbers[:3], (name, group)
            assert found[group][3] in {numbers[3], -1}, (name, group)


names = st.sampled_from([None, "en-GB-RyanNeural", "en-GB-SoniaNeural", "", "—", "<b>"])
rows = st.fixed_dictionaries(
    {
        "outcome": st.sampled_from(OUTCOMES) | st.just("answered"),
        "end_reason": st.sampled_from([None, "released", "disconnected", "dropped"]),
        "talk_seconds": st.sampled_from([None, 0.0, 4.999, 5.0, 5.001, 60.0]),
        "voice": names,
        "country": st.sampled_from([None, "GB", "US"]),
        "block": st.sampled_from([None, 1, 2]),
        "transferred": st.booleans(),
        "ring_seconds": st.sampled_from([None, 1.5, 2.0]),
        "answer_inferred": st.booleans(),
    }
)
groupings = st.lists(
    st.sampled_from(["voice", "country", "block", "transferred", "ring_seconds"]), unique=True, max_size=3
)


@given(st.lists(rows, max_size=25), groupings, st.sampled_from(["resolved", "placed", "attempted"]))
@settings(max_examples=40, deadline=None)
def test_every_count_equals_plain_sql(made: list[dict[str, Any]], by: list[str], denominator: str) -> None:
    calls = frame_from(made)
    assert_equal_to_sql(rates(calls, by=by, denominator=denominator), calls, by, denominator)


@given(st.lists(rows, max_size=25), groupings, st.sampled_from(["resolved", "placed", "attempted"]))
@settings(max_examples=25, deadline=None)
def test_a_duckdb_relation_gives_the_same_rates_as_pandas(
    made: list[dict[str, Any]], by: list[str], denominator: str
) -> None:
    calls = frame_from(made)
    in_pandas, in_duckdb = (rates(each, by=by, denominator=denominator) for each in (calls, duckdb.from_df(calls)))
    assert in_duckdb.to_rows() == in_pandas.to_rows()
    assert in_duckdb.footnotes == in_pandas.footnotes
    assert_equal_to_sql(in_duckdb, calls, by, denominator)


def test_a_large_frame_equals_plain_sql_by_three_columns_and_arrow_too() -> None:
    calls = make_calls(3000, seed=4, pending=0.1, end_unknown=0.2, inferred=0.1, repeated=0.3)
    by = ["voice", "country", "gender"]
    table = rates(calls, by=by)
    assert_equal_to_sql(table, calls, by, "resolved")
    assert rates(duckdb.from_df(calls).to_arrow_table(), by=by).to_rows() == table.to_rows()


def test_intervals_are_wilsons_at_the_asked_confidence() -> None:
    table = rates(make_calls(), by="voice", confidence=0.9).rows
    low, high = wilson(table["count"], table["n"], 0.9)
    assert (table["low"] == low).all()
    assert (table["high"] == high).all()


def test_outcomes_come_in_display_order_within_groups_in_order_and_missing_last() -> None:
    made = [{"outcome": "answered", "voice": voice} for voice in ("b", None, "a")]
    table = rates(frame_from(made), by="voice").rows
    assert list(table["voice"].fillna("—").unique()) == ["a", "b", "—"]
    assert table["outcome"].tolist() == [*RESOLVED, "completed", "early_hangup"] * 3


def test_denominators_hold_pending_and_not_placed_only_where_they_should() -> None:
    made = [{"outcome": name} for name in ("answered", "lost", "pending", "not_placed", "not_placed")]
    found = {
        name: rates(frame_from(made), outcomes="answered", denominator=name).rows.iloc[0]
        for name in ("resolved", "placed", "attempted")
    }
    assert {name: (row["count"], row["n"]) for name, row in found.items()} == {
        "resolved": (1, 2),
        "placed": (1, 3),
        "attempted": (1, 5),
    }
    assert [(row["pending"], row["pending_share"]) for row in found.values()] == [(1, 1 / 3)] * 3


def test_an_answered_call_of_unknown_end_is_pending_for_listening_only() -> None:
    made = [{"outcome": "answered", "end_reason": "released"}, {"outcome": "answered"}, {"outcome": "busy"}]
    table = rates(frame_from(made)).rows.set_index("outcome")
    assert table.loc["answered", ["count", "n", "pending"]].tolist() == [2, 3, 0]
    assert table.loc["completed", ["count", "n", "pending"]].tolist() == [1, 2, 1]
    assert table.loc["early_hangup", ["count", "n", "pending"]].tolist() == [0, 2, 1]


def test_an_inferred_answer_is_completed_or_not_but_never_timed() -> None:
    made = [{"outcome": "answered", "end_reason": "disconnected", "answer_inferred": True}]
    table = rates(frame_from(made))
    assert table.rows.set_index("outcome").loc[["completed", "early_hangup"], "n"].tolist() == [1, 0]
    assert any("Answers inferred" in note and note.endswith(": 1.") for note in table.footnotes)


def test_the_early_hangup_limit_can_be_moved() -> None:
    made = [{"outcome": "answered", "end_reason": "disconnected", "talk_seconds": 8.0}]
    calls = frame_from(made)
    assert rates(calls, outcomes="early_hangup").rows["count"].tolist() == [0]
    assert rates(calls, outcomes="early_hangup", early_hangup_seconds=8).rows["count"].tolist() == [1]


def test_rates_by_error_code_are_shares_of_all_resolved_calls() -> None:
    made = [
        *[{"outcome": "answered"}] * 6,
        *[{"outcome": "busy", "error_code": "7402"}] * 3,
        {"outcome": "no_answer", "error_code": "7401"},
        {"outcome": "pending"},
        {"outcome": "not_placed", "error_code": "7020"},
    ]
    table = rates(frame_from(made), by=["error_code"], outcomes=["answered", "busy", "no_answer"])
    assert [(row["error_code"], row["outcome"], row["count"], row["n"]) for row in table.to_rows()] == [
        ("7401", "no_answer", "1", "10"),
        ("7402", "busy", "3", "10"),
        ("—", "answered", "6", "10"),
    ]
    assert table.rows["rate"].sum() == pytest.approx(1)
    assert any("shares of all counted calls" in note for note in table.footnotes)


@given(st.lists(rows, max_size=20))
@settings(max_examples=25, deadline=None)
def test_rates_by_voice_and_end_reason_are_shares_of_the_voices_calls(made: list[dict[str, Any]]) -> None:
    calls = frame_from(made)
    table = rates(calls, by=["voice", "end_reason"], outcomes=["answered", "busy"])
    around = {name: by_sql(calls, ["voice"], name, "resolved") for name in ("answered", "busy")}
    inside = {name: by_sql(calls, ["voice", "end_reason"], name, "resolved") for name in ("answered", "busy")}
    for name in ("answered", "busy"):
        for (voice, end), (count, n, pending, _) in as_dict(table, name).items():
            assert (count, n, pending) == (inside[name][voice, end][0], *around[name][(voice,)][1:3])
    assert table.rows["count"].sum() == sum(numbers[0] for name in inside for numbers in inside[name].values())
    assert {row["voice"] for row in table.to_rows()} == {row["voice"] for row in rates(calls, by="voice").to_rows()}


def test_arm_and_time_bucket_can_be_asked_together() -> None:
    calls = make_calls(300)
    table = rates(calls, by=["arm", hour_of_day("Europe/London"), weekday("Asia/Kolkata")], outcomes="answered")
    local = calls.assign(
        hour_of_day=calls["requested_at"].dt.tz_convert("Europe/London").dt.strftime("%H:00"),
        weekday=calls["requested_at"].dt.tz_convert("Asia/Kolkata").dt.day_name(),
    )
    assert table.by == ("arm", "hour_of_day", "weekday")
    assert_equal_to_sql(table, local, list(table.by), "resolved")
    assert any("Europe/London" in note for note in table.footnotes)
    assert any("Asia/Kolkata" in note for note in table.footnotes)


@pytest.mark.parametrize("by", [None, "voice", "error_code", ["voice", "error_code"], hour_of_day("UTC")])
def test_an_empty_frame_gives_an_empty_table_that_can_be_shown(by: Any) -> None:
    table = rates(frame_from([]), by=by)
    assert len(table.rows) == (len(RESOLVED) + 2 if by is None else 0)
    for view in (table.to_text(), table.to_markdown(), table.to_html(), repr(table)):
        assert view
    assert table.wide().shape[0] == (1 if by is None else 0)


@pytest.mark.parametrize("by", [None, "voice", "error_code"])
def test_calls_that_are_all_pending_have_no_rate_and_the_whole_interval(by: Any) -> None:
    table = rates(frame_from([{"outcome": "pending", "voice": "a"}] * 3), by=by, outcomes=["answered", "busy"])
    first = table.rows.iloc[0]
    assert pd.isna(first["rate"])
    assert (first["n"], first["low"], first["high"], first["pending"], first["pending_share"]) == (0, 0.0, 1.0, 3, 1.0)
    assert table.to_rows()[0]["rate"] == "—"


def test_calls_that_were_all_refused_have_no_pending_share() -> None:
    table = rates(frame_from([{"outcome": "not_placed"}]), outcomes="answered")
    assert table.to_rows()[0]["pending"] == "0 (—)"


def test_every_view_shows_count_n_interval_denominator_and_pending_share() -> None:
    made = [{"outcome": "answered"}] * 6 + [{"outcome": "busy"}] * 4 + [{"outcome": "pending"}] * 2
    table = rates(frame_from(made), outcomes="answered")
    for view in (str(table), table.to_markdown(), table._repr_html_()):
        for part in ("resolved calls", "6", "10", "60.0 %", "31.3 to 83.2 %", "2 (16.7 %)", "95 % interval"):
            assert part in view
        for note in ("Voicemail counts as answered", "a lost call counts as resolved", "Wilson (1927)"):
            assert note in " ".join(view.split())


def test_wide_has_one_row_a_group_and_every_rate_with_its_interval() -> None:
    wide = rates(frame_from([{"outcome": "answered", "voice": v} for v in ("—", None, "a")]), by="voice").wide()
    assert len(wide) == 3
    row = wide.set_index("voice").loc["a"]
    assert row[["answered_count", "answered_n", "answered_rate"]].tolist() == [1, 1, 1.0]
    assert {"busy_low", "busy_high", "completed_pending_share"} <= set(wide.columns)


def test_to_pandas_hands_out_a_copy() -> None:
    table = rates(make_calls(20))
    copy = table.to_pandas()
    copy["count"] = 0
    assert table.rows["count"].sum() > 0


def test_a_frame_of_two_columns_is_enough_for_outcomes() -> None:
    calls = pd.DataFrame({"voice": ["a", "b"], "outcome": ["answered", "busy"]})
    assert rates(calls, by="voice").rows["outcome"].unique().tolist() == list(RESOLVED)
    with pytest.raises(InvalidInputError, match="end_reason"):
        rates(calls, outcomes="completed")


def test_a_categorical_column_groups_like_text() -> None:
    calls = make_calls(100)
    as_text = rates(calls, by="voice").to_rows()
    assert rates(calls.assign(voice=calls["voice"].astype("category")), by="voice").to_rows() == as_text


def test_the_index_of_a_frame_does_not_matter() -> None:
    calls = make_calls(60)
    twice = pd.concat([calls, calls])
    by = ["voice", hour_of_day("Europe/London")]
    assert rates(twice, by=by).to_rows() == rates(twice.reset_index(drop=True), by=by).to_rows()


def test_columns_of_the_users_own_do_not_meet_those_of_the_counting() -> None:
    calls = make_calls(60)
    own = calls.assign(by1=calls["voice"], end=1, calls=2, inferred=3)
    by = hour_of_day("UTC")
    assert rates(own, by=["by1", by]).rows["n"].tolist() == rates(calls, by=["voice", by]).rows["n"].tolist()

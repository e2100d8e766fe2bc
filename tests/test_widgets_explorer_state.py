from __future__ import annotations

from dataclasses import replace
from datetime import date

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.widgets.explorer_state import MOST_CHOICES, ExplorerState, read_calls_to_explore
from tests.calls_factory import frame_from, make_calls

CALLS = make_calls(400, seed=3, voices=("en-GB-RyanNeural", "en-GB-SoniaNeural", "en-IN-NeerjaNeural"))
CALLS.loc[CALLS.index[::7], "campaign"] = None


def labels(pairs):
    return [label for label, _ in pairs]


def test_only_columns_that_hold_more_than_one_value_can_be_grouped_by():
    state = ExplorerState(CALLS)

    assert labels(state.groupings()) == [
        *("Nothing (all calls)", "Voice", "Language", "Gender of the voice", "Country", "Outcome code", "Arm"),
        *("Campaign", "Stratum", "Day", "Hour", "Weekday", "Hour of day"),
    ]


def test_calls_without_times_are_not_grouped_or_filtered_by_time():
    state = ExplorerState(pd.DataFrame({"outcome": ["answered", "busy"], "voice": ["a", "b"]}))

    assert labels(state.groupings()) == ["Nothing (all calls)", "Voice"]
    assert state.days is None
    assert labels(state.outcomes())[:2] == ["All outcomes", "Answered"]
    assert "Completed" not in labels(state.outcomes())


def test_a_filter_lists_its_values_with_their_counts_the_most_frequent_first():
    label, choices = ExplorerState(CALLS).filters()["campaign"]

    missing = int(CALLS["campaign"].isna().sum())
    assert label == "Campaign"
    assert choices == [(f"lunch ({400 - missing})", "lunch"), (f"— ({missing})", None)]


def test_outcomes_are_listed_in_display_order():
    _, choices = ExplorerState(CALLS).filters()["outcome"]

    failures = ["busy", "no_answer", "rejected", "dropped", "expired", "other", "lost"]
    order = ["answered", *failures, "pending", "not_placed"]
    assert [value for _, value in choices] == [name for name in order if (CALLS["outcome"] == name).any()]
    assert choices[2][0] == f"no answer ({(CALLS['outcome'] == 'no_answer').sum()})"


def test_a_filter_of_very_many_values_offers_the_most_frequent_and_says_so():
    many = frame_from({"outcome": "answered", "campaign": f"c{index // 2}"} for index in range(1000))

    label, choices = ExplorerState(many).filters()["campaign"]

    assert label == f"Campaign ({MOST_CHOICES} most frequent of 500)"
    assert len(choices) == MOST_CHOICES


@given(
    voices=st.sets(st.sampled_from(sorted(CALLS["voice"].unique()))),
    countries=st.sets(st.sampled_from(["GB", "US", "IN"])),
    campaigns=st.sets(st.sampled_from(["lunch", None])),
)
def test_what_is_shown_passes_every_filter(voices, countries, campaigns):
    chosen = {"voice": tuple(voices), "country": tuple(countries), "campaign": tuple(campaigns)}

    shown = ExplorerState(CALLS, chosen=chosen).shown

    expected = [
        row["call_id"]
        for row in CALLS.to_dict("records")
        if (not voices or row["voice"] in voices)
        and (not countries or row["country"] in countries)
        and (not campaigns or (row["campaign"] if row["campaign"] == "lunch" else None) in campaigns)
    ]
    assert shown["call_id"].to_list() == expected


def test_days_are_days_of_the_chosen_zone_both_ends_included():
    moments = ("2026-10-24T22:59Z", "2026-10-24T23:00Z", "2026-10-25T23:59Z", "2026-10-26T00:00Z", None)
    calls = frame_from(
        {"call_id": str(index), "outcome": "busy", "requested_at": at} for index, at in enumerate(moments)
    )
    state = ExplorerState(calls, tz="Europe/London", first_day=date(2026, 10, 25), last_day=date(2026, 10, 25))

    # The day of 25 hours: it begins at 23:00 UTC, an hour ahead, and ends at 00:00 UTC.
    assert state.shown["call_id"].to_list() == ["1", "2"]
    assert state.days == (date(2026, 10, 24), date(2026, 10, 26))
    assert len(state.without_filters().shown) == 5


def test_a_day_without_midnight_begins_with_its_first_moment():
    # In Cairo the clock goes from 23:59 to 01:00 in the night to 24 April 2026.
    calls = frame_from(
        {"call_id": at, "outcome": "busy", "requested_at": at} for at in ("2026-04-23T21:59Z", "2026-04-23T22:00Z")
    )
    state = ExplorerState(calls, tz="Africa/Cairo", first_day=date(2026, 4, 24))

    assert state.shown["call_id"].to_list() == ["2026-04-23T22:00Z"]


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [(date.min, None, 1), (None, date.max, 1), (date.min, date.max, 1), (date.max, None, 0), (None, date.min, 0)],
)
def test_a_date_that_is_still_being_typed_is_no_error(first, last, count):
    calls = frame_from([{"outcome": "busy", "requested_at": "2026-10-24T12:00Z"}, {"outcome": "busy"}])

    assert len(ExplorerState(calls, tz="America/New_York", first_day=first, last_day=last).shown) == count


def test_a_call_without_request_time_is_filtered_by_when_it_was_offered():
    calls = frame_from([{"outcome": "busy", "offered_at": "2026-10-24T12:00Z"}, {"outcome": "busy"}])

    assert len(ExplorerState(calls, first_day=date(2026, 10, 24)).shown) == 1
    assert len(ExplorerState(calls, first_day=date(2026, 10, 25)).shown) == 0


@pytest.mark.parametrize(
    ("outcome", "denominator"), [("answered", "resolved"), ("pending", "placed"), ("not_placed", "attempted")]
)
def test_a_rate_has_the_narrowest_denominator_that_holds_it(outcome, denominator):
    table = ExplorerState(CALLS, outcome=outcome).table

    assert table.denominator == denominator
    assert int(table.rows["count"].iloc[0]) == (CALLS["outcome"] == outcome).sum()


def test_a_new_state_counts_anew():
    state = ExplorerState(CALLS, outcome="answered")
    assert int(state.table.rows["n"].iloc[0]) == (~CALLS["outcome"].isin(["pending", "not_placed"])).sum()

    state = replace(state, chosen={"outcome": ("busy",)})

    assert int(state.table.rows["n"].iloc[0]) == (CALLS["outcome"] == "busy").sum()


def test_calls_of_other_engines_are_read():
    relation = duckdb.sql("SELECT 'answered' AS outcome, 'a' AS voice")

    assert ExplorerState(read_calls_to_explore(relation)).summary == "1 of 1 calls shown"


@pytest.mark.parametrize("calls", [7, pd.DataFrame({"result": ["answered"]})])
def test_what_is_no_calls_table_is_refused(calls):
    with pytest.raises(InvalidInputError):
        read_calls_to_explore(calls)


def test_a_zone_that_does_not_exist_is_refused():
    with pytest.raises(InvalidInputError, match="no time zone"):
        ExplorerState(CALLS, tz="Europe/Londn")

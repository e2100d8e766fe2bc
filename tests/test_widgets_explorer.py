from __future__ import annotations

import re

import pytest

import imilab
from imilab.widgets import Explorer
from imilab.widgets.explorer_html import MOST_BARS, MOST_ROWS
from imilab.widgets.explorer_state import ExplorerState
from tests.calls_factory import frame_from, make_calls

CALLS = make_calls(300, seed=3, voices=("en-GB-RyanNeural", "en-GB-SoniaNeural", "en-IN-NeerjaNeural"))


def result(explorer):
    return explorer.controls.result.children[0].value


def alternatives(explorer):
    return re.findall(r'<img alt="([^"]*)"', result(explorer))


def rows_of_table(explorer):
    body = re.search(r"<tbody>(.*?)</tbody>", result(explorer), re.DOTALL)[1]
    return [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)]


def test_it_begins_with_all_outcomes_of_all_calls():
    explorer = Explorer(CALLS)

    assert "300 of 300 calls shown" in explorer.controls.summary.value
    assert alternatives(explorer)[0].startswith("What became of the calls")
    assert repr(explorer) == "Explorer(300 of 300 calls shown)"


def test_chart_and_table_follow_the_grouping_and_the_outcome():
    explorer = Explorer(CALLS)

    explorer.controls.grouping.value, explorer.controls.outcome.value = "voice", "completed"

    expected = imilab.rates(CALLS, "voice", outcomes="completed")
    assert alternatives(explorer)[0].startswith("Completed: rate by voice")
    assert [row[0] for row in rows_of_table(explorer)] == sorted(CALLS["voice"].unique())
    assert [int(row[2]) for row in rows_of_table(explorer)] == expected.rows["count"].to_list()


def test_the_same_chart_is_there_for_light_and_for_dark_pages():
    explorer = Explorer(CALLS)

    light, dark = alternatives(explorer)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', result(explorer))
    assert light == dark
    assert pictures[0] != pictures[1]


def test_filters_decide_what_is_shown_and_can_be_cleared_at_once():
    explorer = Explorer(CALLS)
    drawn = []
    explorer.controls.result.observe(drawn.append, "children")

    explorer.controls.filters["country"].value = ("GB", "IN")
    explorer.controls.filters["outcome"].value = ("busy",)
    wanted = CALLS[CALLS["country"].isin(["GB", "IN"]) & (CALLS["outcome"] == "busy")]
    assert explorer.state.shown["call_id"].to_list() == wanted["call_id"].to_list()
    explorer.controls.clear.click()

    assert len(explorer.state.shown) == 300
    assert explorer.controls.filters["country"].value == ()
    assert len(drawn) == 3


def test_a_missing_value_can_be_chosen():
    calls = frame_from({"outcome": "busy", "arm": arm} for arm in ("a", "a", None))
    explorer = Explorer(calls)

    explorer.controls.filters["arm"].value = (None,)

    assert len(explorer.state.shown) == 1


def test_where_no_call_fits_it_says_so():
    explorer = Explorer(CALLS)

    explorer.controls.filters["voice"].value = ("en-IN-NeerjaNeural",)
    explorer.controls.filters["language"].value = ("en-GB",)

    assert "No calls fit these filters." in result(explorer)
    explorer.controls.prepare.click()
    assert "No calls to download" in explorer.controls.download.children[0].value


def test_an_empty_table_is_no_error():
    assert "No calls fit" in result(Explorer(CALLS.head(0)))


@pytest.mark.parametrize("case", range(len(ExplorerState(CALLS).groupings())))
def test_every_grouping_draws_a_chart_and_lists_its_groups(case):
    explorer = Explorer(CALLS, tz="Asia/Kolkata")
    grouping = explorer.state.groupings()[case][1]
    outcome = ("all", "answered", "not_placed", "early_hangup")[case % 4]

    explorer.controls.outcome.value, explorer.controls.grouping.value = outcome, grouping

    assert len(alternatives(explorer)) == 2
    assert rows_of_table(explorer)


def test_all_outcomes_of_very_many_hours_are_drawn_as_the_answer_rate_over_time():
    explorer = Explorer(CALLS)

    explorer.controls.grouping.value = "hour"

    assert alternatives(explorer)[0].startswith("Answered: rate by hour")


def test_codes_are_shown_with_every_outcome_whatever_rate_was_chosen():
    explorer = Explorer(CALLS)

    explorer.controls.outcome.value, explorer.controls.grouping.value = "answered", "error_code"
    assert explorer.controls.outcome.disabled
    assert alternatives(explorer)[0].startswith("Why calls failed")

    explorer.controls.grouping.value = ""
    assert not explorer.controls.outcome.disabled
    assert alternatives(explorer)[0].startswith("Answered: rate")


def test_hours_are_hours_of_the_chosen_zone():
    explorer = Explorer(frame_from([{"outcome": "busy", "requested_at": "2026-10-25T00:30Z"}] * 2), tz="UTC")
    explorer.controls.grouping.value = "hour_of_day"
    assert rows_of_table(explorer)[0][0] == "00:00"

    explorer.controls.zone.value = "Asia/Kolkata"

    assert rows_of_table(explorer)[0][0] == "06:00"


def test_very_many_groups_are_drawn_and_listed_in_part_and_it_says_so():
    rows = [{"outcome": "answered", "campaign": f"c{index:03d}"} for index in range(600)]
    rows += [{"outcome": "busy", "campaign": f"c{index:03d}"} for index in range(100, 100 + MOST_BARS)]
    explorer = Explorer(frame_from(rows))
    explorer.controls.outcome.value, explorer.controls.grouping.value = "answered", "campaign"

    assert len(rows_of_table(explorer)) == MOST_ROWS
    assert f"Shown are the first {MOST_ROWS} of 600 rows." in result(explorer)
    assert f"{MOST_BARS} rows." in alternatives(explorer)[0]
    assert "80 resolved calls" in alternatives(explorer)[0]


def test_a_prepared_link_goes_when_what_is_shown_changes():
    explorer = Explorer(CALLS)
    explorer.controls.prepare.click()
    (link,) = explorer.controls.download.children
    assert "Download 300 rows as CSV" in re.sub(r"\s+", " ", link.value)

    explorer.controls.filters["country"].value = ("GB",)

    assert explorer.controls.download.children == ()


def test_text_from_the_calls_is_shown_as_text():
    bad = "<img src=x onerror=alert(1)>"
    explorer = Explorer(frame_from([{"outcome": "busy", "arm": bad}, {"outcome": "answered", "arm": "b"}]))

    explorer.controls.grouping.value = "arm"

    assert bad not in result(explorer)
    assert "&lt;img src=x" in result(explorer)


def test_every_control_has_a_label_and_no_button_an_icon():
    controls = Explorer(CALLS).controls

    assert all(control.description for control in controls.choosing)
    assert [button.icon for button in (controls.clear, controls.prepare)] == ["", ""]

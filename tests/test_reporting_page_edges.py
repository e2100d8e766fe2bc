"""The HTML report where the calls are hostile, few, all alike, or none."""

from __future__ import annotations

import pandas as pd
import pytest

import imilab
from imilab.errors import InvalidInputError
from tests.calls_factory import answered_of, frame_from, make_calls
from tests.report_page import Page


def write(tmp_path, calls, **options):
    return imilab.report(calls, tmp_path / "report.html", **options).read_text(encoding="utf-8")


def test_names_that_are_markup_are_shown_as_they_are(tmp_path):
    evil = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>']
    calls = make_calls(80).assign(arm=pd.Series(evil * 40, dtype="str"), campaign="<b>&amp;</b>", voice="</style><i>")
    calls.loc[calls["error_code"].notna(), "error_reason"] = "<svg onload=alert(1)>"
    source = write(tmp_path, calls, title="{{ 7 * 7 }} <u>", filters={"<a>": "</title>"})
    page = Page(source)

    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "b", "i", "u", "svg"})
    assert len(page.attributes("img")) == 5
    for text in [*evil, "<b>&amp;</b>", "</style><i>", "{{ 7 * 7 }} <u>", "<a>: </title>", "<svg onload=alert(1)>"]:
        assert text in page.text


@pytest.mark.parametrize(
    ("arms", "voices", "heading"),
    [
        (["a", "b"], ["v", "w"], "Comparison: answered by arm"),
        ([None, "a"], ["v", "w"], "Comparison: answered by voice"),
        (["a", "a"], ["v", "v"], "Nothing is compared"),
        ([None, None], [None, "v"], "Nothing is compared"),
    ],
)
def test_arms_are_compared_where_there_are_two_else_voices_else_nothing(tmp_path, arms, voices, heading):
    rows = [{"arm": arm, "voice": voice, "outcome": "answered"} for arm, voice in zip(arms, voices, strict=True)]
    page = Page(write(tmp_path, frame_from(rows)))

    assert heading in page.text
    assert ("fewer than two arms and fewer than two voices" in page.text) == (heading == "Nothing is compared")


def test_a_baseline_without_anything_to_compare_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="arm=") as caught:
        write(tmp_path, frame_from([{"outcome": "answered", "arm": "a"}]), baseline="a")
    assert caught.value.field == "baseline"


def test_an_arm_that_was_asked_for_and_does_not_vary_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="two arms or more"):
        write(tmp_path, frame_from([{"outcome": "answered", "arm": "a", "voice": "v"}] * 3), arm="voice")


def test_a_report_on_no_calls_says_so(tmp_path):
    page = Page(write(tmp_path, frame_from([])))

    assert "There are no calls, so there is nothing to report yet." in page.text
    assert dict(page.grid("Where this report comes from"))["Calls"] == "none"
    assert page.attributes("img") == []


@pytest.mark.parametrize("outcome", ["pending", "not_placed", "lost", "answered"])
def test_calls_that_all_came_to_the_same_make_a_report_too(tmp_path, outcome):
    rows = [{"outcome": outcome, "arm": arm, "voice": None} for arm in ("a", "b") for _ in range(3)]
    page = Page(write(tmp_path, frame_from(rows)))

    assert "attempted 6 " in page.text
    assert "no voice (recording)" in page.text


def test_calls_without_times_have_an_hour_that_is_unknown(tmp_path):
    page = Page(write(tmp_path, frame_from([{"outcome": "busy", "error_code": "7402"}])))

    assert page.grid("Rates by hour")[1][0].startswith("unknown")
    assert "requested at unknown times" in page.text


def test_differences_that_can_be_told_come_before_those_that_cannot(tmp_path):
    calls = answered_of({"a": (50, 100), "b": (51, 100), "c": (90, 100), "d": (49, 100)})
    text = Page(write(tmp_path, calls, outcome="answered")).text.replace("\N{NO-BREAK SPACE}", " ")
    told = text.index("c is answered 40.0 points more often than a")

    assert told < text.index("No difference can be told: b") < text.index("No difference can be told: d")


def test_pending_calls_are_stated_with_their_share_wherever_rates_are(tmp_path):
    outcomes = ["answered"] * 6 + ["pending"] * 2
    calls = frame_from([{"outcome": outcome, "arm": arm, "voice": arm} for outcome in outcomes for arm in ("a", "b")])
    page = Page(write(tmp_path, calls))

    assert "pending 4 25.0 % of placed calls: no final receipt yet" in page.text
    assert page.grid("Rates by voice")[1][0] == "a 6 resolved 2 pending (25.0 %)"
    assert "2 (25.0 %)" in page.grid("Answered by arm")[1]


def test_each_caution_is_said_once_and_after_the_finding(tmp_path):
    calls = answered_of({"a": (50, 100), "b": (60, 100)})
    found = imilab.compare(calls, arm="voice")
    text = Page(write(tmp_path, calls, arm="voice")).text.replace("\N{NO-BREAK SPACE}", " ")

    assert found.warnings
    assert [text.count(caution) for caution in found.warnings] == [1] * len(found.warnings)
    assert text.index("No difference can be told") < text.index(found.warnings[0])

"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.send.durations import duration_ms, duration_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30 s", 30), ("90min", 5400), (" 1.5 Hours ", 5400), ("2d", 172_800), ("1 week", 604_800), ("1 second", 1)],
)
def test_lengths_are_read_in_every_usual_spelling(text, seconds):
    assert duration_ms(text, "spacing") == seconds * 1000


@given(st.integers(1, 366 * 86_400_000))
def test_a_timedelta_is_taken_to_the_millisecond(length):
    assert duration_ms(timedelta(milliseconds=length), "spacing") == length


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "soon",
        "2",
        "-1 day",
        "0 h",
        "2 months",
        "400 days",
        timedelta(0),
        timedelta(-1),
        5,
        "9" * 400 + " d",
        "0.0001 s",
    ],
)
def test_what_is_no_length_of_time_is_refused_by_name(wrong):
    with pytest.raises(InvalidInputError) as refused:
        duration_ms(wrong, "spacing")
    assert refused.value.field == "spacing"
    assert "2 days" in str(refused.value)


@given(st.integers(60_000, 366 * 86_400_000))
def test_what_is_written_can_be_read_again(length):
    assert abs(duration_ms(duration_text(length), "spacing") - length) <= length / 10

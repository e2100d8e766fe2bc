"""CSV that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imilab.reporting.csv_file import guard, read_safe_csv, to_safe_csv, unguard

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def texts(*values):
    return pd.Series(values, dtype="str")


def cells(text):
    return list(csv.reader(io.StringIO(text, newline="")))


@given(TEXTS | st.tuples(st.sampled_from([*DANGEROUS, "'=", "''+", "'"]), TEXTS).map("".join))
@example("=cmd|' /C calc'!A0")
@example("+12025550123\n")
@example("'+12025550123")
def test_no_guarded_text_begins_like_a_formula_unless_it_is_a_number_and_the_guard_comes_off_again(text):
    guarded = guard(texts(text))[0]

    is_number = text.isascii() and text[1:].isdigit() and text[:1] == "+" and text[1] != "0" and 8 <= len(text) <= 16
    assert guarded == text if is_number else not guarded.startswith(DANGEROUS)
    assert unguard(texts(guarded))[0] == text


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1", "'-1"),
        ("+1•••••123", "'+1•••••123"),
        ("\t=1", "'\t=1"),
        ("'=1", "''=1"),
        ("+12025550123", "+12025550123"),
        ("+02025550123", "'+02025550123"),
        ("+1202555012", "+1202555012"),
        ("+123456", "'+123456"),
        ("a=1", "a=1"),
        ("'quoted'", "'quoted'"),
        ("", ""),
    ],
)
def test_what_is_guarded_and_what_is_not(text, guarded):
    assert guard(texts(text))[0] == guarded


def test_a_missing_text_stays_missing():
    assert guard(texts(None, "=1")).isna().tolist() == [True, False]


def test_cells_and_headers_are_guarded():
    frame = pd.DataFrame({"=cmd|' /C calc'!A0": ["@x", "fine"], "-b": ["+1", "+12025550123"]})

    assert cells(to_safe_csv(frame)) == [
        ["'=cmd|' /C calc'!A0", "'-b"],
        ["'@x", "'+1"],
        ["fine", "+12025550123"],
    ]


def test_texts_in_columns_of_mixed_values_are_guarded_too():
    frame = pd.DataFrame(
        {"mixed": pd.Series([1, "=1", None, -2.5], dtype="object"), "kind": pd.Categorical(["=a"] * 4)}
    )

    assert cells(to_safe_csv(frame))[1:] == [["1", "'=a"], ["'=1", "'=a"], ["", "'=a"], ["'-2.5", "'=a"]]


def test_numbers_truth_values_and_times_are_written_plainly():
    frame = pd.DataFrame(
        {
            "whole": pd.Series([1, None], dtype="Int64"),
            "share": [-0.5, np.nan],
            "flag": [True, False],
            "at": pd.to_datetime(["2026-03-29T00:59:59.999Z", None], utc=True).tz_convert("Europe/London"),
        }
    )

    assert cells(to_safe_csv(frame))[1:] == [
        ["1", "-0.5", "true", "2026-03-29T00:59:59.999+00:00"],
        ["", "", "false", ""],
    ]


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/London", "2026-07-01T13:00:00.000+01:00"),
        ("America/St_Johns", "2026-07-01T09:30:00.000-02:30"),
        ("Asia/Kolkata", "2026-07-01T17:30:00.000+05:30"),
    ],
)
def test_times_carry_the_offset_of_their_zone(zone, text):
    frame = pd.DataFrame({"at": pd.to_datetime(["2026-07-01T12:00:00Z"], utc=True).tz_convert(zone)})

    assert cells(to_safe_csv(frame))[1] == [text]


def test_an_offset_with_seconds_is_written_in_utc():
    frame = pd.DataFrame({"at": pd.to_datetime(["1971-01-01T12:00:00Z"], utc=True).tz_convert("Africa/Monrovia")})

    assert cells(to_safe_csv(frame))[1] == ["1971-01-01T12:00:00.000+00:00"]


@given(st.lists(st.fixed_dictionaries({"=a": st.none() | TEXTS, "b": st.none() | TEXTS}), min_size=1, max_size=5))
def test_any_texts_are_read_back_exactly_with_missing_and_empty_told_apart(rows):
    frame = pd.DataFrame(rows, columns=["=a", "b"], dtype="str")
    read = read_safe_csv(to_safe_csv(frame).encode(), {}).to_pylist()

    assert [{name: value and unguard(texts(value))[0] for name, value in row.items()} for row in read] == rows

from __future__ import annotations

import string
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.send.texts import TextTemplate
from imilab.wire.rules import MAX_TEXT_UNITS

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="{}"), min_size=1, max_size=20)
WORDS = PLAIN.filter(str.strip)


@given(st.lists(st.tuples(st.sampled_from(["plain", "field", "{{", "}}"]), NAMES, WORDS), min_size=1, max_size=12))
def test_a_text_is_put_together_from_its_parts(parts):
    written, expected, values = "", "", {}
    for kind, name, words in parts:
        values.setdefault(name, words)
        written += {"plain": words, "field": f"{{{name}}}"}.get(kind, kind)
        expected += {"plain": words, "field": values[name].strip()}.get(kind, kind[0])
    if expected.strip():
        template = TextTemplate(written)
        assert template.fill(values) == expected
        assert set(template.fields) == {name for kind, name, _ in parts if kind == "field"}


@given(st.text(st.sampled_from("{}ab_0.![]: ="), min_size=1, max_size=12).filter(str.strip))
def test_every_text_that_is_accepted_means_what_python_means_by_it(text):
    try:
        template = TextTemplate(text)
    except InvalidInputError:
        return
    fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    assert list(template.fields) == list(dict.fromkeys(fields))
    if not {"a", "b"}.isdisjoint(fields) or not fields:
        values = {name: f"<{name}>" for name in fields}
        assert template.fill(values) == string.Formatter().vformat(text, (), values)


@pytest.mark.parametrize(
    "text",
    [
        "Hello {",
        "Hello }",
        "{}",
        "{0}",
        "{name.__class__}",
        "{name[0]}",
        "{name!r}",
        "{name:>2000}",
        "{ name }",
        "{first name}",
        "{{name}",
        "{name}}",
        "{näme}",
        "{name\n}",
    ],
)
def test_a_brace_that_is_no_plain_placeholder_is_refused(text):
    with pytest.raises(InvalidInputError, match="brace at character") as caught:
        TextTemplate(text)
    assert caught.value.field == "text"


@given(st.text(st.sampled_from("{}abc.!:[]_"), min_size=1).filter(str.strip))
def test_a_value_is_spoken_as_it_is_and_never_read_as_a_text(value):
    assert TextTemplate("Hello {name}").fill({"name": value, "abc": "secret"}) == f"Hello {value.strip()}"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "no such field"),
        ({"Name": "Ann"}, "no such field"),
        ({"name": None}, "missing"),
        ({"name": float("nan")}, "missing"),
        ({"name": np.nan}, "missing"),
        ({"name": pd.NA}, "missing"),
        ({"name": pd.NaT}, "missing"),
        ({"name": Decimal("NaN")}, "missing"),
        ({"name": ""}, "empty"),
        ({"name": " \u00a0\t"}, "empty"),
        ({"name": "Ann\nBob"}, "control character"),
        ({"name": "Ann\x00"}, "control character"),
        ({"name": 3.0}, "float"),
        ({"name": True}, "bool"),
        ({"name": date(2026, 3, 2)}, "date"),
        ({"name": b"Ann"}, "bytes"),
        ({"name": ["Ann"]}, "list"),
        ({"name": "\ud800"}, "surrogate"),
        ({"name": "x" * MAX_TEXT_UNITS}, "at most 2000"),
    ],
)
def test_a_recipient_whose_field_cannot_be_spoken_is_refused_with_the_reason(values, reason):
    template = TextTemplate("Hello {name}")
    assert reason in (template.refusal(values) or "")
    with pytest.raises(InvalidInputError, match=reason):
        template.fill(values)


@pytest.mark.parametrize(
    ("value", "spoken"), [("Ann", "Ann"), (" Åsa ", "Åsa"), (7, "7"), (np.int64(7), "7"), (-3, "-3")]
)
def test_texts_and_whole_numbers_are_spoken(value, spoken):
    assert TextTemplate("{name}").fill({"name": value}) == spoken
    assert TextTemplate("{name}").refusal({"name": value}) is None


def test_a_row_of_a_table_fills_a_text():
    table = pd.DataFrame({"first_name": ["Ann", None], "visits": [3, 4]})
    template = TextTemplate("Hello {first_name}, {visits} visits")
    told = [template.refusal(row) for row in table.to_dict("records")]
    assert told == [None, "first_name: missing; the text needs it"]
    assert template.fill(table.to_dict("records")[0]) == "Hello Ann, 3 visits"


def test_a_refusal_holds_no_value():
    template = TextTemplate("Hello {name}{other}")
    for other in (None, 1.5, "secret\n", "s" * 3000):
        assert "Ann" not in (template.refusal({"name": "Ann Canary", "other": other}) or "")
        assert "secret" not in (template.refusal({"name": "Ann Canary", "other": other}) or "")


@pytest.mark.parametrize("text", ["", "  ", "\ud800", "x" * (MAX_TEXT_UNITS + 1), "{{" * (MAX_TEXT_UNITS + 1), None, 5])
def test_a_text_that_the_platform_refuses_is_refused_at_once(text):
    with pytest.raises(InvalidInputError, match="text"):
        TextTemplate(text)


def test_braces_count_as_spoken():
    assert TextTemplate("{{" * MAX_TEXT_UNITS).fill({}) == "{" * MAX_TEXT_UNITS
    long_name = "n" * MAX_TEXT_UNITS
    assert TextTemplate(f"{{{long_name}}}").fill({long_name: "Ann"}) == "Ann"

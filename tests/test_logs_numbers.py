"""Facts of many numbers at once are those of each number alone."""

from __future__ import annotations

import random

import duckdb
import phonenumbers
import pyarrow as pa
import pytest

from imilab.logs.digit_patterns import DigitPatterns, PatternSyntaxError
from imilab.logs.number_facts import NumberTable, decisive_length
from imilab.numbers import describe_number, number_key


def examples() -> list[str]:
    found = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in range(11):
            one = phonenumbers.example_number_for_type(region, kind)
            if one is not None:
                found.append(phonenumbers.format_number(one, phonenumbers.PhoneNumberFormat.E164))
    return found


def test_facts_of_numbers_near_every_regions_examples_are_those_of_each_number_alone():
    draws = random.Random(20261123)
    numbers = set()
    for one in examples():
        kept = draws.randrange(4, len(one))
        numbers |= {one, one[:kept] + "".join(draws.choices("0123456789", k=len(one) - kept))}
    texts = [*sorted(numbers), "", "no number", "+0123456789", "+999", "+1202555012x", "+1２０２5550123"]
    with duckdb.connect() as engine:
        engine.register("given", pa.table({"msisdn": texts}))
        engine.execute("CREATE TEMP TABLE texts AS SELECT * FROM given")
        NumberTable(b"k" * 70).add_to(engine, "texts")
        found = {row[0]: row[1:] for row in engine.execute("FROM numbers").fetchall()}

    assert set(found) == set(texts) - {""}
    for msisdn, told in found.items():
        facts = describe_number(msisdn)
        assert told == (number_key(msisdn, b"k" * 70), facts.country, facts.number_type), msisdn[:5]


def test_most_numbers_are_told_by_a_short_beginning():
    assert sum(decisive_length(one[:8]) < len(one) - 1 for one in examples()) > 0.75 * len(examples())


@pytest.mark.parametrize("pattern", ["a", "1(", "[12", "1+", "(?!1)2", "1)", "[^1]"])
def test_a_pattern_that_is_not_understood_is_refused(pattern):
    with pytest.raises(PatternSyntaxError):
        DigitPatterns([pattern])

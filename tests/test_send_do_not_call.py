from __future__ import annotations

import csv
import hashlib
import io
import itertools
import tracemalloc

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberType

from imilab.errors import InvalidInputError
from imilab.numbers import number_key
from imilab.send.do_not_call import NumberSet, csv_entries

KEY = b"a key of the tests"
FICTION = st.builds("+1{}55501{:02}".format, st.sampled_from([202, 212, 303, 646]), st.integers(0, 99))


@given(st.lists(st.tuples(FICTION, st.sampled_from(["number", "hash", "HASH", " number "])), max_size=40), FICTION)
def test_a_number_is_in_the_set_as_it_is_in_the_list(entries, other):
    written = {
        "number": str,
        " number ": "  {} ".format,
        "hash": lambda number: number_key(number, KEY),
        "HASH": lambda number: number_key(number, KEY).upper(),
    }
    numbers = {number for number, _ in entries}
    listed = NumberSet.from_entries((written[how](number) for number, how in entries), KEY)
    assert len(listed) == len(numbers)
    assert all(number in listed for number in numbers)
    assert (other in listed) == (other in numbers)


@given(st.lists(FICTION, max_size=20), st.lists(FICTION, max_size=20), FICTION)
def test_a_joined_set_holds_who_is_in_either(ours, theirs, other):
    joined = NumberSet.from_entries(ours, KEY).joined(NumberSet.from_entries(theirs, KEY))
    assert len(joined) == len({*ours, *theirs})
    assert all(number in joined for number in (*ours, *theirs))
    assert (other in joined) == (other in {*ours, *theirs})


def test_hashes_of_another_key_match_nothing():
    listed = NumberSet.from_entries([number_key("+12025550123", b"another key")], KEY)
    assert len(listed) == 1
    assert "+12025550123" not in listed


def test_a_number_is_found_under_either_spelling():
    example = phonenumbers.example_number_for_type("GB", PhoneNumberType.FIXED_LINE)
    number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    twin = f"+440{number[3:]}"
    for listed in (NumberSet.from_entries([twin], KEY), NumberSet.from_entries([number], KEY)):
        assert number in listed
        assert twin in listed


@pytest.mark.parametrize("value", [None, 12025550123, b"+12025550123", "", "12025550123", "\ud800", object()])
def test_what_is_no_number_is_in_no_set(value):
    assert value not in NumberSet.from_entries(["+12025550123"], KEY)
    assert value not in NumberSet.from_entries([], KEY)


@pytest.mark.parametrize(
    "wrong", ["12025550123", "+1 202 555 0123", "+44 (0)20", "", None, float("nan"), "0" * 63, "g" * 64, b"x", 12]
)
def test_a_list_with_an_entry_that_cannot_be_read_is_not_used(wrong):
    with pytest.raises(InvalidInputError, match=r"1 entries, the first in place 2") as caught:
        NumberSet.from_entries(["+12025550123", wrong, "+12025550124"], KEY, field="allow_list")
    assert caught.value.field == "allow_list"


def test_an_empty_key_is_refused():
    with pytest.raises(InvalidInputError) as caught:
        NumberSet.from_entries(["+12025550123"], b"")
    assert caught.value.field == "key"


def test_neither_the_set_nor_its_errors_hold_a_number_or_the_key():
    listed = NumberSet.from_entries(["+12025550123"], KEY)
    assert repr(listed) == str(listed) == "NumberSet(1 number)"
    assert repr(NumberSet.from_entries([], KEY)) == "NumberSet(0 numbers)"
    assert not any("5550123" in str(value) for value in vars(listed).values())
    with pytest.raises(InvalidInputError) as caught:
        NumberSet.from_entries(["+12025550123", "020255501234"], KEY)
    trace, shown = caught.value.__traceback__, str(caught.value)
    while trace:
        if "imilab" in trace.tb_frame.f_code.co_filename and "tests" not in trace.tb_frame.f_code.co_filename:
            shown += repr(trace.tb_frame.f_locals)
        trace = trace.tb_next
    assert "5550123" not in shown
    assert "020255501234" not in shown


def test_a_large_list_takes_sixteen_bytes_an_entry_and_finds_each():
    size = 50_000
    hashes = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(size))
    numbers = [f"+120255501{ending:02}" for ending in range(100)]
    tracemalloc.start()
    listed = NumberSet.from_entries(itertools.chain(hashes, numbers), KEY)
    kept_bytes, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(listed) == size + 100
    assert kept_bytes < size * 20
    assert peak_bytes < size * 40
    assert all(number in listed for number in numbers)
    assert not any(f"+121255501{ending:02}" in listed for ending in range(100))


@given(st.lists(FICTION), st.sampled_from(["msisdn", "MSISDN", "number_key", None]))
def test_entries_are_read_from_csv_with_or_without_a_heading(numbers, heading):
    file = io.StringIO()
    writer = csv.writer(file)
    if heading:
        writer.writerows([["name", heading], *(["a, b", number] for number in numbers)])
    else:
        writer.writerows([number] for number in numbers)
    assert list(csv_entries(io.StringIO(file.getvalue(), newline=""))) == numbers


def test_a_named_column_is_read_and_a_short_row_is_an_entry_that_cannot_be_read():
    lines = ["\ufeffphone,msisdn", "+12025550123,x", ",", "+12025550124"]
    assert list(csv_entries(lines, "phone")) == ["+12025550123", "+12025550124"]
    with pytest.raises(InvalidInputError, match="first in place 2"):
        NumberSet.from_entries(csv_entries(["name,msisdn", "Ann,+12025550123", "Bob"]), KEY)


@pytest.mark.parametrize(("lines", "column"), [(["name,phone", "Ann,+12025550123"], None), (["a"], "msisdn")])
def test_a_file_without_the_column_is_refused(lines, column):
    with pytest.raises(InvalidInputError, match="name the column"):
        list(csv_entries(lines, column))


def test_a_number_is_never_taken_for_its_hash():
    key = number_key("+12025550123", KEY)
    listed = NumberSet.from_entries(["+12025550123"], KEY)
    assert key not in listed

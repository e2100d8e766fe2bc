from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.numbers import is_e164
from imilab.send.recipients import read_recipients

GOOD = ("+12025550123", "+12025550124")
NOT_E164 = "not E.164: write +, country code and number"
TWICE = "stands in the list already"


def reasons(found) -> list[tuple[int, str, str]]:
    return [(refusal.row, refusal.msisdn, refusal.reason) for refusal in found.refused]


def write(folder: Path, content: bytes) -> Path:
    path = folder / "people.csv"
    path.write_bytes(content)
    return path


def test_numbers_keep_their_order_and_each_is_called_once():
    found = read_recipients([GOOD[1], " +12025550123\t", GOOD[1], "12025550125", "", "+0123456789"])

    assert found.numbers == (GOOD[1], GOOD[0])
    assert reasons(found) == [
        (3, GOOD[1], TWICE),
        (4, "12025550125", NOT_E164),
        (5, "", NOT_E164),
        (6, "+0123456789", NOT_E164),
    ]


@given(
    st.lists(st.one_of(st.sampled_from(GOOD), st.text(max_size=18), st.integers(), st.none(), st.floats()), min_size=1)
)
def test_every_row_is_either_a_number_or_refused(rows):
    found = read_recipients(rows)

    assert len(found.numbers) + len(found.refused) == len(rows)
    assert len(set(found.numbers)) == len(found.numbers)
    assert all(is_e164(number) for number in found.numbers)
    assert [refusal.row for refusal in found.refused] == sorted(refusal.row for refusal in found.refused)


def test_one_number_is_a_list_of_one():
    assert read_recipients(GOOD[0]).numbers == (GOOD[0],)


@pytest.mark.parametrize("frame", [pd.DataFrame({"name": ["A", "B"], "msisdn": GOOD}), pd.Series(GOOD), iter(GOOD)])
def test_tables_and_iterables_are_read(frame):
    assert read_recipients(frame).numbers == GOOD


def test_numbers_that_pandas_has_already_mangled_are_refused():
    found = read_recipients(pd.DataFrame({"msisdn": [12025550123, 12025550124.0, None]}))

    assert (found.numbers, [row for row, *_ in reasons(found)]) == ((), [1, 2, 3])


@pytest.mark.parametrize("as_path", [Path, str])
@pytest.mark.parametrize(
    "content",
    [
        b"msisdn\n+12025550123\n+12025550124\n",
        b"\xef\xbb\xbfname,msisdn\r\nA,+12025550123\r\nB, +12025550124 \r\n",
        b'msisdn,note\n"+12025550123","two\nlines"\n+12025550124',
    ],
)
def test_csv_files_are_read(tmp_path: Path, content: bytes, as_path):
    assert read_recipients(as_path(write(tmp_path, content))).numbers == GOOD


def test_a_short_row_of_a_csv_file_is_refused(tmp_path: Path):
    found = read_recipients(write(tmp_path, b"name,msisdn\nA,+12025550123\nB\n"))

    assert (found.numbers, reasons(found)) == ((GOOD[0],), [(2, "", NOT_E164)])


def test_another_column_can_be_named(tmp_path: Path):
    assert read_recipients(write(tmp_path, b"phone\n+12025550123\n"), "phone").numbers == (GOOD[0],)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"phone;name\n+12025550123;A\n", "people.csv has no column 'msisdn'; there are phone;name"),
        (b"", "people.csv has no column 'msisdn'; there are "),
        (b"msisdn\n", "there is none; give at least one number"),
        ("msisdn,n\n+12025550123,Zoë\n".encode("latin-1"), "people.csv is not UTF-8"),
        (b"msisdn\n" + b"1" * 200_000, "people.csv is not CSV: field larger than field limit"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, problem: str):
    with pytest.raises(InvalidInputError) as refused:
        read_recipients(write(tmp_path, content))

    assert refused.value.field == "recipients"
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ([], "there is none"),
        (pd.DataFrame({"phone": GOOD}), "no column 'msisdn'; there are phone"),
        (Path("/nowhere/people.csv"), "cannot read the file people.csv: No such file or directory"),
    ],
)
def test_a_source_that_cannot_be_used_says_why(source, problem: str):
    with pytest.raises(InvalidInputError, match=problem):
        read_recipients(source)


def test_no_error_shows_a_number_that_stands_where_a_name_belongs(tmp_path: Path):
    headless = write(tmp_path, b"+12025550123\n+12025550124\n")
    for source in ("12025550123", "202-555-0123", headless, pd.DataFrame([["x"]], columns=["+12025550123"])):
        with pytest.raises(InvalidInputError) as refused:
            read_recipients(source)
        assert "5550123" not in str(refused.value)
        assert "555-0123" not in str(refused.value)


def test_no_repr_shows_a_number():
    found = read_recipients([*GOOD, GOOD[0], "2025550123"])

    assert "2025550" not in repr(found) + repr(found.refused)

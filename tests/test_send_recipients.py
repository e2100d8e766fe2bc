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
        ([{"phone": GOOD[0], "name": "Ann"}], "no row has a field 'msisdn'; there are phone, name"),
        (pd.DataFrame({"phone": GOOD}), "no column 'msisdn'; there are phone"),
        (None, "of type NoneType; give a list of numbers"),
        (5, "of type int; give a list of numbers"),
        (GOOD[0].encode(), "of type bytes; give a list of numbers"),
        ({"msisdn": GOOD[0]}, "of type dict; give a list of numbers"),
        ("", "an empty text; give a list of numbers"),
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


def test_what_stands_beside_a_number_is_kept_as_it_is():
    rows = [{"msisdn": GOOD[0], "code": "0044", "age": 7}, {"msisdn": GOOD[1], "code": "0049"}, {"msisdn": "x"}]
    found = read_recipients(rows)

    assert found.columns == ("code", "age")
    assert [dict(found.fields_of(place)) for place in (0, 1)] == [{"code": "0044", "age": 7}, {"code": "0049"}]
    assert dict(read_recipients(GOOD).fields_of(1)) == {}


@pytest.mark.parametrize(
    "content",
    [
        b"msisdn,code,name\n+12025550123,0044,Ann\n+12025550124,1e3,\n",
        b"\xef\xbb\xbf code , msisdn ,name\r\n0044,+12025550123,Ann\r\n1e3,+12025550124,\r\n",
        b'name,code,msisdn,\n"Ann",0044,+12025550123,\n,"1e3",+12025550124\n\n',
        b"msisdn,code,name\n+12025550123,0044,Ann,more,cells\n+12025550124,1e3\n",
    ],
)
def test_everything_in_a_csv_file_stays_the_text_that_it_is(tmp_path: Path, content: bytes):
    found = read_recipients(write(tmp_path, content))

    assert found.numbers == GOOD
    assert [(row["code"], row["name"]) for row in map(found.fields_of, (0, 1))] == [("0044", "Ann"), ("1e3", "")]
    assert "msisdn" not in found.fields_of(0)


def test_the_columns_of_a_dataframe_keep_their_values():
    frame = pd.DataFrame({"code": ["0044", None], "n": [1, 2], "msisdn": GOOD, 7: ["a", "b"]}, index=[5, 5])
    found = read_recipients(frame)

    assert found.columns == ("code", "n", "7")
    assert found.fields_of(0)["code"] == "0044"
    assert [found.fields_of(place)["n"] for place in (0, 1)] == [1, 2]
    assert found.strata(["code", "7"]) == ("0044 / a", "(missing) / b")


@pytest.mark.parametrize("column", ["name", "msisdn"])
def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path, column: str):
    names = ["msisdn", "name", column]
    frame = pd.DataFrame([[GOOD[0], "Ann", "Ben"]], columns=names)
    for source in (frame, write(tmp_path, f"{','.join(names)}\n{GOOD[0]},Ann,Ben\n".encode())):
        with pytest.raises(InvalidInputError, match=f"the column '{column}' twice"):
            read_recipients(source)


def test_any_table_that_has_columns_is_read():
    class Frame:  # a table is whatever has columns and gives one by its name
        columns = ("msisdn", "name")

        def __getitem__(self, name: str) -> tuple[str, ...]:
            return {"msisdn": GOOD, "name": ("Ann", "Ben")}[name]

    assert read_recipients(Frame()).fields_of(1)["name"] == "Ben"


def test_no_repr_shows_what_stands_beside_a_number():
    assert "Ann" not in repr(read_recipients([{"msisdn": GOOD[0], "name": "Ann"}]))


def test_a_set_is_taken_in_one_order_in_every_process():
    numbers = [f"+1202555{ending:04}" for ending in range(100, 140)]

    assert read_recipients(set(numbers)).numbers == tuple(numbers)
    assert read_recipients(frozenset(reversed(numbers))).numbers == tuple(numbers)
    assert [refusal.row for refusal in read_recipients({*numbers[:3], "+12", 5}).refused] == [1, 5]


@pytest.mark.parametrize("path", ["people\0.csv", "people\ud800.csv"])
def test_a_path_that_no_file_can_have_is_refused(path):
    with pytest.raises(InvalidInputError, match="no file's name can hold"):
        read_recipients(path)


def test_a_stratum_that_no_encoding_can_carry_is_refused():
    found = read_recipients([{"msisdn": GOOD[0], "group": "\ud800"}])
    with pytest.raises(InvalidInputError, match="strata: holds half of a surrogate pair"):
        found.strata(["group"])

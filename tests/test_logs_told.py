"""What is told of a log: no full number in an error, in a look, in a repr, wherever the log has it."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet
import pytest

import imilab
from imilab.errors import InvalidInputError
from imilab.logs import Mapping
from imilab.logs.log_rows import look_at
from imilab.logs.sources import find_logs
from tests.logs_factory import bring_in

NUMBER = "+12025550123"
DIGITS = NUMBER[1:]
ROW = f"m1;ANSWERED;7519;2026-03-02 09:00:00;{NUMBER};voice\n"


@pytest.fixture(params=["csv", "jsonl", "parquet"])
def log(request, tmp_path):
    """A log one of whose columns is called by a number."""
    path = tmp_path / f"log.{request.param}"
    if request.param == "csv":
        path.write_text(f"{NUMBER};voice;To ({NUMBER})\nx;y;z\n", encoding="utf-8")
    elif request.param == "jsonl":
        path.write_text(json.dumps({NUMBER: "x", "voice": "y", f"To ({NUMBER})": "z"}), encoding="utf-8")
    else:
        pa.parquet.write_table(pa.table({NUMBER: ["x"], "voice": ["y"], f"To ({NUMBER})": ["z"]}), path)
    return path


def with_header(path):
    return Mapping(header=True) if path.suffix == ".csv" else Mapping()


def test_no_error_holds_the_number_that_names_a_column(log, tmp_path):
    written = with_header(log)
    with pytest.raises(InvalidInputError, match=r"no column tells .*•••••") as missing:
        bring_in(log, tmp_path / "a", mapping=written)
    with pytest.raises(InvalidInputError, match=r"there are \+1•••••123, voice") as other:
        bring_in(log, tmp_path / "a", mapping=written.with_columns(message_id=f"Ref {NUMBER}"))

    assert DIGITS not in str(missing.value) + str(other.value)


def test_no_look_holds_the_number_that_names_a_column(log):
    found = imilab.inspect_logs(log, with_header(log))
    with find_logs(log) as files:
        form = look_at(files[0], with_header(log))

    assert NUMBER in found.columns
    for shown in (str(found), found._repr_html_(), repr(found), repr(found.mapping), str(found.mapping), repr(form)):
        assert DIGITS not in shown
    assert "not read: +1•••••123, " in str(found)


def test_a_first_row_taken_for_a_header_is_not_told(tmp_path):
    (tmp_path / "h.csv").write_text(2 * ROW, encoding="utf-8")
    for mapping in (None, Mapping(header=True), Mapping(columns={"message_id": "column_9"}, header=True)):
        with pytest.raises(InvalidInputError) as problem:
            bring_in(tmp_path / "h.csv", tmp_path / "a", mapping=mapping)
        assert DIGITS not in str(problem.value)


def test_many_and_long_columns_make_a_short_error(tmp_path):
    names = ",".join(f"a{place}" + 300 * "x" for place in range(200))
    (tmp_path / "wide.csv").write_text(f"{names}\n", encoding="utf-8")

    with pytest.raises(InvalidInputError) as problem:
        bring_in(tmp_path / "wide.csv", tmp_path / "a", mapping=Mapping(columns={"message_id": "Ref"}))
    assert len(str(problem.value)) < 5000
    assert "and 160 more" in str(problem.value)

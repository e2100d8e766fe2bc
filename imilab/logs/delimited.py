"""Delimited text to columns: quickly where a block is well-formed, line by line where it is not.

Both ways read the same: a record is rejected where its fields are more or fewer than the header's, where a quote stands
in the middle of a quoted field, or where one never closes; its first line is rejected, and the next line begins anew.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.csv

from imilab.logs.dialect import Dialect
from imilab.logs.text_blocks import Block

__all__ = ["RawRows", "Reject", "read_delimited"]

_FEWEST_LINES = 256  # of a block that is halved to find what is wrong with it
_LONGEST_RECORD_LINES = 200  # of one quoted field with line ends
_LINE_FEED = 10
_UNCLOSED = "a quote that never closes"


@dataclass(frozen=True)
class Reject:
    """A row that cannot be read: its line, from 1, why, and the row."""

    line: int
    reason: str
    text: str = field(repr=False)


@dataclass
class RawRows:
    """Rows as texts.

    Attributes
    ----------
    table : pyarrow.Table
        A text column for each wanted field, '' where empty, and ``line``, from 1.
    rejects : list of Reject
    """

    table: pa.Table
    rejects: list[Reject] = field(default_factory=list)


def read_delimited(block: Block, dialect: Dialect, wanted: Sequence[int]) -> list[RawRows]:
    """Split a block into the wanted columns.

    Parameters
    ----------
    block : Block
        Without the header.
    dialect : Dialect
        How it is written, and how many columns it has.
    wanted : sequence of int
        Places of the columns, from 0; their columns in the result are called ``c0`` and so on, by place.

    Returns
    -------
    list of RawRows
        In the order of the block. Empty lines are no rows.
    """
    quick = _read_quickly(block, dialect, wanted)
    if quick is not None:
        return [quick]
    halves = _halves(block, dialect)
    if halves is None:
        return [_read_carefully(block, dialect, wanted)]
    return [rows for half in halves for rows in read_delimited(half, dialect, wanted)]


def _halves(block: Block, dialect: Dialect) -> tuple[Block, Block] | None:
    """Cut a block between two records, None where it is small or no such place is seen."""
    if block.data.count(b"\n") < _FEWEST_LINES:
        return None
    end = block.data.find(b"\n", len(block.data) // 2) + 1
    quote = dialect.quote.encode()
    for _ in range(_LONGEST_RECORD_LINES):
        if not 0 < end < len(block.data):
            return None
        if block.data.count(quote, 0, end) % 2 == 0:
            first = block.data[:end]
            return Block(first, block.first_line), Block(block.data[end:], block.first_line + first.count(b"\n"))
        end = block.data.find(b"\n", end) + 1
    return None


def _read_quickly(block: Block, dialect: Dialect, wanted: Sequence[int]) -> RawRows | None:
    """Read with pyarrow, or return None where its reading could differ from the careful one."""
    data = block.data
    if not _is_well_formed(data, dialect):
        return None
    odd: list[tuple[int, str]] = []
    try:
        table = _parse(data, dialect, wanted, odd)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    if any("\n" in text or set(text.strip()) == {dialect.quote} for _, text in odd):  # several rows, or none
        return None
    starts = _lines_of_records(data, dialect, table.num_rows + len(odd))
    if starts is None:
        return None
    starts += block.first_line
    rejects = [
        Reject(int(starts[place]), _width_problem(sum(map(len, dialect.rows(text)[:1])), dialect), text)
        for place, text in odd
        if text.strip()
    ]
    lines = np.delete(starts, [place for place, _ in odd]) if odd else starts
    return RawRows(table.append_column("line", pa.array(lines)), rejects)


def _is_well_formed(data: bytes, dialect: Dialect) -> bool:
    """Say whether it is UTF-8, and of two quotes the first begins a field, the second ends it, or they are doubled."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
    if b"\0" in data or (b"\r" in data and data.count(b"\r") != data.count(b"\r\n")):
        return False
    quote = dialect.quote.encode()
    if quote not in data:
        return True
    if dialect.escaped and b"\\" in data:
        return False
    is_end = np.zeros(256, bool)
    is_end[list(b"\n\r" + dialect.delimiter.encode() + quote)] = True
    whole = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    places = np.flatnonzero(whole == quote[0])
    if len(places) % 2:
        return False
    return bool(is_end[whole[places[::2] - 1]].all() and is_end[whole[places[1::2] + 1]].all())


def _parse(data: bytes, dialect: Dialect, wanted: Sequence[int], odd: list[tuple[int, str]]) -> pa.Table:
    def note(row: pa.csv.InvalidRow) -> str:
        odd.append((row.number - 1, row.text))
        return "skip"

    names = [f"c{place}" for place in range(len(dialect.columns))]
    kept = [names[place] for place in wanted]
    return pa.csv.read_csv(
        pa.BufferReader(data),
        pa.csv.ReadOptions(column_names=names, use_threads=False, block_size=len(data) + 1),
        pa.csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote,
            newlines_in_values=dialect.quote.encode() in data,
            invalid_row_handler=note,
        ),
        pa.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(kept, pa.string()),
            include_columns=kept,
            strings_can_be_null=False,
        ),
    )


def _lines_of_records(data: bytes, dialect: Dialect, count: int) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
    """Return the line of each record, from 0; None where there are not as many records as were read.

    An empty line is a record here and was none before: then there are not as many.
    """
    lines = data.count(b"\n") + (not data.endswith(b"\n"))
    if lines == count:
        return np.arange(count)
    whole = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(whole == _LINE_FEED)
    inside = np.cumsum(whole == dialect.quote.encode()[0], dtype=np.int32)[ends] % 2 == 1
    starts = np.concatenate(([0], np.flatnonzero(~inside) + 1))[: count + 1]
    starts = starts[starts < lines]
    return starts if len(starts) == count else None


def _read_carefully(block: Block, dialect: Dialect, wanted: Sequence[int]) -> RawRows:
    """Read with the standard library, a line at a time, and begin anew after each broken record."""
    lines = block.data.splitlines(keepends=True) if b"\r" not in block.data else _split(block.data)
    found: list[tuple[int, list[str]]] = []
    rejects: list[Reject] = []
    place = 0
    while place < len(lines):
        number = block.first_line + place
        fields, used, reason = _record(lines, place, dialect)
        if fields is not None:
            found.append((number, fields))
        elif reason:
            rejects.append(Reject(number, reason, lines[place].decode("utf-8", "replace").rstrip("\r\n")))
        place += used
    columns = {f"c{one}": pa.array([fields[one] for _, fields in found], pa.string()) for one in wanted}
    return RawRows(pa.table({**columns, "line": pa.array([number for number, _ in found], pa.int64())}), rejects)


def _split(data: bytes) -> list[bytes]:
    """Split at line feeds alone."""
    parts = data.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _record(lines: Sequence[bytes], place: int, dialect: Dialect) -> tuple[list[str] | None, int, str]:
    """Read the record that begins at a line: its fields or None, how many lines are done with, and the reason."""
    quote = dialect.quote.encode()
    text = b""
    for used in range(1, min(_LONGEST_RECORD_LINES, len(lines) - place) + 1):
        text += lines[place + used - 1]
        if used > 1 and text.count(quote) % 2 and not dialect.escaped:
            continue
        fields, problem = _fields(text, dialect)
        if problem == _UNCLOSED:
            continue
        if fields is not None and len(fields) == len(dialect.columns):
            return fields, used, ""
        if used > 1:
            break
        if fields is not None and not "".join(fields).strip() and len(fields) == 1:
            return None, 1, ""
        return None, 1, problem if fields is None else _width_problem(len(fields), dialect)
    return None, 1, _UNCLOSED


def _fields(text: bytes, dialect: Dialect) -> tuple[list[str] | None, str]:
    if b"\0" in text:
        return None, "a zero byte"
    try:
        rows = list(csv.reader(io.StringIO(text.decode(), newline=""), dialect.reading(strict=True)))
    except UnicodeDecodeError:
        return None, "not UTF-8; give the encoding"
    except csv.Error as problem:
        unclosed = "unexpected end" in str(problem)
        return None, _UNCLOSED if unclosed else f"not delimited text ({problem})"
    if len(rows) != 1:
        return ([""], "") if not rows else (None, "a line end outside of quotes")
    return rows[0], ""


def _width_problem(width: int, dialect: Dialect) -> str:
    return f"{width} fields where the header has {len(dialect.columns)}"

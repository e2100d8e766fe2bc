"""One file of a log to rows of texts, whatever it is: delimited, JSON lines or Parquet."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import BinaryIO

import duckdb
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet

from imilab.errors import InvalidInputError
from imilab.logs.columns import listed, plain
from imilab.logs.delimited import RawRows, read_delimited
from imilab.logs.dialect import SAMPLE_BYTES, Dialect, detect_dialect, detect_encoding
from imilab.logs.json_lines import columns_of, kind_of, read_flat, read_receipts
from imilab.logs.mapping import Mapping
from imilab.logs.sources import LogFile, OpenLog, readable
from imilab.logs.text_blocks import Block, read_blocks

__all__ = ["Form", "LogReader", "look_at", "look_at_all"]

_BATCH_ROWS = 65_536


@dataclass(frozen=True)
class Form:
    """What a file looks like.

    Attributes
    ----------
    kind : {"receipts", "json", "delimited", "parquet"}
        The platform's own receipts as JSON lines, other JSON lines, delimited text, Parquet.
    columns : tuple of str
        Their names; none for receipts, which need no mapping.
    dialect : Dialect or None
        Of delimited text.
    encoding : str
        Of text.
    mapping : Mapping or None
        What was given, else what the names propose; None for receipts.
    """

    kind: str
    columns: tuple[str, ...] = field(default=(), repr=False)
    dialect: Dialect | None = None
    encoding: str = "utf-8"
    mapping: Mapping | None = None

    def check(self) -> None:
        """Make sure that the mapping says enough.

        Raises
        ------
        InvalidInputError
            It does not; the columns are told.
        """
        try:
            if self.mapping is not None:
                self.mapping.check()
        except InvalidInputError as problem:
            said = str(problem).removeprefix(f"{problem.field}: ")
            raise InvalidInputError(problem.field, f"{said}. Columns: {listed(self.columns)}") from None

    def __str__(self) -> str:
        if self.dialect:
            return f"delimited text: {self.dialect}"
        names = {"receipts": "receipts of the platform as JSON lines", "json": "JSON lines", "parquet": "Parquet"}
        return names[self.kind] if self.kind != "json" else f"JSON lines, {self.encoding}"


def look_at(file: LogFile, mapping: Mapping | None) -> Form | None:
    """Tell a file's form from its beginning, None where there is nothing in it.

    Raises
    ------
    InvalidInputError
        It cannot be read at all.
    """
    with readable(file.name), file.open() as log:
        if file.kind == "parquet":
            return _with_mapping(Form("parquet", tuple(_parquet(file, log.stream).schema_arrow.names)), mapping)
        sample = _sample(log.stream)
    written = mapping or Mapping()
    encoding = written.encoding or detect_encoding(sample)
    text = _decoded(sample, encoding)
    if not text.strip():
        return None
    kind = kind_of(text)
    if kind is not None and encoding == "latin-1" and not written.encoding:  # JSON is UTF-8, although a line is not
        encoding = "utf-8"
        text = _decoded(sample, encoding)
    if kind == "receipts":
        return Form("receipts", encoding=encoding)
    if kind == "json":
        return _with_mapping(Form("json", columns_of(text), encoding=encoding), mapping)
    dialect = detect_dialect(sample, encoding, written.delimiter, quote=written.quote, header=written.header)
    return _with_mapping(Form("delimited", dialect.columns, dialect, encoding), mapping)


def look_at_all(files: Sequence[LogFile], mapping: Mapping | None) -> list[tuple[LogFile, Form]]:
    """Tell the forms of all files that are not empty, and make sure that each can be read.

    Raises
    ------
    InvalidInputError
        They are all empty, or one cannot be read.
    """
    found: list[tuple[LogFile, Form]] = []
    for file in files:
        try:
            form = look_at(file, mapping)
            if form is not None:
                form.check()
                found.append((file, form))
        except InvalidInputError as problem:
            said = str(problem).removeprefix(f"{problem.field}: ")
            named = said if file.name in said else f"{file.name}: {said}"
            more = "; where it is no log, leave it out with a pattern such as *.csv" if len(files) > 1 else ""
            raise InvalidInputError(problem.field, f"{named}{more}") from None
    if not found:
        raise InvalidInputError("path", f"{files[0].name} is empty")
    return found


def _decoded(sample: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)("replace").decode(sample).removeprefix("\ufeff")


def _sample(stream: BinaryIO) -> bytes:
    """Return the beginning of a stream, which may give it in pieces."""
    pieces, size = [], 0
    while size < SAMPLE_BYTES and (piece := stream.read(SAMPLE_BYTES - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _with_mapping(form: Form, mapping: Mapping | None) -> Form:
    """Add the mapping, with its columns spelt as they are in the file, or proposed where it has none."""
    if mapping is None or not mapping.columns:
        return replace(form, mapping=Mapping.proposed(form.columns, mapping))
    by_plain = {plain(name): name for name in reversed(form.columns)}
    spelt = {}
    for one, name in mapping.columns.items():
        found = name if name in form.columns else by_plain.get(plain(name)) if plain(name) else None
        if found is None:
            raise InvalidInputError(
                "mapping", f"there is no column {listed([name])!r}; there are {listed(form.columns)}"
            )
        spelt[one] = found
    return replace(form, mapping=replace(mapping, columns=spelt))


@dataclass
class LogReader:
    """Reads one file in batches.

    Attributes
    ----------
    file : LogFile
    form : Form
        Its mapping has what a row needs.
    zone : tzinfo or None
        Of times without one.
    engine : DuckDB connection
        For JSON.
    position : int
        How many bytes of the file are behind.
    """

    file: LogFile
    form: Form
    zone: tzinfo | None
    engine: duckdb.DuckDBPyConnection
    position: int = 0

    def batches(self) -> Iterator[RawRows]:
        """Give the file's rows; their columns are the mapping's fields, and ``line``."""
        with readable(self.file.name), self.file.open() as log:
            rows = self._parquet_rows(log) if self.form.kind == "parquet" else self._text_rows(log)
            for batch in rows:
                self.position = log.position()
                yield batch

    def _text_rows(self, log: OpenLog) -> Iterator[RawRows]:
        if self.form.dialect is not None:
            yield from self._delimited_rows(log, self.form.dialect)
            return
        for block in read_blocks(log.stream, self.form.encoding):
            if self.form.mapping is None:
                yield read_receipts(self.engine, block, self.zone)
            else:
                names = list(dict.fromkeys(self.form.mapping.columns.values()))
                yield self._named(read_flat(self.engine, block, names), names)

    def _delimited_rows(self, log: OpenLog, dialect: Dialect) -> Iterator[RawRows]:
        names = [name for name in dialect.columns if name in self._mapped.values()]
        places = [dialect.columns.index(name) for name in names]
        header_follows = dialect.has_header
        for block in read_blocks(log.stream, dialect.encoding, dialect.quote):
            rest = block
            if header_follows:
                rest = _after_header(block, dialect)
                header_follows = False
            if rest.data:
                for rows in read_delimited(rest, dialect, places):
                    yield self._named(rows, names, places)

    @property
    def _mapped(self) -> dict[str, str]:
        return dict(self.form.mapping.columns) if self.form.mapping else {}

    def _named(self, rows: RawRows, names: list[str], places: list[int] | None = None) -> RawRows:
        """Name the columns by their fields; one column can be several."""
        columns = {name: f"c{place}" for name, place in zip(names, places or range(len(names)), strict=True)}
        fields = {field: rows.table[columns[name]] for field, name in self._mapped.items()}
        return RawRows(pa.table({**fields, "line": rows.table["line"]}), rows.rejects)

    def _parquet_rows(self, log: OpenLog) -> Iterator[RawRows]:
        names = list(dict.fromkeys(self._mapped.values()))
        line = 1
        for batch in _parquet(self.file, log.stream).iter_batches(_BATCH_ROWS, columns=names):
            texts = {field: _as_text(batch[name]) for field, name in self._mapped.items()}
            yield RawRows(pa.table({**texts, "line": pa.array(range(line, line + len(batch)), pa.int64())}))
            line += len(batch)


def _after_header(block: Block, dialect: Dialect) -> Block:
    """Leave the header out, and empty lines before it."""
    data, end = block.data, 0
    quote = dialect.quote.encode()
    while 0 <= end < len(data):
        end = data.find(b"\n", end) + 1 or len(data)
        if data[:end].strip() and data.count(quote, 0, end) % 2 == 0:
            break
    return Block(data[end:], block.first_line + data.count(b"\n", 0, end))


def _parquet(file: LogFile, stream: BinaryIO) -> pa.parquet.ParquetFile:
    if not stream.seekable():
        stream = io.BytesIO(stream.read())
    try:
        return pa.parquet.ParquetFile(stream)
    except (pa.ArrowInvalid, OSError):
        raise InvalidInputError("path", f"{file.name} is no Parquet file that can be read") from None


def _as_text(column: pa.Array) -> pa.Array:
    """Return a column as texts, '' for null; times as ISO 8601."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_timestamp(column.type):
        zoned = column.type.tz is not None
        column = column.cast(pa.timestamp("ms", "UTC" if zoned else None), safe=False)
    try:
        return pa.compute.fill_null(column.cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InvalidInputError("mapping", f"a column of type {column.type} holds no texts; map another one") from None

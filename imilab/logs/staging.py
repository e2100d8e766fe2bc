"""Rows on their way: batches written aside, then merged into files by day without what is there already.

Two events are the same only if they happened at the same time, so duplicates are looked for in one span of time after
another: memory depends on the span, not on the import. Requests, whose times may differ, go by a hash of their call.
An event whose number was taken out of the archive is known again by all but its number.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet

from imilab.archive import Draft
from imilab.logs.rows import EVENT_KEY, PARTS, RECEIPT_COLUMNS, REQUEST_COLUMNS

__all__ = ["Staging"]

_NO_HOUR = -(2**40)  # of events without a time
_HOUR = f"coalesce(floor(event_at_ms / 3600000.0)::BIGINT, {_NO_HOUR})"
_HASH = "(hash(identity) % 256)::BIGINT"
_SPAN_ROWS = 4_000_000  # about so many are looked at together
_GROUP_ROWS = 20_480  # small groups, so that a span reads little of what lies beside it
_GLOB = re.compile(r"[*?\[]")
_IS_ERASED = "msisdn >= 'erased-' AND msisdn < 'erased.'"  # a span, so that most groups of rows need no look
_DAY = "coalesce(epoch_ms(event_at_ms)::DATE::VARCHAR, 'none')"


@dataclass
class _Table:
    """One of the two tables, and where its staged rows are."""

    name: str
    columns: tuple[str, ...]
    bin: str
    files: list[tuple[Path, int, int]] = field(default_factory=list)
    bins: Counter[int] = field(default_factory=Counter)


class Staging:
    """The batches of one import.

    Parameters
    ----------
    engine : DuckDB connection
        In which `imilab.logs.rows.RowReader` makes its tables.
    draft : Draft
        Where files are written.
    """

    def __init__(self, engine: duckdb.DuckDBPyConnection, draft: Draft) -> None:
        self._engine, self._draft = engine, draft
        self._receipts = _Table("receipts", RECEIPT_COLUMNS, _HOUR)
        self._requests = _Table("requests", REQUEST_COLUMNS, _HASH)
        self._new = np.zeros(0, bool)

    def add(self, *, requests: bool) -> None:
        """Write the reader's tables aside."""
        for table in (self._receipts, self._requests) if requests else (self._receipts,):
            counts = self._engine.execute(
                f"SELECT {table.bin} AS bin, count(*) FROM {table.name} GROUP BY bin"
            ).fetchall()
            if not counts:
                continue
            path = self._draft.folder / f"{table.name}-{len(table.files)}.parquet"
            self._engine.execute(
                f"COPY (SELECT *, {table.bin} AS bin FROM {table.name} ORDER BY bin) TO '{_quoted(path)}'"
                f" (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {_GROUP_ROWS})"
            )
            bins = [one for one, _ in counts]
            table.files.append((path, min(bins), max(bins)))
            table.bins.update(dict(counts))

    @property
    def spans(self) -> int:
        """How many steps `merge` takes."""
        return sum(len(_spans(table.bins)) for table in (self._receipts, self._requests))

    def merge(self, rows: int, on_span: Callable[[], None]) -> int:
        """Write what is new into the draft, and return how many rows told something new.

        Parameters
        ----------
        rows : int
            How many were read.
        on_span : callable
            Called after each step.
        """
        self._new = np.zeros(rows, bool)
        for table in (self._receipts, self._requests):
            known = self._known(table)
            for number, span in enumerate(_spans(table.bins)):
                self._merge_span(table, known(span), number, span)
                on_span()
        return int(self._new.sum())

    def _known(self, table: _Table) -> Callable[[tuple[int, int]], tuple[str, str]]:
        """Return what gives queries of the archive's events that a span can hold, '' where there are none.

        The first gives identities; the second events without their numbers, of rows that hold a token instead.
        """
        archive = self._draft.archive
        if table is self._requests:
            asked = archive.request_files()
            return lambda span: (_query("identity", asked, f"WHERE {_HASH} BETWEEN {span[0]} AND {span[1]}"), "")
        files = archive.receipt_files()
        days = [path.parent.name.removeprefix("day=") for path in files]

        def of(span: tuple[int, int]) -> tuple[str, str]:
            low, high = map(_day, span)
            near = [path for path, day in zip(files, days, strict=True) if low <= day <= high]
            return _query("identity", near), _query(f"{EVENT_KEY} AS event", near, f"WHERE {_IS_ERASED}")

        return of

    def _merge_span(self, table: _Table, known: tuple[str, str], number: int, span: tuple[int, int]) -> None:
        """Find the first row of each event that the archive does not have, and write those rows."""
        files = [path for path, low, high in table.files if low <= span[1] and high >= span[0]]
        run = self._engine.execute
        between = f"WHERE bin BETWEEN {span[0]} AND {span[1]}"
        run(f"CREATE OR REPLACE TEMP VIEW span AS SELECT * FROM read_parquet({_listed(files)}) {between}")
        old, nameless = known
        beside = f"ANTI JOIN ({old}) AS old USING (identity)" if old else ""
        beside += f" ANTI JOIN ({nameless}) AS nameless ON nameless.event = {EVENT_KEY}" if nameless else ""
        run(f"CREATE OR REPLACE TEMP TABLE won AS SELECT min(place) AS place FROM span {beside} GROUP BY identity")
        won = np.asarray(run("SELECT place FROM won").fetchnumpy()["place"], np.int64)
        if len(won):
            self._new[won // PARTS] = True
            self._write(table, self._draft.folder / f"{table.name}-{number}")

    def _write(self, table: _Table, folder: Path) -> None:
        """Write the rows that won, receipts by day."""
        columns, target, by = ", ".join(table.columns), folder, ""
        if table is self._receipts:
            columns, by = f"{columns}, {_DAY} AS day", ", PARTITION_BY (day)"
        else:
            folder.mkdir(mode=0o700)
            target = folder / "0.parquet"
        won = f"SELECT {columns} FROM span SEMI JOIN won USING (place)"
        self._engine.execute(
            f"COPY ({won}) TO '{_quoted(target)}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1{by})"
        )
        for path in sorted(folder.rglob("*.parquet")):
            rows = pa.parquet.read_metadata(path).num_rows
            self._draft.add(path, table.name, rows, path.parent.name.removeprefix("day=") if by else None)


def _spans(bins: Counter[int]) -> list[tuple[int, int]]:
    """Cut the bins into spans of about so many rows; events without a time are a span of their own."""
    spans: list[tuple[int, int]] = []
    rows = 0
    for one in sorted(bins):
        if spans and spans[-1][0] != _NO_HOUR and rows + bins[one] <= _SPAN_ROWS:
            spans[-1] = (spans[-1][0], one)
            rows += bins[one]
        else:
            spans.append((one, one))
            rows = bins[one]
    return spans


def _day(hour: int) -> str:
    return "none" if hour == _NO_HOUR else (date(1970, 1, 1) + timedelta(days=hour // 24)).isoformat()


def _query(what: str, files: list[Path], where: str = "") -> str:
    return f"SELECT {what} FROM read_parquet({_listed(files)}) {where}" if files else ""


def _listed(paths: list[Path]) -> str:
    """Return the SQL of a list of files, whatever signs stand in their names."""
    plain = (_GLOB.sub(lambda sign: f"[{sign[0]}]", _quoted(path)) for path in paths)
    return "[" + ", ".join(f"'{one}'" for one in plain) + "]"


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")

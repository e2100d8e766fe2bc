"""Receipts as JSON lines, straight to calls: one query over a file here, and a careful second look where it is due.

What the query cannot be sure of is read as an import reads it: lines that are not written like the first ones, their
calls, and calls that may have a receipt twice. So the calls are those of the careful way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import narwhals as nw
import numpy as np
import pyarrow as pa

from imilab.calls import CALL_COLUMNS, calls_as_of, open_calls_of_receipts
from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.handing_over import masked_number
from imilab.engines.watching import watch
from imilab.logs.delimited import Reject
from imilab.logs.json_lines import read_receipts
from imilab.logs.log_rows import look_at
from imilab.logs.number_facts import NumberTable
from imilab.logs.rejects import shown
from imilab.logs.rows import RowReader
from imilab.logs.sources import LogFile
from imilab.logs.text_blocks import Block, read_blocks
from imilab.reading.receipt_forms import ReceiptForms, forms_of

__all__ = ["PlainReceipts", "is_packed", "rejects_of"]

_SAMPLE_BYTES = 1 << 20
_LINE_BYTES = 4 << 20
_MOST_ODD = 0.2  # of the lines; with more of them the careful way alone is quicker
_BATCH_ROWS = 400_000
_BLOCK_BYTES = 32 << 20  # of which little is left
_NO_LINE = "chr(0) || 'blank'"
_ODD = "chr(0) || 'odd'"
_NUMBER_FACTS = ("number_key", "country", "number_type")
_EVENT = ("message_id", "correlation_id", "status", "code", "event_at_ms", "received_at_ms", "msisdn")
_SECOND = "[0-9]{4}-[01][0-9]-[0-3][0-9]T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_OFFSET = r"(\.[0-9]{3})?[+-](0[0-9]|1[0-3]):[0-5][0-9]"
_FIRST_MS, _LAST_MS = 0, 4_102_444_800_000  # 1970 to 2100: other years are written in other ways too
_SLOT = "1::BIGINT << coalesce(abs(try_cast(code AS INTEGER)::BIGINT) % 31, 31)"
"""A bit that equal receipts share. The sum of a call's bits has one for each receipt only where all are different."""


@dataclass
class _Careful:
    """What the careful reader said of the lines that it got."""

    rows: int = 0
    rejects: list[Reject] = field(default_factory=list)
    times: Counter[str] = field(default_factory=Counter)


class PlainReceipts:
    """One file of receipts, read on an engine.

    Parameters
    ----------
    engine : DuckDBEngine
        Gets tables of its own for this.
    path : Path
        The file.
    file : LogFile
        The same, as the careful reader opens it.
    zone : ZoneInfo or None
        Of times without one.
    key : bytes
        For the numbers' keys.

    Attributes
    ----------
    counts : dict
        As of `imilab.logs.ImportSummary`.
    rejects : list of Reject
        Lines that are no receipts.
    as_of_ms : int
        The last moment that a receipt names.
    """

    def __init__(self, engine: DuckDBEngine, path: Path, file: LogFile, zone: ZoneInfo | None, key: bytes) -> None:
        self._engine, self._run = engine, engine.connection.execute
        self._path, self._file, self._zone, self._key = path, file, zone, key
        self._numbers = NumberTable(key)
        self.counts: dict[str, int] = {}
        self.rejects: list[Reject] = []
        self.as_of_ms = 0

    def read(self) -> bool:
        """Read the file; False where it is not one for this way: look at it in the careful one."""
        forms = self._forms()
        if forms is None:
            return False
        try:
            with watch(
                self._engine.connection, "reading", show=False
            ):  # the engine shows the bar; this one ends by Ctrl-C
                if self._read(forms):
                    return True
        except duckdb.InterruptException:
            raise KeyboardInterrupt from None
        except duckdb.Error:  # a byte that is no UTF-8, a carriage return: the careful way says which
            pass
        self._run("DROP TABLE IF EXISTS opened")
        return False

    def calls(self, *, horizon_ms: int, unmasked: bool) -> nw.LazyFrame[Any]:
        """Return `CALL_COLUMNS`, with what the numbers say looked up once for each number."""
        opened = nw.from_native(self._engine.connection.table("opened"))
        calls = calls_as_of(opened, as_of_ms=self.as_of_ms, horizon_ms=horizon_ms).drop(*_NUMBER_FACTS)
        self._numbers.add_to(self._engine.connection, "opened")
        numbers = nw.from_native(self._engine.connection.table("numbers"))
        shown = nw.col("msisdn") if unmasked else masked_number(nw.col("msisdn"))
        joined = calls.join(numbers.with_columns(shown=shown), on="msisdn", how="left")
        return joined.with_columns(msisdn=nw.col("shown")).select(*CALL_COLUMNS)

    def _forms(self) -> ReceiptForms | None:
        if self._file.kind != "text":
            return None
        form = look_at(self._file, None)
        if form is None or form.kind != "receipts" or form.encoding != "utf-8":
            return None
        with self._file.open() as log:
            sample = log.stream.read(_SAMPLE_BYTES)
        return forms_of(sample[: sample.rfind(b"\n") + 1 or None].decode(errors="replace"))

    def _read(self, forms: ReceiptForms) -> bool:
        self._run("SET TimeZone = 'UTC'")
        judged = self._engine.connection.sql(_receipts(_judged(forms, _lines(self._path))))
        opened = open_calls_of_receipts(nw.from_native(judged), maxima=("last_ms",), sums=("slots",))
        self._engine.keep(opened, "opened", "reading")
        read, odd = self._run(
            f"SELECT coalesce(sum(receipts) FILTER (call_id <> {_NO_LINE}), 0)::BIGINT,"  # noqa: S608 - names of ours alone
            f" coalesce(sum(receipts) FILTER (call_id = {_ODD}), 0)::BIGINT FROM opened"
        ).fetchall()[0]
        if odd > _MOST_ODD * read:
            return False
        self._run(
            "CREATE OR REPLACE TEMP TABLE wanted AS SELECT call_id FROM opened"
            " WHERE bit_count(slots) <> receipts AND NOT starts_with(call_id, chr(0))"
        )
        self._run("DELETE FROM opened WHERE starts_with(call_id, chr(0))")
        careful = self._look_again(forms, odd=bool(odd))
        self._count(read, careful)
        return True

    def _look_again(self, forms: ReceiptForms, *, odd: bool) -> _Careful:
        """Read odd lines, their calls, and calls that may have a receipt twice, as an import does."""
        careful = self._take_carefully(forms) if odd else _Careful()
        if careful.rows:
            self._run(
                "INSERT INTO wanted SELECT DISTINCT coalesce(nullif(message_id, ''), correlation_id) FROM careful"
                " WHERE coalesce(nullif(message_id, ''), correlation_id) NOT IN (FROM wanted)"
            )
        if not self._run("SELECT count(*) FROM wanted").fetchall()[0][0]:
            return careful
        careful = self._take_carefully(forms)
        events = ", ".join(_EVENT)
        once = self._engine.connection.sql(
            f"SELECT {events}, event_at_ms AS last_ms, 0::BIGINT AS slots FROM careful"  # noqa: S608 - names of ours alone
            " QUALIFY row_number() OVER (PARTITION BY identity ORDER BY place) = 1"
        )
        folded = open_calls_of_receipts(nw.from_native(once), maxima=("last_ms",), sums=("slots",))
        self._engine.keep(folded, "refolded", "reading")
        self._run("DELETE FROM opened WHERE call_id IN (FROM wanted)")
        self._run("INSERT INTO opened BY NAME FROM refolded")
        return careful

    def _take_carefully(self, forms: ReceiptForms) -> _Careful:
        """Fill the table ``careful`` with the receipts of the lines that are odd, or of a wanted call."""
        self._run("DROP TABLE IF EXISTS careful")
        found = _Careful()
        reader = RowReader(self._engine.connection, None, self._zone, self._numbers)
        tables: list[pa.Table] = []

        def take() -> None:
            rows = pa.concat_tables(tables)
            taken = reader.take(rows, found.rows)
            self._run(
                "INSERT INTO careful FROM receipts" if found.rows else "CREATE TEMP TABLE careful AS FROM receipts"
            )
            found.rows += rows.num_rows
            found.rejects += taken.rejects
            found.times.update(asdict(taken.times))
            tables.clear()

        for block in self._due(forms):
            read = read_receipts(self._engine.connection, block, self._zone)
            found.rejects += read.rejects
            tables += [read.table] if read.table.num_rows else []
            if sum(table.num_rows for table in tables) >= _BATCH_ROWS:
                take()
        if tables:
            take()
        return found

    def _due(self, forms: ReceiptForms) -> Iterator[Block]:
        """Give the file's blocks with every line empty that needs no second look, so that lines keep their numbers."""
        call = "coalesce(nullif(message_id, ''), correlation_id)"
        due = f"SELECT line FROM ({_judged(forms, 'block')}) WHERE NOT is_plain OR {call} IN (FROM wanted)"  # noqa: S608 - quoted pieces
        with self._file.open() as log:
            for block in read_blocks(log.stream, "utf-8", size=_BLOCK_BYTES):
                lines = block.data.split(b"\n")
                texts = pa.array(lines, pa.binary()).cast(pa.string())
                self._engine.connection.register("block", pa.table({"text": texts, "line": np.arange(len(lines))}))
                kept = [b""] * len(lines)
                for (place,) in self._run(due).fetchall():
                    kept[place] = lines[place]
                self._engine.connection.unregister("block")
                yield Block(b"\n".join(kept), block.first_line)

    def _count(self, read: int, careful: _Careful) -> None:
        self.rejects = sorted(careful.rejects, key=lambda one: one.line)
        kept, last_ms = self._run("SELECT coalesce(sum(receipts), 0)::BIGINT, max(last_ms) FROM opened").fetchall()[0]
        self.as_of_ms = max(last_ms or 0, 0)
        rejected = len(self.rejects)
        self.counts = {
            "read": read,
            "kept": kept,
            "duplicate": read - kept - rejected,
            "rejected": rejected,
            "receipts": kept,
            "requests": 0,
            **{name: careful.times[name] for name in ("without_zone", "twice", "never")},
        }


def is_packed(path: Path) -> bool:
    """Say whether a file is a zip or is compressed."""
    with path.open("rb") as file:
        return file.read(2) in {b"PK", b"\x1f\x8b"}


def rejects_of(name: str, rejects: Iterable[Reject]) -> list[dict[Hashable, Any]]:
    """Return rejects as rows of `imilab.logs.rejects_frame`."""
    return [{"file": name, "line": one.line, "reason": one.reason, "text": shown(one.text)} for one in rejects]


def _lines(path: Path) -> str:
    """Return the SQL that reads lines; it fails at a byte that is no UTF-8 and at a carriage return."""
    name = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path)).replace("'", "''")
    return (
        f"read_csv('{name}', columns = {{'text': 'VARCHAR'}}, header = false, auto_detect = false, delim = '\x01',"
        f" quote = '', escape = '', new_line = '\\n', strict_mode = true, max_line_size = {_LINE_BYTES},"
        f" buffer_size = {2 * _LINE_BYTES}, compression = 'none')"
    )


def _judged(forms: ReceiptForms, lines: str) -> str:
    """Return the SQL of receipts with their line's ``text``, and whether they can be believed: ``is_plain``."""
    moment = (
        "CASE WHEN event_at LIKE '____-__-__T__:__:__.___Z' AND substr(event_at, 12, 2) < '24'"
        " THEN epoch_ms(try_cast(event_at AS TIMESTAMP))"
        f" WHEN regexp_full_match(event_at, '{_SECOND}Z')"
        " THEN epoch_ms(try_cast(event_at AS TIMESTAMP))"
        f" WHEN regexp_full_match(event_at, '{_SECOND}{_OFFSET}')"
        " THEN epoch_ms(try_cast(event_at AS TIMESTAMPTZ)) END"
    )
    return f"""
        SELECT *, coalesce(is_written AND (message_id <> '' OR correlation_id <> '') AND (status <> '' OR code <> '')
            AND (event_at = '' OR event_at_ms BETWEEN {_FIRST_MS} AND {_LAST_MS}), false) AS is_plain
        FROM (SELECT *, {moment} AS event_at_ms FROM (
            SELECT * EXCLUDE (parsed), {forms.texts("parsed")}, {forms.fits("text", "parsed")} AS is_written
            FROM (SELECT *, {forms.parsed("text")} AS parsed
                FROM {lines} WHERE text IS NOT NULL)
        ))
    """  # noqa: S608 - quoted pieces


def _receipts(judged: str) -> str:
    """Return the SQL of receipts for the fold, in which odd lines are a call of their own, and blank ones another."""
    call = f"CASE WHEN is_plain THEN message_id WHEN trim(text, ' \t\r\n') = '' THEN {_NO_LINE} ELSE {_ODD} END"
    return f"""
        SELECT {call} AS message_id, correlation_id, status, code, event_at_ms, NULL::BIGINT AS received_at_ms, msisdn,
            event_at_ms AS last_ms, {_SLOT} AS slots
        FROM ({judged})
    """  # noqa: S608 - quoted pieces

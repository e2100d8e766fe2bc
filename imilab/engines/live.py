"""The live store's receipts, folded: stretches of ids that are full are folded once and kept beside the store.

A stretch is read again only where its receipts were changed afterwards, which the store counts. The last stretch is not
full yet: it is kept in memory, and what was added to it is read at each question.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import narwhals as nw
import pyarrow as pa

from imilab.calls import STATE_COLUMNS, fold_receipts
from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.segment_files import Segment, SegmentFiles
from imilab.engines.tables import LiveTables, arrow_of
from imilab.progress import make_progress

__all__ = ["EVENT_COLUMNS", "LiveParts", "LiveReceipts"]

EVENT_COLUMNS = (
    *("receipt_id", "source", "message_id", "correlation_id", "status", "code", "event_at_ms", "received_at_ms"),
    *("msisdn", "number_key", "country", "number_type"),
)
# Only a webhook comes about when its event happened: the moment of asking or of importing says nothing about a call.
_EVENTS = (
    "SELECT receipt_id, source, message_id, correlation_id, status, code, event_at_ms,"
    " CASE WHEN source = 'webhook' THEN received_at_ms END AS received_at_ms, receipts.msisdn AS msisdn,"
    " number_key, country, number_type FROM receipts LEFT JOIN numbers ON numbers.msisdn = receipts.msisdn"
    " WHERE receipt_id >= ? AND receipt_id < ?"
)
_SEGMENTS_SHOWN = 3  # fewer are read too quickly for a bar


@dataclass(frozen=True)
class LiveParts:
    """The receipts at one moment.

    Attributes
    ----------
    files : tuple of Segment
        Full stretches.
    events, states : pyarrow.Table
        Of the last stretch: `EVENT_COLUMNS` and `STATE_COLUMNS`.
    stamp : tuple
        Equal for equal receipts.
    """

    files: tuple[Segment, ...]
    events: pa.Table
    states: pa.Table
    stamp: tuple[Any, ...] = field(repr=False)


@dataclass
class _Tail:
    """The last stretch as far as it was read."""

    number: int
    changes: int
    end: int
    events: pa.Table
    states: pa.Table


class LiveReceipts:
    """Reads a store's receipts, each as few times as can be.

    Parameters
    ----------
    store : LiveTables
        Where they are.
    folder : Path
        For the stretches; made with mode 0700 when the first is full. Whoever removes it costs time and nothing else.
    segment_receipts : int
        Ids of a stretch, as the store counts changes.
    show : bool, optional
        Whether reading much shows a bar.
    """

    def __init__(self, store: LiveTables, folder: Path, segment_receipts: int, *, show: bool | None = None) -> None:
        self._store, self._size, self._show = store, segment_receipts, show
        self._files = SegmentFiles(folder)
        self._segments: dict[int, Segment] = {}
        self._tail: _Tail | None = None

    def refresh(self, engine: DuckDBEngine) -> LiveParts:
        """Read what is new; the store must hold one moment all the while (`LiveTables.reading`)."""
        changes: dict[int, int] = dict(self._store.rows("SELECT segment, changes FROM receipt_changes"))
        (last,) = self._store.rows("SELECT coalesce(max(receipt_id), -1) FROM receipts")[0]
        full = int(last) // self._size
        self._check_full(engine, full, changes)
        tail = self._read_tail(engine, full, changes.get(full, 0), int(last) + 1)
        files = tuple(self._segments[number] for number in range(full))
        stamp = (tuple(one.stamp for one in files), tail.number, tail.changes, tail.end)
        return LiveParts(files, tail.events, tail.states, stamp)

    def forget(self) -> None:
        """Drop everything that was kept: it turned out to be broken."""
        self._files.remove()
        self._segments.clear()
        self._tail = None

    def _check_full(self, engine: DuckDBEngine, full: int, changes: dict[int, int]) -> None:
        for number in [number for number in self._segments if number >= full]:
            del self._segments[number]  # another store, or one whose last receipts are gone
        unknown = [number for number in range(full) if not self._is_known(number, changes.get(number, 0))]
        anchors = {number: self._anchor(number) for number in unknown}
        missing = []
        for number in unknown:
            found = self._files.find(number, changes.get(number, 0), anchors[number])
            if found is None:
                missing.append(number)
            else:
                self._segments[number] = found
        show = self._show if len(missing) >= _SEGMENTS_SHOWN else False
        with make_progress("reading receipts", len(missing) * self._size, show=show) as bar:
            for done, number in enumerate(missing, 1):
                self._segments[number] = self._fold(engine, number, changes.get(number, 0), anchors[number])
                bar.update({"read": done * self._size})

    def _is_known(self, number: int, changes: int) -> bool:
        return number in self._segments and self._segments[number].changes == changes and self._segments[number].exists

    def _anchor(self, number: int) -> bytes | None:
        """Return the identity of a stretch's last receipt: another store's is another."""
        query = (
            "SELECT identity FROM receipts WHERE receipt_id >= ? AND receipt_id < ? ORDER BY receipt_id DESC LIMIT 1"
        )
        found = self._store.rows(query, (number * self._size, (number + 1) * self._size))
        return bytes(found[0][0]) if found else None

    def _fold(self, engine: DuckDBEngine, number: int, changes: int, anchor: bytes | None) -> Segment:
        events = arrow_of(self._store.columns(_EVENTS, (number * self._size, (number + 1) * self._size)))
        return self._files.add(number, changes, anchor, events, folded(engine, events))

    def _read_tail(self, engine: DuckDBEngine, number: int, changes: int, end: int) -> _Tail:
        tail = self._tail
        if tail is None or (tail.number, tail.changes) != (number, changes) or tail.end > end:
            events = arrow_of(self._store.columns(_EVENTS, (number * self._size, end)))
            tail = self._tail = _Tail(number, changes, end, events, folded(engine, events))
        elif tail.end < end:
            new = arrow_of(self._store.columns(_EVENTS, (tail.end, end)))
            tail.events = pa.concat_tables([tail.events, new])
            tail.states = pa.concat_tables([tail.states, folded(engine, new)])
            tail.end = end
        return tail


def folded(engine: DuckDBEngine, events: pa.Table) -> pa.Table:
    """Return the states of receipts: `STATE_COLUMNS`."""
    states = fold_receipts(nw.from_native(engine.connection.from_arrow(events)))
    table: pa.Table = states.select(*STATE_COLUMNS).to_native().to_arrow_table()
    return table

"""The calls of a live store and of imported logs as one table, kept between questions."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import narwhals as nw
import pyarrow as pa

from imilab.calls import STATE_COLUMNS, calls_as_of, fold_receipts, open_calls
from imilab.calls.doors import without_known
from imilab.engines import Engine
from imilab.engines.archived import ARCHIVED_COLUMNS, ArchivedReceipts, archived_requests, fingerprint
from imilab.engines.duckdb_engine import DuckDBEngine
from imilab.engines.live import EVENT_COLUMNS, LiveParts, LiveReceipts
from imilab.engines.tables import ArchivedFiles, LiveTables, requests_of

__all__ = ["Ledger"]

_FACTS = EVENT_COLUMNS[2:]


class Ledger:
    """Answers what became of the calls, from what is kept and what came since.

    Parameters
    ----------
    store : LiveTables
        The live store.
    archive : ArchivedFiles
        Imported logs.
    engine : Engine
        Where the calls are worked out; the ledger does not close it.
    folder : Path
        For what is kept on disk: a cache that can be removed at any time.
    segment_receipts : int
        See `LiveReceipts`.
    local : DuckDBEngine
        Folds the live store's receipts, whatever the engine.
    show : bool, optional
        Whether what takes long shows a bar.
    """

    def __init__(
        self,
        store: LiveTables,
        archive: ArchivedFiles,
        engine: Engine,
        folder: Path,
        segment_receipts: int,
        *,
        local: DuckDBEngine,
        show: bool | None = None,
    ) -> None:
        self._store, self._archive, self._engine, self._local = store, archive, engine, local
        self._live = LiveReceipts(store, folder, segment_receipts, show=show)
        self._archived = ArchivedReceipts(folder, show=show)
        self._lock = threading.RLock()
        self._kept: nw.LazyFrame[Any] | None = None
        self._stamp: Any = None
        self._requests: pa.Table | None = None

    def calls(self, *, as_of_ms: int, horizon_ms: int) -> nw.LazyFrame[Any]:
        """Return the calls table on the engine; see `imilab.calls.fold_calls`.

        What it is worked out from stays until the next question: read a frame before the next is asked for.
        """
        with self._lock:
            try:
                known = self._open_calls()
            except duckdb.InterruptException:
                raise
            except (duckdb.Error, pa.ArrowInvalid, FileNotFoundError):
                # Something kept is broken, or another process removed it: once more, from the store itself.
                self._live.forget()
                self._kept = None
                known = self._open_calls()
        return calls_as_of(known, as_of_ms=as_of_ms, horizon_ms=horizon_ms)

    def _open_calls(self) -> nw.LazyFrame[Any]:
        with self._store.reading():
            live = self._live.refresh(self._local)
            requests = requests_of(self._store)
        files, asked = self._archive.receipt_files(), self._archive.request_files()
        stamp = (live.stamp, fingerprint([*files, *asked]))
        if self._kept is None or stamp != self._stamp or not requests.equals(self._requests):
            self._kept = None
            joined = self._joined_requests(requests, asked)
            states = self._states_on_duckdb(live, files) if self._engine is self._local else self._states(live, files)
            self._kept = self._engine.keep(open_calls(states, joined), "open_calls")
            self._stamp, self._requests = stamp, requests
        return self._kept

    def _joined_requests(self, live: pa.Table, asked: Sequence[Path]) -> nw.LazyFrame[Any] | None:
        if not len(live) and not asked:
            return None
        requests = self._engine.arrow(live)
        if not asked:
            return requests
        imported = archived_requests(self._engine.parquet(asked), requests)
        return nw.concat([requests.select(*imported.collect_schema().names()), imported])

    def _states(self, live: LiveParts, files: Sequence[Path]) -> nw.LazyFrame[Any]:
        """Fold all receipts on the engine, which keeps nothing of them."""
        events = self._live_events(live)
        if files:
            archived = self._engine.parquet(files).select(*ARCHIVED_COLUMNS)
            new = without_known(archived, self._finer(live)).select(*_FACTS)
            events = nw.concat([events, new])
        return fold_receipts(events)

    def _states_on_duckdb(self, live: LiveParts, files: Sequence[Path]) -> nw.LazyFrame[Any]:
        """Put together what was folded before; only calls that both doors told of are folded again."""
        engine = self._local
        known = self._parts([one.states for one in live.files], live.states, STATE_COLUMNS)
        if not files:
            return known
        told = engine.parquet(self._archived.refresh(engine, files)).select(*STATE_COLUMNS)
        message = nw.col("message_id")
        ids = told.filter(message != "").select(message).unique()
        both = engine.keep(ids.join(known.select(message), on="message_id", how="semi"), "told_by_both")
        if not len(engine.collect(both.head(1))):
            return nw.concat([known, told])
        archived = engine.parquet(files).select(*ARCHIVED_COLUMNS).join(both, on="message_id", how="semi")
        finer = self._finer(live).join(both, on="message_id", how="semi")
        again = fold_receipts(without_known(archived, finer).select(*_FACTS)).select(*STATE_COLUMNS)
        return nw.concat([known, told.join(both, on="message_id", how="anti"), again])

    def _live_events(self, live: LiveParts, columns: Sequence[str] = _FACTS) -> nw.LazyFrame[Any]:
        return self._parts([one.events for one in live.files], live.events, columns)

    def _finer(self, live: LiveParts) -> nw.LazyFrame[Any]:
        """Return what came by another door than an export."""
        return self._live_events(live, ("source", *_FACTS)).filter(nw.col("source") != "export")

    def _parts(self, kept: Sequence[Path | pa.Table], last: pa.Table, columns: Sequence[str]) -> nw.LazyFrame[Any]:
        """Return the parts of one table as one."""
        files = [part for part in kept if isinstance(part, Path)]
        tables = [part for part in kept if not isinstance(part, Path)]
        in_memory = pa.concat_tables([table.select(columns) for table in (*tables, last)])
        frames = [self._engine.arrow(in_memory)]
        if files:
            frames.append(self._engine.parquet(files).select(*columns))
        return nw.concat(frames) if len(frames) > 1 else frames[0]

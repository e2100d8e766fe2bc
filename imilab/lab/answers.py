"""What the façade's tables of calls are worked out by: the engine, and the ledger that remembers between questions."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imilab.archive import Archive
from imilab.config import Settings
from imilab.store import Store
from imilab.store.change_log import SEGMENT_RECEIPTS

if TYPE_CHECKING:
    import narwhals as nw
    import pyarrow as pa

    from imilab.engines import Engine
    from imilab.engines.ledger import Ledger

__all__ = ["Answers", "archive_folder", "cache_folder"]


def archive_folder(settings: Settings, store: Store) -> Path:
    """Return where imported logs lie."""
    return settings.archive or store.path.with_name(f"{store.path.name}.archive")


def cache_folder(store: Store) -> Path:
    """Return where folded receipts are kept; whatever is in it can be made again."""
    return store.path.with_name(f"{store.path.name}.cache")


class Answers:
    """The calls of a store and its archive, on an engine that starts with the first question.

    Parameters
    ----------
    settings : Settings
        For the memory limit and the archive's place.
    store : Store
        The live store.
    engine : SparkSession or None
        None for DuckDB.

    Attributes
    ----------
    asking : RLock
        Is held from a question to its answer: an engine's connection serves one thread at a time.
    """

    def __init__(self, settings: Settings, store: Store, engine: object | None) -> None:
        self._settings, self._store, self._wanted = settings, store, engine
        self._lock = threading.Lock()
        self.asking = threading.RLock()
        self._engines: list[Engine] = []
        self._ledger: Ledger | None = None

    @property
    def engine(self) -> Engine:
        """The engine, started where it was not.

        Raises
        ------
        InvalidInputError
            What was given is no engine.
        """
        self._start()
        return self._engines[0]

    def calls(self, *, as_of_ms: int, horizon_ms: int) -> nw.LazyFrame[Any]:
        """Return the calls table; see `imilab.engines.ledger.Ledger`."""
        return self._start().calls(as_of_ms=as_of_ms, horizon_ms=horizon_ms)

    def exported_receipts(self) -> pa.Table | None:
        """Return the receipts of imported logs that the live store does not know; None where no log was imported."""
        from imilab.engines.exported import exported_receipts

        files = self._archive().receipt_files()
        return exported_receipts(self.engine, self._store, files) if files else None

    def exported_requests(self) -> pa.Table | None:
        """Return the calls of imported logs as requests; None where no log has calls as rows."""
        from imilab.engines.exported import exported_requests

        files = self._archive().request_files()
        return exported_requests(self.engine, self._store, files) if files else None

    def _archive(self) -> Archive:
        return Archive(archive_folder(self._settings, self._store))

    def close(self) -> None:
        """Let go of the engine. Closing twice is harmless."""
        with self._lock:
            self._ledger = None
            while self._engines:
                self._engines.pop().close()

    def _start(self) -> Ledger:
        from imilab.engines import open_engine
        from imilab.engines.duckdb_engine import DuckDBEngine
        from imilab.engines.ledger import Ledger

        with self._lock:
            if self._ledger is None:
                beside, limit = self._store.path, self._settings.memory_limit
                engine = open_engine(self._wanted, memory_limit=limit, spill_beside=beside)
                self._engines = [engine]
                if isinstance(engine, DuckDBEngine):
                    local = engine
                else:
                    local = DuckDBEngine(limit, spill_beside=beside)
                    self._engines.append(local)
                self._ledger = Ledger(
                    self._store,
                    self._archive(),
                    engine,
                    cache_folder(self._store),
                    SEGMENT_RECEIPTS,
                    local=local,
                )
            return self._ledger

"""DuckDB: the engine in this process, larger than memory, with a bar for what takes long."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import narwhals as nw
import pyarrow as pa

from imilab.engines.limits import memory_limit_bytes
from imilab.engines.watching import watch

__all__ = ["DuckDBEngine"]


class DuckDBEngine:
    """Runs queries in this process; a context manager.

    Parameters
    ----------
    memory_limit : str, optional
        Such as ``4GB``; by default a quarter of the machine's memory. Sorting, grouping and joining more than that go
        through files.
    spill_beside : Path, optional
        The folder for such files is made beside this path when the first is needed, and removed by `close`; by
        default where the system puts temporary files.
    show : bool, optional
        Whether long queries show a bar; by default in a notebook or a terminal.

    Attributes
    ----------
    connection : DuckDBPyConnection
        The engine's own; relations belong to it and end with it.
    """

    name = "duckdb"

    def __init__(
        self, memory_limit: str | None = None, *, spill_beside: Path | None = None, show: bool | None = None
    ) -> None:
        self._show = show
        beside = Path(tempfile.gettempdir()) / "imilab" if spill_beside is None else Path(spill_beside)
        self._spill = beside.with_name(f"{beside.name}.spill-{os.getpid()}-{id(self):x}")
        with suppress(OSError):  # a folder that cannot be written is told when there is something to write
            self._spill.mkdir(mode=0o700)  # DuckDB itself would let everybody read it
        self._lock = threading.RLock()
        self.connection = duckdb.connect()
        self.connection.execute(f"SET memory_limit = '{memory_limit_bytes(memory_limit)}B'")
        self.connection.execute("SET temp_directory = $folder", {"folder": str(self._spill)})
        self.connection.execute("SET preserve_insertion_order = false")
        self.connection.execute("SET enable_progress_bar = true")
        self.connection.execute("SET enable_progress_bar_print = false")

    @property
    def spill_folder(self) -> Path:
        """A folder of this user's, which `close` removes; it may have to be made."""
        return self._spill

    def arrow(self, table: pa.Table) -> nw.LazyFrame[Any]:
        """Open an Arrow table, without a copy."""
        return nw.from_native(self.connection.from_arrow(table))

    def parquet(self, files: Sequence[Path]) -> nw.LazyFrame[Any]:
        """Open Parquet files of the same columns as one table."""
        return nw.from_native(self.connection.read_parquet([_literal(path) for path in files]))

    def keep(self, frame: nw.LazyFrame[Any], name: str, title: str = "calls") -> nw.LazyFrame[Any]:
        """Work a table out and keep it until `close`, or until another takes its name."""
        with self._lock, watch(self.connection, title, show=self._show):
            self.connection.register(f"{name}_query", frame.to_native())
            self.connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS FROM "{name}_query"')
            self.connection.unregister(f"{name}_query")
        return nw.from_native(self.connection.table(name))

    def collect(self, frame: nw.LazyFrame[Any], title: str = "calls") -> pa.Table:
        """Work a table out and return it."""
        with self._lock, watch(self.connection, title, show=self._show):
            found: pa.Table = frame.to_native().to_arrow_table()
        return found

    def hand_over(self, frame: nw.LazyFrame[Any]) -> duckdb.DuckDBPyRelation:
        """Return a table as a relation on a connection of its own, which others may read in any thread."""
        self.keep(frame, "handed_over")
        return self.connection.cursor().table("handed_over")

    def close(self) -> None:
        """End the engine's relations and remove what it wrote. Closing twice is harmless."""
        self.connection.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    def leave(self) -> None:
        """Leave the engine to what `hand_over` gave: it ends with it, its folder with the process."""
        atexit.register(shutil.rmtree, self._spill, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "DuckDBEngine()"


def _literal(path: Path) -> str:
    """Return a path that DuckDB takes for one file, whatever stands in it."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))

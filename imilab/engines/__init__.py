"""Engines: what runs the definitions of `imilab.calls` and holds their tables: DuckDB, or a Spark session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import narwhals as nw
import pyarrow as pa

from imilab.errors import InvalidInputError

__all__ = ["Engine", "open_engine"]


class Engine(Protocol):
    """Opens tables and works queries out; `DuckDBEngine` and `SparkEngine` are engines."""

    name: str

    def arrow(self, table: pa.Table) -> nw.LazyFrame[Any]:
        """Open an Arrow table."""
        ...

    def parquet(self, files: Sequence[Path]) -> nw.LazyFrame[Any]:
        """Open Parquet files of the same columns as one table."""
        ...

    def keep(self, frame: nw.LazyFrame[Any], name: str, title: str = "calls") -> nw.LazyFrame[Any]:
        """Work a table out and keep it under a name."""
        ...

    def collect(self, frame: nw.LazyFrame[Any], title: str = "calls") -> pa.Table:
        """Work a table out and return it."""
        ...

    def hand_over(self, frame: nw.LazyFrame[Any]) -> Any:
        """Return a table of the engine's own kind, for others to read."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


def open_engine(
    engine: object | None = None,
    *,
    memory_limit: str | None = None,
    spill_beside: Path | None = None,
    show: bool | None = None,
) -> Engine:
    """Return the engine that runs in this process, or on a Spark session.

    Parameters
    ----------
    engine : SparkSession, "duckdb" or None
        Where to run.
    memory_limit, spill_beside, show
        For DuckDB: see `DuckDBEngine`.

    Raises
    ------
    InvalidInputError
        It is none of these.

    Examples
    --------
    >>> open_engine("duckdb").name
    'duckdb'
    """
    if engine is None or engine == "duckdb":
        from imilab.engines.duckdb_engine import DuckDBEngine

        return DuckDBEngine(memory_limit, spill_beside=spill_beside, show=show)
    if all(hasattr(engine, name) for name in ("createDataFrame", "sparkContext", "read")) or _is_connect(engine):
        from imilab.engines.spark_engine import SparkEngine

        return SparkEngine(engine)  # type: ignore[arg-type]  # known by what it can do: pyspark may be missing
    kind = type(engine).__name__
    raise InvalidInputError(
        "engine", f'{kind} is no engine; leave it out for DuckDB, or give a SparkSession (pip install "imilab[spark]")'
    )


def _is_connect(engine: object) -> bool:
    return type(engine).__module__.startswith("pyspark.sql.connect") and hasattr(engine, "createDataFrame")

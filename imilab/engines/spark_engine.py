"""Spark: the same definitions where the data already lies in a cluster."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import narwhals as nw
import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["SparkEngine"]


class SparkEngine:
    """Runs queries on a Spark session, which stays the caller's: `close` does not stop it.

    Parameters
    ----------
    session : SparkSession
        Local, or of a cluster that reads the files under the same paths.
    """

    name = "spark"

    def __init__(self, session: SparkSession) -> None:
        self.session = session
        self._kept: dict[str, Any] = {}

    def arrow(self, table: pa.Table) -> nw.LazyFrame[Any]:
        """Open an Arrow table; its rows go to the session."""
        return nw.from_native(self.session.createDataFrame(table))

    def parquet(self, files: Sequence[Path]) -> nw.LazyFrame[Any]:
        """Open Parquet files of the same columns as one table."""
        return nw.from_native(self.session.read.parquet(*map(_local, files)))

    def keep(self, frame: nw.LazyFrame[Any], name: str, title: str = "calls") -> nw.LazyFrame[Any]:
        """Let the session keep a table once it was worked out, until `close` or until another takes its name."""
        del title
        self._forget(name)
        self._kept[name] = frame.to_native().persist()
        kept: nw.LazyFrame[Any] = nw.from_native(self._kept[name])
        return kept

    def collect(self, frame: nw.LazyFrame[Any], title: str = "calls") -> pa.Table:
        """Work a table out and return it."""
        del title
        found: pa.Table = frame.to_native().toArrow()
        return found

    def hand_over(self, frame: nw.LazyFrame[Any]) -> Any:
        """Return a table as a Spark DataFrame."""
        return frame.to_native()

    def close(self) -> None:
        """Let go of the tables that are kept. Closing twice is harmless."""
        for name in list(self._kept):
            self._forget(name)

    def _forget(self, name: str) -> None:
        if name in self._kept:
            self._kept.pop(name).unpersist()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return "SparkEngine()"


def _local(path: Path) -> str:
    """Return a path of this machine that Spark takes for one file, whatever stands in it."""
    return "file://" + re.sub(r"([*?\[\]{}\\])", r"\\\1", path.absolute().as_posix())

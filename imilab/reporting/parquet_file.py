"""Parquet of a table with times: integer milliseconds UTC, so that every engine reads the same moments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

__all__ = ["to_arrow", "write_parquet"]

_PREFIX = "imilab."


def to_arrow(frame: pd.DataFrame, facts: Mapping[str, str] | None = None) -> pa.Table:
    """Return a frame as an Arrow table; its index is left out.

    Parameters
    ----------
    frame : DataFrame
        Times are aware: a column ``requested_at`` becomes ``requested_at_ms``, 64-bit integers, milliseconds UTC.
    facts : mapping, optional
        Kept in the file's metadata, each under ``imilab.`` and its name.
    """
    times = list(map(str, frame.select_dtypes("datetimetz")))
    whole = {name: _milliseconds(frame[name]) for name in times}
    renamed = {name: f"{name}_ms" for name in times}
    table = pa.Table.from_pandas(frame.assign(**whole).rename(columns=renamed), preserve_index=False)
    noted = {f"{_PREFIX}{name}".encode(): value.encode() for name, value in (facts or {}).items()}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), **noted})


def write_parquet(frame: pd.DataFrame, path: Path, facts: Mapping[str, str] | None = None) -> None:
    """Write a frame as Parquet; see `to_arrow`."""
    pa.parquet.write_table(to_arrow(frame, facts), path, compression="zstd")


def _milliseconds(column: pd.Series[pd.Timestamp]) -> pd.Series[int]:
    known = column.notna()
    whole = column.astype("datetime64[ms, UTC]").astype("int64").astype("Int64")
    return whole.where(known)

"""Calls tables that `imilab.report` wrote as CSV or Parquet, as the DataFrame that they were."""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from imilab.errors import InvalidInputError, TimestampError
from imilab.frames import CALL_FRAME_COLUMNS
from imilab.reporting.calls_table import CALL_DTYPES, TIMES, conform
from imilab.reporting.csv_file import read_safe_csv, unguard
from imilab.wire import parse_timestamp

__all__ = ["is_calls_table", "read_calls_table"]

_ARROW = {"float64": pa.float64(), "bool": pa.bool_(), "int64": pa.int64(), "Int64": pa.int64()}
_TYPES = {name: _ARROW[dtype] for name, dtype in CALL_DTYPES.items() if dtype in _ARROW}
_WITH_OFFSET = r"[T ][0-9:.,]+ *(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)$"
_LONGEST_HEADER = 1 << 20


def is_calls_table(source: Path) -> bool:
    """Say whether a file has the columns of a calls table, most of them at least; no error where it cannot be read."""
    suffix = source.suffix.lower()
    names: list[str] = []
    if suffix == ".parquet":
        with suppress(pa.ArrowInvalid, OSError):
            names = pa.parquet.read_schema(source).names
    elif suffix == ".csv":
        with suppress(OSError), source.open("rb") as file:
            line = file.readline(_LONGEST_HEADER).decode("utf-8-sig", "replace")
            header = next(csv.reader([line]), [])
            names = list(unguard(pd.Series(header, dtype="str"))) if header else []
    own = {*CALL_FRAME_COLUMNS, *(f"{name}_ms" for name in TIMES)}
    return len(own & set(names)) > len(CALL_FRAME_COLUMNS) / 2


def read_calls_table(source: Path, zone: ZoneInfo | None) -> pd.DataFrame:
    """Read a calls table.

    Parameters
    ----------
    source : Path
        ``.csv`` or ``.parquet``. A CSV that another program wrote with the same columns is read too; an apostrophe
        before ``=``, ``+``, ``-`` or ``@`` is taken for the guard of `imilab.report` and goes.
    zone : ZoneInfo, optional
        Of CSV times that carry no offset, as a spreadsheet may have left them.

    Returns
    -------
    DataFrame
        The columns and types of `Lab.calls`; times are aware, UTC. Columns that are not part of the calls table, such
        as the arm of a report, come last.

    Raises
    ------
    InvalidInputError
        A missing column, or a field that does not fit its column.
    TimestampError
        A time without offset, and no zone.
    """
    frame = (_read_csv if source.suffix.lower() == ".csv" else _read_parquet)(source)
    frame = frame.rename(columns={f"{name}_ms": name for name in TIMES if name not in frame})
    missing = [name for name in CALL_FRAME_COLUMNS if name not in frame]
    if missing:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise InvalidInputError(
            "path",
            f"{source.name} is no whole calls table, it has no column {listed}; write it again with imilab.report",
        )
    for name in TIMES:
        frame[name] = _moments(frame[name], zone)
    others = [name for name in frame if name not in CALL_DTYPES]
    return pd.concat([conform(frame), frame[others].reset_index(drop=True)], axis=1) if others else conform(frame)


def _read_csv(source: Path) -> pd.DataFrame:
    frame: pd.DataFrame = read_safe_csv(_read_bytes(source), _TYPES).to_pandas(types_mapper=_pandas_type)
    texts = [name for name in frame if isinstance(frame[name].dtype, pd.StringDtype)]
    for name in texts:
        frame[name] = unguard(frame[name])
    return frame


def _read_parquet(source: Path) -> pd.DataFrame:
    try:
        table = pa.parquet.read_table(pa.BufferReader(_read_bytes(source)))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise InvalidInputError("path", f"{source.name} is no Parquet file that can be read") from None
    frame: pd.DataFrame = table.to_pandas(types_mapper=_pandas_type, ignore_metadata=True)
    return frame


def _read_bytes(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as problem:
        raise InvalidInputError("path", f"{source} cannot be read: {problem.strerror or problem}") from None


def _pandas_type(kind: pa.DataType) -> Any:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pd.StringDtype(na_value=float("nan"))
    return pd.Int64Dtype() if pa.types.is_integer(kind) else None


def _moments(column: pd.Series[Any], zone: ZoneInfo | None) -> pd.Series[Any]:
    """Turn milliseconds or ISO 8601 texts into aware times; other columns are returned as they are."""
    if pd.api.types.is_integer_dtype(column.dtype):
        return pd.to_datetime(column, unit="ms", utc=True).astype("datetime64[ms, UTC]")
    if not isinstance(column.dtype, pd.StringDtype):
        return column
    name = str(column.name)
    local = column.notna() & ~column.str.contains(_WITH_OFFSET)
    if local.any() and zone is None:
        raise TimestampError(name, "a time without an offset; say its zone with tz=, such as tz='Europe/London'")
    known = {
        text: pd.Timestamp(parse_timestamp(text, zone, name), unit="ms", tz="UTC") for text in column[local].unique()
    }
    try:
        moments = pd.to_datetime(column.where(~local), format="ISO8601", utc=True).astype("datetime64[ms, UTC]")
    except ValueError:
        raise TimestampError(name, "holds a text that is no time; write times like 2026-03-02T09:00:00+00:00") from None
    return moments.where(~local, column.map(known).astype("datetime64[ms, UTC]")) if known else moments

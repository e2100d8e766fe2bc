"""Calls from files: what `imilab.report` wrote as CSV or Parquet, as the DataFrame that it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from imilab.buckets import day
from imilab.errors import InvalidInputError, TimestampError
from imilab.frames import CALL_FRAME_COLUMNS
from imilab.reporting.calls_table import CALL_DTYPES, TIMES, conform
from imilab.reporting.csv_file import read_safe_csv, unguard
from imilab.wire import parse_timestamp

__all__ = ["read_calls"]

_ARROW = {"float64": pa.float64(), "bool": pa.bool_(), "int64": pa.int64(), "Int64": pa.int64()}
_TYPES = {name: _ARROW[dtype] for name, dtype in CALL_DTYPES.items() if dtype in _ARROW}
_WITH_OFFSET = r"[T ][0-9:.,]+ *(?:[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)$"
_TODAY = "imilab reads calls tables that imilab.report wrote as .csv or .parquet"


def read_calls(path: str | os.PathLike[str], *, tz: str | None = None) -> pd.DataFrame:
    """Read a calls table from a file.

    Parameters
    ----------
    path : path
        ``.csv`` or ``.parquet``, written by `imilab.report`. A CSV that another program wrote with the same columns is
        read too; an apostrophe before ``=``, ``+``, ``-`` or ``@`` is taken for the guard of `imilab.report` and goes.
    tz : str, optional
        The IANA zone of CSV times that carry no offset, as a spreadsheet may have left them.

    Returns
    -------
    DataFrame
        The columns and types of `Lab.calls`; times are aware, UTC. Columns that are not part of the calls table, such
        as the arm of a report, come last.

    Raises
    ------
    InvalidInputError
        No such file, another kind of file, a missing column, or a field that does not fit its column.
    TimestampError
        A time without offset, and no `tz`.

    Examples
    --------
    >>> import imilab, tempfile
    >>> calls = imilab.load_sample("calls")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_calls(imilab.report(calls, f"{folder}/calls.csv")).equals(calls)
    True
    """
    source = Path(path).expanduser()
    zone = None if tz is None else ZoneInfo(day(tz).tz)
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    if source.suffix.lower() not in readers:
        raise InvalidInputError(
            "path", f"{source.suffix or 'no suffix'}: {_TODAY}; reading the platform's export logs comes later"
        )
    if not source.is_file():
        raise InvalidInputError("path", f"there is no file {source}")
    frame = readers[source.suffix.lower()](source)
    frame = frame.rename(columns={f"{name}_ms": name for name in TIMES if name not in frame})
    missing = [name for name in CALL_FRAME_COLUMNS if name not in frame]
    if missing:
        listed = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        raise InvalidInputError("path", f"{source.name} is no calls table, it has no column {listed}; {_TODAY}")
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

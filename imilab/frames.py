"""pandas at the edge: the store's tables and the fold's result, with aware times and masked numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from imilab.calls import CALL_COLUMNS, fold_calls
from imilab.engines.tables import Tables, arrow_of, requests_of
from imilab.names import hide_in_name
from imilab.numbers import mask, scrub

__all__ = [
    "CALL_FRAME_COLUMNS",
    "RECEIPT_COLUMNS",
    "REQUEST_COLUMNS",
    "Tables",
    "calls_frame",
    "calls_frame_of",
    "ordered",
    "receipts_frame",
    "requests_frame",
    "to_calls_frame",
]

RECEIPT_COLUMNS = (
    *("receipt_id", "received_at", "source", "message_id", "correlation_id", "status", "code", "description"),
    *("event_at", "event_at_raw", "msisdn", "callback_data", "raw"),
)
REQUEST_COLUMNS = (
    *("correlation_id", "campaign", "arm", "msisdn", "caller_id", "content_type", "media_id", "language", "voice"),
    *("voice_type", "gender", "region", "text", "send_at", "state", "attempt", "message_id", "http_status", "code"),
    *("message", "created_at", "requested_at"),
)
CALL_FRAME_COLUMNS = tuple(f"{name[:-3]}" if name.endswith("_at_ms") else name for name in CALL_COLUMNS)
"""The calls table's columns in a DataFrame: times are `*_at`, aware, UTC."""

_HIDDEN = {
    **dict.fromkeys(("msisdn", "caller_id"), mask),
    **dict.fromkeys(("description", "message", "error_reason", "text"), scrub),
    **dict.fromkeys(("campaign", "arm", "stratum", "callback_data"), hide_in_name),
}
"""What hides numbers: in columns of numbers, in free text, and in names by which calls are grouped and joined."""
_WHOLE = frozenset({"receipt_id", "attempt", "receipts", "unknown_receipts"})
# Only a webhook comes about when its event happened: the moment of asking or of importing says nothing about a call.
_EVENTS = (
    "SELECT message_id, correlation_id, status, code, event_at_ms,"
    " CASE WHEN source = 'webhook' THEN received_at_ms END AS received_at_ms, receipts.msisdn AS msisdn,"
    " number_key, country, number_type FROM receipts LEFT JOIN numbers ON numbers.msisdn = receipts.msisdn"
)


def receipts_frame(store: Tables, exported: pa.Table | None = None, *, unmasked: bool = False) -> pd.DataFrame:
    """Return the receipts, one row an event, in the order in which they were stored.

    Parameters
    ----------
    store : Tables
        Where they are.
    exported : pyarrow.Table, optional
        Others of the same columns, which come after them.
    unmasked : bool
        Show full numbers, and the raw bodies, which hold them.

    Returns
    -------
    DataFrame
        `RECEIPT_COLUMNS`; times aware, UTC. `raw` is missing unless `unmasked`.
    """
    table = _and(_arrow(store, "SELECT * FROM receipts ORDER BY receipt_id"), RECEIPT_COLUMNS, exported)
    frame = _aware(table.to_pandas(types_mapper=_pandas_type))
    frame["raw"] = (
        frame["raw"].map(bytes.decode).astype("str") if unmasked else pd.Series(pd.NA, frame.index, dtype="str")
    )
    return _masked(frame, unmasked=unmasked)[list(RECEIPT_COLUMNS)]


def requests_frame(store: Tables, exported: pa.Table | None = None, *, unmasked: bool = False) -> pd.DataFrame:
    """Return the requests that were planned or attempted, one row a call, in the order in which they were planned.

    Parameters
    ----------
    store : Tables
        Where they are.
    exported : pyarrow.Table, optional
        Others of the same columns, which come after them.
    unmasked : bool
        Show full numbers.

    Returns
    -------
    DataFrame
        `REQUEST_COLUMNS`; times aware, UTC.
    """
    query = "SELECT * FROM requests ORDER BY created_at_ms, coalesce(position, -1), correlation_id"
    table = _and(_arrow(store, query), REQUEST_COLUMNS, exported)
    frame = _aware(table.to_pandas(types_mapper=_pandas_type))
    return _masked(frame, unmasked=unmasked)[list(REQUEST_COLUMNS)]


def calls_frame(store: Tables, *, as_of_ms: int, horizon_ms: int, unmasked: bool = False) -> pd.DataFrame:
    """Return one row a call; `imilab.calls` defines each column.

    Parameters
    ----------
    store : Tables
        Holds receipts and requests.
    as_of_ms, horizon_ms : int
        The moment at which pending and lost are told apart, and the age that makes a call lost.
    unmasked : bool
        Show full numbers.

    Returns
    -------
    DataFrame
        `CALL_FRAME_COLUMNS`; times aware, UTC; ordered by requested, else offered time.
    """
    import duckdb

    events, requests = _arrow(store, _EVENTS), requests_of(store)
    with duckdb.connect() as engine:
        engine.execute("SET preserve_insertion_order = false")
        folded = fold_calls(
            nw.from_native(engine.from_arrow(events)),
            nw.from_native(engine.from_arrow(requests)),
            as_of_ms=as_of_ms,
            horizon_ms=horizon_ms,
        )
        return to_calls_frame(folded, unmasked=unmasked)


def to_calls_frame(calls: Any, *, unmasked: bool = False) -> pd.DataFrame:
    """Return a folded table as the DataFrame that users hold.

    Parameters
    ----------
    calls : narwhals LazyFrame, DuckDB relation or Spark DataFrame
        `imilab.calls.CALL_COLUMNS`.
    unmasked : bool
        Show full numbers.
    """
    return calls_frame_of(ordered(nw.from_native(calls)).collect("pyarrow").to_arrow(), unmasked=unmasked)


def ordered(calls: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Sort calls by when they were requested, else offered, else ended."""
    moment = nw.coalesce("requested_at_ms", "offered_at_ms", "ended_at_ms")
    return calls.with_columns(sorted_by=moment).sort("sorted_by", "call_id", nulls_last=True).drop("sorted_by")


def calls_frame_of(calls: pa.Table, *, unmasked: bool = False) -> pd.DataFrame:
    """Return calls that were worked out and ordered as the DataFrame that users hold."""
    frame = _aware(calls.to_pandas(types_mapper=_pandas_type))
    return _masked(frame, unmasked=unmasked)[list(CALL_FRAME_COLUMNS)]


def _arrow(store: Tables, query: str) -> pa.Table:
    return arrow_of(store.columns(query))


def _and(table: pa.Table, columns: Sequence[str], exported: pa.Table | None) -> pa.Table:
    """Put the wanted columns of two tables below each other."""
    names = [name if name in table.column_names else f"{name}_ms" for name in columns]
    wanted = table.select(names)
    return wanted if exported is None else pa.concat_tables([wanted, exported.select(names).cast(wanted.schema)])


def _pandas_type(kind: pa.DataType) -> Any:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pd.StringDtype(na_value=float("nan"))
    return pd.Int64Dtype() if pa.types.is_integer(kind) else None


def _aware(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn `*_at_ms` integers into aware UTC columns without the suffix."""
    times = [name for name in map(str, frame) if name.endswith("_at_ms")]
    converted = {
        name[: -len("_ms")]: pd.to_datetime(frame[name].astype("Int64"), unit="ms", utc=True).astype(
            "datetime64[ms, UTC]"
        )
        for name in times
    }
    whole = {name: "int64" for name in frame if name in _WHOLE}
    return frame.drop(columns=times).assign(**converted).astype(whole)


def _masked(frame: pd.DataFrame, *, unmasked: bool) -> pd.DataFrame:
    if unmasked:
        return frame
    hidden = {}
    for name, hide in _HIDDEN.items():
        if name in frame:
            distinct = frame[name].dropna().unique()
            hidden[name] = frame[name].map({text: hide(text) if text else text for text in distinct}).astype("str")
    return frame.assign(**hidden)

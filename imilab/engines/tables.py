"""The store's tables on their way into an engine: a query's columns as Arrow, with fixed types."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

__all__ = ["REQUEST_FACTS", "ArchivedFiles", "LiveTables", "Tables", "arrow_of", "requests_of"]

REQUEST_FACTS = (
    *("correlation_id", "plan_id", "position", "block", "stratum", "design", "campaign", "arm", "msisdn", "caller_id"),
    *("content_type", "media_id", "language", "voice", "voice_type", "gender", "region", "send_at_ms", "state"),
    *("message_id", "http_status", "code", "message", "requested_at_ms", "number_key", "country", "number_type"),
)
"""What the definition of a call reads of a request."""

_INTEGERS = frozenset({"receipt_id", "attempt", "http_status", "position", "block", "receipts", "unknown_receipts"})
_NUMBER_FACTS = frozenset({"number_key", "country", "number_type"})
_REQUESTS = (
    "SELECT {columns} FROM requests LEFT JOIN numbers ON numbers.msisdn = requests.msisdn WHERE state <> 'planned'"
)


class Tables(Protocol):
    """Where the store's tables are: an `imilab.store.Store`, or anything else that answers its queries."""

    def columns(self, query: str, /) -> dict[str, list[Any]]:
        """Return a query's result column by column, under its column names."""
        ...


class LiveTables(Protocol):
    """A store that others write to meanwhile."""

    def columns(self, query: str, parameters: tuple[Any, ...] = ()) -> dict[str, list[Any]]:
        """Return a query's result column by column, under its column names."""
        ...

    def rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        ...

    def reading(self) -> AbstractContextManager[Any]:
        """Hold one moment, which every query inside sees."""
        ...


class ArchivedFiles(Protocol):
    """Where imported logs are: an `imilab.archive.Archive`, or anything else that lists its Parquet files."""

    def receipt_files(self) -> list[Path]:
        """Return the files of receipts that readers may see."""
        ...

    def request_files(self) -> list[Path]:
        """Return the files of requests."""
        ...


def arrow_of(columns: dict[str, list[Any]]) -> pa.Table:
    """Return a query's result as Arrow; a column's name tells its type."""
    return pa.table({name: pa.array(values, _type_of(name)) for name, values in columns.items()})


def requests_of(store: Tables | LiveTables) -> pa.Table:
    """Return the requests that were attempted: `REQUEST_FACTS`."""
    columns = ", ".join(f"{'numbers' if name in _NUMBER_FACTS else 'requests'}.{name}" for name in REQUEST_FACTS)
    return arrow_of(store.columns(_REQUESTS.format(columns=columns)))


def _type_of(name: str) -> pa.DataType:
    if name.endswith("_ms") or name in _INTEGERS:
        return pa.int64()
    if name in {"raw", "identity"}:
        return pa.binary()
    return pa.int8() if name == "ends" else pa.string()

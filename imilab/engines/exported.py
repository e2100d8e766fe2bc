"""Receipts and requests of imported logs that the live store does not know, each once: what completes its tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from imilab.calls.doors import without_known
from imilab.engines import Engine
from imilab.engines.archived import archived_requests
from imilab.engines.tables import REQUEST_FACTS, LiveTables, arrow_of

__all__ = ["exported_receipts", "exported_requests"]

_TOLD = ("message_id", "status", "code", "event_at_ms")
_RECEIPT = (
    *("message_id", "correlation_id", "status", "code", "description", "event_at_ms", "event_at_raw", "msisdn"),
    "callback_data",
)
_ORDER = ("event_at_ms", "message_id", "correlation_id", "status", "code")
_REQUEST = (*REQUEST_FACTS, "text", "attempt", "created_at_ms")


def exported_receipts(engine: Engine, store: LiveTables, files: Sequence[Path]) -> pa.Table:
    """Return the receipts of imported logs, but for those that came by webhook or poll as well.

    Parameters
    ----------
    engine : Engine
        Works them out.
    store : LiveTables
        The live store.
    files : sequence of Path
        The archive's files of receipts.

    Returns
    -------
    pyarrow.Table
        Columns as in the store, ordered by time; `receipt_id` counts down from -1, `source` is ``export``, `raw`
        is empty and `received_at_ms` null, as nobody received them.
    """
    told = ", ".join(_TOLD)
    live = engine.arrow(arrow_of(store.columns(f"SELECT {told} FROM receipts WHERE source <> 'export'")))  # noqa: S608 - fixed names
    archived = engine.parquet(files).select(*_RECEIPT)
    new = without_known(archived, live).sort(*_ORDER, nulls_last=True)
    table = engine.collect(new, "receipts")
    rows = table.num_rows
    return (
        table.append_column("receipt_id", pa.array(range(-1, -rows - 1, -1), pa.int64()))
        .append_column("source", pa.array(["export"] * rows, pa.string()))
        .append_column("raw", pa.array([b""] * rows, pa.binary()))
        .append_column("received_at_ms", pa.nulls(rows, pa.int64()))
    )


def exported_requests(engine: Engine, store: LiveTables, files: Sequence[Path]) -> pa.Table:
    """Return the calls of imported logs whose rows are calls, as requests; none that the live store knows.

    Parameters
    ----------
    engine, store
        As for `exported_receipts`.
    files : sequence of Path
        The archive's files of requests.
    """
    live = engine.arrow(arrow_of(store.columns("SELECT correlation_id, message_id FROM requests")))
    asked = archived_requests(engine.parquet(files), live, columns=_REQUEST)
    return engine.collect(asked.sort("created_at_ms", "correlation_id", nulls_last=True), "requests")

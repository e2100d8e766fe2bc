"""Receipts as they came, each once; and the bodies that were authentic but unreadable."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from datetime import tzinfo

from imilab.store.numbers_table import add_number
from imilab.wire import Receipt
from imilab.wire.timestamps import timestamp_or_none

__all__ = ["SOURCES", "StoredReceipt", "add_quarantined", "add_receipt", "read_times_again"]

SOURCES = ("webhook", "poll", "export")
"""Where a receipt came from, the finest time stamps first."""


@dataclass(frozen=True, kw_only=True)
class StoredReceipt:
    """One receipt on its way into the store."""

    receipt: Receipt
    raw: bytes = field(repr=False)
    source: str
    received_at_ms: int


def add_receipt(connection: sqlite3.Connection, stored: StoredReceipt, number_key: bytes) -> bool:
    """Store a receipt, and move its request on.

    Returns
    -------
    bool
        Whether it is new: an event is known by its normalised content, whichever way and however often it came.
    """
    receipt = stored.receipt
    if _known_from_finer(connection, stored):
        return False
    _drop_coarser(connection, stored)
    added = connection.execute(
        "INSERT INTO receipts (identity, received_at_ms, source, message_id, correlation_id, status, code, description,"
        " event_at_ms, event_at_raw, msisdn, callback_data, ends, raw)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (identity) DO NOTHING",
        (
            _identity(receipt),
            stored.received_at_ms,
            stored.source,
            receipt.message_id,
            receipt.correlation_id,
            receipt.status,
            receipt.code,
            receipt.description,
            receipt.event_at_ms,
            receipt.event_at_raw,
            receipt.msisdn,
            receipt.callback_data,
            receipt.ends,
            stored.raw,
        ),
    ).rowcount
    if added:
        if receipt.msisdn:
            add_number(connection, receipt.msisdn, number_key)
        _move_request(connection, receipt)
    return bool(added)


def _identity(receipt: Receipt) -> bytes:
    moment = receipt.event_at_raw if receipt.event_at_ms is None else str(receipt.event_at_ms)
    call = receipt.message_id or f"correlation:{receipt.correlation_id}"
    content = (call, receipt.status.upper(), receipt.code, moment, receipt.msisdn)
    return _digest("\x1f".join(content).encode())


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()


# One event that came through two doors: same call, status and second. The coarser door may not know code or time.
_SAME_CALL = "message_id = ?1 AND message_id <> '' AND upper(status) = upper(?2)"
_SAME_SECOND = "event_at_ms / 1000 = ?4 / 1000"
_FROM = "source IN (SELECT value FROM json_each(?6))"
_FINER = f"SELECT 1 FROM receipts WHERE {_SAME_CALL} AND ?3 IN (code, '') AND ({_SAME_SECOND} OR ?5 = '') AND {_FROM}"  # noqa: S608
_DROP_COARSER = (
    f"DELETE FROM receipts WHERE {_SAME_CALL} AND code IN (?3, '') AND ({_SAME_SECOND} OR event_at_raw = '')"  # noqa: S608
    f" AND {_FROM}"
)


def _known_from_finer(connection: sqlite3.Connection, stored: StoredReceipt) -> bool:
    """Say whether a finer source told of the event: its exact time stands."""
    finer = SOURCES[: SOURCES.index(stored.source)]
    return bool(finer) and connection.execute(_FINER, _same_event(stored.receipt, finer)).fetchone() is not None


def _drop_coarser(connection: sqlite3.Connection, stored: StoredReceipt) -> None:
    """Let the exact time replace the same event learnt through a coarser source."""
    coarser = SOURCES[SOURCES.index(stored.source) + 1 :]
    if coarser:
        connection.execute(_DROP_COARSER, _same_event(stored.receipt, coarser))


def _same_event(receipt: Receipt, sources: tuple[str, ...]) -> tuple[object, ...]:
    times = (receipt.event_at_ms, receipt.event_at_raw)
    return (receipt.message_id, receipt.status, receipt.code, *times, json.dumps(sources))


def _move_request(connection: sqlite3.Connection, receipt: Receipt) -> None:
    """Resolve a request of unknown outcome, and close one whose call has ended.

    A request that was tried and put back is resolved too: its receipt proves that the call was placed after all.
    """
    connection.execute(
        "UPDATE requests SET state = iif(?1, 'final', iif(state IN ('unknown', 'planned'), 'accepted', state)),"
        " message_id = coalesce(message_id, nullif(?2, ''))"
        " WHERE (state IN ('accepted', 'unknown') OR (state = 'planned' AND attempt > 0))"
        " AND (correlation_id = ?3 OR (message_id = ?2 AND ?2 <> ''))",
        (receipt.ends, receipt.message_id, receipt.correlation_id),
    )


def add_quarantined(connection: sqlite3.Connection, raw: bytes, reason: str, now_ms: int) -> bool:
    """Keep an authentic body that is not a receipt.

    Returns
    -------
    bool
        Whether it is new.
    """
    added = connection.execute(
        "INSERT INTO quarantine (identity, received_at_ms, reason, raw) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (_digest(raw), now_ms, reason, raw),
    )
    return added.rowcount > 0


_WITHOUT_TIME = (
    "SELECT receipt_id, source, message_id, correlation_id, status, code, msisdn, event_at_raw FROM receipts"
    " WHERE event_at_ms IS NULL AND event_at_raw <> ''"
)


def read_times_again(connection: sqlite3.Connection, zone: tzinfo) -> int:
    """Fill the times of receipts that came while the tenant's zone was not known.

    Returns
    -------
    int
        How many were filled.
    """
    filled = 0
    for receipt_id, source, *facts, raw in connection.execute(_WITHOUT_TIME).fetchall():
        moment = timestamp_or_none(raw, zone)
        if moment is None:
            continue
        names = ("message_id", "correlation_id", "status", "code", "msisdn")
        receipt = Receipt(**dict(zip(names, facts, strict=True)), event_at_ms=moment, event_at_raw=raw)
        _drop_coarser(connection, StoredReceipt(receipt=receipt, raw=b"", source=source, received_at_ms=0))
        done = connection.execute(
            "UPDATE OR IGNORE receipts SET event_at_ms = ?, identity = ? WHERE receipt_id = ?",
            (moment, _identity(receipt), receipt_id),
        ).rowcount
        if not done:  # it came again after the zone was known
            connection.execute("DELETE FROM receipts WHERE receipt_id = ?", (receipt_id,))
        filled += done
    return filled

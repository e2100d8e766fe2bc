"""Receipts as they came, each once; and the bodies that were authentic but unreadable."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import tzinfo

from imilab.store.connection import Connection
from imilab.store.identity import digest, receipt_identity
from imilab.store.journal import NOT_CALLED
from imilab.store.numbers_table import add_number
from imilab.store.tombstones import late_receipt, without_erased
from imilab.wire import Receipt
from imilab.wire.timestamps import timestamp_or_none

__all__ = [
    "RESOLVED",
    "SOURCES",
    "StoredReceipt",
    "add_quarantined",
    "add_receipt",
    "read_times_again",
    "without_number",
]

SOURCES = ("webhook", "poll", "export")
"""Where a receipt came from, the finest time stamps first."""

RESOLVED = "resolved by a person: "
"""How the message of a request begins whose outcome a person decided."""


@dataclass(frozen=True, kw_only=True)
class StoredReceipt:
    """One receipt on its way into the store."""

    receipt: Receipt
    raw: bytes = field(repr=False)
    source: str
    received_at_ms: int


def add_receipt(connection: Connection, stored: StoredReceipt, number_key: bytes) -> bool:
    """Store a receipt, and move its request on.

    Returns
    -------
    bool
        Whether it is new: an event is known by its normalised content, whichever way and however often it came.
    """
    stored = without_number(connection, stored, number_key)
    added = not _known_from_finer(connection, stored) and _insert(connection, stored)
    if added and stored.receipt.msisdn:
        add_number(connection, stored.receipt.msisdn, number_key)
    _move_request(connection, stored.receipt)  # one that is known may name a call that the first did not
    return added


def _insert(connection: Connection, stored: StoredReceipt) -> bool:
    receipt = stored.receipt
    _drop_coarser(connection, stored)
    added = connection.execute(
        "INSERT INTO receipts (identity, received_at_ms, source, message_id, correlation_id, status, code, description,"
        " event_at_ms, event_at_raw, msisdn, callback_data, ends, raw)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (identity) DO NOTHING",
        (
            receipt_identity(receipt),
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
    return bool(added)


def without_number(connection: Connection, stored: StoredReceipt, number_key: bytes) -> StoredReceipt:
    """Return a receipt as it may be stored: without the number where its call was erased."""
    receipt, raw = late_receipt(connection, stored.receipt, stored.raw, number_key)
    return stored if receipt is stored.receipt else replace(stored, receipt=receipt, raw=raw)


# One event that came through two doors: same call, status and second. The coarser door may not know code or time.
_SAME_CALL = "message_id = ?1 AND message_id <> '' AND upper(status) = upper(?2)"
_SAME_SECOND = "event_at_ms / 1000 = ?4 / 1000"
_FROM = "source IN (?6, ?7)"
_FINER = f"SELECT 1 FROM receipts WHERE {_SAME_CALL} AND ?3 IN (code, '') AND ({_SAME_SECOND} OR ?5 = '') AND {_FROM}"  # noqa: S608 - fixed text
_DROP_COARSER = (
    f"DELETE FROM receipts WHERE {_SAME_CALL} AND code IN (?3, '') AND ({_SAME_SECOND} OR event_at_raw = '')"  # noqa: S608 - fixed text
    f" AND {_FROM}"
)


def _known_from_finer(connection: Connection, stored: StoredReceipt) -> bool:
    """Say whether a finer source told of the event: its exact time stands."""
    finer = SOURCES[: SOURCES.index(stored.source)]
    return bool(finer) and connection.execute(_FINER, _same_event(stored.receipt, finer)).fetchone() is not None


def _drop_coarser(connection: Connection, stored: StoredReceipt) -> None:
    """Let the exact time replace the same event learnt through a coarser source."""
    coarser = SOURCES[SOURCES.index(stored.source) + 1 :]
    if coarser:
        connection.execute(_DROP_COARSER, _same_event(stored.receipt, coarser))


def _same_event(receipt: Receipt, sources: tuple[str, ...]) -> tuple[object, ...]:
    times = (receipt.event_at_ms, receipt.event_at_raw)
    return (
        receipt.message_id,
        receipt.status,
        receipt.code,
        *times,
        *sources,
        *[""] * (len(SOURCES) - 1 - len(sources)),
    )


# The end may have come before the receipt that tells which message id the call has.
_MOVE = (
    "UPDATE requests SET state = CASE WHEN ?1 = 1"
    " OR EXISTS (SELECT 1 FROM receipts WHERE receipts.correlation_id = requests.correlation_id AND ends = 1)"
    " OR EXISTS (SELECT 1 FROM receipts WHERE receipts.message_id = coalesce(requests.message_id, nullif(?2, ''))"
    " AND ends = 1) THEN 'final' ELSE 'accepted' END,"
    " message_id = coalesce(message_id, nullif(?2, ''))"
    " WHERE (state IN ('accepted', 'unknown') OR (attempt > 0 AND (state = 'planned'"
    " OR (state = 'rejected' AND message LIKE ?5))) OR (state = 'rejected' AND message LIKE ?4))"
    " AND (correlation_id = ?3 OR (message_id = ?2 AND ?2 <> ''))"
)


def _move_request(connection: Connection, receipt: Receipt) -> None:
    """Resolve a request of unknown outcome, and close one whose call has ended, as any of its receipts tells.

    A request that was tried and put back, or given up, is resolved too: its receipt proves that the call was placed
    after all; so is one that a person took for not placed.
    """
    connection.execute(
        _MOVE,
        (receipt.ends, receipt.message_id, receipt.correlation_id, f"{RESOLVED}%", f"{NOT_CALLED}%"),
    )


def add_quarantined(
    connection: Connection, raw: bytes, reason: str, now_ms: int, number_key: bytes | None = None
) -> bool:
    """Keep an authentic body that is not a receipt, or nothing of it where it holds an erased number.

    Returns
    -------
    bool
        Whether it is new.
    """
    identity = digest(raw)
    raw = raw if number_key is None else without_erased(connection, raw, number_key)
    added = connection.execute(
        "INSERT INTO quarantine (identity, received_at_ms, reason, raw) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (identity, now_ms, reason, raw),
    )
    return added.rowcount > 0


_WITHOUT_TIME = (
    "SELECT receipt_id, source, message_id, correlation_id, status, code, msisdn, event_at_raw FROM receipts"
    " WHERE event_at_ms IS NULL AND event_at_raw <> ''"
)


def read_times_again(connection: Connection, zone: tzinfo) -> int:
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
            "UPDATE receipts SET event_at_ms = ?1, identity = ?2 WHERE receipt_id = ?3"
            " AND NOT EXISTS (SELECT 1 FROM receipts AS other WHERE other.identity = ?2)",
            (moment, receipt_identity(receipt), receipt_id),
        ).rowcount
        if not done:  # it came again after the zone was known
            connection.execute("DELETE FROM receipts WHERE receipt_id = ?", (receipt_id,))
        filled += done
    return filled

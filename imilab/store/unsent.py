"""Calls that were claimed and, as their sender knows, not sent: back to planned, as if they had not been claimed."""

from __future__ import annotations

from collections.abc import Iterable

from imilab.store.connection import Connection
from imilab.store.journal import release

__all__ = ["put_back"]

_PUT_BACK = (
    "UPDATE requests SET state = 'planned', attempt = attempt - 1,"
    " requested_at_ms = CASE WHEN attempt = 1 THEN NULL ELSE requested_at_ms END"
    " WHERE correlation_id = ? AND state = 'sending'"
    " AND NOT EXISTS (SELECT 1 FROM receipts WHERE receipts.correlation_id = requests.correlation_id)"
)


def put_back(connection: Connection, correlation_ids: Iterable[str]) -> int:
    """Move claimed calls of which no byte has left from sending back to planned; return how many.

    Unlike a try that did not get through, see `imilab.store.journal.release`, they count as no attempt. Where a
    receipt of an earlier try came meanwhile, that try did get through: the call is released, and not sent again.
    """
    moved = 0
    for correlation_id in correlation_ids:
        done = connection.execute(_PUT_BACK, (correlation_id,)).rowcount
        if not done:
            release(connection, correlation_id)
        moved += done
    return moved

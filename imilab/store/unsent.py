"""Calls that were claimed and, as their sender knows, not sent: back to planned, as if they had not been claimed."""

from __future__ import annotations

from collections.abc import Iterable

from imilab.store.connection import Connection

__all__ = ["put_back"]


def put_back(connection: Connection, correlation_ids: Iterable[str]) -> int:
    """Move claimed calls of which no byte has left from sending back to planned; return how many.

    Unlike a try that did not get through, see `imilab.store.journal.release`, they count as no attempt.
    """
    return sum(
        connection.execute(
            "UPDATE requests SET state = 'planned', attempt = attempt - 1,"
            " requested_at_ms = CASE WHEN attempt = 1 THEN NULL ELSE requested_at_ms END"
            " WHERE correlation_id = ? AND state = 'sending'",
            (correlation_id,),
        ).rowcount
        for correlation_id in correlation_ids
    )

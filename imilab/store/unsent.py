"""Calls that, as their sender knows, were not sent: back to planned, as if not claimed; or forgotten."""

from __future__ import annotations

from collections.abc import Iterable

from imilab.store.connection import Connection
from imilab.store.journal import release

__all__ = ["drop_unsent", "put_back"]

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


def drop_unsent(connection: Connection, correlation_id: str) -> None:
    """Forget a call of no plan that is still planned, and its text: nothing would ever send it.

    Its number is forgotten with the next `imilab.store.anonymous.drop_unused_numbers`, where nothing else holds it.
    """
    unsent = "correlation_id = ? AND state = 'planned' AND plan_id IS NULL"
    done = connection.execute(f"DELETE FROM requests WHERE {unsent}", (correlation_id,))  # noqa: S608 - fixed text
    if done.rowcount:
        connection.execute("DELETE FROM schedule WHERE correlation_id = ?", (correlation_id,))

"""When planned calls may be placed: a table of its own, as most calls have no hours but the quiet ones."""

from __future__ import annotations

from typing import Protocol

from imilab.store.connection import Connection

__all__ = ["Scheduled", "add_schedule", "drop_send_at", "earlier_calls"]


class Scheduled(Protocol):
    """What is kept of a planned call's hours."""

    @property
    def correlation_id(self) -> str: ...
    @property
    def not_before_ms(self) -> int | None: ...
    @property
    def hours(self) -> str | None: ...
    @property
    def spacing_ms(self) -> int | None: ...


def add_schedule(connection: Connection, call: Scheduled) -> None:
    """Record when a call may be placed, where its plan says so."""
    row = call.not_before_ms, call.hours, call.spacing_ms
    if row != (None, None, None):
        connection.execute(
            "INSERT INTO schedule (correlation_id, not_before_ms, hours, spacing_ms) VALUES (?, ?, ?, ?)",
            (call.correlation_id, *row),
        )


def earlier_calls(connection: Connection, plan_id: str | None, msisdn: str, position: int | None) -> int:
    """Count a plan's calls to a number that come before a place in it and are still to be asked for."""
    row = connection.execute(
        "SELECT count(*) FROM requests WHERE msisdn = ? AND plan_id = ? AND position < ? AND state = 'planned'",
        (msisdn, plan_id, position),
    ).fetchone()
    return int(row[0])


def drop_send_at(connection: Connection, correlation_id: str) -> None:
    """Forget the `sendAt` of a call that is asked for without one, so that its day is that of its request."""
    connection.execute("UPDATE requests SET send_at_ms = NULL WHERE correlation_id = ?", (correlation_id,))

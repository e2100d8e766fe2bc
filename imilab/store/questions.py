"""Questions to the platform about calls: which are open, when each was asked about last, and what an answer proves."""

from __future__ import annotations

from imilab.store.connection import Connection
from imilab.store.send_counters import add_to_counter, read_counter

__all__ = ["confirm_placed", "last_question", "note_question", "note_questions_end", "open_calls"]

_LAST = "last question"
_OPEN = (
    "SELECT message_id FROM requests WHERE state IN ('accepted', 'unknown') AND message_id IS NOT NULL"
    " AND requested_at_ms <= ? ORDER BY coalesce(asked_at_ms, 0), requested_at_ms"
)


def open_calls(connection: Connection, until_ms: int) -> list[str]:
    """Return the message ids of calls without a final event that were requested until a moment.

    First those never asked about, the oldest first; then those whose last question is the longest ago. So calls that
    cannot be settled keep no others from being asked about, however often asking is broken off.
    """
    return [message_id for (message_id,) in connection.execute(_OPEN, (until_ms,)).fetchall()]


def note_question(connection: Connection, message_id: str, asked_at_ms: int) -> None:
    """Note when a call was asked about, whatever the answer was."""
    connection.execute("UPDATE requests SET asked_at_ms = ? WHERE message_id = ?", (asked_at_ms, message_id))


def confirm_placed(connection: Connection, message_id: str) -> None:
    """Resolve a call of unknown outcome: the platform has it, even where nothing has happened to it yet."""
    connection.execute(
        "UPDATE requests SET state = 'accepted' WHERE message_id = ? AND state = 'unknown'", (message_id,)
    )


def last_question(connection: Connection) -> int:
    """Return the moment of the last question of all processes, milliseconds UTC; 0 where there was none."""
    return read_counter(connection, _LAST)


def note_questions_end(connection: Connection, now_ms: int) -> None:
    """Note that until now a process asked questions."""
    add_to_counter(connection, _LAST, now_ms - read_counter(connection, _LAST))

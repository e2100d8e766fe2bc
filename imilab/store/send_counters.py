"""Whole numbers under names, changed in the transaction of what they count."""

from __future__ import annotations

from imilab.store.connection import Connection

__all__ = ["add_to_counter", "read_counter", "sum_counters"]


def add_to_counter(connection: Connection, name: str, more: int) -> int:
    """Add to a counter, which starts at 0, and return what it is now. `more` may be negative."""
    (value,) = connection.execute(
        "INSERT INTO send_counters (name, value) VALUES (?1, ?2)"
        " ON CONFLICT (name) DO UPDATE SET value = send_counters.value + excluded.value RETURNING value",
        (name, more),
    ).fetchone()
    return int(value)


def read_counter(connection: Connection, name: str) -> int:
    """Return a counter; 0 where nothing was counted."""
    row = connection.execute("SELECT value FROM send_counters WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else 0


def sum_counters(connection: Connection, start: str) -> int:
    """Return the sum of the counters whose names begin so."""
    (value,) = connection.execute(
        "SELECT coalesce(sum(value), 0) FROM send_counters WHERE substr(name, 1, CAST(? AS INTEGER)) = ?",
        (len(start), start),
    ).fetchone()
    return int(value)

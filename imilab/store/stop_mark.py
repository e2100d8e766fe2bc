"""The stop mark: a store's kill switch for every machine that sends from it, which each claim looks at."""

from __future__ import annotations

from imilab.errors import SendStoppedError
from imilab.store.connection import Connection
from imilab.store.send_counters import add_to_counter, read_counter

__all__ = ["STOP_MARK", "check_stop_mark", "mark_stopped", "stop_marked"]

STOP_MARK = "the store is marked as stopped, for every machine; imilab stop --clear takes it away, then send again"
_NAME = "stopped"


def mark_stopped(connection: Connection, stopped: bool) -> bool:
    """Set or clear the mark, in a write transaction; return whether that changed anything."""
    change = int(stopped) - read_counter(connection, _NAME)
    if change:
        add_to_counter(connection, _NAME, change)
    return change != 0


def stop_marked(connection: Connection) -> bool:
    """Tell whether no call may be claimed."""
    return read_counter(connection, _NAME) > 0


def check_stop_mark(connection: Connection) -> None:
    """Raise where the mark is set.

    Raises
    ------
    SendStoppedError
        Says how to go on.
    """
    if stop_marked(connection):
        raise SendStoppedError(f"no call was placed: {STOP_MARK}")

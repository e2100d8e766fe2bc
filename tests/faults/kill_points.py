"""The in-process layer: a process that kills itself before or after its n-th connect, send, receive, write or commit.

It changes the sockets and the database connections of the process that calls `install`, and is meant for a forked one.
"""

from __future__ import annotations

import functools
import os
import signal
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["KINDS", "MOMENTS", "KillPoint", "install"]

KINDS = ("connect", "send", "receive", "begin", "write", "commit")
MOMENTS = ("before", "after")

_WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class KillPoint:
    """Where the process dies."""

    kind: str
    when: int
    moment: str


class _Counting:
    """Counts each kind of step, and dies at the point it was given."""

    def __init__(self, point: KillPoint | None) -> None:
        self.counts: Counter[str] = Counter()
        self._point = point
        self._lock = threading.Lock()

    def step(self, kind: str, work: Callable[[], Any]) -> Any:
        with self._lock:
            self.counts[kind] += 1
            dies = self._point and self._point.kind == kind and self._point.when == self.counts[kind]
        if dies and self._point and self._point.moment == "before":
            _die()
        try:
            return work()
        finally:
            if dies:
                _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def install(point: KillPoint | None) -> Counter[str]:
    """Count the steps of this process from now on, and kill it at `point`; the counts grow as it runs."""
    counting = _Counting(point)
    for name, kind in {"connect": "connect", "send": "send", "recv": "receive", "recv_into": "receive"}.items():
        setattr(socket.socket, name, _counted(getattr(socket.socket, name), kind, counting))
    sqlite3.connect = functools.partial(sqlite3.connect, factory=_connection_class(counting))  # type: ignore[assignment]  # the same, counted
    return counting.counts


def _counted(real: Any, kind: str, counting: _Counting) -> Any:
    def call(self: socket.socket, *values: Any) -> Any:
        if self.family == socket.AF_UNIX:  # the event loop's own pair, with which threads wake it
            return real(self, *values)
        return counting.step(kind, lambda: real(self, *values))

    return call


def _connection_class(counting: _Counting) -> type[sqlite3.Connection]:
    class Counted(sqlite3.Connection):
        writes = False

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            execute = functools.partial(super().execute, sql, *values)
            word = sql.split(None, 1)[0].upper()
            if sql == "BEGIN IMMEDIATE":
                self.writes = True
                return counting.step("begin", execute)  # type: ignore[no-any-return]  # the cursor of execute
            if word in _WRITES:
                return counting.step("write", execute)  # type: ignore[no-any-return]  # the cursor of execute
            if word == "COMMIT" and self.writes:  # SQLite writes and syncs here
                self.writes = False
                return counting.step("commit", execute)  # type: ignore[no-any-return]  # the cursor of execute
            return execute()

    return Counted

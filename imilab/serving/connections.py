"""The connections of one server: how many there may be, and how long each may take over a request."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Connection", "ConnectionLimits", "Connections"]


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """What one server puts up with.

    Attributes
    ----------
    connections : int
        At most so many; for one more, the one that has been slow or idle the longest is hung up on.
    header_seconds : float
        From a connection, or a request's first byte, to the end of its headers.
    request_seconds : float
        From a request's first byte to its last.
    answer_seconds : float
        For the application to answer, and for the client to take the answer.
    idle_seconds : float
        Between two requests; longer than clients keep a connection, so that no request meets a server that hangs up.
    header_bytes : int
        Of a request's first line and headers.
    request_bytes : int
        Of a request with its body, as it is on the wire; what an application answered early is read that far.
    """

    connections: int = 1000
    header_seconds: float = 5.0
    request_seconds: float = 10.0
    answer_seconds: float = 60.0
    idle_seconds: float = 65.0
    header_bytes: int = 32 * 1024
    request_bytes: int = 16 * 1024 * 1024


class Connection(Protocol):
    """What `Connections` needs to know of one."""

    def expire(self, now: float) -> None:
        """End it where its time is up."""
        ...

    def turn_away(self) -> None:
        """End it to make room, or for want of it."""
        ...


class Connections:
    """The open connections of one server.

    Parameters
    ----------
    limits : ConnectionLimits
        What they may take.

    Attributes
    ----------
    counts : dict
        Connections that were ended, by why: ``slow``, ``turned_away``, ``malformed``, ``too_large``.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self.counts = dict.fromkeys(("slow", "turned_away", "malformed", "too_large"), 0)
        self._open: set[Connection] = set()
        self._waiting: OrderedDict[Connection, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Take a new one in; where there are too many, the one that has kept the server waiting the longest goes."""
        self._open.add(connection)
        self.waits(connection)
        if len(self._open) > self.limits.connections:
            self.counts["turned_away"] += 1
            next(iter(self._waiting)).turn_away()

    def waits(self, connection: Connection) -> None:
        """Note that the server waits for it, from now on."""
        self._waiting[connection] = None
        self._waiting.move_to_end(connection)

    def works(self, connection: Connection) -> None:
        """Note that it waits for the server."""
        self._waiting.pop(connection, None)

    def discard(self, connection: Connection) -> None:
        """Forget one that is closed."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def expire(self, now: float) -> None:
        """End those whose time is up."""
        for connection in list(self._open):
            connection.expire(now)

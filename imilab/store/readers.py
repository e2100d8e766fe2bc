"""The many readers: each sees one moment, and connections are used again."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from imilab.errors import StoreError
from imilab.store.connection import Backend, Connection

__all__ = ["Readers"]

_MOST_FREE = 4


class Readers:
    """Connections that cannot write, as many as threads read at once; a few are kept for the next reader.

    Parameters
    ----------
    backend : Backend
        Opens them.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._here = threading.local()
        self._lock = threading.Lock()
        self._free: list[Connection] = []
        self._all: list[Connection] = []
        self._closed = False

    @contextlib.contextmanager
    def moment(self) -> Iterator[Connection]:
        """Give a connection that sees one moment; inside another of this thread, that one.

        Raises
        ------
        StoreError
            The store is closed.
        """
        current: Connection | None = getattr(self._here, "connection", None)
        if current is not None and not self._closed:
            yield current
            return
        connection = self._here.connection = self._take()
        try:
            yield connection
        finally:
            self._here.connection = None
            self._give_back(connection)

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            self._closed = True
            connections, self._all, self._free = self._all, [], []
        for connection in connections:
            connection.close()

    def _take(self) -> Connection:
        with self._lock:
            if self._closed:
                raise StoreError("the store is closed; open it again")
            connection = self._free.pop() if self._free else None
        if connection is not None:
            try:
                self._backend.begin_reading(connection)
            except self._backend.errors:  # it broke while nobody used it
                self._drop(connection)
            else:
                return connection
        connection = self._backend.open_reader()
        with self._lock:
            self._all.append(connection)
        try:
            self._backend.begin_reading(connection)
        except BaseException:
            self._drop(connection)
            raise
        return connection

    def _give_back(self, connection: Connection) -> None:
        try:
            if connection.in_transaction:  # an error of SQLite's may have ended it
                connection.execute("ROLLBACK")
        except self._backend.errors:
            self._drop(connection)
            return
        with self._lock:
            keep = not self._closed and len(self._free) < _MOST_FREE
            if keep:
                self._free.append(connection)
        if not keep:
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        with self._lock:
            if connection in self._all:
                self._all.remove(connection)
        with contextlib.suppress(*self._backend.errors):
            connection.close()

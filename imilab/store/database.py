"""The store's file: opening, one writer, many readers."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from imilab.errors import StoreError
from imilab.store.project_key import read_project_key
from imilab.store.schema import check_owner, migrate, use_wal
from imilab.store.writer import Writer

__all__ = ["FREE_SPACE_FLOOR_BYTES", "Store"]

T = TypeVar("T")

FREE_SPACE_FLOOR_BYTES = 64 * 1024 * 1024
"""Below this the store refuses to write: a full disk can kill SQLite, and the platform sends again what was refused."""


class Store:
    """The embedded database of one project.

    Parameters
    ----------
    path : Path
        Its file, made with mode 0600 where it does not exist; its folder must exist.
    number_key : bytes, optional
        Key of the number hashes; by default one made once in a 0600 file beside the store.

    Raises
    ------
    StoreError
        The file cannot be opened, or is no store of imilab's.
    """

    def __init__(self, path: Path, number_key: bytes | None = None) -> None:
        self.path = Path(path).absolute()
        if not self.path.parent.is_dir():
            raise StoreError(f"the folder {self.path.parent} does not exist; make it or set IMILAB_STORE")
        self._closed = False
        self._readers = threading.local()
        self._all_readers: list[sqlite3.Connection] = []
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            self._writer = Writer(self._open_writer, self._check_space)
        except (OSError, sqlite3.Error) as problem:
            raise StoreError(f"cannot open {self.path}: {problem}") from None
        try:
            self.number_key = number_key or read_project_key(self.path)
        except (OSError, StoreError) as problem:
            self._writer.close()
            raise problem if isinstance(problem, StoreError) else StoreError(f"no number key: {problem}") from None

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """Queue a write; the future resolves once it is durable.

        Parameters
        ----------
        work : callable
            Gets the connection, inside a transaction that it must leave open. What it raises undoes what it did, and
            nothing else, and is raised by the future; an error of SQLite's becomes a `StoreError`.
        """
        return self._writer.submit(work)

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Write and wait until it is durable.

        Raises
        ------
        StoreError
            Nothing was written.
        """
        if self._writer.runs_here:
            raise StoreError("a write that waits for another write; use the connection it was given")
        return self.submit(work).result()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that sees one consistent moment and cannot write; inside another, that one's moment.

        Raises
        ------
        StoreError
            The store is closed.
        """
        connection = self._reader()
        if connection.in_transaction:
            yield connection
            return
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            with contextlib.suppress(sqlite3.Error):  # an error of SQLite's may have ended it
                connection.execute("COMMIT")

    def rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self.reading() as connection:
            return connection.execute(query, parameters).fetchall()

    def columns(self, query: str, parameters: tuple[Any, ...] = ()) -> dict[str, list[Any]]:
        """Return a query's result column by column, under its column names."""
        with self.reading() as connection:
            cursor = connection.execute(query, parameters)
            names = [column[0] for column in cursor.description]
            values = list(zip(*cursor.fetchall(), strict=True)) or [()] * len(names)
        return {name: list(column) for name, column in zip(names, values, strict=True)}

    def close(self) -> None:
        """Finish what is queued and close the file. Closing twice is harmless."""
        self._writer.close()
        self._closed = True
        for connection in self._all_readers:
            connection.close()
        self._all_readers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)

    def _open_writer(self) -> sqlite3.Connection:
        connection = self._connect()
        try:
            check_owner(connection)
            use_wal(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _reader(self) -> sqlite3.Connection:
        if self._closed:
            raise StoreError("the store is closed; open it again")
        connection: sqlite3.Connection | None = getattr(self._readers, "connection", None)
        if connection is None:
            connection = self._readers.connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
            self._all_readers.append(connection)
        return connection

    def _check_space(self) -> None:
        free_bytes = shutil.disk_usage(self.path.parent).free
        if free_bytes < FREE_SPACE_FLOOR_BYTES:
            free, needed = free_bytes // 2**20, FREE_SPACE_FLOOR_BYTES // 2**20
            raise StoreError(f"{free} MiB are free beside the store, and it needs {needed} MiB; make space")

"""SQLite: one file in WAL mode with ``synchronous=FULL``, for one machine."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from imilab.errors import StoreAwayError, StoreError
from imilab.store.connection import Connection
from imilab.store.key_mark import agree_on_key, needs_its_key
from imilab.store.project_key import key_file, read_project_key
from imilab.store.schema import check_owner, migrate, use_wal
from imilab.store.scrubbing import scrub_sqlite
from imilab.store.sender_lock import SenderLock

__all__ = ["FREE_SPACE_FLOOR_BYTES", "SqliteBackend"]

FREE_SPACE_FLOOR_BYTES = 64 * 1024 * 1024
"""Below this the store refuses to write: a full disk can kill SQLite, and the platform sends again what was refused."""


class SqliteBackend:
    """The store's file.

    Parameters
    ----------
    path : Path
        Made with mode 0600 where it does not exist.
    number_key : bytes, optional
        Key of the number hashes; by default the one in the file beside it, made with the store.
    free_space_floor_bytes : int
        With less free space beside it, nothing is written.

    Attributes
    ----------
    number_key : bytes
        Key of the number hashes, once a writer was opened.

    Raises
    ------
    StoreError
        The file cannot be made.
    """

    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    number_key = b""

    def __init__(
        self, path: Path, number_key: bytes | None = None, free_space_floor_bytes: int = FREE_SPACE_FLOOR_BYTES
    ) -> None:
        self._path = path
        self._given_key = number_key
        self._floor_bytes = free_space_floor_bytes
        self.place, self.name = str(path), path.name
        if not path.parent.is_dir():
            raise StoreError(f"the folder {path.parent} does not exist; make it or set IMILAB_STORE")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as problem:
            raise StoreAwayError(f"cannot open {path}: {problem}") from None

    def open_writer(self) -> Connection:
        """Open a connection that writes, with the tables up to date.

        Raises
        ------
        StoreError
            The file is no store of imilab's, or of a newer one, or its number key is missing or another.
        """
        connection = self._connect()
        try:
            check_owner(connection)
            use_wal(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            migrate(connection)
            self._agree_on_key(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def open_reader(self) -> Connection:
        """Open a connection that cannot write."""
        connection = self._connect()
        connection.execute("PRAGMA query_only=ON")
        return connection

    def begin_writing(self, connection: Connection) -> None:
        """Begin the one write transaction of the file."""
        connection.execute("BEGIN IMMEDIATE")

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that sees one moment."""
        connection.execute("BEGIN")

    def is_lost(self, connection: Connection) -> bool:
        """Say no: a file does not go away and come back."""
        del connection
        return False

    def check_space(self) -> None:
        """Refuse to write to a disk that is nearly full.

        Raises
        ------
        StoreError
            Says how much is free.
        """
        free_bytes = shutil.disk_usage(self._path.parent).free
        if free_bytes < self._floor_bytes:
            free, needed = free_bytes // 2**20, self._floor_bytes // 2**20
            raise StoreError(f"{free} MiB are free beside the store, and it needs {needed} MiB; make space")

    def warnings(self) -> list[str]:
        """Return nothing: what could be set wrong is set by imilab itself."""
        return []

    def scrub_free_space(self) -> None:
        """Write the file anew and empty its log."""
        scrub_sqlite(self._path)

    def sender_lock(self) -> SenderLock:
        """Return the lock of the one sender, a file beside the store."""
        return SenderLock(self._path)

    def _agree_on_key(self, connection: Connection) -> None:
        """Read the number key, made with a new store, and compare it with the one that the store was made with."""
        self.begin_writing(connection)
        try:
            key = self._given_key or read_project_key(self._path, make=not needs_its_key(connection))
            agreed = agree_on_key(connection, key)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        if not agreed:
            given = "IMILAB_NUMBER_KEY" if self._given_key else key_file(self._path).name
            raise StoreError(
                f"{given} does not hold the number key with which {self._path} was made: do-not-call entries and erased"
                " numbers would match nobody, and plans would call everybody again; restore that key, or set"
                " IMILAB_STORE to another file"
            )
        self.number_key = key

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30, isolation_level=None, check_same_thread=False)

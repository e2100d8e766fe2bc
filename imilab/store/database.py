"""The store: one writer, many readers, on SQLite or PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from imilab.errors import ConfigError, StoreAwayError, StoreError
from imilab.store.connection import Backend, Connection
from imilab.store.readers import Readers
from imilab.store.sqlite import FREE_SPACE_FLOOR_BYTES, SqliteBackend
from imilab.store.writer import Writer

if TYPE_CHECKING:
    from pydantic import SecretStr

    from imilab.config import Settings

__all__ = ["FREE_SPACE_FLOOR_BYTES", "Store"]

T = TypeVar("T")


class Store:
    """The database of one project.

    Parameters
    ----------
    path : Path
        SQLite's file, made with mode 0600 where it does not exist; its folder must exist. With a URL, nothing is made:
        it is then the place beside which local files (imported logs, caches, the stop file) lie.
    number_key : bytes, optional
        Key of the number hashes; by default one made with the store, in a 0600 file beside it. A URL needs one.
    url : SecretStr, optional
        ``postgresql://user:password@host/database`` instead of the file.
    free_space_floor_bytes : int
        With less free space beside the file, nothing is written.

    Attributes
    ----------
    path : Path
        As given, absolute; a symbolic link is followed, so that all who open one file share what lies beside it.
    number_key : bytes
        Key of the number hashes.
    place : str
        What messages call the database; never a host, a user or a password.

    Raises
    ------
    StoreError
        The database cannot be opened, is no store of imilab's, or was made with another number key.
    ConfigError
        The URL cannot be read or has no number key, or psycopg is missing.
    """

    place = "not open"

    def __init__(
        self,
        path: Path,
        number_key: bytes | None = None,
        *,
        url: SecretStr | None = None,
        free_space_floor_bytes: int = FREE_SPACE_FLOOR_BYTES,
    ) -> None:
        self.path = Path(path).resolve()
        self._backend: Backend = (
            SqliteBackend(self.path, number_key, free_space_floor_bytes) if url is None else _postgres(url, number_key)
        )
        self.place = self._backend.place
        try:
            self._writer = Writer(self._backend)
        except StoreError:
            raise
        except self._backend.errors as problem:
            kind = StoreAwayError if isinstance(problem, sqlite3.OperationalError) else StoreError
            raise kind(f"cannot open {self.place}: {problem}") from None
        self._readers = Readers(self._backend)
        self.number_key = self._backend.number_key

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Open the store that the settings name."""
        return cls(
            settings.store,
            settings.number_key_bytes,
            url=settings.store_url,
            free_space_floor_bytes=settings.free_space_floor_bytes,
        )

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Queue a write; the future resolves once it is durable.

        Parameters
        ----------
        work : callable
            Gets the connection, inside a transaction that it must leave open. What it raises undoes what it did, and
            nothing else, and is raised by the future; an error of the database's becomes a `StoreError`.
        """
        return self._writer.submit(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        """Write and wait until it is durable.

        Raises
        ------
        StoreError
            Nothing was written.
        """
        if self._writer.runs_here:
            raise StoreError("a write that waits for another write; use the connection it was given")
        return self.submit(work).result()

    def reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that sees one consistent moment and cannot write; inside another, that one's moment.

        Raises
        ------
        StoreError
            The store is closed.
        """
        return self._readers.moment()

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

    def sender_lock(self) -> AbstractContextManager[object]:
        """Return the lock of the one sender on this store, of all processes and machines that share it.

        Raises
        ------
        StoreLockedError
            On entering, where another holds it.
        """
        return self._backend.sender_lock()

    def scrub_free_space(self) -> None:
        """Overwrite what the database's files still hold of rows that are gone; see `imilab.store.scrubbing`."""
        self._backend.scrub_free_space()

    def warnings(self) -> list[str]:
        """Return what an administrator of the database should look at, in words."""
        return self._backend.warnings()

    def close(self) -> None:
        """Finish what is queued and close the database. Closing twice is harmless."""
        self._writer.close()
        self._readers.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """A short name: that of the file, or of the kind of server."""
        return self._backend.name

    def __repr__(self) -> str:
        return f"Store({self.place!r})"


def _postgres(url: SecretStr, number_key: bytes | None) -> Backend:
    from imilab.store.postgres import PostgresBackend

    if number_key is None:
        raise ConfigError("number_key", "needed with store_url, the same on every machine; see docs/postgres.md")
    return PostgresBackend(url, number_key)

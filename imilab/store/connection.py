"""What a job works on: a connection that takes SQL, whichever database is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

__all__ = ["Backend", "Connection", "Cursor"]


class Cursor(Protocol):
    """The result of a statement, as `sqlite3.Cursor` gives it."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        ...

    @property
    def description(self) -> Any:
        """The columns, each with its name first; None without a result."""
        ...

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        ...

    def fetchmany(self, size: int = ..., /) -> list[Any]:
        """Return the next rows, at most `size`."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """An open database; `sqlite3.Connection` is one.

    Its SQL is what SQLite and PostgreSQL both know: parameters as ``?``, ``?1`` or ``:name``, ``CASE`` and no ``iif``,
    ``CAST`` and no ``::``, an alias for each subquery in ``FROM``, no ``rowid``, no ``INSERT OR``, no ``json_each``.
    True and False become 1 and 0, so a condition on a parameter reads ``?1 = 1``.
    """

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor:
        """Run one statement."""
        ...

    def close(self) -> None:
        """Close it; what was not committed is undone."""
        ...


class Backend(Protocol):
    """One kind of database: how it is opened, how its transactions begin, what breaks."""

    @property
    def place(self) -> str:
        """What messages call it; never a password, a user or a host."""
        ...

    @property
    def name(self) -> str:
        """A short name: that of the file, or of the kind of server."""
        ...

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What its connections raise."""
        ...

    @property
    def number_key(self) -> bytes:
        """The key with which its numbers are hashed, once a writer was opened."""
        ...

    def open_writer(self) -> Connection:
        """Open a connection that writes, durably at each commit, with the tables up to date."""
        ...

    def open_reader(self) -> Connection:
        """Open a connection that cannot write."""
        ...

    def begin_writing(self, connection: Connection) -> None:
        """Begin a transaction that excludes every other writer, of all processes and machines, until it ends."""
        ...

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that sees one moment."""
        ...

    def is_lost(self, connection: Connection) -> bool:
        """Say whether a connection is of no more use, and a new one might be."""
        ...

    def check_space(self) -> None:
        """Raise `StoreError` where a write might not fit."""
        ...

    def warnings(self) -> list[str]:
        """Return what an administrator should look at."""
        ...

    def scrub_free_space(self) -> None:
        """Overwrite what its files still hold of rows that are gone; raise `StoreError` where that fails."""
        ...

    def sender_lock(self) -> AbstractContextManager[object]:
        """Return the lock of the one sender; entering raises `StoreLockedError` where another holds it."""
        ...

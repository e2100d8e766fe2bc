"""PostgreSQL: one database for several receivers, on as many machines."""

from __future__ import annotations

import contextlib
import time
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from imilab.errors import ConfigError, StoreAwayError, StoreError
from imilab.store.change_log import spell_for_postgres
from imilab.store.connection import Connection
from imilab.store.key_mark import agree_on_key
from imilab.store.postgres_connection import PostgresConnection, connect, read_url
from imilab.store.postgres_lock import PostgresSenderLock
from imilab.store.postgres_sql import spell_columns
from imilab.store.schema import Dialect, migrate
from imilab.store.scrubbing import scrub_postgres

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["PostgresBackend"]

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0
_LOCK = "SELECT pg_advisory_xact_lock(1768778092, hashtext(current_schema()))"
_BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {_LOCK}"
# A process that hangs inside a transaction would keep every other from writing: the server ends it.
_SESSION = (
    "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s';"
    " SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') IN ('off', 'local')"
)
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
_HAS_TABLES = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'migrations'"
_FACTS = (
    "SELECT current_setting('fsync'), current_setting('server_encoding'), pg_is_in_recovery(), current_schema(),"
    " current_setting('server_version_num')"
)
_OLDEST_VERSION = 130000


class PostgresBackend:
    """The database that a URL names.

    Parameters
    ----------
    url : SecretStr
        ``postgresql://user:password@host/database``.
    number_key : bytes
        Key of the number hashes. The database holds a mark of it, so that all who share it have the same.

    Raises
    ------
    ConfigError
        The URL cannot be read, or psycopg is missing.
    """

    place = "the PostgreSQL database of IMILAB_STORE_URL"
    name = "PostgreSQL"
    errors: tuple[type[Exception], ...] = (StoreError,)

    def __init__(self, url: SecretStr, number_key: bytes) -> None:
        self._told = read_url(url.get_secret_value())
        self.number_key = number_key
        self._lock: PostgresSenderLock | None = None
        self._pause_seconds = 0.0
        self._next_try = 0.0

    def open_writer(self) -> Connection:
        """Open a session that writes, with the tables up to date; after a failure, not again at once.

        Raises
        ------
        StoreError
            There is no connection, or the server would not keep what it was given.
        ConfigError
            The database's numbers are hashed with another key.
        """
        if time.monotonic() < self._next_try:
            raise StoreAwayError(
                "cannot write: no connection to the PostgreSQL server of IMILAB_STORE_URL; soon tried again"
            )
        try:
            connection = connect(self._told, "write")
        except StoreError:
            self._pause_seconds = min(max(2 * self._pause_seconds, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
            self._next_try = time.monotonic() + self._pause_seconds
            raise
        self._pause_seconds = 0.0
        try:
            connection.execute(_SESSION)
            _check_server(connection)
            _check_owner(connection)
            migrate(connection, Dialect(begin=self.begin_writing, spell=_spell, has_tables=_has_tables))
            self._agree_on_key(connection)
        except BaseException:
            connection.close()
            raise
        connection.check_sender = self._check_sender
        return connection

    def open_reader(self) -> Connection:
        """Open a session for transactions that only read."""
        return connect(self._told, "read")

    def begin_writing(self, connection: Connection) -> None:
        """Begin a transaction and wait until no other process writes.

        As with SQLite, one transaction writes at a time: then every rule that looks before it writes (caps, the finer
        of two doors) holds as it stands, and receipts are numbered in the order in which they become visible.
        """
        connection.execute(_BEGIN)

    def begin_reading(self, connection: Connection) -> None:
        """Begin a transaction that sees one moment."""
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def is_lost(self, connection: Connection) -> bool:
        """Say whether the session has ended: the server went away."""
        return isinstance(connection, PostgresConnection) and connection.is_lost

    def check_space(self) -> None:
        """Leave it to the server: a full disk there fails the commit."""

    def warnings(self) -> list[str]:
        """Return what in the server's settings could lose receipts."""
        connection = connect(self._told, "read")
        try:
            query = "SELECT current_setting('full_page_writes'), current_setting('synchronous_commit')"
            full_pages, synchronous = connection.execute(query).fetchone()
        finally:
            connection.close()
        found = []
        if full_pages == "off":
            found.append("full_page_writes is off on the server: a power cut can tear pages")
        if synchronous in {"off", "local"}:
            found.append(f"synchronous_commit is {synchronous} on the server; imilab turns it on for what it writes")
        return found

    def scrub_free_space(self) -> None:
        """Write the tables anew; the server's log and its backups are its administrator's."""
        with contextlib.closing(connect(self._told, "write")) as connection:
            connection.execute("SET lock_timeout = '30s'")
            scrub_postgres(connection)

    def sender_lock(self) -> AbstractContextManager[object]:
        """Return the lock of the one sender, held by a session of its own."""
        return PostgresSenderLock(lambda: connect(self._told, "write"), self._set_lock)

    def _agree_on_key(self, connection: Connection) -> None:
        """Leave a mark of the number key with the first opening, and compare it with each later one.

        Raises
        ------
        ConfigError
            They differ.
        """
        self.begin_writing(connection)
        try:
            agreed = agree_on_key(connection, self.number_key)
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
        if not agreed:
            raise ConfigError(
                "number_key",
                "not the key with which this database's numbers were hashed; set the same on every machine",
            )

    def _set_lock(self, lock: PostgresSenderLock | None) -> None:
        self._lock = lock

    def _check_sender(self) -> None:
        if self._lock is not None:
            self._lock.check()


def _has_tables(connection: Connection) -> bool:
    return connection.execute(_HAS_TABLES).fetchone() is not None


def _check_server(connection: Connection) -> None:
    """Refuse a server that could lose what it acknowledged, or cannot hold every text."""
    fsync, encoding, standby, schema, version = connection.execute(_FACTS).fetchone()
    if int(version) < _OLDEST_VERSION:
        raise StoreError("the PostgreSQL server is older than version 13; upgrade it")
    if standby:
        raise StoreError(
            "the PostgreSQL server is a standby that cannot be written; name the primary in IMILAB_STORE_URL"
        )
    if fsync != "on":
        raise StoreError(
            "the PostgreSQL server runs with fsync = off and would lose receipts in a power cut; turn it on"
        )
    if encoding != "UTF8":
        raise StoreError("the database's encoding is not UTF8; make it with CREATE DATABASE ... ENCODING 'UTF8'")
    if schema is None:
        raise StoreError("the role sees no schema of the database; grant it USAGE on one")


def _check_owner(connection: Connection) -> None:
    names = {name for (name,) in connection.execute(_TABLES)}
    if names and "migrations" not in names:
        raise StoreError("this database belongs to another program; give imilab a database or a schema of its own")


def _spell(statement: str) -> str:
    return spell_columns(spell_for_postgres(statement))

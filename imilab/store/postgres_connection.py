"""A connection to PostgreSQL that behaves as `imilab.store.connection.Connection` says."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from imilab.errors import ConfigError, StoreAwayError, StoreError, hides_arguments
from imilab.numbers import scrub
from imilab.store.postgres_sql import bind
from imilab.wire.rules import is_loopback

if TYPE_CHECKING:
    import psycopg

__all__ = ["DataError", "PostgresConnection", "connect", "load_psycopg", "read_url"]

_DEFAULTS = {
    "connect_timeout": "5",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "imilab",
}
"""What libpq is told where the URL says nothing else: a dead network is noticed within a minute."""

# libpq's messages name host, user and database: each is told by its cause alone.
_CAUSES = {
    "password authentication failed": "it refuses the password",
    "no password supplied": "it wants a password",
    "no pg_hba.conf entry": "it does not let this machine in (pg_hba.conf)",
    "does not exist": "it has no such database or role",
    "could not translate host name": "its name is not known here",
    "refused": "nothing listens there",
    "timeout expired": "it does not answer",
    "too many": "it has no connection left (max_connections)",
    "starting up": "it is starting",
    "shutting down": "it is shutting down",
    "recovery mode": "it is recovering",
    "permission denied": "it gives no permission",
    "SSL": "TLS failed; sslmode=disable in the URL does without where the network is safe",
}


# SQLSTATE's classes: data exceptions, broken constraints, limits such as that of an index's entry.
_OF_THE_DATA = ("22", "23", "54")


class DataError(StoreError):
    """PostgreSQL does not take a value, today or tomorrow."""


def load_psycopg() -> Any:
    """Return the driver.

    Raises
    ------
    ConfigError
        It is not installed.
    """
    try:
        import psycopg
    except ImportError:
        raise ConfigError("store_url", 'PostgreSQL needs psycopg; pip install "imilab[postgres]"') from None
    return psycopg


@hides_arguments
def read_url(url: str) -> dict[str, Any]:
    """Return what a ``postgresql://`` URL says, for libpq.

    Raises
    ------
    ConfigError
        It cannot be read; its text is not repeated.
    """
    driver = load_psycopg()
    try:
        told = driver.conninfo.conninfo_to_dict(url)
    except driver.Error:
        told = None
    if not told or not url.startswith(("postgresql://", "postgres://")):
        raise ConfigError("store_url", "not a URL like postgresql://user:password@host/database")
    return _Told({**_DEFAULTS, "sslmode": _sslmode(told), **told, "client_encoding": "utf8"})


class _Told(dict[str, Any]):
    """What a URL says, password and all; a verbose traceback that prints it shows none of it."""

    def __repr__(self) -> str:
        return "<what the URL says>"


def _sslmode(told: Mapping[str, Any]) -> str:
    """Return what holds for TLS where the URL says nothing: receipts hold numbers, and networks have listeners."""
    host = str(told.get("hostaddr") or told.get("host") or "/")
    return "prefer" if host.startswith("/") or is_loopback(host) else "require"


@hides_arguments
def connect(told: Mapping[str, Any], verb: str) -> PostgresConnection:
    """Open a connection.

    Parameters
    ----------
    told : mapping
        See `read_url`.
    verb : str
        What it is for, ``write`` or ``read``, for messages.

    Raises
    ------
    StoreAwayError
        Without the server's own words, which name host and user.
    """
    driver = load_psycopg()
    # What reads prepares nothing: a newer imilab that adds a column elsewhere would break a prepared `SELECT *`.
    prepares = {} if verb == "write" else {"prepare_threshold": None}
    try:
        opened = driver.connect(**told, autocommit=True, cursor_factory=driver.RawCursor, **prepares)
    except driver.Error as problem:
        text = str(problem)
        cause = next((words for part, words in _CAUSES.items() if part in text), type(problem).__name__)
    else:
        _adapt(opened)
        return PostgresConnection(opened, verb)
    raise StoreAwayError(f"cannot {verb}: no connection to the PostgreSQL server of IMILAB_STORE_URL: {cause}")


class PostgresConnection:
    """One session.

    Parameters
    ----------
    opened : psycopg.Connection
        In autocommit mode, with raw cursors.
    verb : str
        ``write`` or ``read``, for messages.

    Attributes
    ----------
    check_sender : callable
        Raises where the lock of the one sender was lost, see `imilab.store.sender_lock.check_sender`.
    """

    def __init__(self, opened: psycopg.Connection[Any], verb: str) -> None:
        self._opened = opened
        self._verb = verb
        self.check_sender: Callable[[], None] = _nothing

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open, failed or not."""
        from psycopg.pq import TransactionStatus

        status = self._opened.info.transaction_status
        return status in {TransactionStatus.INTRANS, TransactionStatus.INERROR, TransactionStatus.ACTIVE}

    @property
    def is_lost(self) -> bool:
        """Whether the session has ended."""
        return self._opened.closed

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Any:
        """Run one statement.

        Raises
        ------
        StoreError
            In PostgreSQL's main words, numbers masked; its details hold values. `DataError` where a value is to blame.
        """
        text, values = bind(sql, parameters) if parameters else (sql, None)
        failure: StoreError | None = None
        try:
            cursor = self._opened.execute(text, values)
        except load_psycopg().Error as problem:
            kind = DataError if (problem.sqlstate or "").startswith(_OF_THE_DATA) else StoreError
            failure = kind(f"cannot {self._verb}: {_words(problem)}")
        if failure is None and sql == "COMMIT" and cursor.statusmessage != "COMMIT":
            failure = StoreError(f"cannot {self._verb}: the transaction had failed before")
        if failure is not None:
            del parameters, values
            raise failure
        return cursor

    def close(self) -> None:
        """End the session."""
        with contextlib.suppress(load_psycopg().Error):
            self._opened.close()


def _nothing() -> None:
    """Nobody sends through this connection."""


def _words(problem: Any) -> str:
    primary = getattr(problem.diag, "message_primary", None)
    return f"{type(problem).__name__}: {scrub(primary)}" if primary else f"{type(problem).__name__}: connection lost"


def _adapt(opened: Any) -> None:
    """Make Python's values as wide as imilab's columns, and whole numbers whole."""
    from psycopg.adapt import Loader
    from psycopg.types.numeric import Int8Dumper
    from psycopg.types.string import StrDumper

    class BoolAsNumber(Int8Dumper):
        def dump(self, obj: Any) -> Any:
            return super().dump(int(obj))

    class Text(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    class Number(Loader):
        def load(self, data: Any) -> Any:
            text = bytes(data)
            return float(text) if b"." in text or text == b"NaN" else int(text)

    opened.adapters.register_dumper(int, Int8Dumper)
    opened.adapters.register_dumper(bool, BoolAsNumber)
    opened.adapters.register_dumper(str, Text)
    opened.adapters.register_loader("numeric", Number)

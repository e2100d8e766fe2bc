"""The tables, as append-only named migrations, each recorded in the transaction that made it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imilab.errors import StoreError, StoreVersionError
from imilab.store.change_log import spell_for_sqlite
from imilab.store.connection import Connection

__all__ = ["MIGRATIONS", "Dialect", "check_owner", "migrate", "use_wal"]

# Written for SQLite. `imilab.store.postgres_sql.spell_columns` makes PostgreSQL's variant of it: in CREATE TABLE and
# ALTER TABLE it replaces the types INTEGER, TEXT, BLOB and REAL and INTEGER PRIMARY KEY; the rest has to suit both.
# COUNT stands for triggers, which each database writes in its own way: `imilab.store.change_log`.

MIGRATIONS: tuple[tuple[str, str], ...] = (
    (
        "0001_first_tables",
        """
        CREATE TABLE numbers (
            msisdn TEXT PRIMARY KEY, number_key TEXT NOT NULL, country TEXT, number_type TEXT
        ) WITHOUT ROWID;
        CREATE TABLE plans (
            plan_id TEXT PRIMARY KEY, campaign TEXT NOT NULL UNIQUE, design TEXT NOT NULL, seed INTEGER NOT NULL,
            document TEXT NOT NULL, created_at_ms INTEGER NOT NULL
        );
        CREATE TABLE requests (
            correlation_id TEXT PRIMARY KEY, plan_id TEXT REFERENCES plans, position INTEGER, block INTEGER,
            stratum TEXT, design TEXT, campaign TEXT, arm TEXT, msisdn TEXT NOT NULL REFERENCES numbers,
            caller_id TEXT, content_type TEXT NOT NULL, media_id TEXT, language TEXT, voice TEXT, voice_type TEXT,
            gender TEXT, region TEXT, text TEXT, send_at_ms INTEGER, state TEXT NOT NULL, attempt INTEGER NOT NULL,
            message_id TEXT, http_status INTEGER, code TEXT, message TEXT, created_at_ms INTEGER NOT NULL,
            requested_at_ms INTEGER
        );
        CREATE UNIQUE INDEX requests_by_place ON requests (plan_id, position) WHERE plan_id IS NOT NULL;
        CREATE INDEX requests_by_message ON requests (message_id) WHERE message_id IS NOT NULL;
        CREATE INDEX requests_by_state ON requests (state);
        CREATE TABLE receipts (
            receipt_id INTEGER PRIMARY KEY, identity BLOB NOT NULL UNIQUE, received_at_ms INTEGER NOT NULL,
            source TEXT NOT NULL, message_id TEXT NOT NULL, correlation_id TEXT NOT NULL, status TEXT NOT NULL,
            code TEXT NOT NULL, description TEXT NOT NULL, event_at_ms INTEGER, event_at_raw TEXT NOT NULL,
            msisdn TEXT NOT NULL, callback_data TEXT NOT NULL, ends INTEGER NOT NULL, raw BLOB NOT NULL
        );
        CREATE INDEX receipts_by_message ON receipts (message_id);
        CREATE INDEX receipts_by_correlation ON receipts (correlation_id);
        CREATE INDEX receipts_without_time ON receipts (receipt_id) WHERE event_at_ms IS NULL;
        CREATE TABLE quarantine (
            quarantine_id INTEGER PRIMARY KEY, identity BLOB NOT NULL UNIQUE, received_at_ms INTEGER NOT NULL,
            reason TEXT NOT NULL, raw BLOB NOT NULL
        );
        """,
    ),
    (
        "0002_cap_indexes",
        """
        CREATE INDEX IF NOT EXISTS requests_by_number ON requests (msisdn);
        CREATE INDEX IF NOT EXISTS requests_by_campaign ON requests (campaign, state) WHERE campaign IS NOT NULL;
        CREATE INDEX IF NOT EXISTS requests_by_request ON requests (requested_at_ms) WHERE requested_at_ms IS NOT NULL;
        CREATE INDEX IF NOT EXISTS requests_by_ring ON requests (coalesce(send_at_ms, requested_at_ms), state)
            WHERE requested_at_ms IS NOT NULL;
        """,
    ),
    (
        "0003_burst_budget",
        """
        CREATE TABLE send_counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
        """,
    ),
    (
        "0004_plan_schedule",
        """
        CREATE TABLE schedule (
            correlation_id TEXT PRIMARY KEY REFERENCES requests ON DELETE CASCADE, not_before_ms BIGINT, hours TEXT,
            spacing_ms BIGINT
        );
        """,
    ),
    (
        "0005_erased_numbers",
        """
        CREATE TABLE erased (tombstone TEXT PRIMARY KEY, erased_at_ms INTEGER NOT NULL);
        """,
    ),
    (
        "0007_receipt_changes",
        """
        CREATE TABLE receipt_changes (segment BIGINT PRIMARY KEY, changes INTEGER NOT NULL);
        COUNT UPDATES OF receipts;
        COUNT DELETES OF receipts
        """,
    ),
    (
        "0008_key_mark",
        """
        CREATE TABLE key_mark (mark TEXT PRIMARY KEY);
        """,
    ),
    (
        "0009_questions",
        """
        ALTER TABLE requests ADD COLUMN asked_at_ms INTEGER;
        """,
    ),
)


def check_owner(connection: Connection) -> None:
    """Refuse a database that another program made, before anything in it is changed.

    Raises
    ------
    StoreError
        It holds tables, and none of them is imilab's.
    """
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if names and "migrations" not in names:
        raise StoreError("this database belongs to another program; set IMILAB_STORE to another file")


def use_wal(connection: Connection) -> None:
    """Switch to the write-ahead log, with which readers do not wait for the writer.

    Raises
    ------
    StoreError
        The file system cannot share memory between processes.
    """
    if connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
        raise StoreError("this folder cannot hold a database in WAL mode; set IMILAB_STORE to a file on a local disk")


def _check_known(done: set[str]) -> None:
    unknown = done - {name for name, _ in MIGRATIONS}
    if unknown:
        raise StoreVersionError(f"written by a newer imilab (it has {max(unknown)}); upgrade imilab to open it")


@dataclass(frozen=True)
class Dialect:
    """What migrations need to know of a database.

    Attributes
    ----------
    begin : callable
        Begins a transaction that excludes other writers.
    spell : callable
        Returns a statement of a migration with the database's column types.
    has_tables : callable
        Says whether there is a table of migrations; a role may be allowed to use tables and not to make them.
    """

    begin: Callable[[Connection], object]
    spell: Callable[[str], str]
    has_tables: Callable[[Connection], bool]


_SQLITE = Dialect(
    begin=lambda connection: connection.execute("BEGIN IMMEDIATE"),
    spell=spell_for_sqlite,
    has_tables=lambda connection: bool(
        connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'").fetchone()
    ),
)


def migrate(connection: Connection, dialect: Dialect = _SQLITE) -> None:
    """Bring the tables up to date.

    Raises
    ------
    StoreVersionError
        The store knows migrations that this imilab does not.
    """
    dialect.begin(connection)
    try:
        _apply(connection, dialect)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _apply(connection: Connection, dialect: Dialect) -> None:
    if not dialect.has_tables(connection):
        connection.execute(dialect.spell("CREATE TABLE migrations (name TEXT PRIMARY KEY)"))
    done = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    _check_known(done)
    for name, script in MIGRATIONS:
        if name not in done:
            for statement in filter(str.strip, script.split(";")):
                connection.execute(dialect.spell(statement))
            connection.execute("INSERT INTO migrations VALUES (?)", (name,))

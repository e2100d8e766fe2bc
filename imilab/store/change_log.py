"""Which stretches of the receipts were changed after they were written: what caches of them go by.

Receipts are added at the end. A few are changed or deleted later: a finer door told the same event, the tenant's zone
became known, a number was erased. Triggers count such changes, whoever makes them, for each stretch of ids.
"""

from __future__ import annotations

__all__ = ["SEGMENT_RECEIPTS", "spell_for_postgres", "spell_for_sqlite"]

SEGMENT_RECEIPTS = 100_000
"""Ids of one stretch, for good: stretch 0 ends before this id. It stands in the triggers of every store."""

_COUNT = (
    f"INSERT INTO receipt_changes (segment, changes) VALUES (OLD.receipt_id / {SEGMENT_RECEIPTS}, 1)"  # noqa: S608 - a number
    " ON CONFLICT (segment) DO UPDATE SET changes = receipt_changes.changes + 1"
)
_SQLITE = {
    "COUNT UPDATES OF receipts": f"CREATE TRIGGER receipts_updated AFTER UPDATE ON receipts BEGIN {_COUNT}; END",
    "COUNT DELETES OF receipts": f"CREATE TRIGGER receipts_deleted AFTER DELETE ON receipts BEGIN {_COUNT}; END",
}
_POSTGRES = {
    "COUNT UPDATES OF receipts": (
        f"CREATE FUNCTION count_receipt_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {_COUNT}; RETURN NULL; END'"
    ),
    "COUNT DELETES OF receipts": (
        "CREATE TRIGGER receipts_changed AFTER UPDATE OR DELETE ON receipts"
        " FOR EACH ROW EXECUTE FUNCTION count_receipt_change()"
    ),
}


def spell_for_sqlite(statement: str) -> str:
    """Return a statement of a migration as SQLite takes it.

    Examples
    --------
    >>> spell_for_sqlite("COUNT DELETES OF receipts")[:31]
    'CREATE TRIGGER receipts_deleted'
    >>> spell_for_sqlite("DROP TABLE a")
    'DROP TABLE a'
    """
    return _SQLITE.get(statement.strip(), statement)


def spell_for_postgres(statement: str) -> str:
    """Return a statement of a migration as PostgreSQL takes it, but for column types."""
    return _POSTGRES.get(statement.strip(), statement)

"""A mark of the number key in the store: another key would match nobody whom the store or a list of hashes knows."""

from __future__ import annotations

import hmac

from imilab.numbers import number_key as hash_of
from imilab.store.connection import Connection

__all__ = ["agree_on_key", "needs_its_key"]

_PURPOSE = b"imilab: mark of the number key"
_HASHED = "SELECT msisdn, number_key FROM numbers WHERE msisdn LIKE '+%' LIMIT 1"  # a token's hash is random


def needs_its_key(connection: Connection) -> bool:
    """Say whether the store was opened with a number key before, so that a new one would be wrong."""
    return _mark(connection) is not None or connection.execute(_HASHED).fetchone() is not None


def agree_on_key(connection: Connection, number_key: bytes) -> bool:
    """Say whether the store was made with this key; the first opening, in a write transaction, leaves a mark of it.

    A store without a mark is of an older imilab, and judged by the hash of one of its numbers.
    """
    mark = hmac.digest(number_key, _PURPOSE, "sha256").hex()[:32]
    known = _mark(connection)
    if known is not None:
        return hmac.compare_digest(known, mark)
    row = connection.execute(_HASHED).fetchone()
    if row is not None and not hmac.compare_digest(str(row[1]), hash_of(str(row[0]), number_key)):
        return False
    connection.execute("INSERT INTO key_mark (mark) VALUES (?)", (mark,))
    return True


def _mark(connection: Connection) -> str | None:
    row = connection.execute("SELECT mark FROM key_mark").fetchone()
    return None if row is None else str(row[0])

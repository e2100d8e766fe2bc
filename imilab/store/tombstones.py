"""Erased numbers: what is kept of them, so that a receipt that comes late does not bring one back.

A tombstone is a hash of the number under a key that is derived from the project's. It differs from the number's
`number_key`, and no row of calls, receipts or requests holds it: it tells that a number was erased, not which rows
were its. Rows of an erased number hold a random token instead. Rows that became too old do as well, without a
tombstone.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

from imilab.numbers import is_e164, scrub
from imilab.store.connection import Connection
from imilab.store.spellings import canonical_of
from imilab.wire import Receipt

__all__ = [
    "TOKENS",
    "Token",
    "add_tombstone",
    "any_erased",
    "drop_tombstones",
    "erased_numbers",
    "is_token",
    "late_receipt",
    "new_token",
    "number_like",
    "without_erased",
]

TOKENS = "erased-%"
"""What the numbers of erased rows look like, for LIKE."""

_PREFIX = "erased-"
_BY_AGE = "by age"  # stands among the tombstones once rows were anonymised for their age
_PURPOSE = b"imilab: numbers that were erased"
_CANDIDATE = re.compile(rb"(?<![0-9])(?:[0-9][\s().\-/]{0,3}){6,16}[0-9](?![0-9])")


@dataclass(frozen=True)
class Token:
    """What stands in for a number in rows that are kept for their counts: both parts random, linked to nothing."""

    msisdn: str
    number_key: str


def new_token() -> Token:
    """Return a token that nobody can link to a number."""
    return Token(_PREFIX + secrets.token_hex(16), secrets.token_hex(32))


def is_token(msisdn: str) -> bool:
    """Say whether a column of numbers holds a token instead of a number."""
    return msisdn.startswith(_PREFIX)


def add_tombstone(connection: Connection, canonical: str, number_key: bytes, now_ms: int) -> None:
    """Remember that a number was erased."""
    _remember(connection, _tombstone(canonical, number_key), now_ms)


def drop_tombstones(connection: Connection, before_ms: int, now_ms: int) -> None:
    """Forget even that numbers were erased before a moment; rows of that age hold tokens from now on."""
    connection.execute("DELETE FROM erased WHERE erased_at_ms < ?", (before_ms,))
    _remember(connection, _BY_AGE, now_ms)


def any_erased(connection: Connection) -> bool:
    """Say whether anything was ever erased here; where nothing was, no receipt needs a look."""
    return connection.execute("SELECT 1 FROM erased LIMIT 1").fetchone() is not None


def erased_numbers(connection: Connection, number_key: bytes) -> Callable[[str], bool] | None:
    """Return what tells quickly whether a number was erased, for many numbers, or None where none was."""
    known = {tombstone for (tombstone,) in connection.execute("SELECT tombstone FROM erased").fetchall()} - {_BY_AGE}
    if not known:
        return None

    def is_erased(msisdn: str) -> bool:
        spelling = msisdn if is_e164(msisdn) else canonical_of(msisdn)
        return spelling is not None and _tombstone(spelling, number_key) in known

    return is_erased


def late_receipt(connection: Connection, receipt: Receipt, raw: bytes, number_key: bytes) -> tuple[Receipt, bytes]:
    """Return a receipt and its body as they may be stored: without the number, where its call was erased.

    The call's request decides. Where there is none, a tombstone does, so that an erased number which is called again
    on purpose is known again.
    """
    if not receipt.msisdn or not any_erased(connection):
        return receipt, raw
    row = connection.execute(
        "SELECT msisdn FROM requests WHERE correlation_id = ? OR (message_id = ? AND message_id <> '') LIMIT 1",
        (receipt.correlation_id, receipt.message_id),
    ).fetchone()
    if row is None and _is_erased(connection, receipt.msisdn, number_key):
        row = (_token_of_call(connection, receipt.message_id),)
    if row is None or not (row[0] == "" or is_token(row[0])):
        return receipt, raw
    words = scrub(receipt.description)
    return replace(receipt, msisdn=row[0], callback_data="", additional_info="", description=words), b""


def without_erased(connection: Connection, raw: bytes, number_key: bytes) -> bytes:
    """Return a body that could not be read, or nothing of it where it holds an erased number."""
    if not any_erased(connection):
        return raw
    return b"" if any(_is_erased(connection, text, number_key) for text in number_like(raw)) else raw


def number_like(raw: bytes) -> list[str]:
    """Return the stretches of a body that may be numbers: seven to seventeen digits, with few signs between."""
    return [match[0].decode() for match in _CANDIDATE.finditer(raw)]


def _is_erased(connection: Connection, msisdn: str, number_key: bytes) -> bool:
    if (canonical := canonical_of(msisdn)) is None:
        return False
    found = connection.execute("SELECT 1 FROM erased WHERE tombstone = ?", (_tombstone(canonical, number_key),))
    return found.fetchone() is not None


def _token_of_call(connection: Connection, message_id: str) -> str:
    """Return the token of a call of which only receipts are known, so that one told again is known again."""
    found = connection.execute(
        "SELECT msisdn FROM receipts WHERE message_id = ? AND message_id <> '' AND msisdn LIKE ? LIMIT 1",
        (message_id, TOKENS),
    ).fetchone()
    return str(found[0]) if found else ""


def _tombstone(canonical: str, number_key: bytes) -> str:
    own_key = hmac.digest(number_key, _PURPOSE, "sha256")
    return hmac.digest(own_key, canonical.encode(), "sha256").hex()


def _remember(connection: Connection, tombstone: str, now_ms: int) -> None:
    connection.execute(
        "INSERT INTO erased (tombstone, erased_at_ms) VALUES (?, ?)"
        " ON CONFLICT (tombstone) DO UPDATE SET erased_at_ms = excluded.erased_at_ms",
        (tombstone, now_ms),
    )

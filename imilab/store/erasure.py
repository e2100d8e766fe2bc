"""Erases one number from every table: its rows stay for their counts and hold a random token instead.

What may hold the number, and under which kind of column, is listed once, in `HELD_IN`; a test compares the list with
the tables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from imilab.numbers import number_key
from imilab.store.anonymous import Tokens, anonymise_receipt, anonymise_request, drop_unused_numbers
from imilab.store.connection import Connection
from imilab.store.database import Store
from imilab.store.free_text import HELD_IN, Held, redact_row
from imilab.store.spellings import Spellings
from imilab.store.tombstones import TOKENS, Token, add_tombstone

__all__ = ["Redaction", "erase_number"]

_PAGE = 500
_READ_PAGE = 5000


@dataclass(frozen=True, repr=False)
class Redaction:
    """What is taken out, and what stands there instead.

    Attributes
    ----------
    spellings : Spellings
        The number.
    token : Token
        What stands in its rows.
    keys : frozenset of str
        Its keyed hashes, one for each spelling.
    """

    spellings: Spellings
    token: Token
    keys: frozenset[str]

    def text(self, text: str) -> str:
        """Return free text without the number."""
        return self._without_keys(self.spellings.redact(text))

    def name(self, text: str) -> str:
        """Return an id or a label without the number; one label stays one label."""
        return self._without_keys(self.spellings.redact_id(text, self.token.msisdn))

    def number(self, msisdn: str) -> str:
        """Return another column of numbers without this one."""
        return self.token.msisdn if self.spellings.names(msisdn) else msisdn

    def body(self, raw: bytes) -> bytes:
        """Return a body without the number."""
        return self.spellings.redact_bytes(raw)

    def _without_keys(self, text: str) -> str:
        for key in self.keys:
            text = text.replace(key, self.token.number_key)
        return text


def erase_number(store: Store, msisdn: str, now_ms: int) -> tuple[Redaction, Counter[str]]:
    """Erase a number from the tables.

    Parameters
    ----------
    store : Store
        Nobody may be sending from it.
    msisdn : str
        In any spelling with its country code.
    now_ms : int
        When.

    Returns
    -------
    redaction : Redaction
        For what lies outside of the tables.
    counts : Counter
        ``requests, receipts, texts``: how many rows of each were changed.

    Raises
    ------
    InvalidInputError
        It is no number.
    """
    spellings, key = Spellings(msisdn), store.number_key
    store.write(lambda connection: add_tombstone(connection, spellings.canonical, key, now_ms))
    spelled = [text for text in _numbers(store) if spellings.names(text)]
    keys = frozenset(number_key(text, key) for text in (*spelled, spellings.canonical))
    redaction = Redaction(spellings, Tokens().of(spellings.canonical), keys)
    tokens = Tokens(redaction.token)
    counts: Counter[str] = Counter()
    for text in spelled:
        counts["requests"] += _in_pages(store, partial(_requests_of, msisdn=text, tokens=tokens))
        counts["receipts"] += _in_pages(store, partial(_receipts_of, msisdn=text, tokens=tokens))
    counts["receipts"] += _in_pages(store, partial(_receipts_of_calls, tokens=tokens, token=redaction.token))
    for held in HELD_IN:
        counts["texts"] += _redact_table(store, held, redaction)
    store.write(drop_unused_numbers)
    return redaction, counts


def _numbers(store: Store) -> Iterator[str]:
    last = ""
    while True:
        page = store.rows(
            f"SELECT msisdn FROM numbers WHERE msisdn > ? AND msisdn NOT LIKE ? ORDER BY msisdn LIMIT {_READ_PAGE}",  # noqa: S608 - a number
            (last, TOKENS),
        )
        yield from (msisdn for (msisdn,) in page)
        if not page:
            return
        last = page[-1][0]


def _in_pages(store: Store, change: Callable[[Connection], int]) -> int:
    """Change rows in transactions that are short enough for receipts to come between."""
    changed = 0
    while step := store.write(change):
        changed += step
    return changed


def _requests_of(connection: Connection, msisdn: str, tokens: Tokens) -> int:
    query = f"SELECT correlation_id FROM requests WHERE msisdn = ? LIMIT {_PAGE}"  # noqa: S608 - a number
    rows = connection.execute(query, (msisdn,)).fetchall()
    for (correlation_id,) in rows:
        anonymise_request(connection, correlation_id, tokens)
    return len(rows)


def _receipts_of(connection: Connection, msisdn: str, tokens: Tokens) -> int:
    query = f"SELECT receipt_id FROM receipts WHERE msisdn = ? LIMIT {_PAGE}"  # noqa: S608 - a number
    rows = connection.execute(query, (msisdn,)).fetchall()
    for (receipt_id,) in rows:
        anonymise_receipt(connection, receipt_id, tokens)
    return len(rows)


def _receipts_of_calls(connection: Connection, token: Token, tokens: Tokens) -> int:
    """Empty the receipts of the number's calls that name no number or another one, as that of an agent."""
    rows = connection.execute(
        f"SELECT receipt_id FROM receipts WHERE (length(raw) > 0 OR callback_data <> '') AND (correlation_id IN"  # noqa: S608 - a number
        " (SELECT correlation_id FROM requests WHERE msisdn = ?1) OR (message_id <> '' AND message_id IN"
        f" (SELECT message_id FROM requests WHERE msisdn = ?1))) LIMIT {_PAGE}",
        (token.msisdn,),
    ).fetchall()
    for (receipt_id,) in rows:
        anonymise_receipt(connection, receipt_id, tokens, keeps_number=True)
    return len(rows)


def _redact_table(store: Store, held: Held, redaction: Redaction) -> int:
    """Look through a table and change the rows that hold the number in other columns than that of numbers."""
    changed, last = 0, held.start
    while page := store.rows(held.page(_READ_PAGE), (last,)):
        found = [row[0] for row in page if held.changes(row, redaction)]
        if found:
            changed += store.write(partial(_redact_rows, held=held, keys=found, redaction=redaction))
        last = page[-1][0]
    return changed


def _redact_rows(connection: Connection, held: Held, keys: list[Any], redaction: Redaction) -> int:
    return sum(redact_row(connection, held, key, redaction) for key in keys)

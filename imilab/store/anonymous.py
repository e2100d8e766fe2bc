"""Takes the person out of a row and leaves what is counted: state, code, times, arm, country, type of number."""

from __future__ import annotations

from imilab.numbers import scrub
from imilab.store.connection import Connection
from imilab.store.identity import receipt_identity
from imilab.store.tombstones import Token, is_token, new_token
from imilab.wire import Receipt

__all__ = ["RECEIPT_FACTS", "Tokens", "anonymise_receipt", "anonymise_request", "drop_unused_numbers"]

RECEIPT_FACTS = (
    "message_id",
    "correlation_id",
    "status",
    "code",
    "description",
    "event_at_ms",
    "event_at_raw",
    "msisdn",
)
"""The columns that `anonymise_receipt` needs."""

_ERASED = "not called: the number was erased"


class Tokens:
    """The tokens of one run: rows of one number stay rows of one number.

    Parameters
    ----------
    only : Token, optional
        Stands for every number; by default each gets one of its own.
    """

    def __init__(self, only: Token | None = None) -> None:
        self._only = only
        self._tokens: dict[str, Token] = {}

    def of(self, msisdn: str) -> Token:
        """Return what stands for a number."""
        return self._only or self._tokens.setdefault(msisdn, new_token())

    def put(self, connection: Connection, msisdn: str) -> str:
        """Return what stands for a number in a row; its country and type are kept. A token, and none, stay."""
        if not msisdn or is_token(msisdn):
            return msisdn
        token = self.of(msisdn)
        connection.execute(
            "INSERT INTO numbers (msisdn, number_key, country, number_type)"
            " SELECT ?, ?, max(country), max(number_type) FROM numbers WHERE msisdn = ?"
            " ON CONFLICT (msisdn) DO UPDATE SET country = coalesce(numbers.country, excluded.country),"
            " number_type = coalesce(numbers.number_type, excluded.number_type)",
            (token.msisdn, token.number_key, msisdn),
        )
        return token.msisdn


def anonymise_request(connection: Connection, correlation_id: str, tokens: Tokens) -> None:
    """Take number and text out of a request; one that was still to be sent is refused instead."""
    msisdn, message = connection.execute(
        "SELECT msisdn, message FROM requests WHERE correlation_id = ?", (correlation_id,)
    ).fetchone()
    connection.execute(
        "UPDATE requests SET msisdn = ?, text = NULL, message = CASE WHEN state = 'planned' THEN ? ELSE ? END,"
        " state = CASE WHEN state = 'planned' THEN 'rejected' ELSE state END WHERE correlation_id = ?",
        (tokens.put(connection, msisdn), _ERASED, scrub(message) if message else message, correlation_id),
    )


def anonymise_receipt(connection: Connection, receipt_id: int, tokens: Tokens, *, keeps_number: bool = False) -> None:
    """Take number, callback data and body out of a receipt; its identity, a hash of the number too, is made anew.

    With `keeps_number` the number is another one's and stays.
    """
    row = connection.execute(
        f"SELECT {', '.join(RECEIPT_FACTS)} FROM receipts WHERE receipt_id = ?",  # noqa: S608 - fixed names
        (receipt_id,),
    ).fetchone()
    facts = dict(zip(RECEIPT_FACTS, row, strict=True))
    facts["description"] = scrub(facts["description"])
    if not keeps_number:
        facts["msisdn"] = tokens.put(connection, facts["msisdn"])
    identity = receipt_identity(Receipt(**facts))
    same = "SELECT 1 FROM receipts WHERE identity = ? AND receipt_id <> ?"
    if connection.execute(same, (identity, receipt_id)).fetchone():  # two spellings of one event
        connection.execute("DELETE FROM receipts WHERE receipt_id = ?", (receipt_id,))
        return
    connection.execute(
        "UPDATE receipts SET identity = ?, msisdn = ?, description = ?, callback_data = '', raw = ?"
        " WHERE receipt_id = ?",
        (identity, facts["msisdn"], facts["description"], b"", receipt_id),
    )


def drop_unused_numbers(connection: Connection) -> None:
    """Forget the numbers that no request and no receipt holds."""
    connection.execute(
        "DELETE FROM numbers WHERE msisdn NOT IN (SELECT msisdn FROM requests)"
        " AND msisdn NOT IN (SELECT msisdn FROM receipts)"
    )

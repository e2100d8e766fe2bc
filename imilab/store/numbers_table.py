"""What is known of each number, computed once, on the way in."""

from __future__ import annotations

from imilab.numbers import describe_number, number_key
from imilab.store.connection import Connection

__all__ = ["add_number"]


def add_number(connection: Connection, msisdn: str, key: bytes) -> None:
    """Record a number's hash, country and type where it is new."""
    if connection.execute("SELECT 1 FROM numbers WHERE msisdn = ?", (msisdn,)).fetchone():
        return
    facts = describe_number(msisdn)
    connection.execute(
        "INSERT INTO numbers VALUES (?, ?, ?, ?)", (msisdn, number_key(msisdn, key), facts.country, facts.number_type)
    )

"""A person decides what became of a call of unknown outcome; no rule and no retry ever does."""

from __future__ import annotations

from imilab.errors import InvalidInputError
from imilab.numbers import scrub
from imilab.store.connection import Connection
from imilab.store.receipts import RESOLVED

__all__ = ["DECISIONS", "resolve"]

DECISIONS = {"accepted": "it was placed", "rejected": "it was not placed"}
"""What can be decided. Not planned: a call that may have been placed is never sent again."""


def resolve(connection: Connection, correlation_id: str, state: str, note: str | None) -> None:
    """Record the decision, by compare-and-set; a receipt that comes later still moves the call on.

    Raises
    ------
    InvalidInputError
        There is no such call, its outcome is not unknown, or nothing of the kind can be decided.
    """
    if state not in tuple(DECISIONS):
        raise InvalidInputError(
            "state", f"not one of {', '.join(DECISIONS)}; a call of unknown outcome is never planned again"
        )
    words = f"{RESOLVED}{DECISIONS[state]}{f'; {scrub(note)}' if note else ''}"
    done = connection.execute(
        "UPDATE requests SET state = ?, message = ? WHERE correlation_id = ? AND state = 'unknown'",
        (state, words, correlation_id),
    ).rowcount
    if not done:
        row = connection.execute("SELECT state FROM requests WHERE correlation_id = ?", (correlation_id,)).fetchone()
        reason = f"its call is {row[0]}, not unknown" if row else "no call has it"
        raise InvalidInputError("correlation_id", f"{reason}; lab.unknown() lists the calls to be resolved")

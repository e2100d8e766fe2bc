"""What can happen in a call, and what can become of it."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["OUTCOMES", "Event", "Outcome"]


class Event(StrEnum):
    """One kind of receipt; the value is imilab's word, the platform's own is `Code.status`."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    ANSWERED = "answered"
    RELEASED = "released"
    REJECTED = "rejected"
    DISCONNECTED = "disconnected"
    DROPPED = "dropped"
    TROMBONE_CONNECTED = "trombone_connected"
    TROMBONE_RELEASED = "trombone_released"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """What became of a call, in the order in which tables and charts show them.

    `LOST` is a call without a final event for longer than the receipt horizon, `PENDING` one that is still within it,
    `NOT_PLACED` a request that the platform refused. The others come from receipts.
    """

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    DROPPED = "dropped"
    EXPIRED = "expired"
    OTHER = "other"
    LOST = "lost"
    PENDING = "pending"
    NOT_PLACED = "not_placed"


OUTCOMES: tuple[str, ...] = tuple(outcome.value for outcome in Outcome)

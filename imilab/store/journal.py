"""The journal of requests: what was planned, claimed, sent, and what the platform said.

States: planned → sending → accepted → final, with rejected (a definite refusal), planned again (proven not sent) and
unknown (it may have been placed). `sending` is durable before the connection is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from imilab.errors import InvalidInputError, StoreError
from imilab.store.connection import Connection
from imilab.store.numbers_table import add_number
from imilab.store.schedule_table import add_schedule
from imilab.store.sender_lock import check_sender

__all__ = [
    "NOT_CALLED",
    "STATES",
    "PlannedCall",
    "Settlement",
    "add_calls",
    "add_plan",
    "calls_of_plan",
    "claim",
    "count_states",
    "planned_calls",
    "recover",
    "refuse",
    "release",
    "settle",
]

STATES = ("planned", "sending", "accepted", "final", "rejected", "unknown")

NOT_CALLED = "not called: "
"""How the message of a request begins that imilab itself refused."""


@dataclass(frozen=True, kw_only=True)
class PlannedCall:
    """One row of the requests table before it is sent. Fields are the table's columns, and those of its schedule.

    Attributes
    ----------
    send_at_ms : int or None
        When the platform is to place the call that it holds until then.
    not_before_ms : int or None
        Before this moment it is not sent.
    hours : str or None
        In which hours its phone may ring, see `imilab.send.windows.Window.from_text`.
    spacing_ms : int or None
        How far it keeps from other calls to its number.
    """

    correlation_id: str
    msisdn: str = field(repr=False)
    content_type: str
    plan_id: str | None = None
    position: int | None = None
    block: int | None = None
    stratum: str | None = None
    design: str | None = None
    campaign: str | None = None
    arm: str | None = None
    media_id: str | None = None
    language: str | None = None
    voice: str | None = None
    voice_type: str | None = None
    gender: str | None = None
    region: str | None = None
    text: str | None = field(default=None, repr=False)
    send_at_ms: int | None = None
    not_before_ms: int | None = None
    hours: str | None = None
    spacing_ms: int | None = None


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """What became of one request to the platform."""

    state: str
    message_id: str | None = None
    http_status: int | None = None
    code: str | None = None
    message: str | None = field(default=None, repr=False)


_COLUMNS = (
    *("correlation_id", "plan_id", "position", "block", "stratum", "design", "campaign", "arm", "msisdn"),
    *("content_type", "media_id", "language", "voice", "voice_type", "gender", "region", "text", "send_at_ms"),
)
_SCHEDULE = ("not_before_ms", "hours", "spacing_ms")
# Some receipts of a call name its message id alone, which others, or the answer, have told.
_TOLD = (
    "SELECT count(*), max(ends) FROM (SELECT ends FROM receipts WHERE correlation_id = ?1"
    " UNION ALL SELECT ends FROM receipts WHERE message_id IN (SELECT nullif(?2, '')"
    " UNION SELECT nullif(message_id, '') FROM receipts WHERE correlation_id = ?1)) AS told"
)
_INSERT = (
    f"INSERT INTO requests ({', '.join(_COLUMNS)}, caller_id, state, attempt, created_at_ms)"  # noqa: S608 - fixed names
    f" VALUES ({', '.join('?' * len(_COLUMNS))}, ?, 'planned', 0, ?)"
)


def add_calls(
    connection: Connection, calls: Iterable[PlannedCall], caller_id: str | None, number_key: bytes, now_ms: int
) -> None:
    """Record calls as planned."""
    for call in calls:
        add_number(connection, call.msisdn, number_key)
        connection.execute(_INSERT, (*(getattr(call, name) for name in _COLUMNS), caller_id, now_ms))
        add_schedule(connection, call)


def add_plan(
    connection: Connection,
    *,
    plan_id: str,
    campaign: str,
    design: str,
    seed: int,
    document: str,
    calls: Iterable[PlannedCall],
    caller_id: str | None,
    number_key: bytes,
    now_ms: int,
) -> bool:
    """Record a plan and its calls, unless it is there already.

    Returns
    -------
    bool
        Whether it is new.

    Raises
    ------
    InvalidInputError
        The campaign's name belongs to another plan.
    """
    row = connection.execute("SELECT plan_id FROM plans WHERE campaign = ?", (campaign,)).fetchone()
    if row:
        if row[0] == plan_id:
            return False
        raise InvalidInputError(
            "campaign",
            "this name was used for other recipients, arms, texts, hours, design or seed; give a new one to call again",
        )
    connection.execute(
        "INSERT INTO plans VALUES (?, ?, ?, ?, ?, ?)", (plan_id, campaign, design, seed, document, now_ms)
    )
    add_calls(connection, calls, caller_id, number_key, now_ms)
    return True


def planned_calls(connection: Connection, plan_id: str) -> list[PlannedCall]:
    """Return a plan's calls that are still to be sent, in the order of their times, then of their places."""
    return _read_calls(connection, plan_id, " AND state = 'planned'")


def calls_of_plan(connection: Connection, plan_id: str) -> list[PlannedCall]:
    """Return all of a plan's calls, in whatever state, as they were planned."""
    return _read_calls(connection, plan_id, "")


def _read_calls(connection: Connection, plan_id: str, condition: str) -> list[PlannedCall]:
    rows = connection.execute(
        f"SELECT {', '.join(f'requests.{name}' for name in _COLUMNS)}, {', '.join(_SCHEDULE)} FROM requests"  # noqa: S608 - fixed names
        f" LEFT JOIN schedule ON schedule.correlation_id = requests.correlation_id WHERE plan_id = ?{condition}"
        " ORDER BY coalesce(not_before_ms, send_at_ms, 0), position",
        (plan_id,),
    )
    return [PlannedCall(**dict(zip((*_COLUMNS, *_SCHEDULE), row, strict=True))) for row in rows]


def claim(connection: Connection, correlation_id: str, now_ms: int) -> int:
    """Move a call from planned to sending, by compare-and-set.

    Returns
    -------
    int
        Which attempt this is; 0 where the call was not planned any more, and must not be sent.

    Raises
    ------
    StoreLockedError
        The lock of the one sender was lost.
    """
    check_sender(connection)
    row = connection.execute(
        "UPDATE requests SET state = 'sending', attempt = attempt + 1, requested_at_ms = ?"
        " WHERE correlation_id = ? AND state = 'planned' RETURNING attempt",
        (now_ms, correlation_id),
    ).fetchone()
    return int(row[0]) if row else 0


def settle(connection: Connection, correlation_id: str, settlement: Settlement) -> str:
    """Record what became of a call that was being sent.

    Returns
    -------
    str
        The state it is in now: receipts may already have told more than the answer did.
    """
    state = settlement.state
    if state in {"accepted", "unknown"}:
        state = _state_told_by_receipts(connection, correlation_id, settlement.message_id) or state
    done = connection.execute(
        "UPDATE requests SET state = ?, message_id = coalesce(?, message_id, (SELECT max(message_id) FROM receipts"
        " WHERE receipts.correlation_id = requests.correlation_id AND message_id <> '')),"
        " http_status = ?, code = ?, message = ? WHERE correlation_id = ? AND state = 'sending'",
        (
            state,
            settlement.message_id,
            settlement.http_status,
            settlement.code,
            settlement.message,
            correlation_id,
        ),
    ).rowcount
    if not done:
        raise StoreError("a call was settled that nobody was sending; another process changed the store")
    return state


def _state_told_by_receipts(connection: Connection, correlation_id: str, message_id: str | None) -> str | None:
    count, ended = connection.execute(_TOLD, (correlation_id, message_id or "")).fetchone()
    if not count:
        return None
    return "final" if ended else "accepted"


def release(connection: Connection, correlation_id: str) -> None:
    """Move a call that was proven not to have been sent back to planned, unless its receipts prove the contrary."""
    state = _state_told_by_receipts(connection, correlation_id, None) or "planned"
    connection.execute(
        "UPDATE requests SET state = ? WHERE correlation_id = ? AND state = 'sending'", (state, correlation_id)
    )


def refuse(connection: Connection, correlation_id: str, reason: str) -> None:
    """Move a planned call that must never be placed to rejected; it was not asked for.

    Where it was tried before and a receipt proves that it was placed after all, that moves it on.
    """
    connection.execute(
        "UPDATE requests SET state = 'rejected', message = ? WHERE correlation_id = ? AND state = 'planned'",
        (f"{NOT_CALLED}{reason}", correlation_id),
    )


def recover(connection: Connection) -> int:
    """Mark what a dead sender left in `sending` as unknown: it may have been placed.

    Returns
    -------
    int
        How many calls.
    """
    stuck = connection.execute("SELECT correlation_id FROM requests WHERE state = 'sending'").fetchall()
    for (correlation_id,) in stuck:
        settle(connection, correlation_id, Settlement(state="unknown", message="the sender stopped while sending"))
    return len(stuck)


def count_states(connection: Connection, plan_id: str | None = None) -> dict[str, int]:
    """Return the number of calls in each state, of one plan or of all."""
    rows = connection.execute(
        "SELECT state, count(*) FROM requests WHERE ?1 IS NULL OR plan_id = ?1 GROUP BY state", (plan_id,)
    )
    return {**dict.fromkeys(STATES, 0), **dict(rows.fetchall())}

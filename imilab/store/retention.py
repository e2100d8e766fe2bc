"""Takes the person out of what is old; rows stay for their counts, and calls that are still open are left alone.

A planned call is still open while its plan goes on. Where it does not, it is refused, and can never be sent.
"""

from __future__ import annotations

from collections import Counter
from functools import partial

from imilab.store.anonymous import Tokens, anonymise_receipt, anonymise_request, drop_unused_numbers
from imilab.store.connection import Connection
from imilab.store.database import Store
from imilab.store.tombstones import TOKENS, drop_tombstones, is_token

__all__ = ["forget_before"]

_PAGE = 500
_MOMENT = "coalesce(send_at_ms, requested_at_ms, created_at_ms)"
# A plan goes on while anything of it was sent, or is to be sent, since then. One that does not is given up, as is a
# call of no plan: nothing but its own `lab.call` would ever have sent it.
_GIVEN_UP = (
    "SELECT plan_id FROM plans WHERE created_at_ms < ?1"
    " EXCEPT SELECT plan_id FROM requests WHERE coalesce(send_at_ms, requested_at_ms) >= ?1"
    " EXCEPT SELECT plan_id FROM requests JOIN schedule ON schedule.correlation_id = requests.correlation_id"
    " WHERE not_before_ms >= ?1"
)
_GOES_ON = f"(state = 'planned' AND plan_id IS NOT NULL AND plan_id NOT IN ({_GIVEN_UP}))"
# A call whose receipts never came is lost, and no longer open; one of unknown outcome waits for a decision.
_OPEN = f"(state IN ('sending', 'unknown') OR {_GOES_ON} OR (state = 'accepted' AND {_MOMENT} >= ?2))"
_OLD = f"msisdn NOT LIKE '{TOKENS}' AND {_MOMENT} < ?1"


def forget_before(store: Store, before_ms: int, now_ms: int, horizon_ms: int, tokens: Tokens) -> Counter[str]:
    """Anonymise what is older than a moment in the tables.

    Parameters
    ----------
    store : Store
        Nobody may be sending from it.
    before_ms, now_ms : int
        The moment, and now, milliseconds UTC. A request is as old as its `sendAt`, else its attempt, else its plan; a
        receipt as its arrival.
    horizon_ms : int
        The receipt horizon: an accepted call within it is still open.
    tokens : Tokens
        Stand for the numbers.

    Returns
    -------
    Counter
        ``requests, receipts, quarantined`` changed or removed, and ``open``: old calls that were left as they are.
    """
    open_after_ms = min(now_ms - horizon_ms, before_ms)
    counts: Counter[str] = Counter()
    store.write(partial(drop_tombstones, before_ms=before_ms, now_ms=now_ms))
    call: str | None = ""
    while call is not None:
        bounds = (before_ms, open_after_ms, call)
        changed, call = store.write(partial(_requests, bounds=bounds, tokens=tokens))
        counts["requests"] += changed
    receipt: int | None = -1
    while receipt is not None:
        changed, receipt = store.write(partial(_receipts, after=receipt, before_ms=before_ms, tokens=tokens))
        counts["receipts"] += changed
    counts["quarantined"] = store.write(partial(_quarantined, before_ms=before_ms))
    store.write(drop_unused_numbers)
    query = f"SELECT count(*) FROM requests WHERE {_OLD} AND {_OPEN}"  # noqa: S608 - fixed text
    ((counts["open"],),) = store.rows(query, (before_ms, open_after_ms))
    return counts


def _requests(connection: Connection, bounds: tuple[int, int, str], tokens: Tokens) -> tuple[int, str | None]:
    """Change the next page of requests; return how many were, and where to go on."""
    rows = connection.execute(
        f"SELECT correlation_id FROM requests WHERE {_OLD} AND NOT {_OPEN} AND correlation_id > ?3"  # noqa: S608 - fixed text
        f" ORDER BY correlation_id LIMIT {_PAGE}",
        bounds,
    ).fetchall()
    for (correlation_id,) in rows:
        anonymise_request(connection, correlation_id, tokens)
    return len(rows), rows[-1][0] if rows else None


def _receipts(connection: Connection, after: int, before_ms: int, tokens: Tokens) -> tuple[int, int | None]:
    """Change the next page of receipts; return how many were, and where to go on."""
    rows = connection.execute(
        "SELECT receipt_id, correlation_id, message_id FROM receipts WHERE receipt_id > ? AND received_at_ms < ?"  # noqa: S608 - fixed text
        f" AND (length(raw) > 0 OR callback_data <> '' OR NOT (msisdn = '' OR msisdn LIKE '{TOKENS}'))"
        f" ORDER BY receipt_id LIMIT {_PAGE}",
        (after, before_ms),
    ).fetchall()
    changed = 0
    for receipt_id, correlation_id, message_id in rows:
        owner = _number_of_call(connection, correlation_id, message_id)
        if owner is None or is_token(owner):
            anonymise_receipt(connection, receipt_id, tokens)
            changed += 1
    return changed, rows[-1][0] if rows else None


def _number_of_call(connection: Connection, correlation_id: str, message_id: str) -> str | None:
    """Return the number in the request that a receipt belongs to, or None where there is no such request."""
    row = connection.execute(
        "SELECT msisdn FROM requests WHERE correlation_id = ? OR (message_id = ? AND message_id <> '') LIMIT 1",
        (correlation_id, message_id),
    ).fetchone()
    return None if row is None else str(row[0])


def _quarantined(connection: Connection, before_ms: int) -> int:
    return connection.execute("DELETE FROM quarantine WHERE received_at_ms < ?", (before_ms,)).rowcount

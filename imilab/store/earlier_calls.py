"""Who was called before: what a careful person wants to know before calling again."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from imilab.store.connection import Connection

__all__ = ["count_called"]

_AT_ONCE = 500


def count_called(connection: Connection, msisdns: Iterable[str], plan_id: str) -> int:
    """Return how many of some numbers the platform was asked to call, other than by one plan; each number once."""
    found, rest = 0, iter(msisdns)
    while some := tuple(islice(rest, _AT_ONCE)):
        (count,) = connection.execute(
            f"SELECT count(DISTINCT msisdn) FROM requests WHERE msisdn IN ({', '.join('?' * len(some))})"  # noqa: S608 - marks
            " AND requested_at_ms IS NOT NULL AND state <> 'planned' AND (plan_id IS NULL OR plan_id <> ?)",
            (*some, plan_id),
        ).fetchone()
        found += int(count)
    return found

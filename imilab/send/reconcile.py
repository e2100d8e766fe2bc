"""Reconcile: ask the platform about calls whose final receipt has not come."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from imilab.client import AsyncPlatformClient
from imilab.clock import Clock
from imilab.errors import NotFoundError, PlatformError, RateLimitedError, UnauthorisedError
from imilab.send.pace import Pace
from imilab.store import Store, StoredReceipt
from imilab.store.receipts import add_receipt

__all__ = ["ReconcileSummary", "reconcile"]

_IN_FLIGHT = 16
_OPEN = (
    "SELECT message_id FROM requests WHERE state IN ('accepted', 'unknown') AND message_id IS NOT NULL"
    " AND requested_at_ms <= ? ORDER BY requested_at_ms"
)


@dataclass(frozen=True, kw_only=True)
class ReconcileSummary:
    """What asking brought.

    Attributes
    ----------
    asked : int
        Calls asked about.
    learned : int
        Events that were not known before.
    not_found : int
        Calls that the platform does not know.
    failed : int
        Questions without an answer; ask again.
    """

    asked: int
    learned: int
    not_found: int
    failed: int

    def __str__(self) -> str:
        return (
            f"asked about {self.asked} calls, learned {self.learned} events;"
            f" {self.not_found} not known to the platform, {self.failed} without an answer"
        )


async def reconcile(
    store: Store,
    client: AsyncPlatformClient,
    pace: Pace,
    clock: Clock,
    *,
    older_than_seconds: float = 0.0,
    on_progress: Callable[[Mapping[str, int]], None] | None = None,
) -> ReconcileSummary:
    """Ask for the status of every accepted call without a final event, and store what it tells.

    Parameters
    ----------
    store, client, pace, clock
        As for `Sender`; questions count against the tenant's limit like calls.
    older_than_seconds : float
        Leave out calls requested later than this.
    on_progress : callable, optional
        Gets counts after each question.

    Returns
    -------
    ReconcileSummary
        Running it again asks only about calls that are still open.

    Raises
    ------
    UnauthorisedError
        The platform refuses the key.
    """
    until_ms = clock.now_ms() - int(older_than_seconds * 1000)
    counts: Counter[str] = Counter()
    places = asyncio.Semaphore(_IN_FLIGHT)

    async def ask(message_id: str) -> None:
        async with places:
            counts["learned"] += await _ask(store, client, pace, clock, message_id, counts)
            counts["asked"] += 1
        if on_progress:
            on_progress(dict(counts))

    try:
        async with asyncio.TaskGroup() as group:
            for (message_id,) in store.rows(_OPEN, (until_ms,)):
                group.create_task(ask(message_id))
    except* UnauthorisedError as refused:
        raise refused.exceptions[0] from None
    return ReconcileSummary(**{name: counts[name] for name in ("asked", "learned", "not_found", "failed")})


async def _ask(
    store: Store, client: AsyncPlatformClient, pace: Pace, clock: Clock, message_id: str, counts: Counter[str]
) -> int:
    """Ask about one call, waiting while the platform is busy, and return how many events were new."""
    while True:
        while (wait_seconds := pace.wait_seconds()) > 0:
            await clock.sleep(wait_seconds)
        pace.note()
        try:
            status = await client.call_status(message_id)
            break
        except RateLimitedError as busy:
            pace.pause(busy.retry_after_seconds)
        except UnauthorisedError:
            raise
        except PlatformError as problem:
            counts["not_found" if isinstance(problem, NotFoundError) else "failed"] += 1
            return 0
    raw, received_at_ms = status.to_bytes(), clock.now_ms()
    stored = [
        StoredReceipt(receipt=receipt, raw=raw, source="poll", received_at_ms=received_at_ms)
        for receipt in status.receipts()
    ]
    write = store.submit(lambda connection: sum(add_receipt(connection, one, store.number_key) for one in stored))
    return await asyncio.wrap_future(write)

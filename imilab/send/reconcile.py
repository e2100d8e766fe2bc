"""Reconcile: ask the platform about calls whose final receipt has not come."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from imilab.client import AsyncPlatformClient
from imilab.clock import Clock
from imilab.errors import NotFoundError, PlatformError, RateLimitedError, UnauthorisedError
from imilab.send.pace import Pace
from imilab.store import Store, StoredReceipt
from imilab.store.receipts import add_receipt
from imilab.wire import CallStatus

__all__ = ["ReconcileSummary", "open_calls", "reconcile"]

_IN_FLIGHT = 16
_TRIES = 10
_LONGEST_NAP_SECONDS = 0.2  # real seconds between looks at the stop signal
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


def open_calls(store: Store, until_ms: int) -> list[str]:
    """Return the message ids of calls without a final event that were requested until a moment, the oldest first."""
    return [message_id for (message_id,) in store.rows(_OPEN, (until_ms,))]


async def reconcile(
    store: Store,
    client: AsyncPlatformClient,
    pace: Pace,
    clock: Clock,
    message_ids: Iterable[str],
    *,
    on_progress: Callable[[Mapping[str, int]], None] | None = None,
    stop: threading.Event | None = None,
) -> ReconcileSummary:
    """Ask for the status of calls, and store what it tells.

    Parameters
    ----------
    store, client, pace, clock
        As for `Sender`; questions count against the tenant's limit like calls.
    message_ids : iterable of str
        The calls, see `open_calls`.
    on_progress : callable, optional
        Gets counts after each question.
    stop : threading.Event, optional
        When set, no further question is asked.

    Returns
    -------
    ReconcileSummary
        Running it again with what is open then asks only about calls that still are.

    Raises
    ------
    UnauthorisedError
        The platform refuses the key.
    StoreError
        What it told cannot be stored.
    """
    asking = _Asking(store, client, pace, clock, stop or threading.Event())
    waiting = deque(message_ids)

    async def work() -> None:
        while waiting and not asking.stop.is_set():
            await asking.ask(waiting.popleft())
            if on_progress:
                on_progress(dict(asking.counts))

    workers = [asyncio.create_task(work()) for _ in range(min(_IN_FLIGHT, len(waiting)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return ReconcileSummary(**{name: asking.counts[name] for name in ("asked", "learned", "not_found", "failed")})


class _Asking:
    """The questions of one run."""

    def __init__(
        self, store: Store, client: AsyncPlatformClient, pace: Pace, clock: Clock, stop: threading.Event
    ) -> None:
        self._store = store
        self._client = client
        self._pace = pace
        self._clock = clock
        self.stop = stop
        self.counts: Counter[str] = Counter()

    async def ask(self, message_id: str) -> None:
        """Ask about one call and store what was not known."""
        try:
            status = await self._status(message_id)
        except UnauthorisedError:
            raise
        except PlatformError as problem:
            self.counts["not_found" if isinstance(problem, NotFoundError) else "failed"] += 1
        else:
            if status is None:
                return
            self.counts["learned"] += await self._keep(status)
        self.counts["asked"] += 1

    async def _status(self, message_id: str) -> CallStatus | None:
        """Return how a call stands, waiting while the platform is busy; None where this is to stop."""
        for tries_left in reversed(range(_TRIES)):
            while (wait_seconds := self._pace.wait_seconds()) > 0:
                if self.stop.is_set():
                    return None
                await asyncio.sleep(min(wait_seconds / self._clock.time_scale, _LONGEST_NAP_SECONDS))
            self._pace.note()
            try:
                return await self._client.call_status(message_id)
            except RateLimitedError as busy:
                self._pace.pause(busy.retry_after_seconds)
                if not tries_left:
                    raise
        return None

    async def _keep(self, status: CallStatus) -> int:
        """Store the events that a status tells of, and return how many were new."""
        raw, received_at_ms = status.to_bytes(), self._clock.now_ms()
        stored = [
            StoredReceipt(receipt=receipt, raw=raw, source="poll", received_at_ms=received_at_ms)
            for receipt in status.receipts()
        ]
        key = self._store.number_key
        write = self._store.submit(lambda connection: sum(add_receipt(connection, one, key) for one in stored))
        return await asyncio.wrap_future(write)

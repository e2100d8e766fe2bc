"""Reconcile: ask the platform about calls whose final receipt has not come."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from imilab.client import AsyncPlatformClient
from imilab.clock import Clock
from imilab.errors import NotFoundError, NotSentError, PlatformError, RateLimitedError, UnauthorisedError
from imilab.send.pace import Pace
from imilab.store import Store, StoredReceipt
from imilab.store.connection import Connection
from imilab.store.questions import confirm_placed, note_question
from imilab.store.receipts import add_receipt
from imilab.wire import CallStatus

__all__ = ["ReconcileSummary", "ask_in_turn", "reconcile"]

_IN_FLIGHT = 16
_TRIES = 10
_LONGEST_NAP_SECONDS = 0.2  # real seconds between looks at the stop signal


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
        The calls, see `imilab.store.questions.open_calls`.
    on_progress : callable, optional
        Gets counts after each question.
    stop : threading.Event, optional
        When set, no further question is asked.

    Returns
    -------
    ReconcileSummary
        Running it again with what is open then asks only about calls that still are; those not asked about go first.

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
                on_progress(asking.counts.copy())

    workers = [asyncio.create_task(work()) for _ in range(min(_IN_FLIGHT, len(waiting)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return ReconcileSummary(**{name: asking.counts[name] for name in ("asked", "learned", "not_found", "failed")})


async def ask_in_turn(
    client: AsyncPlatformClient, message_id: str, pace: Pace, stop: threading.Event
) -> CallStatus | None:
    """Ask how a call stands as soon as the pace allows; return None where this is stopped before.

    Raises
    ------
    PlatformError
        One of its kinds; after a `RateLimitedError` the pace has a pause.
    """
    turn = None
    while turn is None:
        if stop.is_set():
            return None
        if (turn := pace.take_if_free()) is None:
            await asyncio.sleep(min(pace.real_wait_seconds(), _LONGEST_NAP_SECONDS))
    try:
        return await client.call_status(message_id, on_leaving=turn.left)
    except NotSentError:
        turn.stayed()
        raise
    except RateLimitedError as busy:
        pace.pause(busy.retry_after_seconds)
        raise
    finally:
        turn.left()  # where nothing has told it before


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
        told: CallStatus | None = None
        try:
            status = await self._status(message_id)
        except UnauthorisedError:
            raise
        except PlatformError as problem:
            self.counts["not_found" if isinstance(problem, NotFoundError) else "failed"] += 1
        else:
            if status is None:
                return
            if status.message_id == message_id:
                told = status
            else:  # an answer about another call, which might even be somebody else's
                self.counts["failed"] += 1
        self.counts["learned"] += await self._keep(message_id, told)
        self.counts["asked"] += 1

    async def _status(self, message_id: str) -> CallStatus | None:
        """Return how a call stands, waiting while the platform is busy; None where this is to stop."""
        for tries_left in reversed(range(_TRIES)):
            try:
                return await ask_in_turn(self._client, message_id, self._pace, self.stop)
            except RateLimitedError:
                if not tries_left:
                    raise
        return None

    async def _keep(self, message_id: str, told: CallStatus | None) -> int:
        """Store the events that an answer tells of, and return how many were new; note that there was a question."""
        key, now_ms = self._store.number_key, self._clock.now_ms()

        def work(connection: Connection) -> int:
            note_question(connection, message_id, now_ms)
            if told is None:
                return 0
            confirm_placed(connection, message_id)
            stored = (
                StoredReceipt(receipt=receipt, raw=told.raw or told.to_bytes(), source="poll", received_at_ms=now_ms)
                for receipt in told.receipts()
            )
            return sum(add_receipt(connection, one, key) for one in stored)

        return await asyncio.wrap_future(self._store.submit(work))

"""Into the store: whatever waits when the writer is free becomes one job, so that many receipts share one commit.

The event loop only appends to a queue. The writer's thread takes all of it when it gets to the job, and wakes the loop
once a commit, not once a receipt.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Literal

from imilab.errors import StoreError
from imilab.receiver.late_store import LateStore
from imilab.store import Store, StoredReceipt
from imilab.store.connection import Connection
from imilab.store.receipt_batch import add_webhook_receipts
from imilab.store.receipts import add_quarantined

__all__ = ["SWITCH_SECONDS", "Intake", "Waiting"]

Outcome = Literal["stored", "repeated", "quarantined"]

_PATIENCE_SECONDS = 8.0
"""The platform waits 10 s for an answer; a store that takes longer has to be answered for."""

SWITCH_SECONDS = 0.001
"""For `sys.setswitchinterval` in a process that only receives: event loop and writer take turns sooner.

A fifth of the default takes 9 % of the receipts a second, and the slowest hundredth from 22 ms to 15 ms.
"""

_OF_THE_DATA = frozenset({"DataError", "IntegrityError", "InterfaceError", "ProgrammingError"})
"""The databases' errors that the same receipt would cause again, on any disk."""


class Waiting:
    """A body on its way into the store.

    Attributes
    ----------
    stored : StoredReceipt or None
        None where the body could not be read.
    reason : str
        Why it could not be read.
    """

    __slots__ = ("future", "raw", "reason", "received_at_ms", "since", "stored")

    def __init__(self, raw: bytes, received_at_ms: int, stored: StoredReceipt | None, reason: str = "") -> None:
        self.raw = raw
        self.received_at_ms = received_at_ms
        self.stored = stored
        self.reason = reason
        self.since = time.monotonic()
        self.future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()


class Intake:
    """The queue in front of a store.

    Parameters
    ----------
    store : Store or LateStore
        Where receipts go.
    patience_seconds : float
        Who waits longer for a commit is told that the store fails; the receipt may still be stored, and comes again.
    on_commit : callable, optional
        Gets the seconds that each commit took, in the event loop.
    """

    def __init__(
        self,
        store: Store | LateStore,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        on_commit: Callable[[float], None] | None = None,
    ) -> None:
        self.store = store
        self._patience_seconds = patience_seconds
        self._on_commit = on_commit or (lambda _: None)
        self._queue: deque[Waiting] = deque()
        self._asked = False
        self._line: deque[Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def depth(self) -> int:
        """How many are waiting for a commit."""
        return len(self._line)

    async def keep(self, waiting: Waiting) -> Outcome:
        """Store a body and return, once it is durable, what it was.

        Raises
        ------
        StoreError
            It is not stored, or was not in time.
        """
        self._line.append(waiting)
        if self._timer is None:
            self._watch(self._patience_seconds)
        self._queue.append(waiting)
        if not self._asked:  # in this order: see `take`
            self._asked = True
            self.hand_in(_Batch(self))
        return await waiting.future

    def take(self) -> list[Waiting]:
        """Return what waits; in the writer's thread."""
        self._asked = False  # before the queue is emptied, so that nothing can be left in it without a job to come
        taken: list[Waiting] = []
        with contextlib.suppress(IndexError):
            while True:
                one = self._queue.popleft()
                if not one.future.done():
                    taken.append(one)
        return taken

    def hand_in(self, batch: _Batch) -> None:
        """Give the store a job; in the event loop."""
        try:
            job = self.store.submit(batch.write)
        except StoreError as problem:  # closed, or not open yet
            batch.waiting += self.take()
            batch.fail(problem)
            self._forget_answered()
        else:
            job.add_done_callback(batch.done)

    def settled(self, seconds: float) -> None:
        """Note the end of a commit, and forget who was answered; in the event loop."""
        self._on_commit(seconds)
        self._forget_answered()

    def _forget_answered(self) -> None:
        while self._line and self._line[0].future.done():
            self._line.popleft()

    def _watch(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        """Answer for a store that takes too long."""
        self._timer = None
        until = time.monotonic() - self._patience_seconds
        while self._line and (self._line[0].future.done() or self._line[0].since <= until):
            late = self._line.popleft()
            if not late.future.done():
                late.future.set_exception(StoreError(f"nothing was written for {self._patience_seconds:.0f} s"))
        if self._line:
            self._watch(max(0.01, self._line[0].since - until))


class _Batch:
    """One job of the writer: what waits when it begins, or what it is given."""

    def __init__(self, intake: Intake, waiting: list[Waiting] | None = None) -> None:
        self._intake = intake
        self._takes = waiting is None
        self.waiting = waiting or []
        self._outcomes: list[Outcome] = []
        self._problem: Exception | None = None
        self._began = time.monotonic()

    def write(self, connection: Connection) -> None:
        """Write all of it; in the writer's thread."""
        self._began = time.monotonic()
        if self._takes:
            self.waiting += self._intake.take()
        try:
            self._outcomes = self._write(connection)
        except Exception as problem:
            self._problem = problem
            raise

    def _write(self, connection: Connection) -> list[Outcome]:
        key = self._intake.store.number_key
        readable = [one.stored for one in self.waiting if one.stored is not None]
        news = iter(add_webhook_receipts(connection, readable, key) if readable else ())
        outcomes: list[Outcome] = []
        for one in self.waiting:
            if one.stored is not None:
                outcomes.append("stored" if next(news) else "repeated")
            else:
                new = add_quarantined(connection, one.raw, one.reason, one.received_at_ms, key)
                outcomes.append("quarantined" if new else "repeated")
        return outcomes

    def done(self, job: Future[None]) -> None:
        """Wake the event loop; in the writer's thread."""
        seconds = time.monotonic() - self._began
        if self._takes and not self.waiting:  # the store failed before it came to the job
            self.waiting = self._intake.take()
        if self.waiting:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                self.waiting[0].future.get_loop().call_soon_threadsafe(self._settle, job, seconds)

    def _settle(self, job: Future[None], seconds: float) -> None:
        """Tell everyone; in the event loop."""
        error = job.exception()
        if error is None:
            for one, outcome in zip(self.waiting, self._outcomes, strict=True):
                if not one.future.done():
                    one.future.set_result(outcome)
        elif self._problem is None:  # the commit failed, and everyone in it
            self.fail(error)
        else:
            self._try_alone(error)
        self._intake.settled(seconds)

    def _try_alone(self, error: BaseException) -> None:
        """Keep the one that broke the batch from the others; what breaks on its own is kept raw, or refused."""
        if len(self.waiting) == 1:
            (one,) = self.waiting
            if one.stored is None or not _is_of_the_data(self._problem):
                self.fail(error)
                return
            one.stored, one.reason = None, f"the store does not take it ({type(self._problem).__name__})"
        for one in self.waiting:
            self._intake.hand_in(_Batch(self._intake, [one]))

    def fail(self, error: BaseException) -> None:
        """Refuse everyone; in the event loop."""
        reason = str(error) if isinstance(error, StoreError) else f"cannot write: {type(error).__name__}"
        for one in self.waiting:
            if not one.future.done():
                one.future.set_exception(StoreError(reason))


def _is_of_the_data(problem: Exception | None) -> bool:
    return isinstance(problem, ValueError | TypeError | ArithmeticError) or type(problem).__name__ in _OF_THE_DATA

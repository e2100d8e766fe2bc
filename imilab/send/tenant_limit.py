"""The tenant's limit on one store: used by one lab at a time, which shares it between its calls and its questions."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Iterator

from imilab.clock import Clock
from imilab.errors import StoreError, StoreLockedError
from imilab.send.pace import Pace
from imilab.store import Store
from imilab.store.journal import recover
from imilab.store.questions import last_question, note_questions_end

__all__ = ["TenantLimit"]

_CLAIMED_AHEAD_SECONDS = 1.0  # real time by which a call may have left after its recorded moment, which is its claim
_RECENT = (
    "SELECT requested_at_ms FROM requests WHERE requested_at_ms > ? AND requested_at_ms <= ?"
    " ORDER BY requested_at_ms DESC LIMIT 4000"
)


class TenantLimit:
    """The lock of the one sender on a store, held while a lab sends, asks, or both; and the pace of all that.

    Whoever takes the lock names what a dead sender left, and counts what left from other processes a moment ago.

    Parameters
    ----------
    store : Store
        Which all who use the limit share.
    clock : Clock
        Whose seconds the pace counts.
    calls_per_second : float
        The limit.

    Attributes
    ----------
    pace : Pace
        Of all requests of this lab.
    """

    def __init__(self, store: Store, clock: Clock, calls_per_second: float) -> None:
        self.pace = Pace(calls_per_second, clock)
        self._store = store
        self._clock = clock
        self._sending = threading.Lock()
        self._entering = threading.Lock()
        self._users = 0
        self._lock = contextlib.ExitStack()
        self._counted_until_ms = 0

    @contextlib.contextmanager
    def to_send(self) -> Iterator[None]:
        """Use it for calls.

        Raises
        ------
        StoreLockedError
            On entering, where something else sends from this store, or another lab asks.
        """
        if not self._sending.acquire(blocking=False):
            raise StoreLockedError(f"this lab is sending from {self._store.place} already; wait for it or stop it")
        try:
            with self._held():
                yield
        finally:
            self._sending.release()

    @contextlib.contextmanager
    def to_ask(self) -> Iterator[None]:
        """Use it for questions, beside calls of this lab or alone.

        Raises
        ------
        StoreLockedError
            On entering, where another lab sends from this store, or asks.
        """
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._held())
            except StoreLockedError:
                raise StoreLockedError(
                    f"another process sends from {self._store.place}, or asks about its calls, and uses the tenant's"
                    " limit; ask once it is done, or in the lab that sends"
                ) from None
            try:
                yield
            finally:
                with contextlib.suppress(StoreError):
                    self._store.write(lambda connection: note_questions_end(connection, self._clock.now_ms()))

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        with self._store.reading():  # a closed store says so before a lock is looked for beside it
            pass
        with self._entering:
            if not self._users:
                self._take()
            self._users += 1
        try:
            yield
        finally:
            with self._entering:
                self._users -= 1
                if not self._users:
                    self._counted_until_ms = self._clock.now_ms()
                    self._lock.close()

    def _take(self) -> None:
        with contextlib.ExitStack() as taking:
            taking.enter_context(self._store.sender_lock())
            self._store.write(recover)
            self._recall()
            self._lock = taking.pop_all()

    def _recall(self) -> None:
        """Let the pace count what another process sent from this store, or asked, a moment ago."""
        now_ms, scale = self._clock.now_ms(), self._clock.time_scale
        since_ms = now_ms - self.pace.memory_ms - math.ceil(_CLAIMED_AHEAD_SECONDS * scale * 1000)
        with self._store.reading() as connection:
            bounds = (max(self._counted_until_ms, since_ms), now_ms)
            moments = [moment_ms for (moment_ms,) in connection.execute(_RECENT, bounds).fetchall()]
            asked_ms = last_question(connection)
        ages = ((now_ms - moment_ms) / 1000 / scale for moment_ms in moments)
        self.pace.recall(max(0.0, age - _CLAIMED_AHEAD_SECONDS) for age in ages)
        if asked_ms > max(self._counted_until_ms, since_ms):
            self.pace.recall_full(max(0.0, now_ms - asked_ms) / 1000 / scale)

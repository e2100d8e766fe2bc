"""The sender: has calls claimed ahead of their turn, gives each its turn, and ends where something stops it."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from imilab.client import AsyncPlatformClient
from imilab.clock import Clock
from imilab.errors import StoreError
from imilab.progress import about
from imilab.send.attempts import Attempts
from imilab.send.burst import Burst
from imilab.send.claims import Claims
from imilab.send.guards import Arming
from imilab.send.halting import Halt
from imilab.send.pace import Pace
from imilab.send.rules import CallingRules
from imilab.send.summary import SendOptions
from imilab.send.waiting import WaitingCalls
from imilab.send.watching import Watch
from imilab.stop_file import StopFile
from imilab.store import PlannedCall, Store
from imilab.store.stop_mark import STOP_MARK

__all__ = ["OnProgress", "Sender"]

_LONGEST_NAP_SECONDS = 0.1  # real seconds between looks at the stop signals
_AHEAD_SECONDS = 0.15  # real time before its turn at which a call is claimed; some commits take as long
_MOST_AHEAD = 64
_LONG_PAUSE_SECONDS = 1.0  # longer than this no claimed call waits for its turn


class OnProgress(Protocol):
    """Is told how far a run is."""

    def __call__(
        self, counts: Mapping[str, int], *, under_way: int = 0, at_best_seconds: float | None = None, now: str = ""
    ) -> None:
        """Get the calls by state, those under way, the real time that the rest takes at the least, and what it does."""
        ...


class Sender:
    """Sends planned calls, never one twice.

    Parameters
    ----------
    store : Store
        Holds the journal.
    client : AsyncPlatformClient
        The platform.
    arming : Arming
        The right to place calls.
    rules : CallingRules
        Who may be called, and when.
    options : SendOptions
        Caller id and where receipts go.
    pace : Pace
        The tenant's limit.
    clock : Clock
        Tells `requested_at`.
    on_progress : OnProgress, optional
        Told after each call, and several times a second in between.
    stop : threading.Event, optional
        When set, no new call is started; those under way finish.
    stop_file : StopFile, optional
        While it is there, no new call is started either.
    burst : Burst, optional
        What may go beyond the limit.
    """

    def __init__(
        self,
        store: Store,
        client: AsyncPlatformClient,
        arming: Arming,
        rules: CallingRules,
        options: SendOptions,
        pace: Pace,
        clock: Clock,
        *,
        on_progress: OnProgress | None = None,
        stop: threading.Event | None = None,
        stop_file: StopFile | None = None,
        burst: Burst | None = None,
    ) -> None:
        self._pace = pace
        self._clock = clock
        self._on_progress = on_progress
        self._halt = Halt(stop or threading.Event(), stop_file)
        self._watch = Watch(store, rules, self._halt)
        self._burst = burst
        self._waiting = WaitingCalls()
        self._wake = asyncio.Event()
        self._claims = Claims(store, arming, rules, options, clock, self._waiting, self._wake.set)
        self._under_way: set[asyncio.Task[None]] = set()
        self._attempts = Attempts(
            store,
            client,
            arming,
            pace,
            claims=self._claims,
            waiting=self._waiting,
            halt=self._halt,
            may_go_on=lambda: not self._halted(),
            tell=self._tell,
        )

    @property
    def sent(self) -> int:
        """How many calls the platform was asked for, each once."""
        return self._attempts.sent

    @property
    def stopped(self) -> str | None:
        """Why it stopped before the end."""
        return self._halt.reason

    @property
    def held(self) -> Counter[str]:
        """Why calls stay planned, and how many."""
        return self._claims.held

    @property
    def refused(self) -> Counter[str]:
        """Why calls will never be placed, and how many."""
        return self._claims.refused

    @property
    def next_ms(self) -> int | None:
        """When the first held call may go, milliseconds UTC."""
        return self._claims.next_ms

    async def send(self, calls: Sequence[PlannedCall]) -> None:
        """Send calls in their order, until all are settled or something stops it; calls under way are waited for."""
        for call in calls:
            self._waiting.put_last(call)
        watching = asyncio.create_task(self._watch.run())
        try:
            await self._until_halted()
            while self._under_way:
                await self._nap(_LONGEST_NAP_SECONDS)
        except asyncio.CancelledError:
            self._halt.stop("cancelled")
            for task in self._under_way:
                task.cancel()
            await self._until_halted()
            if self._under_way:
                await asyncio.wait(self._under_way)
            raise
        finally:
            watching.cancel()
        self._halt.stop(self._claims.ended)
        if failure := self._halt.problem or self._claims.problem:
            raise failure

    async def _until_halted(self) -> None:
        """Start calls until nothing is left or something stops it; put back what has not left."""
        try:
            while not self._halted() and (self._claims.pending or self._under_way):
                await self._step()
            await self._claims.put_back()
        except StoreError as problem:
            self._halt.fail(problem)

    async def _step(self) -> None:
        """Start one call, or wait a moment until one may start."""
        if self._burst:
            self._burst.renew()
        wait_seconds = self._pace.real_wait_seconds()
        if wait_seconds > _LONG_PAUSE_SECONDS and self._claims.ready:
            await self._claims.put_back()
        self._claims.top_up(self._wanted(wait_seconds))
        rate = self._pace.real_per_second
        has_room = len(self._under_way) < self._attempts.answers.most_under_way(rate)
        if wait_seconds <= 0 and self._claims.ready and has_room:
            await self._start()
            return
        naps = [_LONGEST_NAP_SECONDS]
        if self._claims.ready and has_room:
            naps.append(wait_seconds)
        elif wait_seconds > _AHEAD_SECONDS:
            naps.append(wait_seconds - _AHEAD_SECONDS)
        elif later := self._claims.wait_seconds():
            naps.append(later)
        await self._nap(min(naps))
        self._tell()

    def _wanted(self, wait_seconds: float) -> int:
        """Return how many calls should be claimed now: those whose turn is near."""
        near = math.floor((_AHEAD_SECONDS - wait_seconds) * self._pace.real_per_second) + 1
        return min(_MOST_AHEAD, near) if wait_seconds <= _AHEAD_SECONDS else 0

    async def _start(self) -> None:
        if not self._claims.may_leave(self._claims.ready[0]):
            await self._claims.put_back()  # claiming says why
            return
        if (turn := self._pace.take_if_free()) is None:
            return  # a question has come in between
        task = asyncio.create_task(self._attempts.make(self._claims.ready.popleft(), turn))
        self._under_way.add(task)
        task.add_done_callback(lambda _: turn.left())  # if nothing has told it before
        task.add_done_callback(self._done)
        await asyncio.sleep(0)  # lets it leave

    def _done(self, task: asyncio.Task[None]) -> None:
        """Forget a task that is done, and remember the first that failed."""
        self._under_way.discard(task)
        if not task.cancelled():
            self._halt.fail(task.exception())
        self._wake.set()

    async def _nap(self, seconds: float) -> None:
        """Wait, until something happens at the longest."""
        timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()
            self._wake.clear()

    def _halted(self) -> bool:
        if self._claims.ended == STOP_MARK:
            self._halt.stop(STOP_MARK)
        if isinstance(self._claims.problem, StoreError):
            self._halt.fail(self._claims.problem)
        return self._halt.seen()

    def _tell(self) -> None:
        if not self._on_progress:
            return
        aside = {"held": self.held.total(), "refused": self.refused.total()}
        left = len(self._waiting) + len(self._claims.ready)
        paused, later = self._pace.paused_seconds, self._claims.wait_seconds()
        now = f"the platform asked to wait {paused:.0f} s" if paused > _LONG_PAUSE_SECONDS else ""
        if later > _LONG_PAUSE_SECONDS:
            now = f"the next call is planned for in {about(later)}"
        last = (self._waiting.last_ms - self._clock.now_ms()) / 1000 / self._clock.time_scale
        self._on_progress(
            {**self._attempts.counts, **aside},
            under_way=len(self._under_way),
            at_best_seconds=max(paused + left / self._pace.real_per_second, last),
            now=now,
        )

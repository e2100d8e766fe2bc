"""The sender: gives each claimed call its turn, asks the platform once, records the answer; many calls at a time."""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from imilab.client import AsyncPlatformClient
from imilab.clock import Clock
from imilab.errors import ImilabError, NotSentError, StoreError
from imilab.progress import about
from imilab.send.answers import AnswerTimes
from imilab.send.burst import Burst
from imilab.send.claims import ClaimedCall, Claims
from imilab.send.guards import Arming
from imilab.send.pace import Pace, Turn
from imilab.send.rules import CallingRules
from imilab.send.summary import SendOptions
from imilab.send.transitions import Breaker, Verdict, after_entry, after_error
from imilab.send.waiting import WaitingCalls
from imilab.stop_file import StopFile
from imilab.store import PlannedCall, Store
from imilab.store.connection import Connection
from imilab.store.journal import release, settle

__all__ = ["OnProgress", "Sender"]

T = TypeVar("T")

_PAUSES_IN_A_ROW = 10
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
        self._store = store
        self._client = client
        self._arming = arming
        self._pace = pace
        self._clock = clock
        self._on_progress = on_progress
        self._stop = stop or threading.Event()
        self._stop_file = stop_file
        self._burst = burst
        self._waiting = WaitingCalls()
        self._wake = asyncio.Event()
        self._claims = Claims(store, arming, rules, options, clock, self._waiting, self._wake.set)
        self._under_way: set[asyncio.Task[None]] = set()
        self._answers = AnswerTimes()
        self._breaker = Breaker()
        self._failed_tries: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._limited = 0
        self._problem: BaseException | None = None
        self.sent = 0
        self.stopped: str | None = None

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
        try:
            await self._until_halted()
            while self._under_way:
                await self._nap(_LONGEST_NAP_SECONDS)
        except asyncio.CancelledError:
            self.stopped = self.stopped or "cancelled"
            for task in self._under_way:
                task.cancel()
            await self._until_halted()
            if self._under_way:
                await asyncio.wait(self._under_way)
            raise
        self.stopped = self.stopped or self._claims.ended
        if failure := self._problem or self._claims.problem:
            raise failure

    async def _until_halted(self) -> None:
        """Start calls until nothing is left or something stops it; put back what has not left."""
        try:
            while not self._halted() and (self._claims.pending or self._under_way):
                await self._step()
            await self._claims.put_back()
        except StoreError as problem:
            self._problem = self._problem or problem

    async def _step(self) -> None:
        """Start one call, or wait a moment until one may start."""
        if self._burst:
            self._burst.renew()
        wait_seconds = self._pace.real_wait_seconds()
        if wait_seconds > _LONG_PAUSE_SECONDS and self._claims.ready:
            await self._claims.put_back()
        self._claims.top_up(self._wanted(wait_seconds))
        rate = self._pace.real_per_second
        has_room = len(self._under_way) < self._answers.most_under_way(rate)
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
        turn = self._pace.take()
        task = asyncio.create_task(self._send_one(self._claims.ready.popleft(), turn))
        self._under_way.add(task)
        task.add_done_callback(lambda _: turn.left())  # if nothing has told it before
        task.add_done_callback(self._done)
        await asyncio.sleep(0)  # lets it leave

    def _done(self, task: asyncio.Task[None]) -> None:
        """Forget a task that is done, and remember the first that failed."""
        self._under_way.discard(task)
        if not task.cancelled() and (problem := task.exception()):
            self._problem = self._problem or problem
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
        if self.stopped is None:
            if self._stop.is_set():
                self.stopped = "stopped on request; send the plan again to go on"
            elif self._stop_file and self._stop_file.seen():
                self.stopped = f"the stop file {self._stop_file.path} was put there; {self._stop_file.way_on}"
        if isinstance(self._claims.problem, StoreError):
            self._problem = self._problem or self._claims.problem
        return self.stopped is not None or self._problem is not None

    async def _send_one(self, claimed: ClaimedCall, turn: Turn) -> None:
        planned = claimed.planned
        self.sent += 1
        try:
            entry = await self._client.make_call(claimed.request, on_leaving=turn.left)
        except asyncio.CancelledError as problem:
            turn.left()
            await self._record(claimed, after_error(problem, 0))
            raise
        except (ImilabError, OSError, ValueError, RuntimeError) as problem:
            if isinstance(problem, NotSentError):
                turn.stayed()
            self._failed_tries[planned.correlation_id] += isinstance(problem, NotSentError)
            tries = self._failed_tries[planned.correlation_id]
            verdict = after_error(problem, tries, reached=self._answers.any)
        else:
            verdict = after_entry(entry)
        turn.left()
        if turn.moment is not None and verdict.settlement and verdict.settlement.state == "accepted":
            turn.came_late(self._answers.note(time.monotonic() - turn.moment))
        await self._record(claimed, verdict)

    async def _record(self, claimed: ClaimedCall, verdict: Verdict) -> None:
        planned, settlement = claimed.planned, verdict.settlement
        if settlement is None:
            await self._wait_for(lambda connection: release(connection, planned.correlation_id))
            self._arming.give_back(claimed.arming)
            self.sent -= 1
            starts = self._pace.pause(verdict.pause_seconds * random.uniform(1.0, 1.25))  # noqa: S311 - jitter
            self._waiting.put_last(planned)
            self._note_limit(refused=verdict.limited and starts)
        else:
            known = settlement
            state = await self._wait_for(lambda connection: settle(connection, planned.correlation_id, known))
            self._counts[state] += 1
            self._limited = 0
            self.stopped = self.stopped or self._breaker.note(settlement.state)
        self.stopped = self.stopped or verdict.stop
        self._tell()

    def _note_limit(self, *, refused: bool) -> None:
        """Stop where pause after pause ends in another refusal; calls that were under way together count once."""
        self._limited += refused
        if self._limited >= _PAUSES_IN_A_ROW:
            self.stopped = self.stopped or (
                f"the platform's rate limit refused every try over {self._limited} pauses; send the plan again later"
            )

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
            {**self._counts, **aside},
            under_way=len(self._under_way),
            at_best_seconds=max(paused + left / self._pace.real_per_second, last),
            now=now,
        )

    async def _wait_for(self, work: Callable[[Connection], T]) -> T:
        """Write and wait for it. Shielded: what is known is recorded even where this is cancelled meanwhile."""
        return await asyncio.shield(asyncio.wrap_future(self._store.submit(work)))

"""The sender: claims a call durably, asks the platform once, records the answer; many calls at a time."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from imilab.client import AsyncPlatformClient
from imilab.clock import Clock
from imilab.errors import ImilabError, NotArmedError, NotSentError
from imilab.send.guards import Arming
from imilab.send.pace import Pace
from imilab.send.rules import CallingRules, Held
from imilab.send.summary import SendOptions, when_again
from imilab.send.transitions import Breaker, Verdict, after_entry, after_error
from imilab.store import PlannedCall, Store
from imilab.store.journal import refuse, release, settle
from imilab.terms import Media, Voice
from imilab.wire import MakeCall

__all__ = ["Sender"]

T = TypeVar("T")

_IN_FLIGHT = 64
_PAUSES_IN_A_ROW = 10
_LONGEST_NAP_SECONDS = 0.2  # real seconds between looks at the stop signal


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
    on_progress : callable, optional
        Gets a count of calls by state after each call.
    stop : threading.Event, optional
        When set, no new call is started; those under way finish.
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
        on_progress: Callable[[Mapping[str, int]], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self._store = store
        self._client = client
        self._arming = arming
        self._rules = rules
        self._options = options
        self._pace = pace
        self._clock = clock
        self._on_progress = on_progress
        self._stop = stop or threading.Event()
        self._queue: deque[PlannedCall] = deque()
        self._breaker = Breaker()
        self._failed_tries: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._limited = 0
        self._problem: BaseException | None = None
        self.sent = 0
        self.held: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.next_ms: int | None = None
        self.stopped: str | None = None

    async def send(self, calls: Sequence[PlannedCall]) -> None:
        """Send calls in their order, until all are settled or something stops it; calls under way are waited for."""
        self._queue.extend(calls)
        under_way: set[asyncio.Task[None]] = set()
        try:
            while not self._halted() and (self._queue or under_way):
                await self._step(under_way)
            while under_way:
                await asyncio.wait(under_way)
                self._collect(under_way)
        except asyncio.CancelledError:
            for task in under_way:
                task.cancel()
            if under_way:
                await asyncio.wait(under_way)
            raise
        if self._problem:
            raise self._problem

    async def _step(self, under_way: set[asyncio.Task[None]]) -> None:
        """Start one call, or wait a moment until one may start."""
        wait_seconds = self._pace.wait_seconds() / self._clock.time_scale
        if self._queue and await self._put_aside(self._queue[0]):
            self._queue.popleft()
        elif not self._queue or len(under_way) >= _IN_FLIGHT:
            await asyncio.wait(under_way, timeout=_LONGEST_NAP_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        elif wait_seconds > 0:
            await asyncio.sleep(min(wait_seconds, _LONGEST_NAP_SECONDS))
        else:
            self._pace.note()
            under_way.add(asyncio.create_task(self._send_one(self._queue.popleft())))
        self._collect(under_way)

    def _collect(self, under_way: set[asyncio.Task[None]]) -> None:
        """Forget the tasks that are done, and remember the first that failed."""
        done = {task for task in under_way if task.done()}
        under_way -= done
        failures = [problem for task in done if not task.cancelled() and (problem := task.exception())]
        self._problem = self._problem or next(iter(failures), None)

    def _halted(self) -> bool:
        if self._stop.is_set() and self.stopped is None:
            self.stopped = "stopped on request; send the plan again to go on"
        return self.stopped is not None or self._problem is not None

    async def _send_one(self, planned: PlannedCall) -> None:
        if await self._put_aside(planned):
            return
        try:
            request = self._request(planned)
            self._arming.spend(planned.msisdn)
        except NotArmedError as problem:
            self.stopped = self.stopped or str(problem)
            return
        now_ms = self._clock.now_ms()
        claimed = await self._write(lambda connection: self._rules.claim(connection, planned, now_ms))
        if claimed is not True:
            self._arming.give_back()
            if isinstance(claimed, Held):
                self._hold(claimed)
            return
        self.sent += 1
        try:
            verdict = after_entry(await self._client.make_call(request))
        except asyncio.CancelledError as problem:
            await self._record(planned, after_error(problem, 0))
            raise
        except (ImilabError, OSError, ValueError, RuntimeError) as problem:
            self._failed_tries[planned.correlation_id] += isinstance(problem, NotSentError)
            verdict = after_error(problem, self._failed_tries[planned.correlation_id])
        await self._record(planned, verdict)

    async def _put_aside(self, planned: PlannedCall) -> bool:
        """Tell whether a call may not be placed now, and note why; it takes no turn of the pace."""
        if reason := self._rules.refusal(planned.msisdn):
            await self._write(lambda connection: refuse(connection, planned.correlation_id, reason))
            self.refused[reason] += 1
            return True
        held = self._rules.held(planned, self._clock.now_ms())
        if held:
            self._hold(held)
            await asyncio.sleep(0)
        return held is not None

    def _hold(self, held: Held) -> None:
        self.held[held.reason] += 1
        if held.next_ms is not None:
            self.next_ms = min(held.next_ms, self.next_ms or held.next_ms)
        if held.stops:
            self.stopped = self.stopped or f"{held.reason}; {when_again(held.next_ms)}"

    def _request(self, planned: PlannedCall) -> MakeCall:
        return MakeCall(
            caller_id=self._options.caller_id,
            msisdn=planned.msisdn,
            correlation_id=planned.correlation_id,
            content=_content(planned),
            text=planned.text,
            notify_url=self._options.notify_url,
            notify_url_auth_id=self._options.notify_url_auth_id,
            requested_receipts=self._options.requested_receipts,
            send_at_ms=planned.send_at_ms,
        )

    async def _record(self, planned: PlannedCall, verdict: Verdict) -> None:
        settlement = verdict.settlement
        if settlement is None:
            await self._write(lambda connection: release(connection, planned.correlation_id))
            self._arming.give_back()
            self.sent -= 1
            starts = self._pace.pause(verdict.pause_seconds * random.uniform(1.0, 1.25))  # noqa: S311 - jitter
            self._queue.append(planned)
            self._note_limit(refused=verdict.limited and starts)
        else:
            # Shielded: what is known is recorded even where this is cancelled meanwhile.
            job = self._store.submit(lambda connection: settle(connection, planned.correlation_id, settlement))
            state = await asyncio.shield(asyncio.wrap_future(job))
            self._counts[state] += 1
            self._limited = 0
            self.stopped = self.stopped or self._breaker.note(settlement.state)
        self.stopped = self.stopped or verdict.stop
        if self._on_progress:
            self._on_progress(dict(self._counts))

    def _note_limit(self, *, refused: bool) -> None:
        """Stop where pause after pause ends in another refusal; calls that were under way together count once."""
        self._limited += refused
        if self._limited >= _PAUSES_IN_A_ROW:
            self.stopped = self.stopped or (
                f"the platform's rate limit refused every try over {self._limited} pauses; send the plan again later"
            )

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.wrap_future(self._store.submit(work))


def _content(planned: PlannedCall) -> Voice | Media:
    if planned.content_type == "media":
        return Media(planned.media_id or "")
    return Voice(
        planned.voice or "",
        language=planned.language,
        gender=planned.gender,
        voice_type=planned.voice_type,
        region=planned.region,
    )

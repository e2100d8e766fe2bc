"""Claiming: a few calls ahead of their turn are checked, counted against the caps and durably marked as being sent.

Commits take their time, so a call is claimed a moment before its turn and not in it; what is claimed and does not leave
goes back to planned. A process that dies in between leaves it unknown, like a call under way.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from imilab.clock import Clock
from imilab.errors import NotArmedError, StoreError
from imilab.send.guards import Arming
from imilab.send.rules import (
    ANOTHER_FIRST,
    OUTSIDE_HOURS,
    PLANNED_FOR_LATER,
    TOO_MANY_NOW,
    TOO_NEAR,
    CallingRules,
    Held,
)
from imilab.send.summary import SendOptions, when_again
from imilab.send.waiting import WaitingCalls
from imilab.store import PlannedCall, Store
from imilab.store.connection import Connection
from imilab.store.stop_mark import STOP_MARK, stop_marked
from imilab.store.unsent import put_back
from imilab.wire import MakeCall

__all__ = ["ClaimedCall", "Claims"]

_LOOKS_AT_ONCE = 50  # calls put aside before other work gets its turn
_WAITED_FOR = (PLANNED_FOR_LATER, ANOTHER_FIRST, TOO_NEAR, TOO_MANY_NOW, OUTSIDE_HOURS)
_MOST_WAITS = 5
_PATIENCE_SECONDS = 15 * 60.0  # real time that a run waits for calls planned for later: as long as it may be armed


@dataclass(frozen=True)
class ClaimedCall:
    """A call that is durably being sent, and what will be sent; by which rules it was checked, and which arming."""

    planned: PlannedCall
    request: MakeCall
    checked: int
    arming: int


class Claims:
    """Claims calls ahead of their turn.

    Parameters
    ----------
    store, arming, rules, options, clock
        As for `Sender`.
    waiting : WaitingCalls
        Where calls are taken from, and put back.
    wake : callable
        Called when something has changed.

    Attributes
    ----------
    ready : deque of ClaimedCall
        Claimed, and waiting for their turn.
    held, refused : Counter
        Why calls stay planned, and why calls will never be placed.
    next_ms : int or None
        When the first held call may go, milliseconds UTC.
    ended : str or None
        Why nothing more is claimed, although calls are waiting.
    problem : BaseException or None
        What went wrong; nothing more is claimed then either.
    """

    def __init__(
        self,
        store: Store,
        arming: Arming,
        rules: CallingRules,
        options: SendOptions,
        clock: Clock,
        waiting: WaitingCalls,
        wake: Callable[[], object],
    ) -> None:
        self._store, self._arming, self._rules, self._clock = store, arming, rules, clock
        self._options = options
        self._waiting = waiting
        self._wake = wake
        self._waits: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None
        self.ready: deque[ClaimedCall] = deque()
        self.held: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.next_ms: int | None = None
        self.ended: str | None = None
        self.problem: BaseException | None = None

    @property
    def pending(self) -> bool:
        """Whether calls are ready, or may become so."""
        more = len(self._waiting) > 0 and self.ended is None and self.problem is None
        return bool(self.ready) or self._task is not None or more

    def top_up(self, wanted: int) -> None:
        """Start to claim more where fewer than three quarters of the wanted calls are ready; returns at once."""
        if self._task or self.ended or self.problem or not len(self._waiting) or 4 * len(self.ready) >= 3 * wanted:
            return
        if self.wait_seconds() <= 0:
            self._task = asyncio.create_task(self._claim(wanted - len(self.ready)))
            self._task.add_done_callback(self._done)

    def wait_seconds(self) -> float:
        """Return how long to wait, real seconds, until a call planned for later is due; 0 where one may be now."""
        due_ms = self._waiting.due_ms()
        if due_ms is None:
            return 0.0
        seconds = (due_ms - self._clock.now_ms()) / 1000 / self._clock.time_scale
        if seconds > _PATIENCE_SECONDS and not self.ready:
            self._set_aside(Held(PLANNED_FOR_LATER, due_ms), self._waiting.clear())
        return max(0.0, seconds)

    async def put_back(self) -> None:
        """Return what is claimed and has not left, once a claim under way is through."""
        if self._task:
            await asyncio.wait([self._task])
        calls = list(self.ready)
        self.ready.clear()
        await self.take_back(calls)

    async def take_back(self, unsent: Sequence[ClaimedCall]) -> None:
        """Return claimed calls of which no byte has left, and none will: they are planned again, as never begun."""
        if not unsent:
            return
        self._give_back(unsent)
        calls = [claimed.planned for claimed in unsent]
        self._waiting.put_first(calls)
        names = [call.correlation_id for call in calls]
        job = self._store.submit(lambda connection: put_back(connection, names))
        await asyncio.shield(asyncio.wrap_future(job))

    def may_leave(self, claimed: ClaimedCall) -> bool:
        """Tell whether nothing has come to forbid a claimed call since it was claimed."""
        planned, now_ms = claimed.planned, self._clock.now_ms()
        if (
            not self._arming.holds(claimed.arming)
            or self._rules.held(planned, now_ms)
            or claimed.request.send_at_ms != self._rules.as_of(planned, now_ms).send_at_ms
        ):
            return False
        return claimed.checked == self._rules.version or not self._rules.refusal(planned.msisdn)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (problem := task.exception()):
            self.problem = self.problem or problem
        self._wake()

    async def _claim(self, count: int) -> None:
        now_ms = self._clock.now_ms()
        chosen, refused = self._choose(count, now_ms)
        if not chosen and not refused:
            return

        def work(connection: Connection) -> list[Held | bool] | None:
            if stop_marked(connection):
                return None
            for call, reason in refused:
                self._rules.refuse(connection, call, reason)
            return self._claim_in(connection, [one.planned for one in chosen], now_ms)

        try:
            told = await asyncio.wrap_future(self._store.submit(work))
        except StoreError:
            self._give_back(chosen)
            raise
        if told is None:
            self._give_back(chosen)
            self._waiting.put_first([one.planned for one in chosen])
            self.ended = STOP_MARK
            return
        self.refused.update(reason for _, reason in refused)
        self._give_back(one for place, one in enumerate(chosen) if told[place : place + 1] != [True])
        for one, claimed in zip(chosen, told, strict=False):
            if isinstance(claimed, Held):
                self._hold(one.planned, claimed, now_ms)
            elif claimed:
                self.ready.append(one)
        self._waiting.put_first([one.planned for one in chosen[len(told) :]])

    def _claim_in(self, connection: Connection, calls: Sequence[PlannedCall], now_ms: int) -> list[Held | bool]:
        """Claim calls in one transaction, up to the first cap that holds all others too."""
        told: list[Held | bool] = []
        for call in calls:
            told.append(claimed := self._rules.claim(connection, call, now_ms))
            if isinstance(claimed, Held) and claimed.stops:
                break
        return told

    def _choose(self, count: int, now_ms: int) -> tuple[list[ClaimedCall], list[tuple[PlannedCall, str]]]:
        """Take calls that may be placed now, with the right to place each; and those that never may, and why."""
        chosen: list[ClaimedCall] = []
        refused: list[tuple[PlannedCall, str]] = []
        for _ in range(count + _LOOKS_AT_ONCE):
            planned = self._waiting.next_due(now_ms) if len(chosen) < count else None
            if planned is None:
                break
            version = self._rules.version  # before it is asked: the list may change in between
            if reason := self._rules.refusal(planned.msisdn):
                refused.append((planned, reason))
            elif held := self._rules.held(planned, now_ms):
                self._hold(planned, held, now_ms)
            elif prepared := self._prepare(planned, now_ms, version):
                chosen.append(prepared)
            else:
                self._waiting.put_first([planned])
                break
        return chosen, refused

    def _prepare(self, planned: PlannedCall, now_ms: int, version: int) -> ClaimedCall | None:
        """Return what will be sent, and use up the right to send it; None where nothing more may be."""
        try:
            request = self._options.request(self._rules.as_of(planned, now_ms))
            arming = self._arming.spend(planned.msisdn)
        except NotArmedError as problem:
            self.ended = f"the right to place calls is used up or has expired; to go on: {'; '.join(problem.missing)}"
        except Exception as problem:  # noqa: BLE001 - what was chosen before it is sent first, then it is raised
            self.problem = problem
        else:
            return ClaimedCall(planned, request, version, arming)
        return None

    def _hold(self, planned: PlannedCall, held: Held, now_ms: int) -> None:
        """Leave a call planned: for later in this run, where only its plan says when, else for another run."""
        self._waits[planned.correlation_id] += 1
        if held.reason in _WAITED_FOR and held.next_ms and self._waits[planned.correlation_id] <= _MOST_WAITS:
            self._waiting.put_later(planned, max(held.next_ms, now_ms + 1))
        else:
            self._set_aside(held, 1)

    def _set_aside(self, held: Held, calls: int) -> None:
        self.held[held.reason] += calls
        if held.next_ms is not None:
            self.next_ms = min(held.next_ms, self.next_ms or held.next_ms)
        if held.stops:
            self.ended = self.ended or f"{held.reason}; {when_again(held.next_ms)}"

    def _give_back(self, unsent: Iterable[ClaimedCall]) -> None:
        for one in unsent:
            self._arming.give_back(one.arming)

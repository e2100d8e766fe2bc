"""One attempt: a claimed call has its turn, the platform is asked once, and what became of it is recorded."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from imilab.client import AsyncPlatformClient
from imilab.errors import ImilabError, NotSentError
from imilab.send.answers import AnswerTimes
from imilab.send.claims import ClaimedCall, Claims
from imilab.send.guards import Arming
from imilab.send.halting import Halt
from imilab.send.pace import Pace, Turn
from imilab.send.transitions import Breaker, Tries, Verdict, after_entry, after_error
from imilab.send.waiting import WaitingCalls
from imilab.store import Store
from imilab.store.connection import Connection
from imilab.store.journal import release, settle

__all__ = ["Attempts"]

T = TypeVar("T")

_PAUSES_IN_A_ROW = 10


class _KeptBackError(Exception):
    """The last look before a call's first byte says no."""


class Attempts:
    """Makes the attempts of one run, many at a time, and knows what came of them.

    Parameters
    ----------
    store, client, arming, pace
        As for `Sender`.
    claims : Claims
        Tell whether a call may still leave, and take it back.
    waiting : WaitingCalls
        Where calls go that are to be tried again.
    halt : Halt
        Is told why nothing more may be sent.
    may_go_on : callable
        Looks whether the run may go on, at the last moment before a first byte.
    tell : callable
        Called after each.

    Attributes
    ----------
    sent : int
        Attempts that left, or are about to.
    counts : Counter
        Calls by the state in which they ended.
    answers : AnswerTimes
        How long the platform takes.
    """

    def __init__(
        self,
        store: Store,
        client: AsyncPlatformClient,
        arming: Arming,
        pace: Pace,
        *,
        claims: Claims,
        waiting: WaitingCalls,
        halt: Halt,
        may_go_on: Callable[[], bool],
        tell: Callable[[], object],
    ) -> None:
        self._store, self._client, self._arming, self._pace = store, client, arming, pace
        self._claims, self._waiting, self._halt = claims, waiting, halt
        self._may_go_on, self._tell = may_go_on, tell
        self._breaker = Breaker()
        self._tries = Tries()
        self._limited = 0
        self.answers = AnswerTimes()
        self.counts: Counter[str] = Counter()
        self.sent = 0

    async def make(self, claimed: ClaimedCall, turn: Turn) -> None:
        """Ask the platform for a call on its turn, unless something has come to forbid it, and record what came."""
        self.sent += 1

        def leave() -> None:
            # Its connection may have taken half a minute since its turn.
            if not self._may_go_on() or not self._claims.may_leave(claimed):
                raise _KeptBackError
            turn.left()

        try:
            entry = await self._client.make_call(claimed.request, on_leaving=leave)
        except _KeptBackError:
            await self._take_back(claimed, turn)
            return
        except asyncio.CancelledError as problem:
            await self._cancelled(problem, claimed, turn)
            raise
        except (ImilabError, OSError, ValueError, RuntimeError) as problem:
            verdict = self._after(problem, claimed, turn)
        else:
            verdict = after_entry(entry)
            self._tries.got_through()
        turn.left()
        if turn.moment is not None and verdict.settlement and verdict.settlement.state == "accepted":
            turn.came_late(self.answers.note(time.monotonic() - turn.moment))
        await self._record(claimed, verdict)

    async def _take_back(self, claimed: ClaimedCall, turn: Turn) -> None:
        """Return a call of which nothing has left, and free its turn."""
        turn.stayed()
        self.sent -= 1
        await self._claims.take_back([claimed])
        self._tell()

    async def _cancelled(self, problem: asyncio.CancelledError, claimed: ClaimedCall, turn: Turn) -> None:
        if self._client.tells_leaving and turn.moment is None:
            await self._take_back(claimed, turn)
        else:
            turn.left()
            await self._record(claimed, after_error(problem, 0))

    def _after(self, problem: Exception, claimed: ClaimedCall, turn: Turn) -> Verdict:
        if not isinstance(problem, NotSentError):
            self._tries.got_through()
            return after_error(problem, 0, reached=self.answers.any)
        turn.stayed()
        tries = self._tries.failed(claimed.planned.correlation_id, pausing=self._pace.paused_seconds > 0)
        return after_error(problem, tries)

    async def _record(self, claimed: ClaimedCall, verdict: Verdict) -> None:
        planned, settlement = claimed.planned, verdict.settlement
        if settlement is None:
            # Before anything is waited for: calls that fail together begin one pause, not one each.
            starts = self._pace.pause(verdict.pause_seconds * random.uniform(1.0, 1.25))  # noqa: S311 - jitter
            self._note_limit(refused=verdict.limited and starts)
            await self._wait_for(lambda connection: release(connection, planned.correlation_id))
            self._arming.give_back(claimed.arming)
            self.sent -= 1
            self._waiting.put_last(planned)
        else:
            known = settlement
            state = await self._wait_for(lambda connection: settle(connection, planned.correlation_id, known))
            self.counts[state] += 1
            self._limited = 0
            self._halt.stop(self._breaker.note(settlement.state))
        self._halt.stop(verdict.stop)
        self._tell()

    def _note_limit(self, *, refused: bool) -> None:
        """Stop where pause after pause ends in another refusal; calls that were under way together count once."""
        self._limited += refused
        if self._limited >= _PAUSES_IN_A_ROW:
            self._halt.stop(
                f"the platform's rate limit refused every try over {self._limited} pauses; send the plan again later"
            )

    async def _wait_for(self, work: Callable[[Connection], T]) -> T:
        """Write and wait for it. Shielded: what is known is recorded even where this is cancelled meanwhile."""
        return await asyncio.shield(asyncio.wrap_future(self._store.submit(work)))

"""Things due at moments on the clock, given out in order by one task, however many there are."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from typing import Generic, TypeVar

from imilab.clock import Clock

__all__ = ["Timetable"]

T = TypeVar("T")


class Timetable(Generic[T]):
    """A queue ordered by time.

    Parameters
    ----------
    clock : Clock
        Whose moments count.
    give : callable
        Takes a thing when it is due; must return at once.
    """

    def __init__(self, clock: Clock, give: Callable[[T], None]) -> None:
        self._clock = clock
        self._give = give
        self._heap: list[tuple[int, int, T]] = []
        self._added = 0
        self._wake = asyncio.Event()

    def add(self, moment_ms: int, thing: T) -> None:
        """Put a thing in; equal moments keep the order in which they were added."""
        heapq.heappush(self._heap, (moment_ms, self._added, thing))
        self._added += 1
        if self._heap[0][2] is thing:
            self._wake.set()

    async def run(self) -> None:
        """Give out what is due, until cancelled."""
        while True:
            self._wake.clear()
            now_ms = self._clock.now_ms()
            while self._heap and self._heap[0][0] <= now_ms:
                self._give(heapq.heappop(self._heap)[2])
            await self._wait(now_ms)

    async def _wait(self, now_ms: int) -> None:
        if not self._heap:
            await self._wake.wait()
            return
        alarm = asyncio.ensure_future(self._clock.sleep((self._heap[0][0] - now_ms) / 1000))
        alarm.add_done_callback(self._ring)
        try:
            await self._wake.wait()
        finally:
            alarm.remove_done_callback(self._ring)
            alarm.cancel()

    def _ring(self, _: asyncio.Future[None]) -> None:
        self._wake.set()

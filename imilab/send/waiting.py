"""The calls of a run that are still to be claimed: those due now in their order, and those planned for later."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterable

from imilab.store import PlannedCall

__all__ = ["WaitingCalls"]


class WaitingCalls:
    """A queue that knows which of its calls are due.

    Parameters
    ----------
    calls : iterable of PlannedCall
        In the order in which they are to be sent.

    Attributes
    ----------
    last_ms : int
        When the last of the calls that have a time is due, milliseconds UTC; 0 where none has one.
    """

    def __init__(self, calls: Iterable[PlannedCall] = ()) -> None:
        self._due: deque[PlannedCall] = deque()
        self._later: list[tuple[int, int, PlannedCall]] = []
        self._serial = itertools.count()
        self.last_ms = 0
        for call in calls:
            self.put_last(call)

    def __len__(self) -> int:
        return len(self._due) + len(self._later)

    def put_first(self, calls: Iterable[PlannedCall]) -> None:
        """Put calls, in their order, before all that are due."""
        self._due.extendleft(reversed(list(calls)))

    def put_last(self, call: PlannedCall) -> None:
        """Put a call after all that are due."""
        self.last_ms = max(self.last_ms, call.not_before_ms or 0)
        self._due.append(call)

    def put_later(self, call: PlannedCall, due_ms: int) -> None:
        """Put a call aside until a moment."""
        heapq.heappush(self._later, (due_ms, next(self._serial), call))

    def next_due(self, now_ms: int) -> PlannedCall | None:
        """Take the next call that is due at a moment, or None where none is."""
        while self._later and self._later[0][0] <= now_ms:
            self._due.append(heapq.heappop(self._later)[2])
        while self._due:
            call = self._due.popleft()
            if call.not_before_ms is None or call.not_before_ms <= now_ms:
                return call
            self.put_later(call, call.not_before_ms)
        return None

    def clear(self) -> int:
        """Forget all; return how many they were."""
        count = len(self)
        self._due.clear()
        self._later.clear()
        return count

    def due_ms(self) -> int | None:
        """Return the moment at which the first call planned for later is due; None where one may be due already."""
        return self._later[0][0] if self._later and not self._due else None

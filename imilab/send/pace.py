"""The pace: never more calls in any window than the tenant's limit allows."""

from __future__ import annotations

import math
from collections import deque

from imilab.clock import Clock
from imilab.errors import InvalidInputError

__all__ = ["Pace"]

_MARGIN = 1.05  # requests travel for differently long: 50 ms of difference must not make two windows' calls meet in one
_CATCH_UP_SECONDS = 0.05  # real time that a busy machine may be late without losing the calls of that time


class Pace:
    """A sliding window over the moments of the last calls, which are spread evenly over it.

    Parameters
    ----------
    calls_per_second : float
        The limit: as many calls in any second, a fraction rounded down, at the most; below 1, one call in each 1/limit
        seconds. 5 % of it are left free, so that the platform counts no more than the limit either.
    clock : Clock
        Whose seconds these are.
    within : Pace, optional
        Another pace that is to be kept too: the tenant's, which all that is sent shares.

    Raises
    ------
    InvalidInputError
        The limit is not above 0.
    """

    def __init__(self, calls_per_second: float, clock: Clock, *, within: Pace | None = None) -> None:
        if not 0 < calls_per_second < math.inf:
            raise InvalidInputError("calls_per_second", "not a number above 0; give the tenant's limit, such as 20")
        self._clock = clock
        self._within = within
        size = max(1, int(calls_per_second))
        self._window_ms = _MARGIN * 1000 * max(1.0, 1 / calls_per_second)
        self._moments: deque[int] = deque(maxlen=size)
        self._late_ms = _CATCH_UP_SECONDS * 1000 * clock.time_scale
        self._slot_ms = 0.0
        self._paused_until_ms = 0

    def pause(self, seconds: float) -> bool:
        """Let nothing pass for `seconds` from now; return whether this starts a pause, rather than prolonging one."""
        now_ms = self._clock.now_ms()
        starts = now_ms >= self._paused_until_ms
        self._paused_until_ms = max(self._paused_until_ms, now_ms + int(seconds * 1000))
        if self._within:
            self._within.pause(seconds)
        return starts

    def wait_seconds(self) -> float:
        """Return how long the next call has to wait, on the clock."""
        free_ms = max(self._paused_until_ms, self._slot_ms)
        if len(self._moments) == self._moments.maxlen:
            free_ms = max(free_ms, self._moments[0] + self._window_ms)
        others = self._within.wait_seconds() if self._within else 0.0
        return max(others, (free_ms - self._clock.now_ms()) / 1000)

    def note(self) -> None:
        """Count a call that starts now."""
        now_ms = self._clock.now_ms()
        self._moments.append(now_ms)
        self._slot_ms = max(self._slot_ms, now_ms - self._late_ms) + self._window_ms / (self._moments.maxlen or 1)
        if self._within:
            self._within.note()

"""The pace: never more calls in any window than the tenant's limit allows."""

from __future__ import annotations

from collections import deque

from imilab.clock import Clock
from imilab.errors import InvalidInputError

__all__ = ["Pace"]


class Pace:
    """A sliding window over the moments of the last calls.

    Parameters
    ----------
    calls_per_second : float
        The limit; below 1, one call in each 1/limit seconds.
    clock : Clock
        Whose seconds these are.
    """

    def __init__(self, calls_per_second: float, clock: Clock) -> None:
        if not calls_per_second > 0:
            raise InvalidInputError("calls_per_second", "not above 0; give the tenant's limit, such as 20")
        self._clock = clock
        size = max(1, int(calls_per_second))
        self._window_ms = 1000 * size / calls_per_second
        self._moments: deque[int] = deque(maxlen=size)
        self._paused_until_ms = 0

    def pause(self, seconds: float) -> bool:
        """Let nothing pass for `seconds` from now; return whether this starts a pause, rather than prolonging one."""
        now_ms = self._clock.now_ms()
        starts = now_ms >= self._paused_until_ms
        self._paused_until_ms = max(self._paused_until_ms, now_ms + int(seconds * 1000))
        return starts

    def wait_seconds(self) -> float:
        """Return how long the next call has to wait, on the clock."""
        now_ms = self._clock.now_ms()
        free_ms = self._paused_until_ms
        if len(self._moments) == self._moments.maxlen:
            free_ms = max(free_ms, self._moments[0] + int(self._window_ms) + 1)
        return max(0.0, (free_ms - now_ms) / 1000)

    def note(self) -> None:
        """Count a call that starts now."""
        self._moments.append(self._clock.now_ms())

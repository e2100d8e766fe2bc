"""How long answers take: how many calls may be under way for it, and which requests may have arrived late."""

from __future__ import annotations

import math

__all__ = ["AnswerTimes"]

_FEWEST, _MOST = 64, 512
_ASSUMED_SECONDS = 0.5
_SLOWER = 4  # a platform that answers so much more slowly than at its best gets no more calls at once
_MEMORY = 64  # answers that the mean is taken over, about
_LONGEST_DELAY_SECONDS = 0.02


class AnswerTimes:
    """Follows the time from a call's first byte to its answer.

    Examples
    --------
    >>> times = AnswerTimes()
    >>> [round(times.note(seconds), 3) for seconds in (0.25, 0.25, 0.25, 0.262)]
    [0.0, 0.0, 0.0, 0.012]
    >>> times.most_under_way(400)
    400
    """

    def __init__(self) -> None:
        self._count = 0
        self._fastest, self._mean = math.inf, 0.0

    @property
    def any(self) -> bool:
        """Whether there was one."""
        return self._count > 0

    def note(self, seconds: float) -> float:
        """Learn from one answer; return by how many seconds it came later than usual, 20 ms at the most.

        Its request may have travelled for longer by that time. More cannot be allowed for: where a platform takes now a
        second and now two for its answers, that would halve the pace.
        """
        late = seconds - self._mean if self._count else 0.0
        self._count += 1
        self._fastest = min(self._fastest, seconds)
        self._mean += (seconds - self._mean) / min(self._count, _MEMORY)
        return min(max(late, 0.0), _LONGEST_DELAY_SECONDS)

    def most_under_way(self, calls_per_second: float) -> int:
        """Return how many calls may wait for their answers at once, at a real rate of new ones."""
        seconds = _SLOWER * self._fastest if self._count else _ASSUMED_SECONDS
        return max(_FEWEST, min(_MOST, math.ceil(calls_per_second * seconds)))

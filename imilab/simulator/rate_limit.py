"""The tenant's rate limit: so many transactions within any second, with the documented burst if it is on."""

from __future__ import annotations

from collections import Counter, deque

__all__ = ["RateLimit"]

_SECOND_MS = 1000
_DAY_MS = 24 * 3600 * 1000
_LARGEST_BURST = 100
_BURST_SECONDS_A_DAY = 30 * 60
_BURST_SECONDS_A_MONTH = 8 * 3600
_MONTH_DAYS = 30


class RateLimit:
    """A sliding window of one second.

    Parameters
    ----------
    per_second : int
        Transactions within any second.
    burst : bool
        Half as many again, 100 at most, for 30 minutes a day and 8 hours in 30 days (UTC); a second counts when it
        holds a transaction beyond `per_second`.

    Examples
    --------
    >>> limit = RateLimit(2)
    >>> [limit.wait_seconds(moment) for moment in (0, 10, 20, 1000)]
    [0.0, 0.0, 0.98, 0.0]
    """

    def __init__(self, per_second: int, *, burst: bool = False) -> None:
        self._per_second = per_second
        self._extra = min(per_second // 2, _LARGEST_BURST) if burst else 0
        self._admitted: deque[int] = deque()
        self._burst_seconds: Counter[int] = Counter()
        self._last_burst_second = -1

    def wait_seconds(self, now_ms: int) -> float:
        """Admit a transaction and return 0, or refuse it and return how long to wait. Refused ones do not count."""
        while self._admitted and self._admitted[0] <= now_ms - _SECOND_MS:
            self._admitted.popleft()
        if len(self._admitted) >= self._per_second and not self._burst_allows(now_ms):
            return max(1, self._admitted[0] + _SECOND_MS - now_ms) / _SECOND_MS
        self._admitted.append(now_ms)
        return 0.0

    def _burst_allows(self, now_ms: int) -> bool:
        if len(self._admitted) >= self._per_second + self._extra:
            return False
        second, day = now_ms // _SECOND_MS, now_ms // _DAY_MS
        if second == self._last_burst_second:
            return True
        month = sum(self._burst_seconds[day - back] for back in range(_MONTH_DAYS))
        if self._burst_seconds[day] >= _BURST_SECONDS_A_DAY or month >= _BURST_SECONDS_A_MONTH:
            return False
        self._burst_seconds[day] += 1
        self._last_burst_second = second
        return True

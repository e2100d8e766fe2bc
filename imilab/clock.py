"""The one clock: Lab, sender, receiver and simulator read it, so that a fast demo tells one consistent time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from imilab.errors import InvalidInputError

__all__ = ["Clock", "ScaledClock", "SystemClock"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What imilab asks of a clock.

    Attributes
    ----------
    time_scale : float
        Seconds that pass on this clock in one second of real time.
    """

    time_scale: float

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait until `seconds` have passed on this clock."""
        ...


class SystemClock:
    """The machine's own clock."""

    time_scale = 1.0

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait for `seconds`."""
        await asyncio.sleep(max(0.0, seconds))


class ScaledClock:
    """A clock that starts at a given moment and runs `time_scale` times as fast as real time.

    Parameters
    ----------
    start : datetime
        Aware; the moment it shows when it is made.
    time_scale : float
        Seconds on this clock per real second, above 0.

    Examples
    --------
    >>> clock = ScaledClock(datetime(2026, 3, 2, 9, tzinfo=UTC), time_scale=3600)
    >>> clock.now_ms() >= 1772442000000
    True
    """

    def __init__(self, start: datetime, time_scale: float) -> None:
        if start.tzinfo is None:
            raise InvalidInputError(
                "start", "a date and time without a zone; give one, such as datetime(..., tzinfo=UTC)"
            )
        if not 0 < time_scale <= 1e6:
            raise InvalidInputError(
                "time_scale", f"{time_scale!r} is not between 0 and 1,000,000; give seconds per real second"
            )
        self.time_scale = time_scale
        self._start_ms = (start - _EPOCH) // timedelta(milliseconds=1)
        self._origin_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        elapsed_ns = time.monotonic_ns() - self._origin_ns
        return self._start_ms + int(elapsed_ns * self.time_scale) // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Wait until `seconds` have passed on this clock."""
        await asyncio.sleep(max(0.0, seconds) / self.time_scale)

"""The pace: never more calls in any second than the tenant's limit, counted where their first bytes leave."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from imilab.clock import Clock
from imilab.errors import InvalidInputError

__all__ = ["Extra", "Pace", "Turn"]

_SPREAD = 1.012  # calls are spread over a window this much longer: late ones may then be made up for, slowly
_GUARD_SECONDS = 0.006  # real time by which requests may travel for differently long
_CATCH_UP_SECONDS = 0.1  # real time that a busy machine may be late without losing the calls of that time
_IDLE_SECONDS = 1.0  # after so long without a call there is nothing to make up for
_LOOK_SECONDS = 0.002  # real time until looking again where calls have their turn and have not left yet


class Extra(Protocol):
    """Calls beyond the limit that are allowed for a while, such as the tenant's burst."""

    @property
    def calls(self) -> int:
        """How many more in any second, now."""
        ...

    def use(self) -> None:
        """Note that such a call leaves now."""
        ...


class Turn:
    """One call's place in the pace: taken before it leaves, and counted from the moment its first byte left."""

    def __init__(self, end: Callable[[Turn, float | None], None], inner: Turn | None, now: Callable[[], float]) -> None:
        self._end = end
        self._inner = inner
        self._now = now
        self._over = False
        self.moment: float | None = None

    def left(self) -> None:
        """Tell that the first byte leaves now; the first time counts."""
        self._finish(self._now())

    def stayed(self) -> None:
        """Tell that nothing left and nothing will."""
        self._finish(None)

    def came_late(self, seconds: float) -> None:
        """Tell that the platform may have got it this much later, real seconds, than requests usually travel."""
        if self.moment is not None:
            self.moment += seconds
        if self._inner:
            self._inner.came_late(seconds)

    def _finish(self, moment: float | None) -> None:
        if not self._over:
            self._over, self.moment = True, moment
            self._end(self, moment)
            if self._inner:
                self._inner._finish(moment)


class Pace:
    """A sliding window over the moments at which calls left, which are spread evenly over it.

    A call that has its turn counts until it has left, and for a window's length from then on: whatever happens between
    the turn and the first byte, a slow connection or a busy machine, no window holds more than the limit. Several
    threads may use one pace, each by `take_if_free`.

    Parameters
    ----------
    calls_per_second : float
        The limit: as many calls in any second, a fraction rounded down, at the most; below 1, one call in each 1/limit
        seconds. Calls are spread over 1.2 % more than that.
    clock : Clock
        Whose seconds these are.
    within : Pace, optional
        Another pace that is to be kept too: the tenant's, which all that is sent shares.
    monotonic : callable, optional
        Real seconds, however fine and from whenever; `time.monotonic` by default.

    Attributes
    ----------
    extra : Extra or None
        What may go beyond the limit; set it for one run.

    Raises
    ------
    InvalidInputError
        The limit is not above 0.
    """

    def __init__(
        self,
        calls_per_second: float,
        clock: Clock,
        *,
        within: Pace | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not 0 < calls_per_second < math.inf:
            raise InvalidInputError("calls_per_second", "not a number above 0; give the tenant's limit, such as 20")
        self._scale = clock.time_scale
        self._within = within
        self._using: threading.RLock = within._using if within else threading.RLock()
        self._now = monotonic
        self._size = max(1, int(calls_per_second))
        window = max(1.0, 1 / calls_per_second) / self._scale
        self._window = window + min(_GUARD_SECONDS, 0.6 * (_SPREAD - 1) * window)
        self._spread = _SPREAD * window
        self._leaving = 0
        self._left: list[tuple[float, int, Turn]] = []
        self._serial = itertools.count()
        self._slot = self._paused_until = -math.inf
        self.extra: Extra | None = None

    @property
    def real_per_second(self) -> float:
        """Calls in a second of real time, at the best."""
        ours = (self._size + self._allowed_extra()) / self._spread
        return min(ours, self._within.real_per_second) if self._within else ours

    @property
    def memory_ms(self) -> int:
        """How long a call counts, milliseconds on the clock."""
        return math.ceil(self._window * self._scale * 1000)

    @property
    def paused_seconds(self) -> float:
        """Real seconds until a pause is over; 0 where there is none."""
        ours = max(0.0, self._paused_until - self._now())
        return max(ours, self._within.paused_seconds) if self._within else ours

    def pause(self, seconds: float) -> bool:
        """Let nothing pass for `seconds` from now; return whether this starts a pause, rather than prolonging one."""
        with self._using:
            now = self._now()
            starts = now >= self._paused_until
            self._paused_until = max(self._paused_until, now + seconds / self._scale)
            if self._within:
                self._within.pause(seconds)
            return starts

    def wait_seconds(self) -> float:
        """Return how long the next call has to wait, on the clock."""
        return self.real_wait_seconds() * self._scale

    def real_wait_seconds(self) -> float:
        """Return how long the next call has to wait, real seconds."""
        with self._using:
            now = self._now()
            ours = max(0.0, max(self._paused_until, self._slot) - now, self._until_room(now))
            return max(ours, self._within.real_wait_seconds()) if self._within else ours

    def take_if_free(self) -> Turn | None:
        """Take the next call's turn where it does not have to wait; no other thread comes in between."""
        with self._using:
            return None if self.real_wait_seconds() > 0 else self.take()

    def take(self) -> Turn:
        """Take the next call's turn; ask first whether it has to wait."""
        with self._using:
            now = self._now()
            if self.extra and self._used(now) >= self._size:
                self.extra.use()
            late = now - self._slot
            start = now if late > _IDLE_SECONDS else max(self._slot, now - _CATCH_UP_SECONDS)
            self._slot = start + self._spread / (self._size + self._allowed_extra())
            self._leaving += 1
            return Turn(self._end, self._within.take() if self._within else None, self._now)

    def recall(self, ages_seconds: Iterable[float]) -> None:
        """Count calls that left before, from another process perhaps, so many real seconds ago."""
        with self._using:
            now = self._now()
            for age in ages_seconds:
                turn = Turn(self._end, None, self._now)
                turn.moment = now - age
                heapq.heappush(self._left, (turn.moment, next(self._serial), turn))

    def recall_full(self, age_seconds: float) -> None:
        """Count as many as the limit allows, of which nobody knows more than that the last left so long ago."""
        self.recall([age_seconds] * self._size)

    def _end(self, turn: Turn, moment: float | None) -> None:
        with self._using:
            self._leaving -= 1
            if moment is not None:
                heapq.heappush(self._left, (moment, next(self._serial), turn))

    def _until_room(self, now: float) -> float:
        missing = self._used(now) + 1 - self._size - self._allowed_extra()
        if missing <= 0:
            return 0.0
        if not self._left:
            return _LOOK_SECONDS
        return max(self._left[0][0] + self._window - now, 0.0) + (missing > 1) * _LOOK_SECONDS

    def _used(self, now: float) -> int:
        """Count the calls of the window that ends now, and those that are about to leave."""
        while self._left and self._left[0][0] + self._window <= now:
            _, serial, turn = heapq.heappop(self._left)
            if turn.moment is not None and turn.moment + self._window > now:  # it came late, as is known now
                heapq.heappush(self._left, (turn.moment, serial, turn))
        return len(self._left) + self._leaving

    def _allowed_extra(self) -> int:
        return self.extra.calls if self.extra else 0

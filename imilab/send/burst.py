"""The tenant's burst: more calls a second than the limit, for so long a day and a month, counted in the store.

A second counts, on the lab's clock, in which a call leaves beyond the limit. Days and months are the calendar's in the
tenant's zone, or in UTC where none is set. Seconds are set aside durably before they are used, so several runs and
processes never use more than there are; what a killed process had set aside, a few seconds, counts as used.
"""

from __future__ import annotations

import math
from concurrent.futures import Future

from imilab.clock import Clock
from imilab.send.local_hours import day_bounds, local_time
from imilab.store import Store
from imilab.store.connection import Connection
from imilab.store.send_counters import add_to_counter, read_counter, sum_counters

__all__ = ["SECONDS_A_DAY", "SECONDS_A_MONTH", "Burst", "give_back", "set_aside"]

SECONDS_A_DAY = 30 * 60
SECONDS_A_MONTH = 8 * 3600

_MOST_MORE = 100
_AHEAD_SECONDS = 5  # real seconds that are set aside at a time


def set_aside(connection: Connection, zone: str, now_ms: int, seconds: int) -> tuple[int, int]:
    """Set seconds aside, inside the writing transaction of `connection`.

    Returns
    -------
    granted, day_ms : int
        How many of `seconds` are left of the day and the month, and a moment that tells which day was charged.
    """
    day = _day(zone, now_ms)
    left = min(
        SECONDS_A_DAY - read_counter(connection, day),
        SECONDS_A_MONTH - sum_counters(connection, day.rpartition("-")[0]),
    )
    granted = max(0, min(seconds, left))
    if granted:
        add_to_counter(connection, day, granted)
    return granted, now_ms


def give_back(connection: Connection, zone: str, day_ms: int, seconds: int) -> None:
    """Return seconds that were set aside and not used."""
    if seconds:
        add_to_counter(connection, _day(zone, day_ms), -seconds)


def _day(zone: str, at_ms: int) -> str:
    return f"burst {local_time(zone, at_ms):%Y-%m-%d}"


class Burst:
    """What one run may use of the budget; an `imilab.send.pace.Extra`.

    Parameters
    ----------
    store : Store
        Keeps the use.
    clock : Clock
        Tells the day, and which second it is.
    zone : str
        IANA name of the zone whose days count.
    calls_per_second : float
        The limit; half of it may come on top, 100 at the most.

    Attributes
    ----------
    used_seconds : int
        Seconds of this run with calls beyond the limit.
    """

    def __init__(self, store: Store, clock: Clock, zone: str, calls_per_second: float) -> None:
        self._store, self._clock, self._zone = store, clock, zone
        self._more = min(int(calls_per_second / 2), _MOST_MORE)
        self._ahead = math.ceil(_AHEAD_SECONDS * clock.time_scale)
        self._asking: Future[tuple[int, int]] | None = None
        self._left = self._charged_ms = self._day_end_ms = 0
        self._second = -1
        self._exhausted_until_ms = 0
        self.used_seconds = 0

    @property
    def calls(self) -> int:
        """How many calls may leave beyond the limit in this second."""
        second = self._clock.now_ms() // 1000
        paid = second == self._second or (self._left > 0 and 1000 * second < self._day_end_ms)
        return self._more if paid else 0

    @property
    def exhausted(self) -> bool:
        """Whether the budget of the day or the month was found used up."""
        return self._exhausted_until_ms > 0

    def use(self) -> None:
        """Note that a call leaves beyond the limit now."""
        second = self._clock.now_ms() // 1000
        if second != self._second:
            self._second = second
            self._left -= 1
            self.used_seconds += 1

    def renew(self) -> None:
        """Have seconds set aside in time, without waiting for it; ask this often.

        Raises
        ------
        StoreError
            They cannot be.
        """
        now_ms = self._clock.now_ms()
        if self._asking is not None:
            if self._asking.done():
                self._take(self._asking.result())
        elif now_ms >= self._exhausted_until_ms and (2 * self._left < self._ahead or now_ms >= self._day_end_ms):
            wanted, over, charged_ms = self._ahead, self._left * (now_ms >= self._day_end_ms), self._charged_ms
            self._left -= over  # of a day that is over

            def ask(connection: Connection) -> tuple[int, int]:
                give_back(connection, self._zone, charged_ms, over)
                return set_aside(connection, self._zone, now_ms, wanted)

            self._asking = self._store.submit(ask)

    def end(self) -> None:
        """Give back what was not used."""
        if self._asking is not None:
            self._take(self._asking.result())
        left, self._left = self._left, 0
        self._store.write(lambda connection: give_back(connection, self._zone, self._charged_ms, left))

    def __str__(self) -> str:
        used = f"{self.used_seconds} s of the burst used"
        if not self.exhausted:
            return used
        return f"{used}; its budget, 30 minutes a day and 8 hours a month, is used up, so the limit held from then on"

    def _take(self, told: tuple[int, int]) -> None:
        granted, self._charged_ms = told
        self._asking = None
        self._left += granted
        self._day_end_ms = day_bounds(self._zone, self._charged_ms)[1]
        if not granted:
            self._exhausted_until_ms = self._day_end_ms

"""Windows: the hours in which calls are placed, and an even schedule over them. Pure."""

from __future__ import annotations

import heapq
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from imilab.errors import InvalidInputError
from imilab.send.local_hours import Span, check_zone, first_open_ms, open_spans
from imilab.send.week import Week, week_of

__all__ = ["Window", "spread"]

_RECIPIENTS = "recipient's zone"


@dataclass(frozen=True)
class Window:
    """Hours of some days of the week, in a named zone or in the recipient's.

    An arm may be a window: two arms of the same content, one called in the morning and one in the evening.

    Parameters
    ----------
    between : str
        Such as ``09:00-20:00``, or several after commas; hours that end before they start run past midnight.
    days : str
        Such as ``mon-fri`` or ``mon,wed,sat``.
    zone : str, optional
        IANA zone; by default the recipient's, and where a number may be in several, the window holds in all of them.

    Raises
    ------
    InvalidInputError
        Hours, days or a zone that cannot be read.

    Examples
    --------
    >>> morning = Window("09:00-12:00", "mon-fri", "Europe/London")
    >>> morning.spans(1772409600000, 1772496000000)        # Monday 2 March 2026
    ((1772442000000, 1772452800000),)
    >>> morning.contains(1772442000000), morning.next_open_ms(1772452800000)
    (True, 1772528400000)
    """

    between: str = "00:00-24:00"
    days: str = "mon-sun"
    zone: str | None = None

    def __post_init__(self) -> None:
        for name in ("between", "days"):
            if not isinstance(getattr(self, name), str):
                raise InvalidInputError(name, "not a text; write hours like 09:00-20:00 and days like mon-fri")
        _week(self.between, self.days)
        if self.zone is not None:
            check_zone(self.zone)

    def contains(self, at_ms: int, zones: Sequence[str] = ()) -> bool:
        """Tell whether a moment lies in the window; `zones` are the recipient's, see `spans`."""
        return bool(self.spans(at_ms, at_ms + 1, zones))

    def next_open_ms(self, at_ms: int, zones: Sequence[str] = ()) -> int | None:
        """Return the first moment of the window from `at_ms` on, or None where there is none within 31 days."""
        return first_open_ms(_week(self.between, self.days), self._zones(zones), at_ms)

    def spans(self, from_ms: int, until_ms: int, zones: Sequence[str] = ()) -> tuple[Span, ...]:
        """Return when the window is open between two moments, milliseconds UTC.

        Parameters
        ----------
        from_ms, until_ms : int
            The second is left out.
        zones : sequence of str
            The recipient's zones, see `imilab.send.quiet_hours.QuietHours.zones`; of no use where the window has its
            own. A window in the recipient's zone is never open for a recipient without one.
        """
        return open_spans(_week(self.between, self.days), self._zones(zones), from_ms, until_ms)

    def to_text(self) -> str:
        """Return hours, days and zone as one text, for a table or the journal; `from_text` reads it back.

        Examples
        --------
        >>> Window("09:00-12:00", "mon-fri").to_text()
        "09:00-12:00; mon-fri; recipient's zone"
        """
        return "; ".join((self.between, self.days, self.zone or _RECIPIENTS))

    @classmethod
    def from_text(cls, text: str) -> Window:
        """Read what `to_text` wrote.

        Raises
        ------
        InvalidInputError
            The text is none of its.
        """
        parts = text.split("; ")
        if len(parts) != 3:
            raise InvalidInputError("hours", "not hours, days and zone with semicolons; give what Window.to_text wrote")
        return cls(parts[0], parts[1], None if parts[2] == _RECIPIENTS else parts[2])

    @property
    def week(self) -> Week:
        """The minutes of the week in which it is open."""
        return _week(self.between, self.days)

    def _zones(self, zones: Sequence[str]) -> Sequence[str]:
        return zones if self.zone is None else (self.zone,)


@lru_cache(maxsize=1000)
def _week(between: str, days: str) -> Week:
    return week_of(between, days)


def spread(
    calls: Sequence[Sequence[Span]],
    *,
    gap_ms: int = 0,
    after: Sequence[int | None] | None = None,
    spacing_ms: int = 0,
) -> tuple[int | None, ...]:
    """Spread calls evenly over the spans in which each may be placed.

    Calls with the same spans are spread evenly over them in the order given: the k-th of n, counted from 0, where the
    share k/n of their open time has passed. Where calls would come closer than `gap_ms`, later ones move on, first
    those whose span closes last. Where that leaves some without room, all are packed into the first three quarters of
    their open time, half of it, and so on, as far as it helps.

    Parameters
    ----------
    calls : sequence of sequence of (int, int)
        For each call its spans, in order and apart, milliseconds UTC.
    gap_ms : int
        Least time between any two calls.
    after : sequence of int or None, optional
        For each call the place of the one that must come before it, as in a crossover, or None.
    spacing_ms : int
        Least time between a call and the one that it comes after.

    Returns
    -------
    tuple of int or None
        When each call is placed; None for one that has no room left in its spans.

    Raises
    ------
    InvalidInputError
        A negative time, or `after` of another length.

    Examples
    --------
    >>> spread([[(0, 100), (200, 300)]] * 4)
    (0, 50, 200, 250)
    >>> spread([[(0, 100)]] * 2 + [[(0, 50)]], gap_ms=30)
    (30, 60, 0)
    >>> spread([[(0, 100)]] * 2, gap_ms=150)
    (0, None)
    """
    if gap_ms < 0 or spacing_ms < 0:
        raise InvalidInputError("gap_ms, spacing_ms", "below 0; give a time")
    before = [None] * len(calls) if after is None else list(after)
    if len(before) != len(calls):
        raise InvalidInputError("after", f"{len(before)} entries for {len(calls)} calls; give one a call")
    best: tuple[int | None, ...] | None = None
    for quarters in (4, 3, 2, 1, 0):
        times = _Schedule(calls, before, _ideal_times(calls, quarters), gap_ms, spacing_ms).times()
        if best is None or times.count(None) < best.count(None):
            best = times
        if None not in best:
            break
    return best or ()


class _Schedule:
    """One run over the calls in time: each waits for its ideal moment, then for its turn."""

    def __init__(
        self,
        calls: Sequence[Sequence[Span]],
        before: Sequence[int | None],
        ideal: Sequence[int],
        gap_ms: int,
        spacing_ms: int,
    ) -> None:
        self._calls, self._ideal, self._gap_ms, self._spacing_ms = calls, ideal, gap_ms, spacing_ms
        self._times: list[int | None] = [None] * len(calls)
        self._followers: defaultdict[int, list[int]] = defaultdict(list)
        self._waiting: list[tuple[int, int, int]] = []  # from when, place, until when
        self._ready: list[tuple[int, int, int]] = []  # until when, ideal moment, place
        for place, earlier in enumerate(before):
            if earlier is None:
                self._wait(place, self._ideal[place])
            else:
                self._followers[earlier].append(place)

    def times(self) -> tuple[int | None, ...]:
        free_ms: int | None = None
        while self._waiting or self._ready:
            now_ms = self._next_moment(free_ms)
            while self._waiting and self._waiting[0][0] <= now_ms:
                _, place, end = heapq.heappop(self._waiting)
                heapq.heappush(self._ready, (end, self._ideal[place], place))
            end, _, place = heapq.heappop(self._ready)
            if end <= now_ms:
                self._wait(place, now_ms)
                continue
            self._times[place], free_ms = now_ms, now_ms + self._gap_ms
            for follower in self._followers[place]:
                self._wait(follower, max(self._ideal[follower], now_ms + self._spacing_ms))
        return tuple(self._times)

    def _next_moment(self, free_ms: int | None) -> int:
        if free_ms is not None and self._ready:
            return free_ms
        earliest = self._waiting[0][0]
        return earliest if free_ms is None else max(earliest, free_ms)

    def _wait(self, place: int, from_ms: int) -> None:
        """Let a call wait for the first moment of its spans from `from_ms` on; it drops out where there is none."""
        spans = self._calls[place]
        number = bisect_right(spans, from_ms, key=lambda span: span[1])
        if number < len(spans):
            start, end = spans[number]
            heapq.heappush(self._waiting, (max(start, from_ms), place, end))


def _ideal_times(calls: Sequence[Sequence[Span]], quarters: int) -> list[int]:
    """Return for each call when its even share of its group's open time, or of some quarters of it, has passed."""
    groups: defaultdict[tuple[Span, ...], list[int]] = defaultdict(list)
    for place, spans in enumerate(calls):
        groups[tuple(spans)].append(place)
    ideal = [0] * len(calls)
    for spans, places in groups.items():
        total = sum(end - start for start, end in spans)
        passed, current = 0, iter(spans)
        start, end = next(current, (0, 0))
        for number, place in enumerate(places):
            target = number * total * quarters // (4 * len(places))
            while total and target - passed >= end - start:
                passed += end - start
                start, end = next(current)
            ideal[place] = start + target - passed
    return ideal

"""Hours on a wall clock as spans of real time, in one zone or in several at once. Pure.

A `Week` says at which wall-clock minutes something is allowed. What the clock shows decides: an hour that occurs twice
in autumn is judged alike both times, and one that spring skips does not occur.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from imilab.errors import InvalidInputError
from imilab.send.week import Week

__all__ = [
    "DAY_MS",
    "Span",
    "check_zone",
    "day_bounds",
    "first_open_ms",
    "intersect",
    "is_open",
    "local_time",
    "open_spans",
]

DAY_MS = 86_400_000

Span = tuple[int, int]
"""From a moment to another, the second left out; milliseconds UTC."""

_HORIZON_DAYS = 31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_WEEKDAY = 3  # a Thursday
_HOUR_MS = 3_600_000


def check_zone(zone: str, field: str = "zone") -> str:
    """Return the name of a zone that exists.

    Raises
    ------
    InvalidInputError
        There is none of that name.
    """
    try:
        return ZoneInfo(zone).key
    except (KeyError, ValueError, OSError, TypeError):
        raise InvalidInputError(field, "not an IANA zone like Asia/Kolkata") from None


def local_time(zone: str, at_ms: int) -> datetime:
    """Return what the wall clock of a zone shows at a moment, with its offset."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone))


def is_open(week: Week, zone: str, at_ms: int) -> bool:
    """Tell whether a moment is allowed in one zone."""
    local = local_time(zone, at_ms)
    minute = 60 * local.hour + local.minute
    return any(start <= minute < end for start, end in week[local.weekday()])


def open_spans(week: Week, zones: Sequence[str], from_ms: int, until_ms: int) -> tuple[Span, ...]:
    """Return when it is allowed in all of some zones at once, between two moments.

    Returns
    -------
    tuple of (int, int)
        In order, apart from each other. None where no zone is given: what is allowed nowhere known is not allowed.
    """
    found: list[Span] = []
    names = tuple(zones)
    for day in range(from_ms // DAY_MS, -(-until_ms // DAY_MS)):
        for start, end in _common_spans(week, names, day):
            first, last = max(start, from_ms), min(end, until_ms)
            if found and first == found[-1][1]:
                found[-1] = found[-1][0], last
            elif first < last:
                found.append((first, last))
    return tuple(found)


def first_open_ms(week: Week, zones: Sequence[str], at_ms: int) -> int | None:
    """Return the first moment from `at_ms` on that is allowed in all zones, or None where none is within 31 days."""
    names, today = tuple(zones), at_ms // DAY_MS
    for day in range(today, today + _HORIZON_DAYS + 1):
        for start, end in _common_spans(week, names, day):
            if end > at_ms:
                return max(start, at_ms)
    return None


def intersect(one: Sequence[Span], other: Sequence[Span]) -> tuple[Span, ...]:
    """Return what two series of spans, each in order, have in common.

    Examples
    --------
    >>> intersect([(0, 10), (20, 30)], [(5, 25)])
    ((5, 10), (20, 25))
    """
    found: list[Span] = []
    left = right = 0
    while left < len(one) and right < len(other):
        start, end = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if start < end:
            found.append((start, end))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return tuple(found)


def day_bounds(zone: str, at_ms: int) -> Span:
    """Return when the calendar day of a moment starts and ends in a zone; 23 to 25 hours apart.

    Examples
    --------
    >>> start, end = day_bounds("Europe/London", 1774782000000)     # 29 March 2026, when summer time begins
    >>> (end - start) // 3_600_000
    23
    """
    midnight = local_time(zone, at_ms).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    start, end = (
        # Where midnight does not exist the day starts with the change, which is what its offset before it gives.
        ((midnight + timedelta(days=step)).astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1)
        for step in (0, 1)
    )
    return start, end


@lru_cache(maxsize=20_000)
def _common_spans(week: Week, zones: tuple[str, ...], utc_day: int) -> tuple[Span, ...]:
    if not zones:
        return ()
    common = _zone_spans(week, zones[0], utc_day)
    for zone in zones[1:]:
        common = intersect(common, _zone_spans(week, zone, utc_day))
    return common


@lru_cache(maxsize=20_000)
def _zone_spans(week: Week, zone: str, utc_day: int) -> tuple[Span, ...]:
    found: list[Span] = []
    for begin, end, offset_ms in _offset_pieces(zone, utc_day):
        for day in range((begin + offset_ms) // DAY_MS, (end + offset_ms - 1) // DAY_MS + 1):
            midnight_ms = day * DAY_MS - offset_ms
            for first, last in week[(day + _EPOCH_WEEKDAY) % 7]:
                start, stop = max(begin, midnight_ms + first * 60_000), min(end, midnight_ms + last * 60_000)
                if start < stop:
                    found.append((start, stop))
    return tuple(found)


@lru_cache(maxsize=20_000)
def _offset_pieces(zone: str, utc_day: int) -> tuple[tuple[int, int, int], ...]:
    """Return the parts of a UTC day within which the zone's offset stays the same, each with that offset."""
    begin, end = utc_day * DAY_MS, (utc_day + 1) * DAY_MS
    edges = [begin, *_changes(zone, begin, end), end]
    return tuple((start, stop, _offset_ms(zone, start)) for start, stop in itertools.pairwise(edges))


def _changes(zone: str, begin: int, end: int) -> Iterator[int]:
    for hour in range(begin, end, _HOUR_MS):
        low, high = hour, hour + _HOUR_MS
        if _offset_ms(zone, low) == _offset_ms(zone, high):
            continue
        while high - low > 1000:
            middle = (low + high) // 2000 * 1000
            low, high = (middle, high) if _offset_ms(zone, middle) == _offset_ms(zone, hour) else (low, middle)
        if high < end:
            yield high


def _offset_ms(zone: str, at_ms: int) -> int:
    offset = local_time(zone, at_ms).utcoffset()
    return 0 if offset is None else offset // timedelta(milliseconds=1)

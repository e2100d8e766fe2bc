"""Hours of a week on a wall clock, read from texts such as ``09:00-20:00`` and ``mon-fri``. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from imilab.errors import InvalidInputError

__all__ = ["WEEKDAYS", "Week", "outside", "parse_days", "week_of"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

Week = tuple[tuple[tuple[int, int], ...], ...]
"""For each weekday from Monday, the minutes of the day from which to which something holds; sorted, apart."""

_DAY_MINUTES = 24 * 60
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)|(24):(00)", re.ASCII)


def parse_days(days: str, field: str = "days") -> frozenset[int]:
    """Read days of the week, Monday being 0.

    Examples
    --------
    >>> sorted(parse_days("mon-fri")), sorted(parse_days("sat-mon, Wednesday")), sorted(parse_days(""))
    ([0, 1, 2, 3, 4], [0, 2, 5, 6], [])
    """
    found: set[int] = set()
    for part in filter(None, map(str.strip, days.lower().split(","))):
        first, dash, last = (end.strip() for end in part.replace("–", "-").partition("-"))
        begin = _weekday(first, field)
        length = (_weekday(last, field) - begin) % 7 if dash else 0
        found.update((begin + step) % 7 for step in range(length + 1))
    return frozenset(found)


def _weekday(name: str, field: str) -> int:
    for number, weekday in enumerate(WEEKDAYS):
        if len(name) >= 3 and weekday.startswith(name):
            return number
    raise InvalidInputError(field, "not days of the week; write them like mon-fri or mon,wed,sat")


def week_of(between: str, days: str = "mon-sun", *, field: str = "between") -> Week:
    """Read hours such as ``09:00-12:00, 13:00-20:00`` on some days of the week.

    Hours that end before they start run past midnight, and belong to the day on which they start.

    Raises
    ------
    InvalidInputError
        The text is not hours; they start when they end; there is no day.

    Examples
    --------
    >>> week_of("22:00-06:00", "fri")[3:6]
    ((), ((1320, 1440),), ((0, 360),))
    """
    chosen = parse_days(days)
    if not chosen:
        raise InvalidInputError("days", "none is given; write them like mon-fri")
    pieces: list[list[tuple[int, int]]] = [[] for _ in WEEKDAYS]
    for part in between.split(","):
        start, end = _clock_times(part, field)
        for day in chosen:
            pieces[day].append((start, end if end > start else _DAY_MINUTES))
            if 0 < end < start:
                pieces[(day + 1) % 7].append((0, end))
    return tuple(_merged(day) for day in pieces)


def _clock_times(part: str, field: str) -> tuple[int, int]:
    matches = [_CLOCK.fullmatch(text.strip()) for text in part.replace("–", "-").split("-")]
    if len(matches) != 2 or not matches[0] or not matches[1]:
        raise InvalidInputError(field, "not hours; write them like 09:00-20:00")
    start, end = (60 * int(match[1] or match[3]) + int(match[2] or match[4]) for match in matches if match)
    if start in {end, _DAY_MINUTES}:
        raise InvalidInputError(field, "hours that start when they end; write 00:00-24:00 for the whole day")
    return start, end


def _merged(pieces: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for start, end in sorted(pieces):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return tuple(found)


def outside(week: Week) -> Week:
    """Return the week in which everything holds that `week` leaves out.

    Examples
    --------
    >>> outside(week_of("09:00-24:00"))[0]
    ((0, 540),)
    """
    return tuple(_gaps(day) for day in week)


def _gaps(day: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    edges = [0, *(edge for piece in day for edge in piece), _DAY_MINUTES]
    return tuple((end, start) for end, start in zip(edges[::2], edges[1::2], strict=True) if end < start)

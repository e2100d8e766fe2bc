"""Lengths of time as people write them: ``36 hours``, ``2d``, ``90 min``. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from imilab.errors import InvalidInputError

__all__ = ["Duration", "duration_ms", "duration_text"]

Duration = timedelta | str
"""Such as ``timedelta(days=1)`` or ``1 day``."""

_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_NAMES = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), "s"),
    **dict.fromkeys(("m", "min", "minute", "minutes"), "m"),
    **dict.fromkeys(("h", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
    **dict.fromkeys(("w", "week", "weeks"), "w"),
}
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)", re.ASCII)
_LONGEST_MS = 366 * _UNITS["d"]


def duration_ms(value: Duration, field: str) -> int:
    """Return a length of time in milliseconds.

    Parameters
    ----------
    value : timedelta or str
        Above 0, a year at most.
    field : str
        What it is called in an error.

    Raises
    ------
    InvalidInputError
        It cannot be read, or is too short or too long.

    Examples
    --------
    >>> duration_ms("1.5 hours", "spacing"), duration_ms("2d", "spacing"), duration_ms(timedelta(minutes=1), "spacing")
    (5400000, 172800000, 60000)
    """
    if isinstance(value, timedelta):
        length: float = value // timedelta(milliseconds=1)
    else:
        found = _LENGTH.fullmatch(str(value).strip().lower())
        if not found or found[2] not in _NAMES:
            raise InvalidInputError(field, "not a length of time; write it like '2 days', '36 hours' or '90 min'")
        length = float(found[1]) * _UNITS[_NAMES[found[2]]]
    if not 1 <= length <= _LONGEST_MS:  # also what is beyond every number
        raise InvalidInputError(field, "not above 0 and at most a year; write it like '2 days' or '90 min'")
    return round(length)


def duration_text(length_ms: int) -> str:
    """Return a length of time in words, in the largest unit that fits.

    Examples
    --------
    >>> duration_text(172_800_000), duration_text(90 * 60_000), duration_text(1_500), duration_text(0)
    ('2 days', '1.5 hours', '1.5 seconds', '0 seconds')
    """
    for name, unit in (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000)):
        if length_ms >= unit:
            return _counted(length_ms / unit, name)
    return _counted(length_ms / 1000, "second")


def _counted(number: float, name: str) -> str:
    text = f"{number:.1f}".removesuffix(".0")
    return f"{text} {name}{'' if text == '1' else 's'}"

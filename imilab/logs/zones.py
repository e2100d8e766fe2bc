"""Local times to UTC inside a query: a zone's changes, found once in Python, as a CASE over integer milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["Change", "changes_of", "local_to_utc", "odd_hours"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY_MS = 86_400_000
_FIRST_YEAR, _LAST_YEAR = 2, 9998


@dataclass(frozen=True)
class Change:
    """One change of a zone's offset.

    Attributes
    ----------
    at_ms : int
        Milliseconds UTC of the change.
    before_ms, after_ms : int
        Local time less UTC, before and after.
    """

    at_ms: int
    before_ms: int
    after_ms: int

    @property
    def first_odd_ms(self) -> int:
        """The first local time that occurs twice, or never."""
        return self.at_ms + min(self.before_ms, self.after_ms)

    @property
    def end_of_odd_ms(self) -> int:
        """The local time from which the new offset holds alone."""
        return self.at_ms + max(self.before_ms, self.after_ms)


def _offset_ms(zone: ZoneInfo, at_ms: int) -> int:
    offset = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).utcoffset()
    return 0 if offset is None else offset // _MS


def _start_of(year: int) -> int:
    return (datetime(year, 1, 1, tzinfo=UTC) - _EPOCH) // _MS


@lru_cache(maxsize=4096)
def _changes_in(zone: ZoneInfo, year: int) -> tuple[Change, ...]:
    return tuple(_search(zone, _start_of(year), _start_of(year + 1)))


def _search(zone: ZoneInfo, start_ms: int, end_ms: int) -> Iterator[Change]:
    before_ms = _offset_ms(zone, start_ms)
    for day_ms in range(start_ms, end_ms, _DAY_MS):
        after_ms = _offset_ms(zone, day_ms + _DAY_MS)
        if after_ms != before_ms:
            low, high = day_ms, day_ms + _DAY_MS  # the change lies in (low, high]
            while high - low > 1000:
                middle = (low + high) // 2000 * 1000
                low, high = (middle, high) if _offset_ms(zone, middle) == before_ms else (low, middle)
            yield Change(high, before_ms, after_ms)
            before_ms = after_ms


def changes_of(zone: ZoneInfo, first_ms: int, last_ms: int) -> list[Change]:
    """Return the changes that can matter to local times of a range, in order.

    Parameters
    ----------
    zone : ZoneInfo
        Two changes within one day count as one.
    first_ms, last_ms : int
        Local times as milliseconds since 1970-01-01 on the local clock.

    Examples
    --------
    >>> autumn = changes_of(ZoneInfo("Europe/London"), 1_790_000_000_000, 1_795_000_000_000)
    >>> [(change.at_ms, change.before_ms, change.after_ms) for change in autumn]
    [(1792890000000, 3600000, 0)]
    """
    years = [_year_of(moment) for moment in (first_ms, last_ms)]
    near = range(max(years[0] - 1, _FIRST_YEAR), min(years[1] + 1, _LAST_YEAR) + 1)
    found = [change for year in near for change in _changes_in(zone, year)]
    return [change for change in found if first_ms - 2 * _DAY_MS < change.at_ms < last_ms + 2 * _DAY_MS]


def _year_of(moment_ms: int) -> int:
    inside = min(max(moment_ms, _start_of(_FIRST_YEAR)), _start_of(_LAST_YEAR))
    return (_EPOCH + timedelta(milliseconds=inside)).year


def local_to_utc(column: str, zone: ZoneInfo, first_ms: int, last_ms: int) -> str:
    """Return the SQL that turns a column of local milliseconds into UTC ones.

    A local time that occurs twice is taken for the first of the two; one that does not exist is moved on by the
    length of the gap: both mean the offset that held before the change, as `imilab.wire.parse_timestamp` has it.
    """
    changes = changes_of(zone, first_ms, last_ms)
    if not changes:
        return f"({column} - ({_offset_ms(zone, min(max(first_ms, _start_of(2)), _start_of(9999)))}))"
    cases = " ".join(f"WHEN {column} < {change.end_of_odd_ms} THEN {change.before_ms}" for change in changes)
    return f"({column} - CASE {cases} ELSE {changes[-1].after_ms} END)"


def odd_hours(column: str, zone: ZoneInfo, first_ms: int, last_ms: int, *, twice: bool) -> str:
    """Return the SQL condition of a column of local milliseconds that occurs twice, or else of one that never does."""
    hours = [
        f"({column} >= {change.first_odd_ms} AND {column} < {change.end_of_odd_ms})"
        for change in changes_of(zone, first_ms, last_ms)
        if (change.after_ms < change.before_ms) == twice
    ]
    return f"({' OR '.join(hours)})" if hours else "false"

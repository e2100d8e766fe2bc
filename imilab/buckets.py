"""Time buckets: calls by local hour, day, weekday or hour of day, in a zone that is always named.

Zones are worked out once in Python, from the changes of offset between the first and the last call, and applied to
integer milliseconds, so that every engine gives the same buckets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import narwhals as nw
import numpy as np

from imilab.errors import InvalidInputError
from imilab.metrics import near

__all__ = ["Frame", "TimeBucket", "day", "hour", "hour_of_day", "offset_changes", "weekday"]

Frame = nw.DataFrame[Any] | nw.LazyFrame[Any]
Kind = Literal["hour", "day", "weekday", "hour_of_day"]

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# An hour's key packs its nominal start in UTC seconds with its offset; offsets lie within a day of zero.
_OFFSET_SPAN, _OFFSET_ZERO = 1 << 18, 1 << 17
# Outside these years a clock was wrong; the offset of the nearest year serves.
_FIRST_MS = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp()) * 1000
_LAST_MS = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1000


@dataclass(frozen=True)
class TimeBucket:
    """Groups calls by a stretch of local time; give it to `rates` as `by`.

    Attributes
    ----------
    kind : str
        ``hour``, ``day``, ``weekday`` or ``hour_of_day``; also the name of the column in the result.
    tz : str
        The IANA zone whose clock is read, such as ``Europe/London``.
    column : str
        The time that is read. ``requested_at`` falls back to ``offered_at`` where it is missing.
    """

    kind: Kind
    tz: str
    column: str = "requested_at"

    def __post_init__(self) -> None:
        _zone(self.tz)

    @property
    def note(self) -> str:
        """A footnote: which zone, which time, and what becomes of the hour that the clock repeats."""
        source = "requested_at, else offered_at" if self.column == "requested_at" else self.column
        repeated = {
            "hour": " An hour that the clock repeats in autumn is two hours, told apart by offset.",
            "hour_of_day": " An hour that the clock repeats in autumn counts into one hour of day.",
        }
        return f"{self.kind}: local time in {self.tz}, from {source}.{repeated.get(self.kind, '')}"

    def add_to(self, frame: Frame, alias: str) -> Frame:
        """Add the bucket's key, an integer that sorts in time, as column `alias`; missing where the time is.

        Raises
        ------
        InvalidInputError
            The column is not there or holds no times with a zone.
        """
        frame = self._with_milliseconds(frame, alias)
        ms = nw.col(alias)
        extremes = _collected(frame.select(ms.min().alias("first"), ms.max().alias("last"))).row(0)
        if extremes[0] is None or extremes[0] != extremes[0]:
            return frame  # None, or NaN in pandas: no call has a time
        changes = offset_changes(_zone(self.tz), int(extremes[0]), int(extremes[1]))
        return frame.with_columns(self._key(ms, _offset_seconds(ms, changes)).alias(alias))

    def label(self, key: int) -> str:
        """Return what a key is called: "2026-10-25 01:00+01:00", "2026-10-25", "Sunday" or "01:00"."""
        if self.kind == "weekday":
            return _WEEKDAYS[key]
        if self.kind == "hour_of_day":
            return f"{key:02d}:00"
        if self.kind == "day":
            return str(np.datetime64(key, "D"))
        offset = key % _OFFSET_SPAN - _OFFSET_ZERO
        local = str(np.datetime64(key // _OFFSET_SPAN + offset, "s"))
        return f"{local[:16].replace('T', ' ')}{_offset_text(offset)}"

    def _key(self, ms: nw.Expr, offset_seconds: nw.Expr) -> nw.Expr:
        local = ms + offset_seconds * 1000
        if self.kind == "day":
            return local // _DAY_MS
        if self.kind == "weekday":
            return (local // _DAY_MS + 3) % 7  # 1970-01-01 was a Thursday
        if self.kind == "hour_of_day":
            return (local // _HOUR_MS) % 24
        return (local // _HOUR_MS * 3600 - offset_seconds) * _OFFSET_SPAN + offset_seconds + _OFFSET_ZERO

    def _with_milliseconds(self, frame: Frame, alias: str) -> Frame:
        schema = frame.collect_schema()
        sources = [self.column, "offered_at"] if self.column == "requested_at" else [self.column]
        found = [source for source in sources if source in schema or f"{source}_ms" in schema]
        if not found:
            raise InvalidInputError(self.column, f"no such column; {near(self.column, list(schema))}")
        made = []
        for index, source in enumerate(found):
            made.append(f"{alias}_{index}")
            frame = _add_milliseconds(frame, source, made[-1])
        return frame.with_columns((nw.coalesce(*made) if len(made) > 1 else nw.col(made[0])).alias(alias))


def hour(tz: str, column: str = "requested_at") -> TimeBucket:
    """Group by local hour; the two hours that an autumn day repeats stay apart.

    Parameters
    ----------
    tz : str
        IANA zone, such as ``Europe/London``.
    column : str
        The time that is read.

    Raises
    ------
    InvalidInputError
        There is no such zone.

    Examples
    --------
    >>> hour("Europe/London").kind
    'hour'
    """
    return TimeBucket("hour", tz, column)


def day(tz: str, column: str = "requested_at") -> TimeBucket:
    """Group by local date; see `hour`."""
    return TimeBucket("day", tz, column)


def weekday(tz: str, column: str = "requested_at") -> TimeBucket:
    """Group by local day of the week, Monday first; see `hour`."""
    return TimeBucket("weekday", tz, column)


def hour_of_day(tz: str, column: str = "requested_at") -> TimeBucket:
    """Group by local hour of day, "00:00" to "23:00"; see `hour`."""
    return TimeBucket("hour_of_day", tz, column)


def offset_changes(zone: ZoneInfo, first_ms: int, last_ms: int) -> list[tuple[int, int]]:
    """Find a zone's offsets between two moments.

    Returns
    -------
    list of (int, int)
        From which millisecond UTC, and the offset in seconds; the first pair is the offset at `first_ms`.

    Examples
    --------
    >>> offset_changes(ZoneInfo("Europe/London"), 1_790_000_000_000, 1_795_000_000_000)
    [(1790000000000, 3600), (1792890000000, 0)]
    """
    first = min(max(first_ms, _FIRST_MS), _LAST_MS) // 1000
    last = min(max(last_ms, _FIRST_MS), _LAST_MS) // 1000
    changes = [(first_ms, _offset_at(zone, first))]
    for start in range(first, last, 86_400):
        end = min(start + 86_400, last)
        before, after = _offset_at(zone, start), _offset_at(zone, end)
        if before == after:
            continue
        low, high = start, end
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if _offset_at(zone, middle) == before else (low, middle)
        changes.append((high * 1000, after))
    return changes


def _offset_at(zone: ZoneInfo, second: int) -> int:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _offset_seconds(ms: nw.Expr, changes: list[tuple[int, int]]) -> nw.Expr:
    # Halving keeps the expression shallow: one wrong clock can stretch the calls over centuries of changes.
    if len(changes) == 1:
        return nw.lit(changes[0][1])
    middle = len(changes) // 2
    before, after = _offset_seconds(ms, changes[:middle]), _offset_seconds(ms, changes[middle:])
    return nw.when(ms < changes[middle][0]).then(before).otherwise(after)


def _offset_text(seconds: int) -> str:
    minutes, rest = divmod(abs(seconds), 60)
    tail = f":{rest:02d}" if rest else ""
    return f"{'-' if seconds < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}{tail}"


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        hint = near(str(tz), sorted(available_timezones()))
        hint = hint if hint.startswith("did") else "give an IANA name, such as 'Europe/London' or 'UTC'"
        raise InvalidInputError("tz", f"{tz!r} is no time zone; {hint}") from None


def _add_milliseconds(frame: Frame, source: str, alias: str) -> Frame:
    """Add integer milliseconds UTC of a time column; the store's ``*_ms`` columns are taken as they are."""
    schema = frame.collect_schema()
    if source not in schema:
        return frame.with_columns(nw.col(f"{source}_ms").alias(alias))
    kind = schema[source]
    if kind.is_integer():
        return frame.with_columns(nw.col(source).alias(alias))
    if not isinstance(kind, nw.Datetime) or kind.time_zone is None:
        raise InvalidInputError(source, f"holds {kind}, not times with a zone; say their zone with .dt.tz_localize")
    if frame.implementation.is_duckdb():
        return _add_duckdb_milliseconds(frame, source, alias)
    if frame.implementation.is_spark_like():
        return _add_spark_milliseconds(frame, source, alias)
    return frame.with_columns(nw.col(source).dt.timestamp("ms").alias(alias))


def _add_duckdb_milliseconds(frame: Frame, source: str, alias: str) -> Frame:
    # narwhals has no epoch on DuckDB; a difference of times would count days in the session's zone.
    import duckdb

    milliseconds = duckdb.FunctionExpression("epoch_ms", duckdb.ColumnExpression(source)).alias(alias)
    added: Frame = nw.from_native(nw.to_native(frame).select(duckdb.StarExpression(), milliseconds))
    return added


def _add_spark_milliseconds(frame: Frame, source: str, alias: str) -> Frame:
    from pyspark.sql import functions

    milliseconds = functions.unix_millis(functions.col(source))
    added: Frame = nw.from_native(nw.to_native(frame).withColumn(alias, milliseconds))
    return added


def _collected(frame: Frame) -> nw.DataFrame[Any]:
    return frame.collect() if isinstance(frame, nw.LazyFrame) else frame

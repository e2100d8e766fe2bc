"""Buckets of time as places on an axis: where a bucket stands, which one follows it, how the axis is labelled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from matplotlib.axes import Axes

from imilab.buckets import TimeBucket
from imilab.errors import InvalidInputError

__all__ = ["Place", "bucket_of", "label_time", "place_of", "width_of"]

KINDS = ("hour", "day", "weekday", "hour_of_day")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
STEPS_HOURS = (1, 2, 3, 6, 12, 24, 48, 72, 168, 336, 672, 1344, 2688, 5376, 10752, 21504)
DAY_SECONDS = 86_400
LABEL_INCHES = 0.58
"""From one label to the next."""
FEWEST = 6
"""A picture of fewer buckets is as wide as one of so many."""


@dataclass(frozen=True)
class Place:
    """Where a bucket stands.

    Attributes
    ----------
    x : float
        On the axis: days since 1970 for hours and days, else the number of the weekday or hour.
    number : int
        Buckets with consecutive numbers follow each other without a gap.
    """

    x: float
    number: int


def bucket_of(every: str, tz: str) -> TimeBucket:
    """Return the bucket.

    Raises
    ------
    InvalidInputError
        If there is no such kind or zone.
    """
    if every not in KINDS:
        raise InvalidInputError("every", f"{every!r} is not a stretch of time; give one of {', '.join(KINDS)}")
    return TimeBucket(every, tz)  # type: ignore[arg-type]  # KINDS lists the kinds


def place_of(bucket: TimeBucket, label: str) -> Place:
    """Find the place of the bucket that a rate table labels so.

    Examples
    --------
    >>> place_of(TimeBucket("weekday", "UTC"), "Sunday")
    Place(x=6.0, number=6)
    """
    if bucket.kind == "weekday":
        number = WEEKDAYS.index(label)
    elif bucket.kind == "hour_of_day":
        number = int(label[:2])
    elif bucket.kind == "day":
        start = datetime.fromisoformat(label).replace(tzinfo=ZoneInfo(bucket.tz))
        return Place(start.timestamp() / DAY_SECONDS, start.toordinal())
    else:
        start = datetime.fromisoformat(label).astimezone(UTC)
        return Place(start.timestamp() / DAY_SECONDS, int(start.timestamp()) // 3600)
    return Place(float(number), number)


def width_of(bucket: TimeBucket) -> float:
    """Return the width of one bucket on the axis."""
    return 1 / 24 if bucket.kind == "hour" else 1.0


def label_time(axes: Axes, bucket: TimeBucket, places: Sequence[Place], inches: float) -> None:
    """Label a time axis that is so many inches wide in the bucket's zone, with room on both sides."""
    first, last = min(place.x for place in places), max(place.x for place in places)
    room = max(0.75, (FEWEST - len(set(places))) / 2) * width_of(bucket)
    axes.set_xlim(first - room, last + room)
    closest = (last - first + 2 * room) * LABEL_INCHES / inches
    if bucket.kind == "weekday":
        axes.set_xticks(range(7), [name[: 3 if closest < 1 else 2] for name in WEEKDAYS])
    elif bucket.kind == "hour_of_day":
        hours = range(0, 24, next(step for step in STEPS_HOURS if step >= closest))
        axes.set_xticks(hours, [f"{hour:02d}:00" for hour in hours])
    else:
        marks = _marks(first, last, bucket, 24 * closest)
        axes.set_xticks([x for x, _ in marks], [text for _, text in marks])


def _marks(first: float, last: float, bucket: TimeBucket, closest: float) -> list[tuple[float, str]]:
    """Choose round local times, at least `closest` hours apart: midnights carry their date, others their hour."""
    finest = max(closest, 1 if bucket.kind == "hour" else 24)
    hours = next((step for step in STEPS_HOURS if step >= finest), STEPS_HOURS[-1])
    zone = ZoneInfo(bucket.tz)
    day = datetime.fromtimestamp(first * DAY_SECONDS, zone).replace(hour=0, minute=0, second=0, fold=0)
    marks = []
    while day.timestamp() <= last * DAY_SECONDS:
        for hour in range(0, 24, min(hours, 24)):
            moment = day.replace(hour=hour)
            x = moment.timestamp() / DAY_SECONDS
            exists = datetime.fromtimestamp(moment.timestamp(), zone).hour == hour
            if first - 1e-6 <= x <= last + 1e-6 and exists:
                marks.append((x, f"{hour:02d}:00" if hour else f"{moment.day} {MONTHS[moment.month - 1]}"))
        day += timedelta(days=max(1, hours // 24))
    return marks

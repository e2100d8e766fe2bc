"""What the caller of `imilab.report` asked for, checked and in plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from imilab.buckets import TimeBucket, hour_of_day
from imilab.errors import InvalidInputError
from imilab.metrics import metric
from imilab.reporting.calls_table import hide_numbers_in_text

__all__ = ["Filters", "Order", "describe_filters", "take_order"]

Filters = Mapping[str, object] | str | None


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a report is about.

    Attributes
    ----------
    arm : str or None
        The column that tells the arms apart; None lets the report choose.
    baseline : object
        The arm that the others are set against, or None.
    outcome : str
        What is compared.
    zone : ZoneInfo
        Of every time and hour in the report.
    filters : tuple of (str, str)
        What the caller did to the calls before, as told: name and value; the name may be empty.
    title : str
        On top.
    made_at : datetime
        Aware.
    """

    arm: str | None
    baseline: object
    outcome: str
    zone: ZoneInfo
    filters: tuple[tuple[str, str], ...]
    title: str
    made_at: datetime

    @property
    def hours(self) -> TimeBucket:
        """The hours of day of its zone."""
        return hour_of_day(self.zone.key)

    @property
    def filters_text(self) -> str:
        """The filters on one line."""
        return "; ".join(f"{name}: {value}" if name else value for name, value in self.filters)


def take_order(
    *,
    arm: str | None,
    baseline: object,
    outcome: str,
    tz: str,
    filters: Filters,
    title: str | None,
    made_at: datetime | None,
) -> Order:
    """Check what was asked for.

    Raises
    ------
    InvalidInputError
        Names the argument that cannot be used.
    """
    if arm is not None and not isinstance(arm, str):
        raise InvalidInputError("arm", f"{type(arm).__name__} is no column's name")
    if not metric(outcome).fits("resolved"):
        raise InvalidInputError("outcome", f"{outcome} calls are not among resolved calls, which a report compares")
    if made_at is not None and made_at.utcoffset() is None:
        raise InvalidInputError("made_at", "has no zone; give one, such as datetime.now(UTC)")
    return Order(
        arm=arm,
        baseline=baseline,
        outcome=outcome,
        zone=ZoneInfo(hour_of_day(tz).tz),
        filters=describe_filters(filters),
        title=_line(title or "") or "Call report",
        made_at=made_at or datetime.now(UTC),
    )


def describe_filters(filters: Filters) -> tuple[tuple[str, str], ...]:
    """Put filters into words; full phone numbers in them are masked.

    Raises
    ------
    InvalidInputError
        They are neither a mapping nor text.

    Examples
    --------
    >>> describe_filters({"voice": ["a", "b"], "msisdn": "+12025550123"})
    (('voice', 'a, b'), ('msisdn', '+1•••••123'))
    >>> describe_filters("weekdays only")
    (('', 'weekdays only'),)
    """
    if filters is None:
        return ()
    if isinstance(filters, str):
        return (("", _line(filters)),) if filters.strip() else ()
    if not isinstance(filters, Mapping):
        raise InvalidInputError("filters", f"{type(filters).__name__} is neither a mapping nor text")
    return tuple((_line(str(name)), _line(_value(value))) for name, value in filters.items())


def _value(value: object) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return ", ".join(map(str, value))
    return str(value)


def _line(text: str) -> str:
    return hide_numbers_in_text(" ".join(text.split()))

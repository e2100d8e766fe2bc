"""Time stamps: the platform's text to integer milliseconds UTC, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from imilab.errors import TimestampError

__all__ = ["FARTHEST_SEND_MS", "format_timestamp", "parse_send_at", "parse_timestamp", "timestamp_or_none"]

FARTHEST_SEND_MS = 366 * 24 * 3600 * 1000
"""A call scheduled more than a year ahead is taken for a mistake in the unit."""

_NO_SECONDS = 1e15
"""Beyond any time stamp in seconds, milliseconds or microseconds, and infinity and NaN with it."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_timestamp(text: str, zone: tzinfo | None, field: str = "timeStamp") -> int:
    """Read one ISO 8601 time stamp.

    Parameters
    ----------
    text : str
        With ``Z``, with an offset, or with neither.
    zone : tzinfo or None
        The tenant's zone, for a time stamp with neither. A local time that occurs twice (autumn) is taken as the
        first of the two; one that does not exist (spring) as the moment it would have been without the change.
    field : str
        The field's name, for the error.

    Returns
    -------
    int
        Milliseconds since 1970-01-01 UTC, rounded down.

    Raises
    ------
    TimestampError
        The text is no time stamp, or has no zone and `zone` is None.

    Examples
    --------
    >>> parse_timestamp("2020-02-05T07:34:23.596Z", None)
    1580888063596
    >>> parse_timestamp("2024-12-03T17:44:33.151+05:30", None)
    1733228073151
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise TimestampError(
            field, f"{len(text)} characters that are no ISO 8601 time stamp; write it like 2026-03-02T09:00:00Z"
        ) from None
    if moment.tzinfo is None:
        if zone is None:
            raise TimestampError(
                field, "a time stamp without a zone; set tenant_zone (IMILAB_TENANT_ZONE) to the tenant's time zone"
            )
        moment = moment.replace(tzinfo=zone)
    try:
        return (moment.astimezone(UTC) - _EPOCH) // _MILLISECOND
    except OverflowError:
        raise TimestampError(field, "a time stamp outside the years 1 to 9999 UTC") from None


def timestamp_or_none(text: str, zone: tzinfo | None) -> int | None:
    """Return what `parse_timestamp` does, or None where it raises: its text is kept beside it."""
    try:
        return parse_timestamp(text, zone)
    except TimestampError:
        return None


def format_timestamp(
    milliseconds: int, zone: tzinfo = UTC, style: Literal["offset", "z", "naive", "export"] = "offset"
) -> str:
    """Write a moment as the platform does.

    Parameters
    ----------
    milliseconds : int
        Since 1970-01-01 UTC.
    zone : tzinfo
        The zone to write it in; ignored by style ``z``.
    style : {"offset", "z", "naive", "export"}
        ``2024-12-03T17:44:33.151+05:30``, ``...Z``, without any zone, or the export logs' ``2024-12-03 17:44:33``.
        The last two cannot tell the two hours apart that an autumn night has twice.

    Raises
    ------
    OverflowError
        The moment is outside the years 1 to 9999.

    Examples
    --------
    >>> format_timestamp(1580888063596, style="z")
    '2020-02-05T07:34:23.596Z'
    """
    moment = _EPOCH + timedelta(milliseconds=milliseconds)
    if style == "z":
        return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    moment = moment.astimezone(zone)
    if style == "export":
        return moment.strftime("%Y-%m-%d %H:%M:%S")
    if style == "naive":
        moment = moment.replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds")


def parse_send_at(value: int | float | str | datetime, now_ms: int, zone: tzinfo | None = None) -> int:
    """Read a time to send at: UNIX epoch in seconds, ISO 8601, or an aware datetime.

    Parameters
    ----------
    value : int, float, str or datetime
        Seconds since 1970-01-01 UTC as a number or in digits, or a time stamp.
    now_ms : int
        The present, in milliseconds since 1970-01-01 UTC.
    zone : tzinfo or None
        For a time stamp without a zone.

    Returns
    -------
    int
        Milliseconds since 1970-01-01 UTC.

    Raises
    ------
    TimestampError
        It lies in the past, more than a year ahead, or cannot be read.

    Examples
    --------
    >>> parse_send_at("1772442000", now_ms=1772441000000)
    1772442000000
    """
    moment_ms = _send_at_ms(value, zone)
    if moment_ms < now_ms:
        late_seconds = (now_ms - moment_ms) // 1000
        raise TimestampError("sendAt", f"{late_seconds:,} seconds in the past; leave it out to send now")
    if moment_ms - now_ms > FARTHEST_SEND_MS:
        hint = "; is it in milliseconds? give seconds" if isinstance(value, int | float | str) else ""
        raise TimestampError("sendAt", f"more than 366 days ahead{hint}")
    return moment_ms


def _send_at_ms(value: int | float | str | datetime, zone: tzinfo | None) -> int:
    if isinstance(value, datetime):
        return parse_timestamp(value.isoformat(), zone, "sendAt")
    if isinstance(value, bool):
        raise TimestampError("sendAt", "a truth value; give seconds since 1970 or an ISO 8601 time stamp")
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit() and len(value) > 8):
            return parse_timestamp(value, zone, "sendAt")
        value = float(value)
    if not abs(value) < _NO_SECONDS:
        raise TimestampError("sendAt", "no number of seconds since 1970; give one, or an ISO 8601 time stamp")
    return round(value * 1000)

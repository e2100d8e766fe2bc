"""Quiet hours: no phone rings at night, in whichever zone its owner may be. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from imilab.errors import InvalidInputError
from imilab.numbers import describe_number, is_e164
from imilab.send.local_hours import Span, check_zone, first_open_ms, is_open, local_time, open_spans
from imilab.send.week import Week, outside, parse_days, week_of

__all__ = ["NO_ZONES", "QuietHours", "zones_of"]

_UNKNOWN_ZONE = "Etc/Unknown"
NO_ZONES: Mapping[str, tuple[str, ...]] = MappingProxyType({})
"""Nobody vouches for any zone."""


def zones_of(msisdn: str, country_zones: Mapping[str, Sequence[str]] = NO_ZONES) -> tuple[str, ...]:
    """Return every zone that a number may be in: those that somebody vouches for, else by its digits; or none.

    A mobile number mostly tells its country alone: +7 lies in 16 zones, +61 4 in eight. A North American number is
    taken for one of its area code's zone, wherever its owner may have moved.

    Examples
    --------
    >>> zones_of("+12025550123"), zones_of("+18005550199")[:2], zones_of("no number")
    (('America/New_York',), ('America/Adak', 'America/Anchorage'), ())
    >>> len(zones_of("+18765550123")), zones_of("+18765550123", {"JM": ["America/Jamaica"]})
    (42, ('America/Jamaica',))
    """
    country = describe_number(msisdn).country if country_zones else None
    return tuple(country_zones.get(country or "", ())) or _zones_by_digits(msisdn)


@lru_cache(maxsize=100_000)
def _zones_by_digits(msisdn: str) -> tuple[str, ...]:
    import phonenumbers
    from phonenumbers import timezone

    if not is_e164(msisdn):
        return ()
    try:
        zones: tuple[str, ...] = tuple(timezone.time_zones_for_number(phonenumbers.parse(msisdn)))
    except phonenumbers.NumberParseException:
        return ()
    return () if _UNKNOWN_ZONE in zones or not all(map(_exists, zones)) else zones


@lru_cache(maxsize=1000)
def _exists(zone: str) -> bool:
    try:
        return bool(check_zone(zone))
    except InvalidInputError:
        return False


@dataclass(frozen=True)
class QuietHours:
    """When no call may be placed, on the recipient's wall clock.

    A moment is quiet where it is quiet in any zone that the number may be in. The clock decides: an hour that occurs
    twice in autumn is quiet both times.

    Parameters
    ----------
    start, end : str
        Such as ``20:00`` and ``09:00``. Hours that end before they start run past midnight, and belong to the day on
        which they start.
    days : str
        Days on which quiet hours start, such as ``mon-fri``; by default every day.
    silent_days : str
        Days that are quiet from midnight to midnight, such as ``sun``.
    country_zones : mapping of str to sequence of str
        Zones that you vouch for, by ISO 3166 country, in place of those that a number's digits allow:
        ``{"JM": ["America/Jamaica"]}``, where digits alone give 42 zones and no common waking hour. Name all zones of
        a country that you name.

    Raises
    ------
    InvalidInputError
        Hours, days or zones that cannot be read, or no hour of the week is left.

    Examples
    --------
    >>> quiet = QuietHours("20:00", "09:00", silent_days="sun")
    >>> quiet.refusal("+12025550123", 1772456400000)       # Monday 2 March 2026, 13:00 UTC
    'quiet hours: it is 08:00 on Monday in America/New_York'
    >>> quiet.next_allowed_ms("+12025550123", 1772456400000)        # an hour later
    1772460000000
    """

    start: str = "20:00"
    end: str = "09:00"
    days: str = "mon-sun"
    silent_days: str = ""
    country_zones: Mapping[str, Sequence[str]] = field(default_factory=lambda: NO_ZONES, hash=False)

    def __post_init__(self) -> None:
        if not any(self.allowed):
            raise InvalidInputError("quiet_hours", "leave no hour of the week; shorten them")
        for country, zones in self.country_zones.items():
            if isinstance(zones, str) or not zones:
                raise InvalidInputError("country_zones", f"{country} needs a list of zones, such as ['Europe/London']")
            for zone in zones:
                check_zone(zone, "country_zones")

    @property
    def allowed(self) -> Week:
        """The minutes of the week outside of quiet hours."""
        return _allowed(self.start, self.end, self.days, self.silent_days)

    def zones(self, msisdn: str) -> tuple[str, ...]:
        """Return the zones in which a number's quiet hours are kept; empty where they are unknown."""
        return zones_of(msisdn, self.country_zones)

    def refusal(self, msisdn: str, at_ms: int) -> str | None:
        """Return why a number may not be called at a moment, in words that do not hold it, or None where it may.

        Parameters
        ----------
        msisdn : str
            E.164.
        at_ms : int
            When its phone would ring, milliseconds UTC: `sendAt` for a call that the platform holds back.
        """
        zones = self.zones(msisdn)
        if not zones:
            return "its zone is unknown, so quiet hours cannot be kept"
        for zone in zones:
            if not is_open(self.allowed, zone, at_ms):
                among = f", one of {len(zones)} zones it may be in" if len(zones) > 1 else ""
                return f"quiet hours: it is {local_time(zone, at_ms):%H:%M on %A} in {zone}{among}"
        return None

    def next_allowed_ms(self, msisdn: str, at_ms: int) -> int | None:
        """Return the first moment from `at_ms` on at which a number may be called.

        Returns
        -------
        int or None
            Milliseconds UTC; None where its zone is unknown or its zones have no allowed moment in common within 31
            days.
        """
        return first_open_ms(self.allowed, self.zones(msisdn), at_ms)

    def spans(self, msisdn: str, from_ms: int, until_ms: int) -> tuple[Span, ...]:
        """Return when a number may be called between two moments; empty where its zone is unknown."""
        return self.spans_in(self.zones(msisdn), from_ms, until_ms)

    def spans_in(self, zones: Sequence[str], from_ms: int, until_ms: int) -> tuple[Span, ...]:
        """Return when it is allowed in all of some zones between two moments; empty where no zone is given."""
        return open_spans(self.allowed, zones, from_ms, until_ms)


@lru_cache(maxsize=100)
def _allowed(start: str, end: str, days: str, silent_days: str) -> Week:
    quiet = outside(week_of(f"{start}-{end}", days, field="quiet_hours"))
    silent = parse_days(silent_days, "silent_days")
    return tuple(() if day in silent else hours for day, hours in enumerate(quiet))

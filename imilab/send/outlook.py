"""What a plan needs to know of the tenant to say when its calls ring and what they cost. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from imilab.send.local_hours import Span, intersect
from imilab.send.quiet_hours import NO_ZONES, QuietHours, zones_of
from imilab.send.windows import Window

__all__ = ["Outlook"]

_NO_PRICES: Mapping[str, Decimal] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """The present, the pace, quiet hours, prices, and what the platform adds.

    Attributes
    ----------
    now_ms : int
        When the plan is made, milliseconds UTC; its first call is not earlier.
    calls_per_second : float
        The tenant's limit.
    quiet : QuietHours or None
        None where none are kept.
    country_zones : mapping of str to sequence of str
        Zones that somebody vouches for, by country; `quiet` has its own.
    tenant_zone : str
        IANA zone of the tenant.
    price_per_call, price_per_minute : mapping of str to Decimal
        By country, ``*`` for every other one.
    currency : str or None
        Of the prices.
    contact_policy : mapping or None
        What the platform is told to keep besides.
    """

    now_ms: int
    calls_per_second: float = 20.0
    quiet: QuietHours | None = None
    country_zones: Mapping[str, Sequence[str]] = field(default_factory=lambda: NO_ZONES, hash=False)
    tenant_zone: str = "UTC"
    price_per_call: Mapping[str, Decimal] = field(default_factory=lambda: _NO_PRICES, hash=False)
    price_per_minute: Mapping[str, Decimal] = field(default_factory=lambda: _NO_PRICES, hash=False)
    currency: str | None = None
    contact_policy: Mapping[str, Any] | None = field(default=None, hash=False)

    @property
    def gap_ms(self) -> int:
        """Least time between two calls at this pace, in whole milliseconds."""
        return math.ceil(self.turn_ms)

    @property
    def turn_ms(self) -> float:
        """Time that each call takes at this pace, in milliseconds."""
        rate = self.calls_per_second
        return 1000 / (rate if rate < 1 else int(rate))  # as `imilab.send.pace.Pace` counts

    def zones(self, msisdn: str) -> tuple[str, ...]:
        """Return the zones in which a number may be; empty where they are unknown."""
        return self.quiet.zones(msisdn) if self.quiet else zones_of(msisdn, self.country_zones)

    def open_spans(self, window: Window | None, zones: Sequence[str], from_ms: int, until_ms: int) -> tuple[Span, ...]:
        """Return when a phone in some zones may ring between two moments: in the window, outside of quiet hours."""
        hours = ((from_ms, until_ms),) if window is None else window.spans(from_ms, until_ms, zones)
        if self.quiet is None:
            return hours
        return intersect(hours, self.quiet.spans_in(zones, from_ms, until_ms))

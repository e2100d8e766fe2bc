"""Who may be called, and when: the settings' rules in one place, asked at planning and again before each call."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import urlsplit

from imilab.config import Settings
from imilab.errors import ConfigError, InvalidInputError
from imilab.numbers import describe_number, is_e164
from imilab.send.caps import Caps, first_exceeded
from imilab.send.counted import CachedCounts
from imilab.send.do_not_call import NumberSet
from imilab.send.do_not_call_file import DoNotCallFile
from imilab.send.eligibility import Eligibility
from imilab.send.local_hours import day_bounds
from imilab.send.outlook import Outlook
from imilab.send.quiet_hours import QuietHours
from imilab.send.schedule import NAME_ITS_ZONE, first_open
from imilab.send.windows import Window
from imilab.store import PlannedCall
from imilab.store.connection import Connection
from imilab.store.journal import claim, refuse
from imilab.store.schedule_table import drop_send_at, earlier_calls
from imilab.wire.rules import is_loopback

__all__ = [
    "ANOTHER_FIRST",
    "OUTSIDE_HOURS",
    "PLANNED_FOR_LATER",
    "TOO_MANY_NOW",
    "TOO_NEAR",
    "CallingRules",
    "Held",
    "allowed_countries",
    "outlook_of",
]

_DEFAULT_QUIET_HOURS = "20:00-09:00"
_OF_THE_WHOLE_RUN = ("cap campaign", "cap per_day")
_CROSSOVER = "crossover"
_SECOND_MS = 1_000
_SOON_MS = 60_000
_ALMOST_DUE_MS = 5_000
_CLAIMED_AT_MOST = 2.0  # times the limit in a second: calls are claimed ahead of their turn, and a burst may be allowed
_SPACING_KEPT = 0.95  # a call that left a moment after its planned time must not hold the next one to its number

PLANNED_FOR_LATER = "planned for later"
OUTSIDE_HOURS = "outside of its plan's hours"
ANOTHER_FIRST = "an earlier call of the plan to this number is still to come"
TOO_MANY_NOW = "more calls were claimed within a second than any pace of this tenant needs"
TOO_NEAR = "another call to this number is too near, by the plan's spacing"


@dataclass(frozen=True)
class Held:
    """Why a call stays planned.

    Attributes
    ----------
    reason : str
        In words that hold no number.
    next_ms : int or None
        When it may go, milliseconds UTC; None where no clock decides.
    stops : bool
        Whether every other call of the campaign is held too.
    """

    reason: str
    next_ms: int | None = None
    stops: bool = False


def allowed_countries(settings: Settings) -> tuple[str, ...]:
    """Return the countries that may be called: those set, else those of the allow-list's plain numbers."""
    if settings.countries:
        return settings.countries
    numbers = (entry for entry in settings.allow_list if is_e164(entry))
    return tuple(sorted({country for number in numbers if (country := describe_number(number).country)}))


def outlook_of(settings: Settings, *, simulated: bool, now_ms: int) -> Outlook:
    """Return what a plan needs to know of the settings: the pace, quiet hours, prices, the platform's policy.

    Raises
    ------
    ConfigError
        Quiet hours that cannot be read.
    """
    return Outlook(
        now_ms=now_ms,
        calls_per_second=settings.calls_per_second,
        quiet=_quiet_hours(settings, simulated=simulated),
        country_zones=settings.country_zones,
        tenant_zone=settings.tenant_zone or "UTC",
        price_per_call=settings.price_per_call,
        price_per_minute=settings.price_per_minute,
        currency=settings.currency,
        contact_policy=settings.contact_policy,
    )


class CallingRules:
    """The rules of `Settings` for numbers, hours and counts.

    Parameters
    ----------
    settings : Settings
        Countries, types, quiet hours, do-not-call list, caps.
    simulated : bool
        On the embedded platform every country may be called, and quiet hours and the caps of a number hold only where
        they are set.
    number_key : bytes
        The project's key, for hashed entries.

    Raises
    ------
    ConfigError
        A setting, or the do-not-call list, that cannot be read: nobody is called then.
    """

    def __init__(self, settings: Settings, *, simulated: bool, number_key: bytes) -> None:
        self._settings, self._simulated = settings, simulated
        host = urlsplit(settings.base_url or "").hostname or ""
        countries = allowed_countries(settings) or (None if simulated else ())
        eligibility = Eligibility(countries, settings.number_types, fiction=simulated or is_loopback(host))
        self._ineligible = lru_cache(maxsize=200_000)(eligibility.refusal)  # 0.1 ms, at planning and before each call
        self._quiet = _quiet_hours(settings, simulated=simulated)
        rings = not simulated  # no phone rings there, and one tries the same number again and again
        told = settings.model_fields_set
        self._caps = Caps(
            number_in_flight=settings.cap_number_in_flight if rings or "cap_number_in_flight" in told else None,
            number_per_day=settings.cap_number_per_day if rings or "cap_number_per_day" in told else None,
            campaign=settings.cap_campaign,
            per_day=settings.cap_per_day,
            # The pace keeps the limit, at the first byte. This holds whatever else claims from the same store.
            per_second=max(2, math.ceil(_CLAIMED_AT_MOST * settings.calls_per_second)) if rings else None,
        )
        self._allowed = NumberSet.from_entries(settings.allow_list, number_key, field="allow_list")
        self._do_not_call = DoNotCallFile(settings.do_not_call, number_key)
        self._counts = CachedCounts()

    @property
    def version(self) -> int:
        """Tells one reading of the do-not-call list from another; it grows after the list has changed."""
        return self._do_not_call.version

    def refresh(self) -> None:
        """Read the do-not-call list again, as a run does that starts."""
        self._do_not_call.refresh()
        self._counts = CachedCounts()

    def look_again(self) -> None:
        """Read the do-not-call list again where its file has changed; who was on it stays on it.

        Raises
        ------
        ConfigError
            It cannot be read any more.
        """
        self._do_not_call.look_again()

    def refusal(self, msisdn: str) -> str | None:
        """Return why a number may never be called under these settings, in words that do not hold it, or None."""
        reason = self._ineligible(msisdn)
        if reason:
            none_allowed = not self._simulated and "not an allowed country" in reason
            if none_allowed and not allowed_countries(self._settings):
                return f"{reason}; set IMILAB_COUNTRIES"
            return reason
        if not self._simulated and self._settings.allow_list and msisdn not in self._allowed:
            return "not on the allow-list (IMILAB_ALLOW_LIST)"
        if msisdn in self._do_not_call:
            return "on the do-not-call list"
        return None

    def held(self, planned: PlannedCall, now_ms: int) -> Held | None:
        """Return why a call has to wait for its time or for other hours, or None.

        Before its planned time it waits for that. It waits as well for a `sendAt` that is only seconds away: the
        platform, whose clock may be ahead, might read it as one that has passed, and refuse the call for good. Quiet
        hours and its plan's hours are judged at the moment at which its phone would ring: at its `sendAt`, or now.
        `Held.next_ms` is when both allow it: a sender that waits asks again then.
        """
        if planned.not_before_ms is not None and now_ms < planned.not_before_ms:
            return Held(PLANNED_FOR_LATER, planned.not_before_ms)
        if planned.send_at_ms is not None and now_ms < planned.send_at_ms <= now_ms + _ALMOST_DUE_MS:
            return Held(PLANNED_FOR_LATER, planned.send_at_ms)
        rings_ms = _rings_ms(planned, now_ms)
        reason = self._quiet.refusal(planned.msisdn, rings_ms) if self._quiet else None
        if reason is None and planned.hours is None:
            return None
        window = _window(planned.hours) if planned.hours else None
        outlook = Outlook(now_ms=rings_ms, quiet=self._quiet, country_zones=self._settings.country_zones)
        zones = outlook.zones(planned.msisdn)
        if reason is None and (window is None or window.contains(rings_ms, zones)):
            return None
        opens_ms, reason = first_open(window, zones, outlook), reason or OUTSIDE_HOURS
        return Held(f"{reason}; {NAME_ITS_ZONE}" if opens_ms is None and len(zones) > 1 else reason, opens_ms)

    def as_of(self, planned: PlannedCall, now_ms: int) -> PlannedCall:
        """Return a call as it is asked for now: without a `sendAt` that has passed, which a platform would refuse."""
        if planned.send_at_ms is None or planned.send_at_ms > now_ms:
            return planned
        return replace(planned, send_at_ms=None)

    def claim(self, connection: Connection, planned: PlannedCall, now_ms: int) -> Held | bool:
        """Claim a call in the transaction of `connection`, unless a cap is reached.

        Returns
        -------
        bool or Held
            Whether the caller may send it, see `imilab.store.journal.claim`; or which cap holds it.
        """
        if planned.send_at_ms is not None and self.as_of(planned, now_ms) != planned:
            drop_send_at(connection, planned.correlation_id)
            planned = self.as_of(planned, now_ms)
        rings_ms = _rings_ms(planned, now_ms)
        start_ms, end_ms = day_bounds(self._settings.tenant_zone or "UTC", rings_ms)
        crosses = planned.design == _CROSSOVER
        if crosses and earlier_calls(connection, planned.plan_id, planned.msisdn, planned.position):
            return Held(ANOTHER_FIRST, now_ms + (_SOON_MS if planned.send_at_ms else planned.spacing_ms or _SOON_MS))
        caps = self._caps_of(planned)
        counts = self._counts.count(
            connection,
            planned.msisdn,
            planned.campaign,
            start_ms,
            caps=caps,
            now_ms=now_ms,
            horizon_ms=int(self._settings.receipt_horizon.total_seconds() * 1000),
            day_end_ms=end_ms,
            send_at_ms=planned.send_at_ms,
        )
        reason = first_exceeded(caps, counts)
        if reason is None:
            return self._counts.note(connection, claim(connection, planned.correlation_id, now_ms))
        if "per_second" in reason:
            return Held(TOO_MANY_NOW, now_ms + _SECOND_MS)
        if "number_gap" in reason and planned.spacing_ms:
            return Held(TOO_NEAR, rings_ms + planned.spacing_ms - int((counts.number_gap_seconds or 0) * 1000))
        return Held(reason, end_ms if "per_day" in reason else None, reason.startswith(_OF_THE_WHOLE_RUN))

    def refuse(self, connection: Connection, planned: PlannedCall, reason: str) -> None:
        """Record, in the transaction of `connection`, that a call will never be placed; it counts for its campaign."""
        refuse(connection, planned.correlation_id, reason)
        self._counts.note(connection, 1)

    def _caps_of(self, planned: PlannedCall) -> Caps:
        """Return the caps, with the distance that a plan keeps between calls to one number."""
        if not planned.spacing_ms:
            return self._caps
        return replace(self._caps, number_gap_seconds=_SPACING_KEPT * planned.spacing_ms / 1000)


@lru_cache(maxsize=1000)
def _window(text: str) -> Window:
    return Window.from_text(text)


def _rings_ms(planned: PlannedCall, now_ms: int) -> int:
    return now_ms if planned.send_at_ms is None else max(now_ms, planned.send_at_ms)


def _quiet_hours(settings: Settings, *, simulated: bool) -> QuietHours | None:
    hours = settings.quiet_hours or ("off" if simulated else _DEFAULT_QUIET_HOURS)
    if hours == "off":
        return None
    start, _, end = hours.partition("-")
    try:
        return QuietHours(start, end, settings.quiet_days, settings.silent_days, settings.country_zones)
    except InvalidInputError as problem:
        raise ConfigError("quiet_hours", f"{problem}; correct quiet_hours, quiet_days and silent_days") from None

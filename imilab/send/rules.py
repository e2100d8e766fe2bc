"""Who may be called, and when: the settings' rules in one place, asked at planning and again before each call."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from urllib.parse import urlsplit

from imilab.config import Settings
from imilab.errors import ConfigError, InvalidInputError
from imilab.numbers import describe_number, is_e164
from imilab.send.caps import Caps, count_for_claim, first_exceeded
from imilab.send.do_not_call import NumberSet, csv_entries
from imilab.send.eligibility import Eligibility
from imilab.send.local_hours import day_bounds
from imilab.send.quiet_hours import QuietHours
from imilab.store import PlannedCall
from imilab.store.journal import claim
from imilab.wire.rules import is_loopback

__all__ = ["CallingRules", "Held", "allowed_countries"]

_DEFAULT_QUIET_HOURS = "20:00-09:00"
_OF_THE_WHOLE_RUN = ("cap campaign", "cap per_day")


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
        self._settings, self._simulated, self._key = settings, simulated, number_key
        host = urlsplit(settings.base_url or "").hostname or ""
        countries = allowed_countries(settings) or (None if simulated else ())
        self._eligibility = Eligibility(countries, settings.number_types, fiction=simulated or is_loopback(host))
        self._quiet = _quiet_hours(settings, simulated=simulated)
        rings = not simulated  # no phone rings there, and one tries the same number again and again
        told = settings.model_fields_set
        self._caps = Caps(
            number_in_flight=settings.cap_number_in_flight if rings or "cap_number_in_flight" in told else None,
            number_per_day=settings.cap_number_per_day if rings or "cap_number_per_day" in told else None,
            campaign=settings.cap_campaign,
            per_day=settings.cap_per_day,
        )
        self._allowed = NumberSet.from_entries(settings.allow_list, number_key, field="allow_list")
        self._do_not_call = _read_do_not_call(settings, number_key)

    def refresh(self) -> None:
        """Read the do-not-call list again."""
        self._do_not_call = _read_do_not_call(self._settings, self._key)

    def refusal(self, msisdn: str) -> str | None:
        """Return why a number may never be called under these settings, in words that do not hold it, or None."""
        reason = self._eligibility.refusal(msisdn)
        if reason:
            none_allowed = not self._simulated and not allowed_countries(self._settings)
            return f"{reason}; set IMILAB_COUNTRIES" if none_allowed and "not an allowed country" in reason else reason
        if not self._simulated and self._settings.allow_list and msisdn not in self._allowed:
            return "not on the allow-list (IMILAB_ALLOW_LIST)"
        if self._do_not_call is not None and msisdn in self._do_not_call:
            return "on the do-not-call list"
        return None

    def held(self, planned: PlannedCall, now_ms: int) -> Held | None:
        """Return why a call has to wait for other hours, or None."""
        if self._quiet is None:
            return None
        rings_ms = now_ms if planned.send_at_ms is None else planned.send_at_ms
        reason = self._quiet.refusal(planned.msisdn, rings_ms)
        return Held(reason, self._quiet.next_allowed_ms(planned.msisdn, rings_ms)) if reason else None

    def claim(self, connection: sqlite3.Connection, planned: PlannedCall, now_ms: int) -> Held | bool:
        """Claim a call in the transaction of `connection`, unless a cap is reached.

        Returns
        -------
        bool or Held
            Whether the caller may send it, see `imilab.store.journal.claim`; or which cap holds it.
        """
        rings_ms = now_ms if planned.send_at_ms is None else planned.send_at_ms
        start_ms, end_ms = day_bounds(self._settings.tenant_zone or "UTC", rings_ms)
        counts = count_for_claim(
            connection,
            planned.msisdn,
            planned.campaign,
            start_ms,
            caps=self._caps,
            now_ms=now_ms,
            horizon_ms=int(self._settings.receipt_horizon.total_seconds() * 1000),
            day_end_ms=end_ms,
            send_at_ms=planned.send_at_ms,
        )
        reason = first_exceeded(self._caps, counts)
        if reason is None:
            return bool(claim(connection, planned.correlation_id, now_ms))
        return Held(reason, end_ms if "per_day" in reason else None, reason.startswith(_OF_THE_WHOLE_RUN))


def _quiet_hours(settings: Settings, *, simulated: bool) -> QuietHours | None:
    hours = settings.quiet_hours or ("off" if simulated else _DEFAULT_QUIET_HOURS)
    if hours == "off":
        return None
    start, _, end = hours.partition("-")
    try:
        return QuietHours(start, end, settings.quiet_days, settings.silent_days)
    except InvalidInputError as problem:
        raise ConfigError("quiet_hours", f"{problem}; correct quiet_hours, quiet_days and silent_days") from None


def _read_do_not_call(settings: Settings, key: bytes) -> NumberSet | None:
    if settings.do_not_call is None:
        return None
    try:
        with settings.do_not_call.open(encoding="utf-8-sig", newline="") as file:
            return NumberSet.from_entries(csv_entries(file), key)
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            "do_not_call", f"the list cannot be read ({type(problem).__name__}), so nobody is called; give a CSV file"
        ) from None
    except InvalidInputError as problem:
        raise ConfigError("do_not_call", str(problem)) from None

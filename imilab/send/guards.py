"""What stands between a mistake and a ringing phone."""

from __future__ import annotations

import os
import threading

from imilab.clock import Clock, SystemClock
from imilab.config import Settings
from imilab.errors import InvalidInputError, NotArmedError
from imilab.send.do_not_call import NumberSet
from imilab.send.rules import allowed_countries

__all__ = ["ARMED_SECONDS", "Arming"]

ARMED_SECONDS = 15 * 60


class Arming:
    """The right to place a number of real calls, for fifteen minutes, in this process; a forked child has none of it.

    Parameters
    ----------
    settings : Settings
        `key`, `base_url`, `caller_id`, `live` and `allow_list` are needed.
    simulated : bool
        The embedded platform needs no arming: nothing rings.
    clock : Clock, optional
        Whose fifteen minutes; the machine's own by default. The right is gone where it is set back.
    number_key : bytes, optional
        The project's key, without which keyed hashes on the allow-list match no number.
    """

    def __init__(
        self, settings: Settings, *, simulated: bool, clock: Clock | None = None, number_key: bytes | None = None
    ) -> None:
        self._settings = settings
        self._simulated = self.is_simulated = simulated
        self._clock = clock or SystemClock()
        listed = settings.allow_list
        self._countries = allowed_countries(settings)  # once: before each call, a long list would take too long
        self._allowed: NumberSet | frozenset[str] = (
            NumberSet.from_entries(listed, number_key, field="allow_list") if number_key else frozenset(listed)
        )
        self._calls_left = 0
        self._since_ms = 0
        self._process_id: int | None = None
        self._armings = 0
        self._lock = threading.Lock()

    def arm(self, calls: object) -> None:
        """Allow `calls` real calls within the next fifteen minutes; on the embedded platform nothing is needed.

        Raises
        ------
        InvalidInputError
            `calls` is not a positive whole number.
        NotArmedError
            A setting is missing.
        """
        if isinstance(calls, bool) or not isinstance(calls, int) or calls < 1:
            raise InvalidInputError("calls", "not a positive whole number; say how many calls may be placed")
        missing = () if self._simulated else self._missing_settings()
        if missing:
            raise NotArmedError(missing)
        with self._lock:
            self._calls_left, self._since_ms, self._process_id = calls, self._clock.now_ms(), os.getpid()
            self._armings += 1

    @property
    def calls_left(self) -> int:
        """How many real calls may be placed now, as far as arming goes."""
        return self._calls_left if self._is_armed else 0

    @property
    def _is_armed(self) -> bool:
        # A forked child has a copy of all this: eight of them would hold eight times what was allowed.
        in_time = 0 <= self._clock.now_ms() - self._since_ms <= ARMED_SECONDS * 1000
        return in_time and self._process_id == os.getpid()

    @property
    def still_needed(self) -> tuple[str, ...]:
        """What is missing before a call could be placed now, one phrase each; empty where nothing is."""
        if self._simulated:
            return ()
        missing = self._missing_settings()
        if not missing and self.calls_left < 1:
            missing = ("lab.go_live(calls=N) in this process, which holds for 15 minutes and N calls",)
        return missing

    def check(self) -> None:
        """Raise unless a call could be placed now.

        Raises
        ------
        NotArmedError
            Names everything that is missing.
        """
        if missing := self.still_needed:
            raise NotArmedError(missing)

    def allows(self, msisdn: str) -> bool:
        """Tell whether a number may be called at all."""
        return self._simulated or msisdn in self._allowed

    def spend(self, msisdn: str) -> int:
        """Use up the right to one call, and return by which arming it was given.

        Raises
        ------
        NotArmedError
            It is used up, has expired, or the number is not on the allow-list.
        """
        if self._simulated:
            return self._armings
        with self._lock:
            self.check()
            if not self.allows(msisdn):
                raise NotArmedError(("the number in settings.allow_list",))
            self._calls_left -= 1
            return self._armings

    def holds(self, arming: int) -> bool:
        """Tell whether a call whose right was used up may still leave: by this arming, here, within fifteen minutes."""
        return self._simulated or (arming == self._armings and self._is_armed)

    def give_back(self, arming: int | None = None) -> None:
        """Take back the use of one call, which was proven not to have been placed.

        What an earlier arming gave is gone: it would be added to the calls that were allowed since.
        """
        with self._lock:
            if not self._simulated and arming in (None, self._armings):
                self._calls_left += 1

    def _missing_settings(self) -> tuple[str, ...]:
        settings = self._settings
        needed = {
            "a base URL (IMILAB_BASE_URL)": settings.base_url,
            "a key (IMILAB_KEY)": settings.key,
            "a caller id (IMILAB_CALLER_ID)": settings.caller_id,
            "live = true in the settings (IMILAB_LIVE=true)": settings.live,
            "an allow-list of numbers (IMILAB_ALLOW_LIST)": settings.allow_list,
        }
        if settings.allow_list:
            needed["the countries that may be called (IMILAB_COUNTRIES)"] = self._countries
        return tuple(what for what, value in needed.items() if not value)

"""What can be set about the simulated platform and the people it calls."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal
from zoneinfo import ZoneInfo

from imilab.errors import InvalidInputError

__all__ = ["SIMULATOR_KEY", "PeopleSettings", "SimulatorSettings"]

SIMULATOR_KEY = "simulator-key"
"""The key that the simulator expects by default. It is public: no real platform takes it."""

_UNANSWERED = ("no_answer", "busy", "rejected", "dropped")
_LONGEST_SECONDS = 30 * 24 * 3600.0
# Log-odds of answering by local hour, 00 to 23, against an average daytime hour.
_HOUR_EFFECTS = (
    *(-2.4, -2.8, -3.0, -3.0, -2.8, -2.3),
    *(-1.6, -0.9, -0.4, -0.15, 0.0, 0.05),
    *(0.2, 0.05, -0.1, -0.1, 0.0, 0.15),
    *(0.3, 0.25, 0.0, -0.5, -1.2, -1.9),
)


@dataclass(frozen=True, kw_only=True)
class PeopleSettings:
    """The people model; `imilab.simulator.People` says what each number does.

    Attributes
    ----------
    zone : str
        IANA zone whose local hour decides how likely people answer.
    answer_log_odds : float
        Log-odds that the average number answers in an hour without effect.
    hour_effects : tuple of 24 floats
        Added to the log-odds by local hour, 00 to 23.
    number_spread : float
        Standard deviation, in log-odds, of the numbers' own inclination to answer.
    unanswered_shares : mapping
        How unanswered calls fall into no_answer, busy, rejected and dropped; sums to 1.
    ring_median_seconds, ring_spread : float
        Median of the ring time before an answer, and the standard deviation of its logarithm.
    characters_per_second, lead_in_seconds, media_seconds : float
        How fast a voice speaks, the pause before it speaks, and how long every uploaded prompt takes.
    first_seconds, first_hazard, later_hazard : float
        Chance of hanging up per second of listening: within the first seconds, and later.
    voice_spread, text_spread : float
        Standard deviation of the seeded effects of a voice and of a text on the logarithm of that chance.
    voice_effects, text_effects : mapping
        Effects that are set rather than seeded: by voice (``en-GB-RyanNeural`` or ``RyanNeural``) or media id, and by
        text. 0 is average, 0.7 doubles the chance of hanging up.

    Raises
    ------
    InvalidInputError
        Names the setting that cannot be used.
    """

    zone: str = "UTC"
    answer_log_odds: float = 0.22
    hour_effects: tuple[float, ...] = _HOUR_EFFECTS
    number_spread: float = 1.0
    unanswered_shares: Mapping[str, float] = field(
        default_factory=lambda: {"no_answer": 0.49, "busy": 0.27, "rejected": 0.20, "dropped": 0.04}
    )
    ring_median_seconds: float = 9.0
    ring_spread: float = 0.5
    characters_per_second: float = 14.0
    lead_in_seconds: float = 2.0
    media_seconds: float = 20.0
    first_seconds: float = 3.0
    first_hazard: float = 0.079
    later_hazard: float = 0.0125
    voice_spread: float = 0.35
    text_spread: float = 0.1
    voice_effects: Mapping[str, float] = field(default_factory=dict)
    text_effects: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_zone("zone", self.zone)
        _check_number("answer_log_odds", self.answer_log_odds, -20, 20)
        object.__setattr__(self, "hour_effects", tuple(self.hour_effects))
        if len(self.hour_effects) != 24:
            raise InvalidInputError("hour_effects", f"{len(self.hour_effects)} values; give 24, one a local hour")
        for effect in self.hour_effects:
            _check_number("hour_effects", effect, -20, 20)
        for name in ("number_spread", "ring_spread", "voice_spread", "text_spread"):
            _check_number(name, getattr(self, name), 0, 10)
        for name in ("lead_in_seconds", "media_seconds", "first_seconds"):
            _check_number(name, getattr(self, name), 0, 3600)
        _check_number("ring_median_seconds", self.ring_median_seconds, 0.1, 3600)
        _check_number("characters_per_second", self.characters_per_second, 0.1, 1000)
        _check_number("first_hazard", self.first_hazard, 0, 100)
        _check_number("later_hazard", self.later_hazard, 0, 100)
        self._freeze_mappings()

    def _freeze_mappings(self) -> None:
        shares = dict(self.unanswered_shares)
        for share in shares.values():
            _check_number("unanswered_shares", share, 0, 1)
        if set(shares) != set(_UNANSWERED) or not math.isclose(sum(shares.values()), 1, abs_tol=1e-9):
            raise InvalidInputError("unanswered_shares", f"give {', '.join(_UNANSWERED)}, each 0 or more, 1 in all")
        for name in ("voice_effects", "text_effects"):
            for effect in getattr(self, name).values():
                _check_number(name, effect, -20, 20)
        ordered = {name: shares[name] for name in _UNANSWERED}
        voices = {name.casefold(): effect for name, effect in self.voice_effects.items()}
        object.__setattr__(self, "unanswered_shares", MappingProxyType(ordered))
        object.__setattr__(self, "voice_effects", MappingProxyType(voices))
        object.__setattr__(self, "text_effects", MappingProxyType(dict(self.text_effects)))


@dataclass(frozen=True, kw_only=True)
class SimulatorSettings:
    """The simulated tenant. Seconds pass on the simulator's clock unless a field says real time.

    Attributes
    ----------
    seed : int
        Decides every person and every call; the same seed and calls give the same outcomes in any order.
    key : str
        What the header `key` must hold.
    hub_secret : str or None
        Signs webhooks; None sends them unsigned.
    signature_algorithm : {"sha256", "sha512"}
        Of the header ``x-hub-signature``.
    tenant_zone : str
        IANA zone of time stamps, and of a `sendAt` without one.
    timestamp_style : {"offset", "z", "naive"}
        How receipts write theirs; status answers always carry the offset.
    transactions_per_second : int
        Make Call requests within any second; the next is answered 429.
    burst : bool
        Allow half as many again (100 at most) for 30 minutes a day and 8 hours a month, UTC.
    response_delay_seconds : float
        Added to every answer to a Make Call request.
    ring_timeout_seconds : float
        How long a phone rings before the platform gives up.
    duplicate_share, reorder_share, loss_share : float
        Share of receipts that come twice, that are held back until the call's next one is sent, that never come.
    retries : int
        How often a webhook is repeated where the answer allows it.
    retry_seconds : float
        Time between two attempts.
    webhook_timeout_seconds : float
        How long the notify URL may take to answer, in real time.
    concurrent_webhooks : int
        Webhooks under way at the same time.
    late_seconds : float
        How late the receipts of the magic number for late receipts come.
    slow_answer_seconds : float
        How long the magic number for a slow answer takes, in real time.
    people : PeopleSettings
        The people who are called.

    Raises
    ------
    InvalidInputError
        Names the setting that cannot be used.

    Examples
    --------
    >>> SimulatorSettings(tenant_zone="Asia/Kolkata", loss_share=0.01).transactions_per_second
    20
    """

    seed: int = 7
    key: str = field(default=SIMULATOR_KEY, repr=False)
    hub_secret: str | None = field(default=None, repr=False)
    signature_algorithm: Literal["sha256", "sha512"] = "sha256"
    tenant_zone: str = "UTC"
    timestamp_style: Literal["offset", "z", "naive"] = "offset"
    transactions_per_second: int = 20
    burst: bool = False
    response_delay_seconds: float = 0.0
    ring_timeout_seconds: float = 30.0
    duplicate_share: float = 0.0
    reorder_share: float = 0.0
    loss_share: float = 0.0
    retries: int = 3
    retry_seconds: float = 60.0
    webhook_timeout_seconds: float = 10.0
    concurrent_webhooks: int = 32
    late_seconds: float = 2700.0
    slow_answer_seconds: float = 45.0
    people: PeopleSettings = field(default_factory=PeopleSettings)

    def __post_init__(self) -> None:
        _check_whole("seed", self.seed, 0, 2**63 - 1)
        _check_whole("transactions_per_second", self.transactions_per_second, 1, 1_000_000)
        _check_whole("retries", self.retries, 0, 100)
        _check_whole("concurrent_webhooks", self.concurrent_webhooks, 1, 1000)
        _check_zone("tenant_zone", self.tenant_zone)
        if not self.key or not self.key.isascii() or not self.key.isprintable():
            raise InvalidInputError("key", "empty, or holds characters that no header can carry")
        if self.hub_secret is not None and not self.hub_secret:
            raise InvalidInputError("hub_secret", "empty; give a secret, or None for unsigned webhooks")
        _check_choice("signature_algorithm", self.signature_algorithm, ("sha256", "sha512"))
        _check_choice("timestamp_style", self.timestamp_style, ("offset", "z", "naive"))
        for name in ("duplicate_share", "reorder_share", "loss_share"):
            _check_number(name, getattr(self, name), 0, 1)
        for name in ("response_delay_seconds", "retry_seconds", "late_seconds", "slow_answer_seconds"):
            _check_number(name, getattr(self, name), 0, _LONGEST_SECONDS)
        _check_number("ring_timeout_seconds", self.ring_timeout_seconds, 1, 600)
        _check_number("webhook_timeout_seconds", self.webhook_timeout_seconds, 0.01, 600)

    @property
    def zone(self) -> ZoneInfo:
        """The tenant's zone."""
        return ZoneInfo(self.tenant_zone)


def _check_number(name: str, value: object, low: float, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidInputError(name, f"{value!r} is no number from {low:g} to {high:g}")


def _check_whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidInputError(name, f"{value!r} is no whole number from {low} to {high}")


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise InvalidInputError(name, f"{value!r}; give one of {', '.join(choices)}")


def _check_zone(name: str, value: str) -> None:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError, TypeError):
        raise InvalidInputError(name, f"{value!r} is no IANA time zone; give one like Europe/London") from None

"""What a form asks of a lab: the platform it speaks to, one call, and that call's events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from imilab.terms import Media, Voice

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CallArming", "CallSettings", "CallingLab", "PlacedCall"]


class CallSettings(Protocol):
    """What every call carries besides its content."""

    @property
    def caller_id(self) -> str | None:
        """The number that calls, E.164."""
        ...

    @property
    def notify_url(self) -> str | None:
        """Where receipts go."""
        ...

    @property
    def notify_url_auth_id(self) -> str | None:
        """The tenant's authorisation for that URL."""
        ...

    @property
    def requested_receipts(self) -> Sequence[str]:
        """Receipts to ask for; empty for the tenant's default."""
        ...


class CallArming(Protocol):
    """The right to place real calls."""

    @property
    def calls_left(self) -> int:
        """How many may be placed now, as far as arming goes."""
        ...

    @property
    def still_needed(self) -> tuple[str, ...]:
        """What is missing before a call may be placed now, one phrase each; empty where nothing is."""
        ...


class PlacedCall(Protocol):
    """One call that was sent."""

    @property
    def correlation_id(self) -> str:
        """Its name in requests, receipts and calls."""
        ...

    @property
    def state(self) -> str:
        """How far its request is: sending, accepted, final, rejected, unknown."""
        ...

    @property
    def refusal(self) -> str | None:
        """Why the platform refused it."""
        ...

    @property
    def over(self) -> bool:
        """Whether nothing more is to come."""
        ...

    def timeline(self) -> pd.DataFrame:
        """Return its events: ``event_at``, ``seconds``, ``event``, ``status``, ``code``, ``description``."""
        ...


class CallingLab(Protocol):
    """A lab as far as a form needs it; `imilab.Lab` is one."""

    @property
    def settings(self) -> CallSettings:
        """What it runs with."""
        ...

    @property
    def is_simulated(self) -> bool:
        """Whether no phone rings."""
        ...

    @property
    def arming(self) -> CallArming:
        """The right to place real calls."""
        ...

    def call(self, msisdn: str, content: Voice | Media, text: str | None = None) -> PlacedCall:
        """Place one call."""
        ...

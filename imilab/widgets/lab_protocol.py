"""What a form asks of a lab: the platform it speaks to, one call, and that call's events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from imilab.terms import Media, Voice
from imilab.wire import MakeCall

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CallArming", "CallingLab", "PlacedCall"]


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

    def dry_run(self, msisdn: str, content: Voice | Media, text: str | None = None) -> MakeCall:
        """Return the request that `call` would send."""
        ...

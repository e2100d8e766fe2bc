"""What every call of a run carries, and what one run did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from imilab.config import Settings
from imilab.store import PlannedCall
from imilab.terms import Media, Voice
from imilab.wire import MakeCall

__all__ = ["SendOptions", "SendSummary", "when_again"]


@dataclass(frozen=True, kw_only=True)
class SendOptions:
    """What every call of this sender carries besides its content."""

    caller_id: str = field(repr=False)
    notify_url: str | None = field(default=None, repr=False)
    notify_url_auth_id: str | None = None
    requested_receipts: Sequence[str] = ()
    contact_policy: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return those of the settings."""
        return cls(
            caller_id=settings.caller_id or "",
            notify_url=settings.notify_url,
            notify_url_auth_id=settings.notify_url_auth_id,
            requested_receipts=settings.requested_receipts,
            contact_policy=settings.contact_policy,
        )

    def request(self, planned: PlannedCall) -> MakeCall:
        """Return what is sent for one call.

        Raises
        ------
        InvalidInputError
            The platform would refuse it.
        """
        return MakeCall(
            caller_id=self.caller_id,
            msisdn=planned.msisdn,
            correlation_id=planned.correlation_id,
            content=_content(planned),
            text=planned.text,
            notify_url=self.notify_url,
            notify_url_auth_id=self.notify_url_auth_id,
            requested_receipts=self.requested_receipts,
            contact_policy=self.contact_policy,
            send_at_ms=planned.send_at_ms,
        )


def _content(planned: PlannedCall) -> Voice | Media:
    if planned.content_type == "media":
        return Media(planned.media_id or "")
    return Voice(
        planned.voice or "",
        language=planned.language,
        gender=planned.gender,
        voice_type=planned.voice_type,
        region=planned.region,
    )


@dataclass(frozen=True, kw_only=True)
class SendSummary:
    """What one run of the sender did.

    Attributes
    ----------
    campaign : str
        The campaign's name.
    sent : int
        Calls that this run asked the platform for, each once.
    states : mapping of str to int
        The calls of the plan in each state, afterwards.
    seconds : float
        How long it took, real time.
    stopped : str or None
        Why it stopped before the end.
    held : mapping of str to int
        Why calls stay planned, quiet hours and caps, and how many.
    refused : mapping of str to int
        Why calls will never be placed, and how many.
    next_ms : int or None
        When the first held call may go, milliseconds UTC.
    burst : str or None
        How much of the tenant's burst it used, and whether its budget ended; None where it was not asked for.
    """

    campaign: str
    sent: int
    states: Mapping[str, int]
    seconds: float
    stopped: str | None = None
    held: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    next_ms: int | None = None
    burst: str | None = None

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state, count in self.states.items() if count)
        if not counts:
            return f"{self.campaign}: nothing to send; the plan has no calls"
        if not self.sent and not self.stopped and not self.held and not self.refused:
            return f"{self.campaign}: nothing left to send; every call was sent before ({counts}){self._open}"
        stopped = f"; stopped: {self.stopped}" if self.stopped else ""
        refused = "".join(f"; {count} refused: {reason}" for reason, count in self.refused.items())
        held = "".join(f"; {count} held: {reason}" for reason, count in self.held.items())
        again = f"; {when_again(self.next_ms)}" if self.held and not self.stopped else ""
        burst = f"; {self.burst}" if self.burst else ""
        did = f"{self.sent} calls sent in {self.seconds:.1f} s ({counts})"
        return f"{self.campaign}: {did}{burst}{refused}{held}{again}{stopped}{self._open}"

    @property
    def _open(self) -> str:
        """What is to be done about calls of unknown outcome."""
        unknown = self.states.get("unknown", 0)
        return f"; {unknown} unknown: never sent again, see lab.unknown() or imilab resolve" if unknown else ""


def when_again(next_ms: int | None) -> str:
    """Say when to send again what was held."""
    if next_ms is None:
        return "send it again once its receipts are in, or raise the cap (IMILAB_CAP_...)"
    return f"send it again from {datetime.fromtimestamp(next_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC on"

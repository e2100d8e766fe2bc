"""One call that the simulator placed: its whole life, and what a receipt and a status answer tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Literal, NamedTuple

from imilab.simulator.magic import UNKNOWN_CODE
from imilab.simulator.people import Fate
from imilab.terms import CODES, event_of
from imilab.wire import CallStatus, Receipt, format_timestamp
from imilab.wire.receipt import ENDS

__all__ = ["CallEvent", "PlacedCall", "call_events"]

_TRANSFER_SECONDS = 45.0
_EXPIRY_SECONDS = 60.0
_FAILURES = {
    "no_answer": ("REJECTED", "7401"),
    "busy": ("REJECTED", "7402"),
    "other": ("REJECTED", "7404"),
    "rejected": ("REJECTED", "7406"),
    "dropped": ("DROPPED", "7409"),
    "unknown": ("REJECTED", UNKNOWN_CODE),
}
_DESCRIPTIONS = {
    "OFFERED": "Call offered",
    "ACCEPTED": "Call accepted",
    "ANSWERED": "Call answered",
    "RELEASED": "Call released",
    "DISCONNECTED": "Call disconnected",
    "TROMBONE CONNECTED": "Trombone connected",
    "TROMBONE RELEASED": "Trombone released",
}


class CallEvent(NamedTuple):
    """One event of a call: milliseconds UTC, the platform's status and its code."""

    at_ms: int
    status: str
    code: str

    @property
    def description(self) -> str:
        """The event in words."""
        known = CODES.get(self.code)
        reason = known.reason.capitalize() if known and known.reason else "Call rejected"
        return _DESCRIPTIONS.get(self.status, reason)


def call_events(start_ms: int, fate: Fate) -> tuple[CallEvent, ...]:
    """Return the whole life of a call that the platform starts on at `start_ms`; no two events at the same time."""
    if fate.outcome == "expired":
        return (CallEvent(start_ms + round(_EXPIRY_SECONDS * 1000), "MESSAGE EXPIRED", "7208"),)
    steps = [(fate.queue_seconds, "OFFERED", "7407"), (fate.setup_seconds, "ACCEPTED", "7408")]
    if fate.outcome in _FAILURES:
        steps.append((fate.ring_seconds, *_FAILURES[fate.outcome]))
    else:
        steps.append((fate.ring_seconds, "ANSWERED", "7519"))
        steps += _ending(fate)
    events: list[CallEvent] = []
    elapsed_seconds, last_ms = 0.0, start_ms
    for seconds, status, code in steps:
        elapsed_seconds += seconds
        last_ms = max(last_ms + 1, start_ms + round(elapsed_seconds * 1000))
        events.append(CallEvent(last_ms, status, code))
    return tuple(events)


def _ending(fate: Fate) -> list[tuple[float, str, str]]:
    if fate.end == "disconnected":
        return [(fate.talk_seconds, "DISCONNECTED", "7410")]
    if fate.end == "transferred":
        return [
            (fate.talk_seconds, "TROMBONE CONNECTED", "7411"),
            (_TRANSFER_SECONDS, "TROMBONE RELEASED", "7412"),
            (1.0, "RELEASED", ""),
        ]
    return [(fate.talk_seconds, "RELEASED", "")]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlacedCall:
    """A call as the simulator keeps it.

    Attributes
    ----------
    message_id, correlation_id : str
        The platform's id and the caller's.
    requested_at_ms, start_ms : int
        When the request came, and when the platform starts on it: then, or at its `sendAt`.
    events : tuple of CallEvent
        The whole life, also what has not happened yet.
    fate : Fate
        What the model drew.
    """

    message_id: str
    correlation_id: str
    msisdn: str = field(repr=False)
    caller_id: str = field(repr=False)
    content: Mapping[str, str] = field(repr=False)
    priority: int | None
    callback_data: str = field(repr=False)
    notify_url: str = field(repr=False)
    requested_receipts: tuple[str, ...]
    requested_at_ms: int
    start_ms: int
    fate: Fate
    events: tuple[CallEvent, ...] = field(repr=False)

    def receipt(self, event: CallEvent, zone: tzinfo, style: Literal["offset", "z", "naive"]) -> Receipt:
        """Return the receipt of one event, its time stamp in the tenant's zone."""
        return Receipt(
            message_id=self.message_id,
            correlation_id=self.correlation_id,
            status=event.status,
            code=event.code,
            description=event.description,
            event_at_ms=event.at_ms,
            event_at_raw=format_timestamp(event.at_ms, zone, style),
            msisdn=self.msisdn,
            callback_data=self.callback_data,
        )

    def status(self, now_ms: int, zone: tzinfo) -> CallStatus:
        """Return how the call stands at a moment: only what has happened by then."""
        happened = [event for event in self.events if event.at_ms <= now_ms]
        last = happened[-1] if happened else None
        answered_ms = next((event.at_ms for event in happened if event.status == "ANSWERED"), None)
        ended_ms = last.at_ms if last and event_of(last.status, last.code) in ENDS else None
        talked = (ended_ms - answered_ms) / 1000 if ended_ms is not None and answered_ms is not None else None
        return CallStatus(
            message_id=self.message_id,
            correlation_id=self.correlation_id,
            status=last.status if last else "Queued",
            code=last.code if last else "",
            description=last.description if last else "Queued",
            requested_at_raw=format_timestamp(self.requested_at_ms, zone),
            answered_at_raw="" if answered_ms is None else format_timestamp(answered_ms, zone),
            ended_at_raw="" if ended_ms is None else format_timestamp(ended_ms, zone),
            call_duration_seconds=talked,
            msisdn=self.msisdn,
            callback_data=self.callback_data,
            extra=self._fixed_fields(),
        )

    def _fixed_fields(self) -> dict[str, object]:
        return {
            "channel": "voice",
            "clientId": "simulator",
            "groupId": "simulator",
            "toType": "msisdn",
            "direction": "outbound",
            "version": "2.0",
            "from": self.caller_id,
            "notifyUrl": self.notify_url,
            "priority": self.priority,
            "requestedReceipts": list(self.requested_receipts),
            "content": dict(self.content),
        }

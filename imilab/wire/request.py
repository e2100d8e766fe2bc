"""The Make Call request (POST /v2/messages), written by imilab and read by the simulator with the same rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import tzinfo
from typing import Any, TypeVar, cast

import orjson

from imilab.errors import InvalidInputError, hides_arguments
from imilab.terms import Media, Voice
from imilab.wire import rules
from imilab.wire.rules import MAX_TEXT_UNITS, text_units
from imilab.wire.timestamps import format_timestamp, parse_send_at

__all__ = ["MAX_TEXT_UNITS", "MakeCall", "MakeCallBody", "Recipient", "read_make_call", "text_units"]

_KNOWN = frozenset(
    (
        *("channel", "from", "to", "priority", "callbackData", "notifyUrl", "notifyUrlAuthId", "requestedReceipts"),
        *("sendAt", "content", "contactPolicy"),
    )
)

T = TypeVar("T")


def _quiet(kind: type[T]) -> type[T]:
    """Keep the numbers that a refused request was made with out of verbose tracebacks."""
    setattr(kind, "__init__", hides_arguments(kind.__init__))  # noqa: B010 - mypy knows no other way
    return kind


@_quiet
@dataclass(frozen=True, kw_only=True)
class MakeCall:
    """One call to one number, checked when it is made.

    Parameters
    ----------
    caller_id : str
        The tenant's voice-enabled number, E.164 (`from` on the wire).
    msisdn : str
        The number to call, E.164.
    correlation_id : str
        Names this one call in the response and in every receipt.
    content : Voice or Media
        What is played: a voice that speaks `text`, or an uploaded prompt.
    text : str, optional
        1 to 2000 characters, counted in UTF-16 code units; required with a voice, refused with media.
    priority : int, optional
        1 low, 2 medium, 3 high.
    callback_data, notify_url, notify_url_auth_id : str, optional
        Echoed text; where receipts go (https, or http on loopback); the tenant's authorisation for that URL.
    requested_receipts : sequence of str
        Receipt names in any case; empty for the tenant's default.
    send_at_ms : int, optional
        Milliseconds since 1970-01-01 UTC; see `parse_send_at`.
    contact_policy : mapping, optional
        The platform's own consent and frequency caps.
    extra : mapping
        Further fields for the body, as they are.
    now_ms : int, optional
        The present; with it, `send_at_ms` must lie between it and a year later.

    Raises
    ------
    InvalidInputError
        Names the wire's field that is wrong.

    Examples
    --------
    >>> call = MakeCall(caller_id="+12025550100", msisdn="+12025550123", correlation_id="c1",
    ...                 content=Voice("en-GB-RyanNeural"), text="Time for lunch")
    >>> call.to_json()["content"]["voice"]
    'RyanNeural'
    """

    caller_id: str = field(repr=False)
    msisdn: str = field(repr=False)
    correlation_id: str
    content: Voice | Media
    text: str | None = field(default=None, repr=False)
    priority: int | None = None
    callback_data: str | None = field(default=None, repr=False)
    notify_url: str | None = field(default=None, repr=False)
    notify_url_auth_id: str | None = None
    requested_receipts: Sequence[str] = ()
    send_at_ms: int | None = None
    contact_policy: Mapping[str, Any] | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    now_ms: InitVar[int | None] = None

    def __post_init__(self, now_ms: int | None) -> None:
        if not isinstance(self.content, Voice | Media):
            raise InvalidInputError("content", f"{rules.shape(self.content)}; give a Voice or a Media")
        if isinstance(self.content, Media) and self.text is not None:
            raise InvalidInputError("content.text", "goes with a voice only; leave it out for media")
        rules.required_text(self.correlation_id, "to.correlationId")
        object.__setattr__(self, "requested_receipts", rules.check_receipts(self.requested_receipts))
        for name, value in (("contactPolicy", self.contact_policy), ("extra", self.extra)):
            if value is not None and not isinstance(value, Mapping):
                raise InvalidInputError(name, f"{rules.shape(value)}; give an object")
            rules.check_json(None if value is None else dict(value), name)
        clash = _KNOWN & set(self.extra)
        if clash:
            raise InvalidInputError(min(clash), "is given in extra; use the argument of its own")
        if self.send_at_ms is not None:
            _check_send_at(self.send_at_ms, now_ms)
        _read_body({**self.to_json(), "sendAt": None}, 0, None)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON body as the platform documents it; fields that are None are left out."""
        optional = {
            "priority": self.priority,
            "callbackData": self.callback_data,
            "notifyUrl": self.notify_url,
            "notifyUrlAuthId": self.notify_url_auth_id,
            "requestedReceipts": list(self.requested_receipts) or None,
            "sendAt": None if self.send_at_ms is None else format_timestamp(self.send_at_ms, style="z"),
            "contactPolicy": None if self.contact_policy is None else dict(self.contact_policy),
        }
        return {
            "channel": "voice",
            "from": self.caller_id,
            "to": [{"msisdn": [self.msisdn], "correlationId": self.correlation_id}],
            **{name: value for name, value in optional.items() if value is not None},
            "content": self._content(),
            **self.extra,
        }

    def to_bytes(self) -> bytes:
        """Return the JSON body, UTF-8."""
        return orjson.dumps(self.to_json())

    def _content(self) -> dict[str, Any]:
        if isinstance(self.content, Media):
            return {"type": "media", "mediaId": self.content.media_id}
        return {
            "type": "TTS",
            "ttsProcessor": "Azure",
            "language": self.content.language,
            "voice": self.content.short_name,
            "region": self.content.region,
            "text": self.text,
            "voiceType": self.content.voice_type,
            "gender": self.content.gender,
        }


def _check_send_at(send_at_ms: object, now_ms: int | None) -> None:
    if not isinstance(send_at_ms, int) or isinstance(send_at_ms, bool):
        raise InvalidInputError("sendAt", f"{rules.shape(send_at_ms)}; give whole milliseconds since 1970, UTC")
    present_ms = send_at_ms if now_ms is None else now_ms
    try:
        parse_send_at(format_timestamp(send_at_ms), present_ms)
    except OverflowError:
        raise InvalidInputError("sendAt", "outside the years 1 to 9999; give milliseconds since 1970") from None


@dataclass(frozen=True)
class Recipient:
    """One number of a request and the caller's own id for it ('' where none was given)."""

    msisdn: str = field(repr=False)
    correlation_id: str


@dataclass(frozen=True, kw_only=True)
class MakeCallBody:
    """A Make Call body as the platform reads it; one body may hold several recipients."""

    caller_id: str = field(repr=False)
    recipients: tuple[Recipient, ...]
    content: Mapping[str, str]
    priority: int | None
    callback_data: str | None
    notify_url: str | None = field(repr=False)
    notify_url_auth_id: str | None
    requested_receipts: tuple[str, ...]
    send_at_ms: int | None
    contact_policy: Mapping[str, Any] | None
    extra: Mapping[str, Any] = field(repr=False)


def read_make_call(body: bytes, now_ms: int, zone: tzinfo | None = None) -> MakeCallBody:
    """Read and check a Make Call body.

    Parameters
    ----------
    body : bytes
        JSON, UTF-8.
    now_ms : int
        The present, in milliseconds since 1970-01-01 UTC.
    zone : tzinfo or None
        The tenant's zone, for a `sendAt` without one.

    Raises
    ------
    InvalidInputError
        Names the first field that is wrong.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise InvalidInputError("body", "not JSON; send one JSON object in UTF-8") from None
    return _read_body(document, now_ms, zone)


def _read_body(document: object, now_ms: int, zone: tzinfo | None) -> MakeCallBody:
    if not isinstance(document, Mapping):
        raise InvalidInputError("body", f"{rules.shape(document)}; send one JSON object")
    body = cast("Mapping[str, Any]", document)
    rules.check_choice(body.get("channel"), "channel", ("voice",))
    policy = body.get("contactPolicy")
    if policy is not None and not isinstance(policy, Mapping):
        raise InvalidInputError("contactPolicy", f"{rules.shape(policy)}; give an object")
    send_at = body.get("sendAt")
    if send_at is not None and not isinstance(send_at, int | float | str):
        raise InvalidInputError("sendAt", f"{rules.shape(send_at)}; give seconds since 1970 or an ISO 8601 time stamp")
    return MakeCallBody(
        caller_id=rules.check_msisdn(body.get("from"), "from"),
        recipients=_read_recipients(body.get("to")),
        content=rules.check_content(body.get("content")),
        priority=rules.check_priority(body.get("priority")),
        callback_data=rules.optional_text(body.get("callbackData"), "callbackData"),
        notify_url=rules.check_notify_url(body.get("notifyUrl")),
        notify_url_auth_id=rules.optional_text(body.get("notifyUrlAuthId"), "notifyUrlAuthId"),
        requested_receipts=rules.check_receipts(body.get("requestedReceipts")),
        send_at_ms=None if send_at is None else parse_send_at(send_at, now_ms, zone),
        contact_policy=policy,
        extra={name: value for name, value in body.items() if name not in _KNOWN},
    )


def _read_recipients(value: object) -> tuple[Recipient, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise InvalidInputError("to", f"{rules.shape(value)}; give a list of objects with msisdn and correlationId")
    recipients: list[Recipient] = []
    for item in value:
        if not isinstance(item, Mapping):
            raise InvalidInputError(
                "to", f"an entry is {rules.shape(item)}; give objects with msisdn and correlationId"
            )
        numbers = item.get("msisdn")
        correlation_id = rules.optional_text(item.get("correlationId"), "to.correlationId") or ""
        if isinstance(numbers, str) or not isinstance(numbers, Sequence):
            numbers = [numbers]
        if not numbers:
            raise InvalidInputError("to.msisdn", "an empty list; give at least one number")
        recipients.extend(Recipient(rules.check_msisdn(number, "to.msisdn"), correlation_id) for number in numbers)
    return tuple(recipients)

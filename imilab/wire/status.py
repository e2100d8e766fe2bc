"""The answer to GET /v2/messages/{messageId}: how one call stands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import orjson

from imilab.errors import UnexpectedBodyError
from imilab.terms import STATUSES, event_of
from imilab.wire.receipt import ENDS, Receipt
from imilab.wire.response import load_json, read_error
from imilab.wire.timestamps import timestamp_or_none

__all__ = ["CallStatus", "read_status"]

_TEXTS = {
    "messageId": "message_id",
    "correlationId": "correlation_id",
    "status": "status",
    "code": "code",
    "description": "description",
    "requestTimestamp": "requested_at_raw",
    "answeredAt": "answered_at_raw",
    "endedAt": "ended_at_raw",
    "callbackData": "callback_data",
}
_STATES_BEFORE_THE_CALL = frozenset({"QUEUED", "SCHEDULED", ""})


@dataclass(frozen=True, kw_only=True)
class CallStatus:
    """How one call stands, in the platform's words.

    Attributes
    ----------
    message_id, correlation_id, status, code, description : str
        As they came; '' where missing.
    requested_at_raw, answered_at_raw, ended_at_raw : str
        Time stamps as they came, with the tenant's offset; `*_at_ms` are the same in milliseconds UTC, None where
        missing or unreadable.
    call_duration_seconds : float or None
        `callDuration`.
    msisdn : str
        The number called.
    extra : mapping
        Every further field, as it came.
    raw : bytes
        The body that was read, b'' for a status that was not read from one. Two statuses that differ in it alone are
        equal.
    """

    message_id: str
    correlation_id: str = ""
    status: str = ""
    code: str = ""
    description: str = ""
    requested_at_raw: str = ""
    answered_at_raw: str = ""
    ended_at_raw: str = ""
    requested_at_ms: int | None = None
    answered_at_ms: int | None = None
    ended_at_ms: int | None = None
    call_duration_seconds: float | None = None
    msisdn: str = field(default="", repr=False)
    callback_data: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)
    raw: bytes = field(default=b"", repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the status as the platform writes it."""
        texts = {wire: getattr(self, name) for wire, name in _TEXTS.items() if getattr(self, name)}
        return {
            **texts,
            **({} if self.call_duration_seconds is None else {"callDuration": self.call_duration_seconds}),
            "to": [{"msisdn": [self.msisdn], "correlationId": self.correlation_id}],
            **self.extra,
        }

    def to_bytes(self) -> bytes:
        """Return the JSON body, UTF-8."""
        return orjson.dumps(self.to_json())

    def receipts(self) -> tuple[Receipt, ...]:
        """Return the events that this status tells of, as the webhook would have told them.

        Returns
        -------
        tuple of Receipt
            An answered event where `answeredAt` is there, and one for `status` unless it is not yet an event. An end is
        dated `endedAt`; where that is missing, a call that was never answered is given the moment of
        `requestTimestamp`, and no time stamp, so that its receipt is known to be the same event. Any other event has no
        time: a guess would move times that its receipt tells.
        """
        found = []
        if self.answered_at_raw:
            found.append(
                self._receipt("ANSWERED", STATUSES["ANSWERED"].code, self.answered_at_raw, self.answered_at_ms)
            )
        status = self.status.upper()
        if status not in _STATES_BEFORE_THE_CALL and not (status == "ANSWERED" and found):
            known = STATUSES.get(status)
            word, code = (status, self.code or known.code) if known else (self.status, self.code)
            found.append(self._receipt(word, code, *self._end()))
        return tuple(found)

    def _end(self) -> tuple[str, int | None]:
        if event_of(self.status, self.code) not in ENDS:
            return "", None
        if self.ended_at_raw or self.answered_at_raw:
            return self.ended_at_raw, self.ended_at_ms
        return "", self.requested_at_ms

    def _receipt(self, status: str, code: str, raw: str, moment: int | None) -> Receipt:
        return Receipt(
            message_id=self.message_id,
            correlation_id=self.correlation_id,
            status=status,
            code=code,
            description=self.description,
            event_at_raw=raw,
            event_at_ms=moment,
            msisdn=self.msisdn,
            callback_data=self.callback_data,
        )


def read_status(http_status: int, headers: Mapping[str, str], body: bytes, zone: tzinfo | None) -> CallStatus:
    """Read the answer to a status request.

    Parameters
    ----------
    http_status : int
        200 carries a status; any other is an error.
    headers : mapping
        With lower-case names.
    body : bytes
        One JSON object.
    zone : tzinfo or None
        The tenant's zone, for time stamps without one.

    Raises
    ------
    PlatformError
        One of its kinds, see `imilab.errors`.
    """
    if http_status != 200:
        read_error(http_status, headers, body)
    document = load_json(http_status, body)
    if not isinstance(document, Mapping) or not document.get("messageId"):
        raise UnexpectedBodyError("a status without messageId", http_status=http_status)
    texts: dict[str, Any] = {
        name: str(document[wire]) for wire, name in _TEXTS.items() if document.get(wire) is not None
    }
    msisdn = _first_number(document.get("to"))
    if any("\0" in text for text in (*texts.values(), msisdn)):
        raise UnexpectedBodyError("a status that holds a NUL", http_status=http_status)
    duration_seconds = _seconds(document.get("callDuration"))
    known = {*_TEXTS, "to"} if duration_seconds is None else {*_TEXTS, "to", "callDuration"}
    return CallStatus(
        **texts,
        requested_at_ms=timestamp_or_none(texts.get("requested_at_raw", ""), zone),
        answered_at_ms=timestamp_or_none(texts.get("answered_at_raw", ""), zone),
        ended_at_ms=timestamp_or_none(texts.get("ended_at_raw", ""), zone),
        call_duration_seconds=duration_seconds,
        msisdn=msisdn,
        extra={name: value for name, value in document.items() if name not in known},
        raw=body,
    )


def _seconds(value: object) -> float | None:
    try:
        seconds = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) else None


def _first_number(value: object) -> str:
    while isinstance(value, list | Mapping) and value:
        value = value.get("msisdn") if isinstance(value, Mapping) else value[0]
    return value if isinstance(value, str) else ""

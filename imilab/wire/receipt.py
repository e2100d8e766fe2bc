"""Receipts: what the platform POSTs to the notify URL, one JSON object an event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import orjson

from imilab.errors import UnreadableReceiptError
from imilab.terms import Event, event_of
from imilab.wire.timestamps import timestamp_or_none

__all__ = ["ENDS", "Receipt", "read_receipt"]

ENDS = frozenset({Event.RELEASED, Event.REJECTED, Event.DISCONNECTED, Event.DROPPED, Event.EXPIRED})
"""Events after which a call is over."""

_TOP = {"deliveryTransInfo": "transaction_info"}
_NOTE = {
    "subtid": "subtid",
    "transid": "message_id",
    "callbackData": "callback_data",
    "correlationid": "correlation_id",
}
_INFO = {
    "timeStamp": "event_at_raw",
    "Description": "description",
    "code": "code",
    "deliveryChannel": "channel",
    "additionalInfo": "additional_info",
    "destination": "msisdn",
    "destinationType": "destination_type",
    "deliveryStatus": "status",
}


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One event of one call, in the platform's words.

    Attributes
    ----------
    message_id, correlation_id : str
        `transid` and `correlationid` on the wire; at least one is there.
    status, code, description : str
        As they came; unknown ones too.
    event_at_ms : int or None
        Milliseconds since 1970-01-01 UTC; None where the time stamp is missing or unreadable, or has no zone and the
        tenant's is not known.
    event_at_raw : str
        The time stamp as it came.
    msisdn : str
        The number called.
    extra : mapping
        Fields that imilab does not know, by the object that held them.
    """

    message_id: str
    correlation_id: str = ""
    status: str = ""
    code: str = ""
    description: str = ""
    event_at_ms: int | None = None
    event_at_raw: str = ""
    msisdn: str = field(default="", repr=False)
    callback_data: str = field(default="", repr=False)
    channel: str = "voice"
    destination_type: str = "msisdn"
    transaction_info: str = field(default="", repr=False)
    additional_info: str = field(default="", repr=False)
    subtid: str = ""
    extra: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    @property
    def ends(self) -> bool:
        """Whether the call is over after this event; an unknown event never ends it."""
        return event_of(self.status, self.code) in ENDS

    def to_json(self) -> dict[str, Any]:
        """Return the receipt as the platform writes it."""
        extra = {name: dict(values) for name, values in self.extra.items()}
        info = {wire: getattr(self, name) for wire, name in _INFO.items()} | extra.get("deliveryInfo", {})
        note = {wire: getattr(self, name) for wire, name in _NOTE.items()} | extra.get("deliveryInfoNotification", {})
        top = {wire: getattr(self, name) for wire, name in _TOP.items()} | extra.get("", {})
        return {**top, "deliveryInfoNotification": {"deliveryInfo": info, **note}}

    def to_bytes(self) -> bytes:
        """Return the JSON body, UTF-8."""
        # Not orjson: what was read may hold integers of more than 64 bits.
        return json.dumps(self.to_json(), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def read_receipt(raw: bytes, zone: tzinfo | None) -> Receipt:
    """Read one receipt.

    Parameters
    ----------
    raw : bytes
        The webhook's body, UTF-8.
    zone : tzinfo or None
        The tenant's zone, for time stamps without one.

    Raises
    ------
    UnreadableReceiptError
        It is no JSON object of the documented form, names no call or no event, or holds what could be read in two
        ways: a key twice, NaN, half a surrogate pair, a NUL, a number where a text belongs.
    """
    document = _load(raw)
    note = _object(document, "deliveryInfoNotification")
    info = _object(note, "deliveryInfo")
    values = _texts(document, _TOP) | _texts(note, _NOTE) | _texts(info, _INFO)
    if not (values.get("message_id") or values.get("correlation_id")):
        raise UnreadableReceiptError("neither transid nor correlationid")
    if not (values.get("status") or values.get("code")):
        raise UnreadableReceiptError("neither deliveryStatus nor code")
    values.setdefault("message_id", "")
    extra = {
        "": _unknown(document, {*_TOP, "deliveryInfoNotification"}),
        "deliveryInfoNotification": _unknown(note, {*_NOTE, "deliveryInfo"}),
        "deliveryInfo": _unknown(info, set(_INFO)),
    }
    return Receipt(
        **values,
        event_at_ms=timestamp_or_none(values.get("event_at_raw", ""), zone),
        extra={name: fields for name, fields in extra.items() if fields},
    )


def _load(raw: bytes) -> Mapping[str, Any]:
    try:
        orjson.loads(raw)  # strict: refuses NaN, half surrogates, bad UTF-8 and bottomless nesting
        document = json.loads(raw, object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise UnreadableReceiptError("not JSON") from None
    if not isinstance(document, Mapping):
        raise UnreadableReceiptError("not a JSON object")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableReceiptError("a key occurs twice in one object")
    return found


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    if not isinstance(value, Mapping):
        raise UnreadableReceiptError(f"{name} is missing or no object")
    return value


def _texts(parent: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for wire, name in names.items():
        value = parent.get(wire)
        if value is None:
            continue
        if not isinstance(value, str):
            raise UnreadableReceiptError(f"{wire} is a {type(value).__name__}, not a text")
        if "\0" in value:
            raise UnreadableReceiptError(f"{wire} holds a NUL")
        found[name] = value
    return found


def _unknown(parent: Mapping[str, Any], known: set[str]) -> dict[str, Any]:
    return {name: value for name, value in parent.items() if name not in known}

"""The platform's answer to a Make Call request: entries, or one of the errors of `imilab.errors`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

import orjson

from imilab.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    PlatformError,
    RateLimitedError,
    ServerError,
    UnauthorisedError,
    UnexpectedBodyError,
)
from imilab.numbers import scrub

__all__ = ["RATE_LIMIT_CODE", "ResponseEntry", "read_error", "read_response", "response_bytes"]

RATE_LIMIT_CODE = "7020"
"""«maximum transaction limit reached», whatever HTTP status carries it."""

_ACCEPTED = frozenset({200, 201, 206})
_NAMES = {
    "requestTimestamp": "request_timestamp",
    "messageId": "message_id",
    "correlationId": "correlation_id",
    "status": "status",
    "code": "code",
    "message": "message",
}
_FIELDS = (
    *("requestedReceipts", "notifyUrlAuthId", "notifyUrl", "correlationId", "callbackData", "contactPolicy"),
    *("ttsProcessor", "voiceType", "mediaId", "language", "gender", "region", "voice", "text", "content"),
    *("priority", "channel", "msisdn", "sendAt"),
)
_FIELD = re.compile(
    # `from` and `to` are English words too: they name a field only in quotes, before a dot or colon, or beside "field".
    rf"(?<![a-z])(?:(?:to|content)\.)?(?P<name>{'|'.join(_FIELDS)})(?![a-z])"
    r"""|(?:^|['"`]|(?:field|parameter|attribute)\s+)(?P<word>from|to)(?=['"`.:\[]|\s+(?:is|must|field|parameter))""",
    re.IGNORECASE,
)
_SPELLING = {name.casefold(): name for name in (*_FIELDS, "from", "to")}
_WORDS = ("message", "description", "error", "reason", "detail")
_DEFAULT_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class ResponseEntry:
    """What the platform said about one recipient.

    Attributes
    ----------
    request_timestamp, message_id, correlation_id, status, code, message : str
        As they came; '' where the platform left one out. `status` is ``Queued`` or ``Rejected``.
    http_status : int
        Of the answer that held the entry: 200, 201 or 206. It is not part of the entry's JSON.
    extra : mapping
        Further fields, as they came.
    """

    message_id: str
    correlation_id: str = ""
    status: str = ""
    code: str = ""
    message: str = field(default="", repr=False)
    request_timestamp: str = ""
    http_status: int = 200
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def queued(self) -> bool:
        """Whether the platform took the call."""
        return self.status.casefold() == "queued" and bool(self.message_id)

    @property
    def rejected(self) -> bool:
        """Whether the platform refused the call."""
        return self.status.casefold() == "rejected"

    def to_json(self) -> dict[str, Any]:
        """Return the entry as the platform writes it."""
        return {wire: getattr(self, name) for wire, name in _NAMES.items()} | dict(self.extra)


def response_bytes(entries: Sequence[ResponseEntry]) -> bytes:
    """Return the body that carries `entries`: an object for one, an array for several."""
    documents = [entry.to_json() for entry in entries]
    return orjson.dumps(documents[0] if len(documents) == 1 else documents)


def read_response(http_status: int, headers: Mapping[str, str], body: bytes) -> tuple[ResponseEntry, ...]:
    """Read the answer to a Make Call request.

    Parameters
    ----------
    http_status : int
        200, 201 and 206 carry entries; any other is an error.
    headers : mapping
        With lower-case names; ``retry-after`` is read.
    body : bytes
        JSON: one entry, an array of entries, or an object that holds one array of entries.

    Returns
    -------
    tuple of ResponseEntry
        At least one. Entries may be rejected one by one: look at each.

    Raises
    ------
    PlatformError
        One of its kinds, see `imilab.errors`. `RateLimitedError` also where every entry carries code 7020.

    Examples
    --------
    >>> read_response(200, {}, b'{"messageId": "m1", "status": "Queued"}')[0].queued
    True
    """
    if http_status not in _ACCEPTED:
        read_error(http_status, headers, body)
    document = load_json(http_status, body)
    found = _find_entries(document)
    if found and all(str(entry.get("code")) == RATE_LIMIT_CODE for entry in found):
        raise _rate_limited(http_status, headers, found[0])
    if not found or not all(entry.get("messageId") or entry.get("status") for entry in found):
        raise UnexpectedBodyError("an answer without messageId and status", http_status=http_status)
    return tuple(_read_entry(entry, http_status) for entry in found)


def load_json(http_status: int, body: bytes) -> Any:
    """Return the JSON in an answer.

    Raises
    ------
    UnexpectedBodyError
        The body is not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise UnexpectedBodyError(f"an answer of {len(body)} bytes that is not JSON", http_status=http_status) from None


def read_error(http_status: int, headers: Mapping[str, str], body: bytes) -> NoReturn:
    """Raise the error that an answer other than 200, 201 or 206 stands for."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        document = {}
    facts = _find_facts(document)
    code = _code(facts)
    if http_status == 429 or code == RATE_LIMIT_CODE:
        raise _rate_limited(http_status, headers, facts)
    description = _describe(facts)
    if http_status == 400:
        raise BadRequestError(description, http_status=http_status, code=code, field=_named_field(description))
    raise _error_class(http_status)(description, http_status=http_status, code=code)


def _error_class(http_status: int) -> type[PlatformError]:
    named: dict[int, type[PlatformError]] = {
        401: UnauthorisedError,
        403: UnauthorisedError,
        404: NotFoundError,
        405: NotFoundError,
        408: ServerError,  # the platform stopped waiting: what it had read by then is unknown
        409: ConflictError,
    }
    if http_status in named:
        return named[http_status]
    if http_status >= 500:
        return ServerError
    return BadRequestError if http_status >= 400 else UnexpectedBodyError


def _find_entries(document: object) -> list[Mapping[str, Any]]:
    if isinstance(document, Mapping):
        lists = [value for value in document.values() if _is_list_of_objects(value)]
        if "messageId" in document or "status" in document or len(lists) != 1:
            return [document] if document else []
        document = lists[0]
    return document if isinstance(document, list) and _is_list_of_objects(document) else []


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, Mapping) for entry in value)


def _find_facts(document: object) -> Mapping[str, Any]:
    """Return the part of an error's body that says most: the whole, an object in it, or a list's first entry."""
    whole = document if isinstance(document, Mapping) else {}
    parts = [whole, *(value for value in whole.values() if isinstance(value, Mapping)), *_find_entries(document)]
    return max(
        parts, key=lambda part: (_code(part) is not None) + any(isinstance(part.get(name), str) for name in _WORDS)
    )


def _code(facts: Mapping[str, Any]) -> str | None:
    code = facts.get("code")
    return scrub(str(code))[:100] if isinstance(code, str | int) and not isinstance(code, bool) else None


def _read_entry(entry: Mapping[str, Any], http_status: int) -> ResponseEntry:
    known = {name: _text(entry.get(wire)) for wire, name in _NAMES.items()}
    extra = {name: value for name, value in entry.items() if name not in _NAMES}
    return ResponseEntry(**known, http_status=http_status, extra=extra)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _describe(facts: Mapping[str, Any]) -> str:
    for name in _WORDS:
        if isinstance(facts.get(name), str):
            return scrub(facts[name])[:500]
    return "the platform gave no reason"


def _named_field(description: str) -> str | None:
    found = _FIELD.search(description)
    return _SPELLING[(found["name"] or found["word"]).casefold()] if found else None


def _rate_limited(http_status: int, headers: Mapping[str, str], facts: Mapping[str, Any]) -> RateLimitedError:
    return RateLimitedError(
        _describe(facts),
        http_status=http_status,
        code=_code(facts),
        retry_after_seconds=_retry_after_seconds(headers),
    )


def _retry_after_seconds(headers: Mapping[str, str]) -> float:
    """Read Retry-After: seconds, or a date counted from the answer's own Date (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value) if value.isdigit() else _seconds_between(headers["date"], value)
    except (KeyError, TypeError, ValueError, OverflowError):
        return _DEFAULT_RETRY_SECONDS
    return min(max(seconds, 0.0), _LONGEST_RETRY_SECONDS)


def _seconds_between(start: str, end: str) -> float:
    return (parsedate_to_datetime(end) - parsedate_to_datetime(start)).total_seconds()

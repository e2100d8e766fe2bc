"""Which column of a log is which field: the spellings that are known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from imilab.numbers import scrub

__all__ = ["CALL_FIELDS", "EVENT_FIELDS", "FIELDS", "TIME_FIELDS", "field_of", "listed", "plain", "propose"]

FIELDS: dict[str, str] = {
    "message_id": "message id, transaction id, trans id, transid, tid, msg id, message uuid, call id, call sid, "
    "webex message id, imi message id, conversation id",
    "correlation_id": "correlation id, corr id, correlator, client reference, client ref id, reference id, request id, "
    "external id, client transaction id",
    "status": "status, delivery status, call status, event, event type, event name, receipt, receipt type, "
    "message status, final status, dr status, disposition, outcome, state, last status",
    "code": "code, error code, reason code, status code, delivery code, err code, response code, dr code, result code, "
    "call code",
    "description": "description, error description, reason, error reason, status description, delivery description, "
    "remarks, error message, status message, comments, error",
    "event_at": "time stamp, time, event time, event at, date time, date, event date, delivered at, delivery time, "
    "receipt time, dr time, delivery timestamp, event timestamp, status time, updated on, updated at, update time, "
    "last updated, log time, created on, created at",
    "requested_at": "requested at, request time, request timestamp, requested on, submitted at, submit time, "
    "submitted on, submission time, submitted time, sent at, sent time, sent on, start time, call start time, "
    "initiated at, initiated time, queued at, request date, requested time",
    "offered_at": "offered at, offered time, offered on, offer time",
    "accepted_at": "accepted at, accepted time, accepted on, ringing at, ring time, ring start time",
    "answered_at": "answered at, answer time, answered time, answered on, call answer time, pick up time, pickup time, "
    "connected at, connect time",
    "ended_at": "ended at, end time, ended time, ended on, call end time, hang up time, hangup time, completed at, "
    "completed time, completion time, disconnect time, disconnected at, released at, release time, done date",
    "msisdn": "msisdn, destination, destination number, destination address, to, to number, to address, recipient, "
    "mobile, mobile number, phone, phone number, called number, called party, dialed number, dialled number, customer, "
    "customer number, b number, receiver",
    "caller_id": "caller id, from, from number, from address, cli, sender, sender id, source, source number, "
    "calling number, calling party, a number, originator, sender address",
    "campaign": "campaign, campaign name, campaign id, job, job name, batch, batch name, service, service name",
    "arm": "arm, variant, test group, ab group, treatment",
    "voice": "voice, voice name, tts voice",
    "voice_type": "voice type, tts voice type",
    "gender": "gender, voice gender",
    "language": "language, locale, tts language, language code",
    "region": "region, voice region",
    "content_type": "content type, message type, media type, type, voice content type",
    "media_id": "media id, prompt id, prompt, audio id, media, audio file, prompt name",
    "text": "text, message, message text, content, tts text, body, message content",
    "callback_data": "callback data, call back data, custom data, custom parameter, user data",
}
"""Each field of a log with the spellings that it is known by; the first column that fits wins."""

TIME_FIELDS = ("event_at", "requested_at", "offered_at", "accepted_at", "answered_at", "ended_at")
"""The fields that hold times."""

_SHARED = ("message_id", "correlation_id", "status", "code", "description", "msisdn", "callback_data")
EVENT_FIELDS = (*_SHARED, "event_at")
"""What a row that is an event tells."""

CALL_FIELDS = (
    *_SHARED,
    *("requested_at", "offered_at", "accepted_at", "answered_at", "ended_at", "campaign", "arm", "caller_id"),
    *("content_type", "media_id", "language", "voice", "voice_type", "gender", "region", "text"),
)
"""What a row that is a call tells."""

_BY_SPELLING = {
    spelling.replace(" ", ""): field for field, spellings in FIELDS.items() for spelling in spellings.split(", ")
} | {field.replace("_", ""): field for field in FIELDS}
_MOST_LISTED, _LONGEST_NAME = 40, 80
_UNITS = re.compile(r"(utc|gmt|ist|local|ms|millis|milliseconds|epoch|sec|seconds)$")


def plain(name: str) -> str:
    """Return a column's name without case, spaces and signs, and without what brackets say of its unit.

    Examples
    --------
    >>> plain(" Event_Time (IST) ")
    'eventtime'
    """
    return re.sub(r"[^0-9a-z]", "", re.sub(r"[(\[].*?[)\]]", "", name).casefold())


def field_of(name: str) -> str | None:
    """Return the field that a column's name spells, None for none that is known.

    Examples
    --------
    >>> field_of("Transaction ID"), field_of("deliveryStatus"), field_of("Shoe size")
    ('message_id', 'status', None)
    """
    short = plain(name)
    return _BY_SPELLING.get(short) or _BY_SPELLING.get(_UNITS.sub("", short))


def listed(names: Iterable[str]) -> str:
    """Return columns' names as they may be told: numbers hidden, long ones cut, not too many.

    A first row that is taken for the header, or a torn line, makes names of what stands in a row.

    Examples
    --------
    >>> listed(["Status", "+12025550123"])
    'Status, +1•••••123'
    """
    hidden = [scrub(name) for name in names]
    cut = [name if len(name) <= _LONGEST_NAME else name[:_LONGEST_NAME] + "…" for name in hidden]
    more = f" and {len(cut) - _MOST_LISTED:,} more" if len(cut) > _MOST_LISTED else ""
    return ", ".join(cut[:_MOST_LISTED]) + more


def propose(names: Sequence[str]) -> dict[str, str]:
    """Return a column for each field that the names spell.

    Of two columns for one field, the one whose spelling stands earlier in `FIELDS` wins.
    """
    ranked = {spelling: rank for rank, spelling in enumerate(_BY_SPELLING)}
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        field = field_of(name)
        if field is None:
            continue
        rank = ranked.get(plain(name), len(ranked))
        if field not in found or rank < found[field][0]:
            found[field] = (rank, name)
    return {field: found[field][1] for field in FIELDS if field in found}

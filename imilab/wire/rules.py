"""The platform's rules for a Make Call body, one function a field. Each names the wire's field in its error."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from imilab.errors import InvalidInputError
from imilab.numbers import is_e164
from imilab.terms import STATUSES

__all__ = [
    "MAX_TEXT_UNITS",
    "check_choice",
    "check_content",
    "check_json",
    "check_msisdn",
    "check_notify_url",
    "check_priority",
    "check_receipts",
    "check_text",
    "is_loopback",
    "optional_text",
    "required_text",
    "shape",
    "text_units",
]

MAX_TEXT_UNITS = 2000
_TTS_FIELDS = ("ttsProcessor", "language", "voice", "region", "text", "voiceType", "gender")
_RECEIPT_NAMES = {status.lower(): status.lower() for status in STATUSES}


def text_units(text: str) -> int:
    """Count a text as the platform does: in UTF-16 code units, so that an emoji counts two.

    The platform's pages say 2000 characters and not which. UTF-16 units are never fewer than code points, so a text
    that fits by this count fits by either.

    Examples
    --------
    >>> text_units("lunch"), text_units("\N{BLACK TELEPHONE}"), text_units("\N{PARTY POPPER}")
    (5, 1, 2)
    """
    return len(text) + sum(character > "\uffff" for character in text)


def shape(value: object) -> str:
    """Describe a wrong value without showing it."""
    if value is None:
        return "missing"
    if isinstance(value, str):
        return f"a text of {len(value)} characters" if value else "an empty text"
    if isinstance(value, Sequence | Mapping):
        return f"a {type(value).__name__} of {len(value)}"
    return f"a value of type {type(value).__name__}"


def check_msisdn(value: object, field: str) -> str:
    """Return a number in E.164 shape: ``+``, no leading zero, 7 to 15 digits."""
    if isinstance(value, str) and is_e164(value):
        return value
    raise InvalidInputError(field, f"{shape(value)}, not E.164; write +, country code and number, digits only")


def optional_text(value: object, field: str) -> str | None:
    """Return a text that UTF-8 can carry, or None."""
    if value is not None and not isinstance(value, str):
        raise InvalidInputError(field, f"{shape(value)}; give a text or leave it out")
    return None if value is None else _encodable(value, field)


def required_text(value: object, field: str) -> str:
    """Return a text that is not blank and that UTF-8 can carry."""
    if isinstance(value, str) and value.strip():
        return _encodable(value, field)
    raise InvalidInputError(field, f"{shape(value)}; it is required")


def _encodable(text: str, field: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidInputError(field, "holds half of a surrogate pair, which no encoding can carry; remove it")
    return text


def check_json(value: object, field: str) -> None:
    """Refuse what JSON cannot carry."""
    try:
        orjson.dumps(value)
    except (TypeError, RecursionError):  # orjson's own error is a TypeError
        raise InvalidInputError(
            field, f"{shape(value)} with something in it that JSON cannot carry; give texts, numbers, lists and objects"
        ) from None


def check_choice(value: object, field: str, choices: Sequence[str]) -> str:
    """Return the platform's spelling of a word given in any case."""
    if isinstance(value, str):
        for choice in choices:
            if value.casefold() == choice.casefold():
                return choice
    raise InvalidInputError(field, f"{shape(value)}; give one of {', '.join(choices)}")


def check_text(value: object) -> str:
    """Return a text to speak: not blank, at most 2000 UTF-16 units."""
    text = required_text(value, "content.text")
    units = text_units(text)
    if units > MAX_TEXT_UNITS:
        raise InvalidInputError("content.text", f"{units} characters (UTF-16 units); at most {MAX_TEXT_UNITS}")
    return text


def check_content(value: object) -> dict[str, str]:
    """Return the content with the platform's spelling of type, processor and voice type."""
    if not isinstance(value, Mapping):
        raise InvalidInputError("content", f"{shape(value)}; give an object with a type")
    kind = check_choice(value.get("type"), "content.type", ("media", "TTS"))
    if kind == "media":
        return {"type": kind, **_media_content(value)}
    return {"type": kind, **_tts_content(value)}


def _media_content(value: Mapping[str, Any]) -> dict[str, str]:
    for name in _TTS_FIELDS:
        if value.get(name) is not None:
            raise InvalidInputError(f"content.{name}", "goes with content.type TTS only; leave it out for media")
    return {"mediaId": required_text(value.get("mediaId"), "content.mediaId")}


def _tts_content(value: Mapping[str, Any]) -> dict[str, str]:
    if value.get("mediaId") is not None:
        raise InvalidInputError("content.mediaId", "goes with content.type media only; leave it out for TTS")
    return {
        "ttsProcessor": check_choice(value.get("ttsProcessor"), "content.ttsProcessor", ("Azure",)),
        "language": required_text(value.get("language"), "content.language"),
        "voice": required_text(value.get("voice"), "content.voice"),
        "region": required_text(value.get("region"), "content.region"),
        "text": check_text(value.get("text")),
        "voiceType": check_choice(value.get("voiceType"), "content.voiceType", ("standard", "neural")),
        "gender": required_text(value.get("gender"), "content.gender"),
    }


def check_priority(value: object) -> int | None:
    """Return 1 (low), 2 (medium), 3 (high) or None."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 3):
        return value
    raise InvalidInputError("priority", f"{shape(value)}; give 1 (low), 2 (medium) or 3 (high)")


def check_notify_url(value: object) -> str | None:
    """Return an https URL, or an http one on the loopback interface, or None."""
    if value is None:
        return None
    url = required_text(value, "notifyUrl")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in {"http", "https"} or " " in url or not url.isprintable():
        raise InvalidInputError("notifyUrl", f"{shape(value)} that is no URL; give https://host/path")
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidInputError("notifyUrl", "http beyond this machine; receipts hold phone numbers, so give https")
    return url


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_receipts(value: object) -> tuple[str, ...]:
    """Return receipt names in the wire's lower case, each once, in the order given."""
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidInputError("requestedReceipts", f"{shape(value)}; give a list of receipt names")
    names: dict[str, None] = {}
    for item in value:
        key = item.strip().lower().replace("_", " ") if isinstance(item, str) else ""
        if key not in _RECEIPT_NAMES:
            raise InvalidInputError("requestedReceipts", f"{shape(item)}; known are {', '.join(_RECEIPT_NAMES)}")
        names[key] = None
    return tuple(names)

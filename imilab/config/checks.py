"""Checks of single settings: each takes a value and returns it as it is kept, or raises `ValueError`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from imilab.errors import InvalidInputError
from imilab.numbers import is_e164
from imilab.wire.rules import check_notify_url, check_receipts, is_loopback

__all__ = [
    "check_allow_list",
    "check_base_url",
    "check_caller_id",
    "check_contact_policy",
    "check_countries",
    "check_country_zones",
    "check_hub_secret",
    "check_number_key",
    "check_number_types",
    "check_prices",
    "check_receipt_names",
    "check_receipts_url",
    "check_secret",
    "check_zone",
]

NUMBER_TYPES = ("mobile", "fixed_line", "fixed_line_or_mobile")

_URL = re.compile(r"(https?)://(\[[0-9a-f:]+\]|[\w.-]+)(?::([0-9]{1,5}))?(/[\w./-]*)?", re.ASCII)
_NUMBER_KEY_BYTES = 32
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_ANY_COUNTRY = "*"

T = TypeVar("T")


def check_base_url(value: str | None) -> str | None:
    """Return the platform's URL without a slash at its end; http only to this machine."""
    if value is None:
        return None
    match = _URL.fullmatch(value)
    if not match or int(match[3] or 443) > 65535:
        raise ValueError("not a URL like https://api.us.webexconnect.io")
    if match[1] == "http" and not is_loopback(match[2].strip("[]")):
        raise ValueError("http would send the key in the clear; give https")
    return value.rstrip("/")


def check_secret(value: SecretStr | None) -> SecretStr | None:
    """Return a secret that a header can carry."""
    if value is not None:
        text = value.get_secret_value()
        if not text or not text.isascii() or not text.isprintable() or text != text.strip():
            raise ValueError("empty, or holds spaces or characters that no header can carry")
    return value


def check_hub_secret(value: SecretStr | None) -> SecretStr | None:
    """Return a secret that signs; no header carries it, so it may hold spaces and letters of any language."""
    if value is not None:
        text = value.get_secret_value()
        if not text or not text.isprintable() or text != text.strip():
            raise ValueError("empty, or begins or ends with a space, or holds a control character")
    return value


def check_number_key(value: SecretStr | None) -> SecretStr | None:
    """Return a key of the number hashes, hex."""
    if value is not None and not re.fullmatch(rf"([0-9A-Fa-f]{{2}}){{{_NUMBER_KEY_BYTES},}}", value.get_secret_value()):
        raise ValueError(f"not {_NUMBER_KEY_BYTES} or more bytes in hex")
    return value


def check_caller_id(value: str | None) -> str | None:
    """Return a number in E.164."""
    if value is not None and not is_e164(value):
        raise ValueError("not E.164; write +, country code and number, digits only")
    return value


def check_receipts_url(value: str | None) -> str | None:
    """Return a URL to which the platform may send receipts."""
    _as_value_error(check_notify_url, value)
    return value


def check_receipt_names(value: object) -> tuple[str, ...]:
    """Return names of receipts."""
    return _as_value_error(check_receipts, _split(value))


def check_allow_list(value: object) -> tuple[object, ...]:
    """Return numbers in E.164 and keyed hashes."""
    numbers = _split(value)
    wrong = sum(not (isinstance(one, str) and (is_e164(one) or _HASH.fullmatch(one))) for one in numbers)
    if wrong:
        raise ValueError(f"{wrong} of {len(numbers)} entries are neither E.164 numbers nor keyed hashes")
    return numbers


def check_countries(value: object) -> tuple[str, ...]:
    """Return ISO 3166 codes in upper case."""
    countries = tuple(str(country).upper() for country in _split(value))
    if not all(map(_is_country, countries)):
        raise ValueError("not ISO 3166 codes; write GB,US,IN and so on")
    return countries


def check_country_zones(value: object) -> dict[str, tuple[str, ...]]:
    """Return zones by country, from a mapping or a text such as ``JM=America/Jamaica, US=America/New_York EST5EDT``."""
    pairs = dict(_pair(part) for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    zones = {str(country).upper(): _zones(names) for country, names in _mapping(pairs).items()}
    if not all(map(_is_country, zones)):
        raise ValueError("a country that is no ISO 3166 code; write JM=America/Jamaica")
    return zones


def check_number_types(value: object) -> tuple[object, ...]:
    """Return kinds of numbers that may be called."""
    types = _split(value)
    if not types or any(kind not in NUMBER_TYPES for kind in types):
        raise ValueError(f"not of {', '.join(NUMBER_TYPES)}")
    return types


def check_prices(value: object) -> dict[str, Decimal]:
    """Return prices by country, ``*`` for every other one, from a mapping or a text such as ``GB=0.012, *=0.03``."""
    pairs = dict(_pair(part) for part in value.split(",") if part.strip()) if isinstance(value, str) else value
    try:
        prices = {str(country).upper(): Decimal(str(price)) for country, price in _mapping(pairs).items()}
    except InvalidOperation:
        raise ValueError("a price that is no number; write GB=0.012, *=0.03") from None
    if not all(country == _ANY_COUNTRY or _is_country(country) for country in prices):
        raise ValueError("a country that is no ISO 3166 code; write GB, US and so on, or * for every other one")
    if any(not price.is_finite() or price < 0 for price in prices.values()):
        raise ValueError("a price below 0, or not finite; give prices such as 0.012")
    return prices


def check_contact_policy(value: object) -> dict[str, object] | None:
    """Return the platform's ``contactPolicy``, from a mapping or its JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError('not JSON; write {"contactPolicyGroup": "..."}') from None
    return None if value is None else _mapping(value)


def check_zone(value: str | None) -> str | None:
    """Return an IANA zone's name."""
    try:
        return None if value is None else ZoneInfo(value).key
    except (KeyError, ValueError, OSError):
        raise ValueError("not an IANA zone like Asia/Kolkata") from None


def _zones(names: object) -> tuple[str, ...]:
    zones = names.split() if isinstance(names, str) else names
    if not isinstance(zones, list | tuple) or not zones or not all(isinstance(zone, str) for zone in zones):
        raise ValueError("a country without its zones; write JM=America/Jamaica, several with spaces between them")
    return tuple(str(check_zone(zone)) for zone in zones)


def _mapping(value: object) -> dict[str, object]:
    if isinstance(value, Mapping):
        return dict(value)
    raise ValueError("not a mapping of names to values")


def _pair(part: str) -> tuple[str, str]:
    country, _, price = part.partition("=")
    return country.strip(), price.strip()


def _is_country(country: str) -> bool:
    from phonenumbers import SUPPORTED_REGIONS

    return bool(_COUNTRY.fullmatch(country)) and country in SUPPORTED_REGIONS


def _split(value: object) -> tuple[object, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError("not a list, nor a text with commas")


def _as_value_error(check: Callable[[object], T], value: object) -> T:
    try:
        return check(value)
    except InvalidInputError as problem:
        raise ValueError(str(problem).removeprefix(f"{problem.field}: ")) from None

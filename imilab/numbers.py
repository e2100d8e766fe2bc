"""Phone numbers: their shape, their mask, their key for joins, and what is known about them without a call."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from functools import cache, lru_cache

from imilab.errors import InvalidInputError

__all__ = [
    "NumberFacts",
    "calling_codes",
    "canonical_number",
    "describe_number",
    "is_e164",
    "mask",
    "number_key",
    "scrub",
]

_BULLETS = "•" * 5
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_MASKED = re.compile(rf"\+[1-9]\d{{0,2}}{_BULLETS}\d{{3}}", re.ASCII)
# Fewer hidden digits could be guessed by trying them.
_FEWEST_HIDDEN = 4

_GAP = r"[ \t\u00a0\u2009\u202f().\-\u2010-\u2015/]"
_SCRUBBED = re.compile(
    rf"""
    (?P<id> (?<![0-9a-z]) [0-9a-f]{{8}} (?:-[0-9a-f]{{4}}){{3}} - [0-9a-f]{{12}} (?![0-9a-z])   # a UUID
          | (?<![0-9a-z]) (?=[0-9]*[a-f]) [0-9a-f]{{16,}} (?![0-9a-z])                    # a long hexadecimal id
          | (?<!\d) \d{{18,}} )                                                           # longer than any number
    | (?P<plus> \+ \d (?: {_GAP}{{0,3}} \d ){{6,}} )
    | (?<!\d) (?: 1{_GAP} )? \(? \d{{3}} {_GAP}{{1,2}} \d{{3}} {_GAP} \d{{4}} (?!\d)        # North American groups
    | (?<![\w.-]) \(? 0\d{{1,5}} (?: {_GAP}{{1,3}} \d{{2,}} ){{1,4}} (?!\d)                 # other national groups
    | (?<!\d) \d{{7,17}} (?!\d)
    """,
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True)
class NumberFacts:
    """What a number's digits say.

    Attributes
    ----------
    country : str or None
        ISO 3166 region such as ``GB``; ``001`` for satellite and other worldwide numbers; None where unknown.
    number_type : str or None
        ``mobile``, ``fixed_line``, ``fixed_line_or_mobile``, ``toll_free``, ``premium_rate``, ``shared_cost``,
        ``voip``, ``personal_number``, ``pager``, ``uan`` or ``voicemail``; None where the number is not a valid one.
    """

    country: str | None
    number_type: str | None


def is_e164(text: str) -> bool:
    """Say whether a text has the shape of an E.164 number: a plus and 7 to 15 ASCII digits, the first not 0.

    Examples
    --------
    >>> is_e164("+12025550123"), is_e164("12025550123"), is_e164("+1 202 555 0123")
    (True, False, False)
    """
    return _E164.fullmatch(text) is not None


def canonical_number(msisdn: str) -> str | None:
    """Return the one spelling under which a number is known, or None where it is no number.

    Two texts of E.164's shape may lead to one phone: ``+44`` and the national number with its leading 0, for example.
    Whoever counts calls per number, or looks one up in a list, compares canonical spellings.

    Examples
    --------
    >>> canonical_number("+12025550123")
    '+12025550123'
    >>> canonical_number("2025550123") is None
    True
    """
    import phonenumbers

    if not is_e164(msisdn):
        return None
    try:
        number = phonenumbers.parse(msisdn)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mask(msisdn: str) -> str:
    """Hide a number: its country calling code, five bullets, its last three digits.

    There are five bullets whatever the length. A text that is not an E.164 number of an existing calling code, and a
    number too short to hide four digits, becomes bullets alone. A masked number stays as it is.

    Examples
    --------
    >>> mask("+12025550123")
    '+1•••••123'
    >>> mask("2025550123")
    '•••••'
    """
    if _MASKED.fullmatch(msisdn):
        return msisdn
    if not is_e164(msisdn):
        return _BULLETS
    calling_code = next((msisdn[1:end] for end in (2, 3, 4) if msisdn[1:end] in calling_codes()), None)
    if calling_code is None or len(msisdn) - 1 - len(calling_code) - 3 < _FEWEST_HIDDEN:
        return _BULLETS
    return f"+{calling_code}{_BULLETS}{msisdn[-3:]}"


@cache
def calling_codes() -> frozenset[str]:
    """Return the country calling codes that exist, without the plus."""
    import phonenumbers

    return frozenset(str(code) for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def number_key(msisdn: str, key: bytes) -> str:
    """Return the safe join key of a number: HMAC-SHA256 of its text, 64 hexadecimal digits.

    A plain hash of a number is reversed by trying all numbers; this one cannot be without the key.

    Parameters
    ----------
    msisdn : str
        In E.164, as one number in two spellings has two keys.
    key : bytes
        The project's secret; not empty.

    Raises
    ------
    InvalidInputError
        The key is empty.

    Examples
    --------
    >>> number_key("+12025550123", b"a key of the docs")[:16]
    '1674abd972f207ad'
    """
    if not key:
        raise InvalidInputError("key", "empty; give the project's number key")
    return hmac.digest(key, msisdn.encode(), "sha256").hex()


@lru_cache(maxsize=100_000)
def describe_number(msisdn: str) -> NumberFacts:
    """Say which country a number belongs to and what kind it is. Nothing is looked up online.

    Parameters
    ----------
    msisdn : str
        In E.164; any other text has unknown facts.

    Examples
    --------
    >>> describe_number("+12025550123")
    NumberFacts(country='US', number_type='fixed_line_or_mobile')
    >>> describe_number("no number")
    NumberFacts(country=None, number_type=None)
    """
    import phonenumbers

    if not is_e164(msisdn):
        return NumberFacts(None, None)
    try:
        number = phonenumbers.parse(msisdn)
    except phonenumbers.NumberParseException:
        return NumberFacts(None, None)
    kind = phonenumbers.number_type(number)
    known = kind != phonenumbers.PhoneNumberType.UNKNOWN
    return NumberFacts(
        country=phonenumbers.region_code_for_number(number),
        number_type=phonenumbers.PhoneNumberType.to_string(kind).lower() if known else None,
    )


def scrub(text: str) -> str:
    """Mask whatever looks like a phone number in free text, such as the platform's descriptions.

    Seven or more digits in a row do, and groups of digits in the usual spellings. UUIDs, long hexadecimal ids and runs
    of 18 digits or more are left as they are.

    Examples
    --------
    >>> scrub("to.msisdn: +1 202-555-0123 is not reachable (code 7404)")
    'to.msisdn: +1•••••123 is not reachable (code 7404)'
    >>> scrub("message 5f0c2f0e-8a41-4b6c-9d0e-426614174000 to 12025550123")
    'message 5f0c2f0e-8a41-4b6c-9d0e-426614174000 to •••••'
    """
    return _SCRUBBED.sub(_scrubbed, text) if sum(map(str.isdigit, text)) >= 7 else text


def _scrubbed(match: re.Match[str]) -> str:
    found = match[0]
    if match["id"]:
        return found
    digits = re.sub(r"\D", "", found)
    if len(digits) < 7:
        return found
    return mask(f"+{digits}") if match["plus"] else _BULLETS

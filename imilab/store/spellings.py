"""Every way in which one number may be written, so that it can be found and taken out."""

from __future__ import annotations

import re
from functools import cached_property

from imilab.errors import InvalidInputError
from imilab.numbers import canonical_number

__all__ = ["Spellings", "canonical_of"]

_BULLETS = "•" * 5
_OTHER_ZEROS = "０٠۰०"
"""The zeros of other scripts; their other digits follow them."""
# What may stand between two digits: signs and spaces in any encoding, JSON's and URLs' escapes of them.
_GAP = r"(?:\\u[0-9A-Fa-f]{4}|%(?:2[0-9A-F]|[CE][0-9A-F]|[89AB][0-9A-F])|&[a-z]{2,6};|[^0-9A-Za-z,;\"'{}\[\]]){0,8}?"
_INTERNATIONAL = re.compile(r"\s*(?:tel:)?\s*\(?\s*(?:[+＋]|00)", re.IGNORECASE)
_START = r"(?:(?<![0-9])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
_END = r"(?![0-9])"
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))
_FEWEST_NATIONAL = 7  # shorter ones stand in any text by chance


def canonical_of(text: str) -> str | None:
    """Return the one spelling in E.164 of a number with its country code, however it is written, or None.

    Examples
    --------
    >>> canonical_of("+1 (202) 555-0123"), canonical_of("0012025550123"), canonical_of("12025550123")
    ('+12025550123', '+12025550123', '+12025550123')
    >>> canonical_of("no number") is None
    True
    """
    digits = re.sub(r"\D", "", _ascii_digits(text)).lstrip("0")
    return canonical_number("+" + digits)


def _ascii_digits(text: str) -> str:
    return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in text)


class Spellings:
    """The spellings of one number.

    Parameters
    ----------
    msisdn : str
        Beginning with ``+`` or ``00`` and its country code, written in any way.

    Attributes
    ----------
    canonical : str
        In E.164.

    Raises
    ------
    InvalidInputError
        It is no number of any country.

    Examples
    --------
    >>> Spellings("+1 202-555-0123").redact("Ring 202 555 0123 or %2B12025550123.")
    'Ring ••••• or •••••.'
    """

    def __init__(self, msisdn: object) -> None:
        import phonenumbers

        # Without a sign of it, a number typed as at home would be taken for one of another country.
        begins = isinstance(msisdn, str) and _INTERNATIONAL.match(msisdn) is not None
        canonical = canonical_of(str(msisdn)) if begins else None
        if canonical is None:
            raise InvalidInputError("msisdn", "no number of any country; write +, country code and number")
        number = phonenumbers.parse(canonical)
        self.canonical = canonical
        self._code = str(number.country_code)
        self._national = phonenumbers.national_significant_number(number)

    def __repr__(self) -> str:
        return "Spellings(of one number)"

    def names(self, msisdn: str) -> bool:
        """Say whether a column of numbers holds this one: with its country code, or in doubt without."""
        if not self._may_hold(msisdn.encode("utf-8", "surrogateescape")):
            return False
        return canonical_of(msisdn) == self.canonical or self._anywhere.search(msisdn) is not None

    def redact(self, text: str, instead: str = _BULLETS) -> str:
        """Return a text without the number."""
        if not self._may_hold(text.encode("utf-8", "surrogateescape")):
            return text
        return self._anywhere.sub(instead, text)

    def redact_id(self, text: str, instead: str) -> str:
        """Return an id without the number; the national number alone is left, as any id may hold such digits."""
        return self._with_code.sub(instead, text)

    def redact_bytes(self, raw: bytes) -> bytes:
        """Return a body without the number; in any encoding that holds ASCII digits as they are."""
        if not self._may_hold(raw):
            return raw
        text = raw.decode("utf-8", "surrogateescape")
        clean = self._anywhere.sub(_BULLETS, text)
        return raw if clean == text else clean.encode("utf-8", "surrogateescape")

    def _may_hold(self, raw: bytes) -> bool:
        """Rule out quickly what holds the number in no spelling."""
        if self._national.encode() in raw.translate(None, _NO_DIGITS):
            return True
        return not raw.isascii() or b"\\u" in raw or b"%" in raw

    @cached_property
    def _with_code(self) -> re.Pattern[str]:
        return re.compile(self._international)

    @cached_property
    def _anywhere(self) -> re.Pattern[str]:
        if len(self._national) < _FEWEST_NATIONAL:
            return self._with_code
        return re.compile(rf"{self._international}|{_START}(?:0{_GAP})?{_spaced(self._national)}{_END}")

    @property
    def _international(self) -> str:
        sign = r"(?:\+|\\u002[bB]|%2[bB]|00)"
        trunk = rf"(?:\(?0\)?{_GAP})?"
        return rf"(?:{sign}|{_START}){_spaced(self._code)}{_GAP}{trunk}{_spaced(self._national)}{_END}"


def _spaced(digits: str) -> str:
    return _GAP.join(map(_digit, digits))


def _digit(digit: str) -> str:
    """Match a digit in any script, and escaped."""
    signs = [digit, *(chr(ord(zero) + int(digit)) for zero in _OTHER_ZEROS)]
    in_json = (rf"\\u{ord(sign):04x}" for sign in signs)
    in_urls = ("".join(f"%{byte:02x}" for byte in sign.encode()) for sign in signs)
    return f"(?:[{''.join(signs)}]|(?i:{'|'.join((*in_json, *in_urls))}))"

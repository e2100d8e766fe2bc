"""Which numbers may be called at all: valid ones, of an allowed country, that belong to a person's phone. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from imilab.errors import InvalidInputError
from imilab.numbers import canonical_number, is_e164

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

__all__ = ["CALLABLE_TYPES", "Eligibility", "canonical_number"]

CALLABLE_TYPES = ("mobile", "fixed_line", "fixed_line_or_mobile")
"""The types that can be allowed. VoIP cannot: the metadata files satellite phones of Australia (014) under it."""

_FICTION = re.compile(r"\+1[2-9]\d{2}55501\d{2}", re.ASCII)
_WORLDWIDE = "001"
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)

# Ranges inside of national plans, which the metadata types as mobile: by its own table of carriers Globalstar and
# Airbus in France and Pivotel in Australia, by the national plans GlobalTel in Russia and ByRU in Indonesia.
_SATELLITE_RANGES = (
    *("+3363800", "+336400", "+3365661", "+3375076", "+3375077"),
    *("+614201", "+614800", "+614808", "+614858", "+614899"),
    *("+7954", "+62868"),
)

_ALWAYS_REFUSED = {
    "PREMIUM_RATE": "a premium-rate number",
    "SHARED_COST": "a shared-cost number",
    "TOLL_FREE": "a toll-free number, which the called side pays for",
    "VOIP": "a VoIP number, whose range satellite phones share",
    "PERSONAL_NUMBER": "a personal number, which leads on at an unknown price",
    "PAGER": "a pager",
    "UAN": "a company-wide number (UAN)",
    "VOICEMAIL": "a voicemail access number",
    "UNKNOWN": "of no known type",
}


class Eligibility:
    """The rule for numbers, from their digits alone; nothing is looked up online.

    Parameters
    ----------
    countries : collection of str or None
        ISO 3166 codes such as ``GB`` whose numbers may be called; empty allows none, None every country.
    types : collection of str
        Of `CALLABLE_TYPES`. Premium-rate, shared-cost, toll-free, VoIP, personal, pager, UAN, voicemail, emergency,
        short, satellite and worldwide numbers (+800, +808, +870, +878, +881, +882, +883, +888, +979) are refused
        whatever is given here.
    fiction : bool
        Whether +1 NPA 555 0100 to 0199, which phonenumbers takes for valid, may be called: on the embedded platform
        only. They are reserved for fiction, so on a real one a call there is a mistake.

    Raises
    ------
    InvalidInputError
        A country or a type that does not exist.

    Examples
    --------
    >>> rule = Eligibility({"US"}, fiction=True)
    >>> rule.refusal("+12025550123") is None
    True
    >>> Eligibility({"US"}).refusal("+12025550123")
    'reserved for fiction (555-0100 to 555-0199), so nobody can be called there'
    >>> rule.refusal("+19005550123")
    'a premium-rate number; such numbers are always refused'
    """

    def __init__(
        self, countries: Collection[str] | None, types: Collection[str] = CALLABLE_TYPES, *, fiction: bool = False
    ) -> None:
        if isinstance(countries, str) or isinstance(types, str):
            raise InvalidInputError("countries, types", "one text; give a list, such as ['GB', 'US']")
        wrong = [kind for kind in types if kind not in CALLABLE_TYPES]
        if wrong:
            raise InvalidInputError(
                "types", f"{', '.join(wrong)} cannot be allowed; give of {', '.join(CALLABLE_TYPES)}"
            )
        self._countries = None if countries is None else frozenset(map(_country, countries))
        self._types = frozenset(types)
        self._fiction = fiction

    def refusal(self, msisdn: str) -> str | None:
        """Return why a number may not be called, in words that do not hold it, or None where it may."""
        import phonenumbers

        if not is_e164(msisdn):
            return "not E.164: write +, country code and number, digits only"
        try:
            number = phonenumbers.parse(msisdn)
        except phonenumbers.NumberParseException:
            return "no country has this calling code, or the number is too short for it"
        if number.country_code in phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS:
            return (
                f"a worldwide number (+{number.country_code}: satellite, shared cost, premium rate and the like),"
                " which is always refused"
            )
        if _is_short(number):
            return "an emergency or short number, which is always refused"
        if not phonenumbers.is_valid_number(number):
            return "not a valid number of its country: no such range, or too few or too many digits"
        if phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) != msisdn:
            return "spelled with a national prefix, so it could be counted as two numbers; leave the prefix out"
        return self._refused_range(msisdn, phonenumbers.number_type(number)) or self._refused_country(
            phonenumbers.region_code_for_number(number)
        )

    def _refused_range(self, msisdn: str, kind: int) -> str | None:
        import phonenumbers

        name = phonenumbers.PhoneNumberType.to_string(kind)
        if name in _ALWAYS_REFUSED:
            return f"{_ALWAYS_REFUSED[name]}; such numbers are always refused"
        if msisdn.startswith(_SATELLITE_RANGES):
            return "a satellite phone, which is always refused"
        if name.lower() not in self._types:
            return f"of type {name.lower()}; allowed are {', '.join(sorted(self._types)) or 'none'}"
        if _FICTION.fullmatch(msisdn) and not self._fiction:
            return "reserved for fiction (555-0100 to 555-0199), so nobody can be called there"
        return None

    def _refused_country(self, country: str | None) -> str | None:
        if country is None or country == _WORLDWIDE:
            return "of no known country"
        if self._countries is None or country in self._countries:
            return None
        allowed = ", ".join(sorted(self._countries)) or "none"
        return f"in {country}, which is not an allowed country; allowed are {allowed}"

    def __repr__(self) -> str:
        countries = "every country" if self._countries is None else ", ".join(sorted(self._countries)) or "no country"
        return f"Eligibility({countries}; {', '.join(sorted(self._types))}{'; fiction' if self._fiction else ''})"


def _is_short(number: PhoneNumber) -> bool:
    """Tell whether a network of the number's country would take its digits for a short or an emergency number."""
    import phonenumbers

    digits = phonenumbers.national_significant_number(number)
    regions = phonenumbers.region_codes_for_country_code(number.country_code or 0)
    return phonenumbers.is_valid_short_number(number) or any(
        phonenumbers.is_emergency_number(digits, region) for region in regions
    )


def _country(code: str) -> str:
    import phonenumbers

    upper = str(code).upper()
    if not _COUNTRY.fullmatch(upper) or upper not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInputError("countries", "not an ISO 3166 code that has phone numbers; write GB, US, IN and so on")
    return upper

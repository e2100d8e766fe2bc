"""Names that people give: campaigns, arms, strata, callback data. A date or an id may stand in one, but no number."""

from __future__ import annotations

import re

from imilab.errors import InvalidInputError
from imilab.numbers import describe_number, mask

__all__ = ["check_name", "hide_in_name"]

_GAP = r"[ \t\u00a0\u2009\u202f().\-\u2010-\u2015/]"
_NUMBER = re.compile(
    rf"""
    (?P<uuid> (?<![0-9a-z]) [0-9a-f]{{8}} (?:-[0-9a-f]{{4}}){{3}} - [0-9a-f]{{12}} (?![0-9a-z]) )
    | \+ (?P<plus> \d (?: {_GAP}{{0,3}} \d ){{6,}} )
    | (?<![0-9a-z]) (?P<bare> \d{{9,15}} ) (?![0-9a-z])
    """,
    re.VERBOSE | re.IGNORECASE,
)


def hide_in_name(name: str) -> str:
    """Mask full numbers in a name, and leave the rest as it is, so that two campaigns stay two.

    A number is written with its plus; or its digits, with the country code, are those of a valid number.

    Examples
    --------
    >>> hide_in_name("call +1 202-555-0123"), hide_in_name("call 12025550123"), hide_in_name("lunch 20260715 1200")
    ('call +1•••••123', 'call +1•••••123', 'lunch 20260715 1200')
    """
    return _NUMBER.sub(_hidden, name)


def check_name(name: str, field: str) -> str:
    """Return a name that may be shown.

    Raises
    ------
    InvalidInputError
        It holds a full number.
    """
    if hide_in_name(name) != name:
        raise InvalidInputError(
            field, "holds a phone number, which tables and reports would show; name it by something else"
        )
    return name


def _hidden(match: re.Match[str]) -> str:
    if match["uuid"]:
        return match[0]
    number = "+" + re.sub(r"\D", "", match["plus"] or match["bare"])
    return mask(number) if match["plus"] or describe_number(number).number_type else match[0]

"""Texts with a place for each recipient's own words: ``Hello {first_name}``. Pure.

A placeholder is a name in braces and nothing else: no index, attribute, conversion or format reaches into a value, so
neither a text nor a recipient's data can read what it should not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral

from imilab.errors import InvalidInputError, hides_arguments
from imilab.wire.rules import check_text, required_text

__all__ = ["TextTemplate"]

_PARTS = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}|(?P<wrong>[{}])", re.ASCII)


@dataclass(frozen=True)
class TextTemplate:
    """A text to speak, with placeholders.

    Parameters
    ----------
    text : str
        ``{first_name}`` stands for the recipient's field of that name; ``{{`` and ``}}`` for a brace.

    Raises
    ------
    InvalidInputError
        A brace that belongs to no placeholder, or a text that the platform refuses.

    Examples
    --------
    >>> template = TextTemplate("Hello {first_name}, your table is {{set}}")
    >>> template.fill({"first_name": "Ann"}), template.fields
    ('Hello Ann, your table is {set}', ('first_name',))
    >>> template.refusal({"first_name": ""})
    'first_name: empty; the text needs it'
    """

    text: str

    def __post_init__(self) -> None:
        required_text(self.text, "text")
        for part in _PARTS.finditer(self.text):
            if part["wrong"]:
                raise InvalidInputError(
                    "text",
                    f"a brace at character {part.start() + 1} that belongs to no placeholder; write {{first_name}} for"
                    " a field, {{ or }} for a brace",
                )
        if not self.fields:
            self.fill({})

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """The fields that the text needs, each once, in their order."""
        return tuple(dict.fromkeys(part["name"] for part in _PARTS.finditer(self.text) if part["name"]))

    @hides_arguments
    def fill(self, values: Mapping[str, object]) -> str:
        """Return the text for one recipient.

        Parameters
        ----------
        values : mapping of str to object
            The recipient's fields. Texts and whole numbers can be spoken; anything else, a decimal number or a date,
            has more than one spelling, so give it as a text.

        Raises
        ------
        InvalidInputError
            A field is unknown, missing, empty or cannot be spoken; or the platform refuses the text. The message does
            not hold the value.
        """
        spoken = {name: _spoken(name, values) for name in self.fields}
        return check_text(
            _PARTS.sub(lambda part: spoken[part["name"]] if part["name"] else part["brace"][0], self.text)
        )

    def refusal(self, values: Mapping[str, object]) -> str | None:
        """Return why a recipient cannot be called with this text, or None; see `fill`."""
        try:
            self.fill(values)
        except InvalidInputError as problem:
            return str(problem)
        return None


def _spoken(name: str, values: Mapping[str, object]) -> str:
    if name not in values:
        raise InvalidInputError(name, "the recipient has no such field; the text needs it")
    value = values[name]
    if isinstance(value, str):
        return _clean(name, value.strip())
    if value is None or str(value).lower() in {"nan", "nat", "<na>"}:
        raise InvalidInputError(name, "missing; the text needs it")
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidInputError(name, f"of type {type(value).__name__}; give a text or a whole number")
    return str(int(value))


def _clean(name: str, text: str) -> str:
    if not text:
        raise InvalidInputError(name, "empty; the text needs it")
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise InvalidInputError(name, "holds a control character, such as a line break; remove it")
    return text

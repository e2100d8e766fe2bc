"""What a call plays: a text spoken by an Azure voice, or an uploaded recording."""

from __future__ import annotations

from dataclasses import dataclass, field

from imilab.errors import InvalidInputError
from imilab.terms.voice_catalogue import (
    CATALOGUE_DATE,
    canonical_locale,
    find_voice,
    language_name,
    listed_voice,
    similar_names,
    split_locale,
)

__all__ = ["Media", "Voice"]

_GENDERS = ("Female", "Male", "Neutral")


@dataclass(frozen=True, init=False)
class Voice:
    """An Azure text-to-speech voice, with what the platform wants to know about it.

    The catalogue fills in what is not given; what is given wins. A voice that the catalogue does not list is used as
    it is: `known` is then False and `notes` says so.

    Parameters
    ----------
    name : str
        Azure's full name (``en-GB-RyanNeural``) or, where only one listed voice has it, the short one
        (``RyanNeural``). Case does not matter for listed voices.
    language : str, optional
        Azure locale, such as ``en-GB``. Needed for an unlisted voice whose name does not begin with one.
    gender : str, optional
        ``Female``, ``Male`` or ``Neutral``. Needed for an unlisted voice.
    voice_type : str, optional
        ``neural`` or ``standard``. For an unlisted voice: neural where the name ends in it.
    region : str, optional
        The platform's free label; by default the language's English name.

    Attributes
    ----------
    name : str
        Full Azure name; ``<language>-<short name>`` for an unlisted voice given by its short name.
    short_name : str
        The name without its locale: what goes on the wire.
    language, gender, voice_type, region : str
        As they go on the wire.

    Raises
    ------
    InvalidInputError
        A short name is ambiguous, a needed value is missing, or a value is not one the platform documents.

    Examples
    --------
    >>> Voice("en-IN-NeerjaNeural")
    Voice(name='en-IN-NeerjaNeural', language='en-IN', gender='Female', voice_type='neural', region='English (India)')
    >>> Voice("Apollo", language="en-IN", gender="Female").voice_type
    'standard'
    """

    name: str
    language: str
    gender: str
    voice_type: str
    region: str
    short_name: str = field(init=False, repr=False)

    def __init__(
        self,
        name: str,
        *,
        language: str | None = None,
        gender: str | None = None,
        voice_type: str | None = None,
        region: str | None = None,
    ) -> None:
        given = _text("voice", name)
        spoken = None if language is None else canonical_locale(_text("language", language))
        listed = find_voice(given, spoken)
        if listed:
            full, short, spoken = listed.voice, listed.short_name, spoken or listed.locale
            gender = listed.gender if gender is None else gender
            voice_type = "neural" if voice_type is None else voice_type
        else:
            full, short, spoken = _unlisted_name(given, spoken)
        values = {
            "name": full,
            "short_name": short,
            "language": spoken,
            "gender": _gender(full, gender),
            "voice_type": _voice_type(short, voice_type),
            "region": (language_name(spoken) or spoken) if region is None else _text("region", region),
        }
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @property
    def known(self) -> bool:
        """Whether the catalogue lists this voice."""
        return listed_voice(self.name) is not None

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing before using this voice, one sentence each; empty for an ordinary listed voice.

        Examples
        --------
        >>> for note in Voice("en-GB-RyanNeurall", gender="Male").notes:
        ...     print(note)
        en-GB-RyanNeurall is not in the list of Azure voices of 2025-10-21; it is sent as given.
        Similar names in the list: en-GB-RyanNeural, ...
        """
        notes = []
        listed = listed_voice(self.name)
        if listed is None:
            notes.append(f"{self.name} is not in the list of Azure voices of {CATALOGUE_DATE}; it is sent as given.")
            similar = similar_names(self.name)
            if similar:
                notes.append(f"Similar names in the list: {', '.join(similar)}.")
        else:
            if listed.locale != self.language:
                notes.append(f"{self.name} is listed for {listed.locale}; {self.language} is sent as its language.")
            if listed.preview:
                notes.append(f"{self.name} is a preview at Azure: it may change or go.")
        if self.region == self.language:
            notes.append(f"No English name is known for {self.language}; it is sent as the region. Give region=...")
        return tuple(notes)


@dataclass(frozen=True)
class Media:
    """A recording that was uploaded to the platform.

    Parameters
    ----------
    media_id : str
        The id that the platform shows for it; not empty.

    Raises
    ------
    InvalidInputError
        The id is not text, or empty.

    Examples
    --------
    >>> Media("12345")
    Media(media_id='12345')
    """

    media_id: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "media_id", _text("media_id", self.media_id))


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidInputError(name, f"a {type(value).__name__}; give text")
    stripped = value.strip()
    if not stripped or not stripped.isprintable():
        raise InvalidInputError(name, "empty or with control characters; give one line of text")
    return stripped


def _unlisted_name(given: str, language: str | None) -> tuple[str, str, str]:
    """Return the full name, the short name and the language of a voice that the catalogue does not list."""
    locale, short = split_locale(given)
    spoken = language or locale
    if spoken is None:
        similar = similar_names(given)
        hint = f" Did you mean {' or '.join(similar)}?" if similar else ""
        raise InvalidInputError(
            "language", f"{given!r} is not a listed voice, so its language is not known; give language='en-GB'.{hint}"
        )
    return f"{locale or spoken}-{short}", short, spoken


def _gender(full_name: str, given: str | None) -> str:
    if given is None:
        raise InvalidInputError(
            "gender",
            f"{full_name} is not a listed voice, so its gender is not known; give one of {', '.join(_GENDERS)}",
        )
    found = _text("gender", given).title()
    if found not in _GENDERS:
        raise InvalidInputError("gender", f"{given!r} is not one of {', '.join(_GENDERS)}")
    return found


def _voice_type(short_name: str, given: str | None) -> str:
    if given is None:
        return "neural" if short_name.lower().endswith("neural") else "standard"
    # Azure's own types ("Neural HD") are all neural to the platform, which knows only the two.
    found = _text("voice_type", given).lower().split()[0]
    if found not in {"neural", "standard"}:
        raise InvalidInputError("voice_type", f"{given!r} is neither 'neural' nor 'standard'")
    return found

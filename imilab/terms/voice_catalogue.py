"""The Azure voices that imilab knows: `voices.csv`. Hints, not a gate: any other voice can be used as well.

The list is Microsoft's, from its documentation of Azure AI Speech: github.com/MicrosoftDocs/azure-ai-docs at commit
31c50ba110d5cae14a227ad610b537c5accbeafe, articles/ai-services/speech-service/includes/language-support/tts.md, dated
2025-10-21. The English names of the locales are Babel's (Unicode CLDR). `.ci/make_voices.py` writes the file.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from imilab.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CATALOGUE_DATE",
    "CatalogueVoice",
    "canonical_locale",
    "find_voice",
    "language_name",
    "listed_voice",
    "similar_names",
    "split_locale",
    "voices",
]

CATALOGUE_DATE = "2025-10-21"
"""The date of Microsoft's list."""

_LOCALE = re.compile(r"([a-z]{2,3})(-[a-z]{4})?(-(?:[a-z]{2}|[0-9]{3}))(-[a-z0-9]{2,8})*", re.ASCII | re.IGNORECASE)
_PREFIX = re.compile(r"([a-z]{2,3}(?:-[a-z]{4})?-(?:[a-z]{2}|[0-9]{3}))-(.+)", re.ASCII | re.IGNORECASE)


class CatalogueVoice(NamedTuple):
    """One row of the catalogue; the fields are the columns of `voices`."""

    locale: str
    language_name: str
    voice: str
    short_name: str
    gender: str
    voice_type: str
    child: bool
    preview: bool


@cache
def _catalogue() -> tuple[CatalogueVoice, ...]:
    with Path(__file__).with_name("voices.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            CatalogueVoice(
                **{name: row[name] for name in CatalogueVoice._fields[:-2]},
                child=row["child"] == "yes",
                preview=row["preview"] == "yes",
            )
            for row in csv.DictReader(file)
        )


@cache
def _by_name() -> Mapping[str, CatalogueVoice]:
    return MappingProxyType({entry.voice.lower(): entry for entry in _catalogue()})


@cache
def _by_short_name() -> Mapping[str, tuple[CatalogueVoice, ...]]:
    groups: dict[str, tuple[CatalogueVoice, ...]] = {}
    for entry in _catalogue():
        key = entry.short_name.lower()
        groups[key] = (*groups.get(key, ()), entry)
    return MappingProxyType(groups)


@cache
def _locales() -> Mapping[str, CatalogueVoice]:
    return MappingProxyType({entry.locale.lower(): entry for entry in _catalogue()})


def listed_voice(name: str) -> CatalogueVoice | None:
    """Return the row of a full Azure name, in any case; None where the catalogue has none."""
    return _by_name().get(name.lower())


def find_voice(name: str, locale: str | None = None) -> CatalogueVoice | None:
    """Find a voice by its full name, or by its short name where that is not ambiguous.

    Parameters
    ----------
    name : str
        Such as ``en-GB-RyanNeural`` or ``RyanNeural``, in any case.
    locale : str, optional
        Chooses among the voices of one short name.

    Returns
    -------
    CatalogueVoice or None
        None where the catalogue has no such voice.

    Raises
    ------
    InvalidInputError
        Several voices have this short name; the message lists their full names.

    Examples
    --------
    >>> find_voice("ryanneural").voice
    'en-GB-RyanNeural'
    >>> find_voice("AaravNeural", "hi-IN").voice
    'hi-IN-AaravNeural'
    """
    listed = listed_voice(name)
    if listed:
        return listed
    candidates = _by_short_name().get(name.lower(), ())
    candidates = tuple(entry for entry in candidates if entry.locale == locale) or candidates
    if len(candidates) > 1:
        shown = ", ".join(entry.voice for entry in candidates[:5]) + (", ..." if len(candidates) > 5 else "")
        raise InvalidInputError("voice", f"{name!r} is the short name of several voices; give one of {shown}")
    return candidates[0] if candidates else None


def similar_names(name: str, limit: int = 3) -> tuple[str, ...]:
    """Return full names of listed voices whose full or short name is close to `name`, the closest first."""
    full = difflib.get_close_matches(name.lower(), _by_name(), n=limit, cutoff=0.8)
    if full:
        return tuple(_by_name()[key].voice for key in full)
    short = difflib.get_close_matches(split_locale(name)[1].lower(), _by_short_name(), n=limit, cutoff=0.7)
    return tuple(entry.voice for key in short for entry in _by_short_name()[key])[:limit]


def canonical_locale(text: str) -> str:
    """Return a locale in the platform's spelling.

    Examples
    --------
    >>> canonical_locale("EN-US"), canonical_locale("iu_cans_ca"), canonical_locale("en-jm")
    ('en-US', 'iu-Cans-CA', 'en-JM')
    """
    dashed = text.strip().replace("_", "-")
    listed = _locales().get(dashed.lower())
    if listed:
        return listed.locale
    if not _LOCALE.fullmatch(dashed):
        raise InvalidInputError("language", f"{text!r} is not an Azure locale; give one such as 'en-GB'")
    language, *others = dashed.lower().split("-")
    return "-".join([language, *(part.title() if len(part) == 4 else part.upper() for part in others[:2]), *others[2:]])


def split_locale(name: str) -> tuple[str | None, str]:
    """Split a full name into its locale, None where it begins with none, and the short name.

    Examples
    --------
    >>> split_locale("zh-cn-sichuan-FooNeural"), split_locale("en-us-foo:BarNeural"), split_locale("Apollo")
    (('zh-CN-sichuan', 'FooNeural'), ('en-US', 'foo:BarNeural'), (None, 'Apollo'))
    """
    lowered = name.lower()
    listed = max((key for key in _locales() if lowered.startswith(f"{key}-")), key=len, default="")
    if listed and len(name) > len(listed) + 1:
        return _locales()[listed].locale, name[len(listed) + 1 :]
    match = _PREFIX.fullmatch(name)
    return (canonical_locale(match[1]), match[2]) if match else (None, name)


def language_name(locale: str) -> str | None:
    """Return a locale's English name, such as ``English (India)``; None where the catalogue does not have it."""
    entry = _locales().get(locale.lower())
    return entry.language_name if entry else None


def voices(locale: str | None = None, gender: str | None = None, voice_type: str | None = None) -> pd.DataFrame:
    """Return the listed Azure voices. The list is a hint: a voice that is missing here can be used as well.

    Parameters
    ----------
    locale : str, optional
        Such as ``en-GB``; a language alone, such as ``en``, takes all its locales.
    gender : str, optional
        ``Female``, ``Male`` or ``Neutral``.
    voice_type : str, optional
        Azure's full type, such as ``Neural`` or ``Neural HD``.

    Returns
    -------
    DataFrame
        One row a voice, in Microsoft's order; text columns locale, language_name, voice (the full name), short_name
        (what goes on the wire), gender, voice_type, and bool columns child and preview. Case does not matter in the
        filters; one that fits no voice gives no rows.

    Examples
    --------
    >>> voices(locale="en-IE")[["voice", "gender"]].to_numpy().tolist()
    [['en-IE-EmilyNeural', 'Female'], ['en-IE-ConnorNeural', 'Male']]
    """
    import pandas as pd

    wanted = locale.lower().replace("_", "-") if locale is not None else None
    rows = [
        entry
        for entry in _catalogue()
        if (wanted is None or entry.locale.lower() == wanted or entry.locale.lower().split("-")[0] == wanted)
        and (gender is None or entry.gender.lower() == gender.lower())
        and (voice_type is None or entry.voice_type.lower() == voice_type.lower())
    ]
    kinds = dict.fromkeys(CatalogueVoice._fields[:-2], "str") | {"child": "bool", "preview": "bool"}
    return pd.DataFrame(rows, columns=list(CatalogueVoice._fields)).astype(kinds)

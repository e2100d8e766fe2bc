"""The state of a call form: which voice, what it says, to whom; checked and shown without a call."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit

from imilab.errors import ImilabError, InvalidInputError
from imilab.numbers import is_e164, mask, scrub
from imilab.terms import Voice, voices
from imilab.terms.voice_catalogue import find_voice
from imilab.widgets.lab_protocol import CallingLab
from imilab.wire import MAX_TEXT_UNITS, MakeCall, text_units

__all__ = ["CallState", "Choice", "problem_words"]

Choice = tuple[str, str]
"""What a list shows, and what it means; empty for any, or for none."""

GENDERS: tuple[Choice, ...] = (("Any", ""), ("Female", "Female"), ("Male", "Male"), ("Neutral", "Neutral"))
_GAPS = re.compile(r"[\s().\-\u2010-\u2015/]+")
_FIELDS = {
    "to.msisdn": "Number",
    "content.text": "Text",
    "text": "Text",
    "content.voice": "Voice",
    "from": "Caller id (IMILAB_CALLER_ID)",
    "notifyUrl": "Notify URL (IMILAB_NOTIFY_URL)",
}
_OF_SETTINGS = frozenset({"from", "notifyUrl", "notifyUrlAuthId", "requestedReceipts", "contactPolicy"})


@dataclass
class CallState:
    """What is chosen and typed in a call form.

    Attributes
    ----------
    voice : str
        Full Azure name; empty where no listed voice fits language and gender.
    language, gender : str
        What the list of voices is filtered by; empty for any.
    text : str
        What the voice says.
    number : str
        E.164, or what was typed instead; never shown in full, forgotten by `take_number`.

    Examples
    --------
    >>> state = CallState(text="Time for lunch")
    >>> state.counter
    '14 of 2000'
    >>> state.filter_voices("en-GB", "Female")
    >>> state.voice
    'en-GB-Ada:DragonHDLatestNeural'
    """

    voice: str = "en-GB-RyanNeural"
    language: str = "en-GB"
    gender: str = ""
    text: str = field(default="", repr=False)
    number: str = field(default="", repr=False)

    def languages(self) -> list[Choice]:
        """Return the languages of the catalogue by their English names."""
        listed = voices()[["language_name", "locale"]].drop_duplicates().sort_values(["language_name", "locale"])
        pairs = zip(listed["language_name"], listed["locale"], strict=True)
        return [("Any language", ""), *((f"{name} · {locale}", locale) for name, locale in pairs)]

    def voices(self) -> list[Choice]:
        """Return the voices that fit language and gender, in the catalogue's order; one entry that says so if none."""
        fitting = voices(locale=self.language or None, gender=self.gender or None)
        if fitting.empty:
            return [("No voice fits; choose another language or gender", "")]
        named = fitting["short_name"] if self.language else fitting["voice"]
        about = fitting["gender"] + fitting["child"].map({True: ", child", False: ""})
        about += fitting["preview"].map({True: ", preview", False: ""})
        return list(zip(named + " · " + about, fitting["voice"], strict=True))

    def filter_voices(self, language: str, gender: str) -> None:
        """Filter the voices; the chosen one stays if it fits, else the first that does is taken."""
        self.language, self.gender = language, gender
        fitting = [name for _, name in self.voices()]
        if self.voice not in fitting:
            self.voice = fitting[0]

    @classmethod
    def starting_with(cls, voice: str, text: str = "") -> Self:
        """Return a state with this voice chosen, and its language.

        Raises
        ------
        InvalidInputError
            The catalogue has no such voice.
        """
        listed = find_voice(voice)
        if listed is None:
            raise InvalidInputError("voice", f"{voice!r} is not in imilab.voices(); lab.call(...) takes any voice")
        return cls(voice=listed.voice, language=listed.locale, text=text)

    @property
    def counter(self) -> str:
        """How long the text is, as the platform counts."""
        return f"{text_units(self.text):,} of {MAX_TEXT_UNITS}"

    @property
    def surplus(self) -> int:
        """By how much the text is too long."""
        return max(0, text_units(self.text) - MAX_TEXT_UNITS)

    def enter_number(self, typed: str) -> None:
        """Keep a number as it was typed; spaces, dots, hyphens and brackets in it do not matter.

        The masked number, which the field shows, changes nothing.
        """
        if typed != self.number_shown:
            self.number = _GAPS.sub("", typed)

    @property
    def number_shown(self) -> str:
        """The number as it may be seen and saved: masked."""
        return mask(self.number) if is_e164(self.number) else scrub(self.number)

    @property
    def number_problem(self) -> str:
        """What is wrong with the number; empty where nothing is, or where there is none."""
        if not self.number or is_e164(self.number):
            return ""
        return "This is not a full number. Type it again: +, country code and number, digits only."

    def take_number(self) -> str:
        """Return the number and forget it."""
        number, self.number = self.number, ""
        return number

    def content(self) -> Voice:
        """Return the chosen voice.

        Raises
        ------
        InvalidInputError
            None is chosen.
        """
        if not self.voice:
            raise InvalidInputError("content.voice", "none is chosen; choose another language or gender")
        return Voice(self.voice)

    def check(self, lab: CallingLab) -> None:
        """Raise if what is chosen and typed cannot be sent; what is wrong in the settings, the lab says when it calls.

        Raises
        ------
        InvalidInputError
            Names the field.
        """
        try:
            self._request(lab)
        except InvalidInputError as problem:
            if problem.field not in _OF_SETTINGS:
                raise

    def dry_run(self, lab: CallingLab) -> str:
        """Return the JSON that would be sent; numbers masked, of the notify URL only its host.

        Raises
        ------
        InvalidInputError
            Names the field that the platform would refuse.
        """
        body = self._request(lab).to_json()
        body["from"] = mask(body["from"])
        for recipient in body["to"]:
            recipient["msisdn"] = [mask(number) for number in recipient["msisdn"]]
        if "notifyUrl" in body:
            parts = urlsplit(body["notifyUrl"])
            body["notifyUrl"] = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/•••"
        return json.dumps(body, ensure_ascii=False, indent=2)

    def _request(self, lab: CallingLab) -> MakeCall:
        return lab.dry_run(self.number, self.content(), self.text)


def problem_words(problem: ImilabError) -> str:
    """Say what went wrong in the form's own words.

    Examples
    --------
    >>> problem_words(InvalidInputError("to.msisdn", "missing, not E.164"))
    'Number: missing, not E.164'
    """
    words = str(problem)
    name = problem.field if isinstance(problem, InvalidInputError) else None
    if name in _FIELDS:
        words = f"{_FIELDS[name]}: {words.removeprefix(f'{name}: ')}"
    return scrub(words[:1].upper() + words[1:])

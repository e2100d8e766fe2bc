"""How long a person listens after answering: by number, voice and text.

The chance of hanging up per second is high at first and lower later. A voice and a text multiply it, each by an effect
that the seed gives or the settings set; so does the impatience of the number, which is the same in all calls to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from imilab.simulator.draws import Draws
from imilab.simulator.settings import PeopleSettings
from imilab.terms import Media, Voice

__all__ = ["Listening", "Message"]


@dataclass(frozen=True, slots=True)
class Message:
    """What a person hears.

    Attributes
    ----------
    names : tuple of str
        The voice's full and short name, or the media id, in lower case: its effect is looked up by these in turn.
    text : str
        What is spoken; '' for a recording.
    seconds : float
        How long it takes to hear all of it.
    """

    names: tuple[str, ...]
    text: str = field(repr=False)
    seconds: float


class Listening:
    """The listening half of the people model.

    Parameters
    ----------
    settings : PeopleSettings
        Its hazards and effects.
    draws : Draws
        The source of seeded effects and of impatience.
    """

    def __init__(self, settings: PeopleSettings, draws: Draws) -> None:
        self._settings = settings
        self._draws = draws
        self._factor = lru_cache(maxsize=4096)(self._hazard_factor)

    def message(self, content: Voice | Media | str | Mapping[str, str], text: str | None = None) -> Message:
        """Return what a person hears of a content.

        Parameters
        ----------
        content : Voice, Media, str or mapping
            A voice or its name, a recording, or the `content` of a Make Call body.
        text : str, optional
            What a voice speaks; a mapping brings its own.
        """
        if isinstance(content, str):
            content = Voice(content)
        if isinstance(content, Mapping) and content["type"].casefold() == "media":
            content = Media(content["mediaId"])
        if isinstance(content, Media):
            return Message((content.media_id.casefold(),), "", self._settings.media_seconds)
        if isinstance(content, Voice):
            language, short_name, spoken = content.language, content.short_name, text or ""
        else:
            language, short_name, spoken = content["language"], content["voice"], content["text"]
        names = (f"{language}-{short_name}".casefold(), short_name.casefold())
        seconds = self._settings.lead_in_seconds + len(spoken) / self._settings.characters_per_second
        return Message(names, spoken, seconds)

    def share_still_there(self, message: Message, seconds: float) -> float:
        """Return the share of those who answered that listen for at least `seconds`, over all numbers."""
        # The mean of exp(-x) over the impatience: the Laplace transform of the gamma distribution below.
        return (1 + self._factor(message.names, message.text) * self._hazard_until(seconds) / 2) ** -2

    def seconds(self, msisdn: str, message: Message, draw: float) -> float:
        """Return how long a person would listen to an endless message, for an even draw between 0 and 1."""
        # Impatience has a gamma distribution of shape 2 and mean 1.
        first, second, *_ = self._draws.uniforms("impatience", msisdn)
        impatience = -(math.log(first) + math.log(second)) / 2
        return self._seconds_until(-math.log(draw) / (impatience * self._factor(message.names, message.text)))

    def _hazard_factor(self, names: tuple[str, ...], text: str) -> float:
        settings = self._settings
        voice = next((settings.voice_effects[name] for name in names if name in settings.voice_effects), None)
        if voice is None:
            voice = settings.voice_spread * self._draws.normal("voice", names[0])
        spoken = settings.text_effects.get(text)
        if spoken is None:
            spoken = settings.text_spread * self._draws.normal("text", text) if text else 0.0
        return math.exp(voice + spoken)

    def _hazard_until(self, seconds: float) -> float:
        first = min(seconds, self._settings.first_seconds)
        return self._settings.first_hazard * first + self._settings.later_hazard * (seconds - first)

    def _seconds_until(self, hazard: float) -> float:
        settings = self._settings
        at_first = settings.first_hazard * settings.first_seconds
        if hazard < at_first:
            return hazard / settings.first_hazard
        return (
            settings.first_seconds + (hazard - at_first) / settings.later_hazard if settings.later_hazard else math.inf
        )

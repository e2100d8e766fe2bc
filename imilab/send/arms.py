"""Arms: what one group of recipients hears, and in which hours. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from imilab.errors import InvalidInputError
from imilab.names import check_name
from imilab.send.texts import TextTemplate
from imilab.send.windows import Window
from imilab.store import PlannedCall
from imilab.terms import Media, Voice
from imilab.wire import MakeCall
from imilab.wire.rules import required_text

__all__ = ["SOME_NUMBER", "Arm", "describe_arm", "fill_arms", "label", "planned_call", "template_of"]

SOME_NUMBER = "+12025550100"
"""Stands in for every number while an arm is checked."""


@dataclass(frozen=True)
class Arm:
    """What one group of recipients hears, and when.

    Two arms may differ in their voice, their text, their prompt, or in their hours alone.

    Parameters
    ----------
    content : Voice or Media
        The voice that speaks, or the prompt that is played.
    text : str, optional
        What the voice says, with placeholders such as ``{first_name}``; the plan's text by default.
    between : str, optional
        The hours in which its calls are placed, such as ``09:00-12:00``; the plan's by default.
    days : str, optional
        The days, such as ``mon-fri``; the plan's by default.
    zone : str, optional
        IANA zone of these hours; the plan's by default, else the recipient's own zone.

    Raises
    ------
    InvalidInputError
        Hours, days or a zone that cannot be read.

    Examples
    --------
    >>> morning = Arm(Voice("en-GB-RyanNeural"), between="09:00-12:00", days="mon-fri")
    >>> morning.window
    Window(between='09:00-12:00', days='mon-fri', zone=None)
    >>> Arm(Voice("en-GB-RyanNeural")).window is None
    True
    """

    content: Voice | Media
    text: str | None = None
    between: str | None = None
    days: str | None = None
    zone: str | None = None

    def __post_init__(self) -> None:
        _ = self.window

    @property
    def window(self) -> Window | None:
        """Its hours, or None where it has none."""
        if self.between is None and self.days is None and self.zone is None:
            return None
        return Window(
            "00:00-24:00" if self.between is None else self.between,
            "mon-sun" if self.days is None else self.days,
            self.zone,
        )


def fill_arms(
    arms: Mapping[str, Arm | Voice | Media],
    text: str | None,
    *,
    between: str | None = None,
    days: str | None = None,
    zone: str | None = None,
) -> Mapping[str, Arm]:
    """Return arms with the plan's text and hours filled in, each checked by the wire's rules.

    Raises
    ------
    InvalidInputError
        An arm without a name or a text, or one that the platform would refuse.
    """
    if not isinstance(arms, Mapping):
        raise InvalidInputError(
            "arms", f"of type {type(arms).__name__}; give names and voices, such as {{'a': Voice('en-GB-RyanNeural')}}"
        )
    common = Arm(Media("any"), None, between, days, zone)
    return MappingProxyType({name: _fill(name, arm, text, common) for name, arm in arms.items()})


def _fill(name: object, arm: Arm | Voice | Media, text: str | None, common: Arm) -> Arm:
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError("arms", "an arm has no name; name each arm with a text")
    check_name(required_text(name, "arms"), "arms")
    whole = arm if isinstance(arm, Arm) else Arm(arm)
    if isinstance(whole.content, Voice) and whole.text is None:
        if text is None:
            raise InvalidInputError("text", f"arm {name!r} has a voice and no text; give text= or Arm(voice, text=...)")
        whole = replace(whole, text=text)
    hours = {one: getattr(common, one) for one in ("between", "days", "zone") if getattr(whole, one) is None}
    whole = replace(whole, **hours)
    planned_call(SOME_NUMBER, whole, "any")  # also where nobody is to be called
    template_of(whole)
    return whole


def template_of(arm: Arm) -> TextTemplate | None:
    """Return an arm's text with its placeholders; None for a prompt.

    Raises
    ------
    InvalidInputError
        A brace that belongs to no placeholder.
    """
    return None if arm.text is None else TextTemplate(arm.text)


def planned_call(msisdn: str, arm: Arm, correlation_id: str) -> PlannedCall:
    """Return the journal's row for one call with the arm's text as it stands, checked by the wire's rules."""
    MakeCall(caller_id=SOME_NUMBER, msisdn=msisdn, correlation_id=correlation_id, content=arm.content, text=arm.text)
    if isinstance(arm.content, Media):
        return PlannedCall(
            correlation_id=correlation_id, msisdn=msisdn, content_type="media", media_id=arm.content.media_id
        )
    voice = arm.content
    return PlannedCall(
        correlation_id=correlation_id,
        msisdn=msisdn,
        content_type="TTS",
        language=voice.language,
        voice=voice.name,
        voice_type=voice.voice_type,
        gender=voice.gender,
        region=voice.region,
        text=arm.text,
    )


def describe_arm(arm: Arm) -> dict[str, object]:
    """Return what is kept of an arm, and what its plan's identity depends on; hours only where it has some."""
    content = arm.content
    hours = {one: getattr(arm, one) for one in ("between", "days", "zone") if getattr(arm, one) is not None}
    if isinstance(content, Media):
        return {"media_id": content.media_id, **hours}
    return {
        "voice": content.name,
        "language": content.language,
        "gender": content.gender,
        "voice_type": content.voice_type,
        "region": content.region,
        "text": arm.text,
        **hours,
    }


def label(content: Voice | Media) -> str:
    """Return a content's name."""
    return content.media_id if isinstance(content, Media) else content.name

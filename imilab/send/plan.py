"""The plan: who gets which arm. Frozen, and known by its content, so that sending it again sends nothing again."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from imilab.assign import assign
from imilab.errors import InvalidInputError
from imilab.numbers import mask, number_key
from imilab.send.recipients import Recipients, Refusal
from imilab.store import PlannedCall
from imilab.terms import Media, Voice
from imilab.wire import MakeCall

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Arm", "Plan", "make_plan", "new_correlation_id", "planned_call"]

_SOME_NUMBER = "+12025550100"


@dataclass(frozen=True)
class Arm:
    """What one group of recipients hears.

    Parameters
    ----------
    content : Voice or Media
        The voice that speaks, or the prompt that is played.
    text : str, optional
        What the voice says; the plan's text by default.
    """

    content: Voice | Media
    text: str | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """Who gets which arm; made by `Lab.plan`, sent by `Lab.send`.

    Attributes
    ----------
    plan_id : str
        Hash of campaign, number keys, arms, text, seed and design.
    campaign : str
        Its name; calling the same people again on purpose needs a new one.
    arms : mapping of str to Arm
        With each arm's text filled in.
    seed : int
        Decides the assignment.
    design : str
        ``blocked`` or ``simple``.
    calls : tuple of PlannedCall
        In the order in which they will be sent.
    """

    plan_id: str
    campaign: str
    arms: Mapping[str, Arm]
    seed: int
    design: str
    calls: tuple[PlannedCall, ...]
    refusals: tuple[Refusal, ...] = field(default=())

    def table(self) -> pd.DataFrame:
        """Return one row a call: position, masked number, arm, what is played, block."""
        import pandas as pd

        rows = [(c.position, mask(c.msisdn), c.arm, c.voice or c.media_id, c.text, c.block) for c in self.calls]
        return pd.DataFrame(rows, columns=["position", "msisdn", "arm", "content", "text", "block"])

    def summary(self) -> pd.DataFrame:
        """Return one row an arm: what is played, the text's characters, calls and their share."""
        import pandas as pd

        counts = Counter(call.arm for call in self.calls)
        rows = [
            (name, _label(arm.content), len(arm.text or ""), counts[name], counts[name] / max(len(self.calls), 1))
            for name, arm in self.arms.items()
        ]
        return pd.DataFrame(rows, columns=["arm", "content", "text_characters", "calls", "share"])

    @property
    def refused(self) -> pd.DataFrame:
        """One row a recipient that will not be called: its row in the input, masked number, reason."""
        import pandas as pd

        rows = [(refusal.row, mask(refusal.msisdn), refusal.reason) for refusal in self.refusals]
        return pd.DataFrame(rows, columns=["row", "msisdn", "reason"])

    def document(self) -> str:
        """Return what is kept of the plan beside its calls, as JSON."""
        return json.dumps({name: _describe(arm) for name, arm in self.arms.items()}, sort_keys=True)

    def __repr__(self) -> str:
        arms = ", ".join(self.arms)
        return f"Plan({self.campaign!r}: {len(self.calls)} calls in arms {arms}; {len(self.refusals)} refused)"


def new_correlation_id() -> str:
    """Return 32 random hex characters; they hold nothing personal."""
    return secrets.token_hex(16)


def make_plan(
    recipients: Recipients,
    arms: Mapping[str, Arm | Voice | Media],
    text: str | None,
    *,
    seed: int,
    design: str,
    campaign: str | None,
    key: bytes,
    new_id: Callable[[], str] = new_correlation_id,
    refusal: Callable[[str], str | None] = lambda _: None,
) -> Plan:
    """Assign recipients to arms and check everything that will be sent.

    Parameters
    ----------
    recipients : Recipients
        Read by `read_recipients`.
    arms : mapping
        Name to `Arm`, `Voice` or `Media`.
    text : str or None
        For arms without a text of their own.
    seed, design
        See `imilab.assign.assign`.
    campaign : str or None
        Its name; by default one derived from the content.
    key : bytes
        The project's number key.
    new_id : callable
        Gives correlation ids.
    refusal : callable
        Tells why a number may not be called, or None. Who is refused changes neither the plan's identity nor who gets
        what: a longer do-not-call list must not make a new plan of an old one, which would call everybody again.

    Raises
    ------
    InvalidInputError
        An arm or a text that the platform would refuse.
    """
    full = MappingProxyType({name: _fill(name, arm, text) for name, arm in arms.items()})
    drawn = assign(len(recipients.numbers), list(full), seed=seed, design=design)
    identity = json.dumps(
        [
            campaign,
            [number_key(number, key) for number in recipients.numbers],
            {name: _describe(arm) for name, arm in full.items()},
            list(full),
            seed,
            design,
        ],
        sort_keys=True,
    )
    plan_id = hashlib.sha256(identity.encode()).hexdigest()[:32]
    campaign = campaign or f"plan-{plan_id[:8]}"
    calls = tuple(
        replace(
            planned_call(number, full[one.arm], new_id()),
            plan_id=plan_id,
            campaign=campaign,
            arm=one.arm,
            design=design,
            block=one.block,
            position=one.position,
        )
        for number, one in zip(recipients.numbers, drawn, strict=True)
    )
    refused = [
        Refusal(row, call.msisdn, reason)
        for row, call in zip(recipients.rows, calls, strict=True)
        if (reason := refusal(call.msisdn))
    ]
    never = {one.msisdn for one in refused}
    return Plan(
        plan_id=plan_id,
        campaign=campaign,
        arms=full,
        seed=seed,
        design=design,
        calls=tuple(call for call in calls if call.msisdn not in never),
        refusals=tuple(sorted((*recipients.refused, *refused), key=lambda one: one.row)),
    )


def planned_call(msisdn: str, arm: Arm, correlation_id: str) -> PlannedCall:
    """Return the journal's row for one call, checked by the wire's rules."""
    MakeCall(caller_id=_SOME_NUMBER, msisdn=msisdn, correlation_id=correlation_id, content=arm.content, text=arm.text)
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


def _fill(name: object, arm: Arm | Voice | Media, text: str | None) -> Arm:
    if not isinstance(name, str) or not name.strip():
        raise InvalidInputError("arms", "an arm has no name; name each arm with a text")
    whole = arm if isinstance(arm, Arm) else Arm(arm)
    if isinstance(whole.content, Voice) and whole.text is None:
        if text is None:
            raise InvalidInputError("text", f"arm {name!r} has a voice and no text; give text= or Arm(voice, text=...)")
        whole = replace(whole, text=text)
    planned_call(_SOME_NUMBER, whole, "any")  # also where nobody is to be called
    return whole


def _describe(arm: Arm) -> dict[str, object]:
    content = arm.content
    if isinstance(content, Media):
        return {"media_id": content.media_id}
    return {
        "voice": content.name,
        "language": content.language,
        "gender": content.gender,
        "voice_type": content.voice_type,
        "region": content.region,
        "text": arm.text,
    }


def _label(content: Voice | Media) -> str:
    return content.media_id if isinstance(content, Media) else content.name

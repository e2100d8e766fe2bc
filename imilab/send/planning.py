"""Make a plan: draw the arms, refuse who cannot be called, give each call its text and its time. Pure."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from numbers import Integral
from typing import Any

from imilab.designs import Allocation
from imilab.errors import InvalidInputError
from imilab.names import check_name
from imilab.numbers import number_key
from imilab.send.arms import SOME_NUMBER, Arm, describe_arm, fill_arms, planned_call, template_of
from imilab.send.outlook import Outlook
from imilab.send.plan import Plan
from imilab.send.recipients import Recipients, Refusal
from imilab.send.schedule import never_open
from imilab.send.timing import NO_ROOM, Timing, give_times
from imilab.send.verification import Draw
from imilab.store import PlannedCall
from imilab.terms import Media, Voice
from imilab.wire.rules import required_text

__all__ = ["make_plan", "new_correlation_id"]

_LARGEST_SEED = 2**63


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
    shares: Mapping[str, int | float | Decimal | Fraction] | None = None,
    strata: str | Sequence[str] | None = None,
    timing: Timing | None = None,
    outlook: Outlook | None = None,
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
    seed, design, shares
        See `imilab.designs.allocate`.
    campaign : str or None
        Its name; by default one derived from the content.
    key : bytes
        The project's number key.
    strata : str or sequence of str, optional
        The recipients' columns within which the arms are balanced.
    timing : Timing, optional
        In which hours, and how far apart.
    outlook : Outlook, optional
        The present, the pace and quiet hours; without one, no call gets a time.
    new_id : callable
        Gives correlation ids.
    refusal : callable
        Tells why a number may not be called, or None. Who is refused changes neither the plan's identity nor who gets
        what: a longer do-not-call list must not make a new plan of an old one, which would call everybody again.

    Raises
    ------
    InvalidInputError
        An arm or a text that the platform would refuse; a seed, a name, a design, a share, a stratum or hours that
        make no sense.
    """
    timing, seed = timing or Timing(), _whole_seed(seed)
    if campaign is not None:
        check_name(required_text(campaign, "campaign"), "campaign")
    full = fill_arms(arms, text, between=timing.between, days=timing.days, zone=timing.zone)
    names = _strata_names(strata)
    draw = Draw.of(
        seed=seed,
        design=design,
        arms=list(full),
        recipients=len(recipients.numbers),
        shares=_checked_shares(shares, full),
        strata=recipients.strata(names),
    )
    allocations = draw.allocations()
    plan_id = _identity(campaign, recipients, full, draw, timing, key)
    campaign = campaign or f"plan-{plan_id[:8]}"
    common = {"plan_id": plan_id, "campaign": campaign, "spacing_ms": timing.spacing_ms(design)}
    drafts = _Drafts(recipients, full, draw, common)
    drawn = [drafts.call(one, new_id()) for one in allocations]
    refused = _refused(recipients, full, refusal, outlook)
    kept = [(call, one.recipient) for call, one in zip(drawn, allocations, strict=True) if one.recipient not in refused]
    timed = give_times([call for call, _ in kept], [recipient for _, recipient in kept], full, timing, outlook)
    rows = recipients.rows or tuple(range(1, len(recipients.numbers) + 1))
    return Plan(
        plan_id=plan_id,
        campaign=campaign,
        arms=full,
        draw=draw,
        calls=timed.calls,
        times=timed.times,
        rows=tuple(rows[recipient] for recipient in timed.recipients),
        refusals=_refusals(recipients, rows, {**refused, **dict.fromkeys(timed.crowded, NO_ROOM)}),
        strata_of=names,
        outlook=outlook,
    )


class _Drafts:
    """Makes the calls of a plan; what an arm's calls have in common was checked by the wire's rules once."""

    def __init__(self, recipients: Recipients, arms: Mapping[str, Arm], draw: Draw, common: Mapping[str, Any]) -> None:
        self._recipients, self._draw = recipients, draw
        self._templates = {name: template_of(arm) for name, arm in arms.items()}
        self._texts = {
            name: arm.text if template is None or template.fields else template.fill({})
            for (name, arm), template in zip(arms.items(), self._templates.values(), strict=True)
        }
        self._calls = {
            name: replace(
                planned_call(SOME_NUMBER, arm, "any"),
                **common,
                arm=name,
                design=draw.design,
                hours=arm.window.to_text() if arm.window else None,
            )
            for name, arm in arms.items()
        }

    def call(self, one: Allocation, correlation_id: str) -> PlannedCall:
        """Return one call with the text that its recipient hears; with the arm's own text where it cannot be filled."""
        call, template = self._calls[one.arm], self._templates[one.arm]
        text = self._texts[one.arm]
        if template and template.fields:
            values = self._recipients.fields_of(one.recipient)
            text = template.fill(values) if template.refusal(values) is None else text
        return replace(
            call,
            correlation_id=correlation_id,
            msisdn=self._recipients.numbers[one.recipient],
            block=one.block,
            position=one.position,
            stratum=None if self._draw.strata is None else one.stratum,
            text=text,
        )


def _whole_seed(seed: object) -> int:
    """Return a seed that every store can keep, so that the draw can be checked from it later."""
    if not isinstance(seed, bool) and isinstance(seed, Integral) and -_LARGEST_SEED <= int(seed) < _LARGEST_SEED:
        return int(seed)
    raise InvalidInputError("seed", "not a whole number of at most 63 bits; give one such as 42")


def _strata_names(strata: Any) -> tuple[str, ...]:
    names = (strata,) if isinstance(strata, str) else () if strata is None else strata
    if not isinstance(names, Sequence):
        raise InvalidInputError("strata", f"of type {type(strata).__name__}; give a column's name, or a list of names")
    return tuple(names)


def _checked_shares(shares: Any, arms: Mapping[str, Arm]) -> Mapping[str, Any] | None:
    if shares is None:
        return None
    if not isinstance(shares, Mapping) or set(shares) != set(arms):
        raise InvalidInputError("shares", f"not one for each arm; give them by name, for {', '.join(arms) or 'no arm'}")
    return {name: shares[name] for name in arms}


def _identity(
    campaign: str | None,
    recipients: Recipients,
    arms: Mapping[str, Arm],
    draw: Draw,
    timing: Timing,
    key: bytes,
) -> str:
    """Return the hash that a plan is known by. What is as it always was is left out, so that old plans keep theirs."""
    needed = sorted({name for arm in arms.values() if (text := template_of(arm)) for name in text.fields})
    rows = map(recipients.fields_of, range(draw.recipients))
    further = {
        "shares": draw.shares and dict(draw.shares),
        "strata": draw.strata,
        "spacing_ms": timing.spacing_ms(draw.design),
        "fields": [[str(row.get(name, "")) for name in needed] for row in rows] if needed else None,
    }
    told = {name: value for name, value in further.items() if value}
    identity = [
        campaign,
        [number_key(number, key) for number in recipients.numbers],
        {name: describe_arm(arm) for name, arm in arms.items()},
        list(arms),
        draw.seed,
        draw.design,
        *([told] if told else []),
    ]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]


def _refused(
    recipients: Recipients,
    arms: Mapping[str, Arm],
    refusal: Callable[[str], str | None],
    outlook: Outlook | None,
) -> dict[int, str]:
    """Return why recipients cannot be called, whichever arm they drew: an arm must not lose people that others keep."""
    templates = [template for arm in arms.values() if (template := template_of(arm)) and template.fields]
    windows = {name: arm.window for name, arm in arms.items()}
    closed = never_open(outlook) if outlook else None
    found: dict[int, str] = {}
    for place, number in enumerate(recipients.numbers):
        reason = refusal(number)
        values = recipients.fields_of(place)
        reason = reason or next(filter(None, (template.refusal(values) for template in templates)), None)
        if reason is None and outlook and closed and (outlook.quiet or any(windows.values())):
            zones = outlook.zones(number)
            reason = next(filter(None, (closed(name, window, zones) for name, window in windows.items())), None)
        if reason:
            found[place] = reason
    return found


def _refusals(recipients: Recipients, rows: Sequence[int], reasons: Mapping[int, str]) -> tuple[Refusal, ...]:
    refused = [Refusal(rows[place], recipients.numbers[place], reason) for place, reason in reasons.items()]
    return tuple(sorted((*recipients.refused, *refused), key=lambda one: one.row))

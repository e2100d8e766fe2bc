"""How a plan drew its arms, kept so that anybody can draw them again, and the check that they are those. Pure."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from imilab.designs import Allocation, allocate, whole_shares

__all__ = ["AssignmentCheck", "Draw", "check_assignment", "check_stored"]

_MOST_ORDERS = 5


class Assigned(Protocol):
    """What is read of one call."""

    @property
    def position(self) -> int | None: ...
    @property
    def arm(self) -> str | None: ...
    @property
    def block(self) -> int | None: ...
    @property
    def stratum(self) -> str | None: ...
    @property
    def msisdn(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Draw:
    """How the arms were drawn.

    Attributes
    ----------
    seed : int
        Decides the draw.
    design : str
        ``blocked``, ``simple`` or ``crossover``.
    arms : tuple of str
        In their order.
    shares : mapping of str to int, or None
        As small as can be; None where they are equal.
    recipients : int
        How many took part, those included that are refused.
    strata : tuple of str, or None
        One a recipient.
    """

    seed: int
    design: str
    arms: tuple[str, ...]
    recipients: int
    shares: Mapping[str, int] | None = field(default=None, hash=False)
    strata: tuple[str, ...] | None = field(default=None, repr=False)

    def allocations(self) -> tuple[Allocation, ...]:
        """Draw again; by position."""
        return allocate(
            self.recipients, self.shares or self.arms, seed=self.seed, design=self.design, strata=self.strata
        )

    def facts(self) -> dict[str, Any]:
        """Return what is kept besides seed and design, for JSON."""
        facts: dict[str, Any] = {"order": list(self.arms), "recipients": self.recipients}
        if self.shares:
            facts["shares"] = dict(self.shares)
        if self.strata is not None:
            names = {name: number for number, name in enumerate(dict.fromkeys(self.strata))}
            facts |= {"strata": list(names), "stratum_of": [names[name] for name in self.strata]}
        return facts

    @classmethod
    def of(
        cls,
        *,
        seed: int,
        design: str,
        arms: Sequence[str],
        recipients: int,
        shares: Mapping[str, Any] | None = None,
        strata: tuple[str, ...] | None = None,
    ) -> Draw:
        """Return a draw with its shares made whole, and left out where they are equal."""
        whole = None if shares is None else whole_shares(shares)
        return cls(
            seed=seed,
            design=design,
            arms=tuple(arms),
            recipients=recipients,
            shares=None if whole is None or len(set(whole.values())) == 1 else {arm: whole[arm] for arm in arms},
            strata=strata,
        )


@dataclass(frozen=True)
class AssignmentCheck:
    """Whether every call of a plan has the arm that the plan's seed gives it.

    Attributes
    ----------
    ok : bool
        Also what `bool` says of it.
    campaign : str
        Whose calls were checked.
    calls : int
        How many.
    wrong : int
        How many have another arm, block, stratum or number than the draw gives.
    sentence : str
        The same in words.
    """

    ok: bool
    campaign: str
    calls: int
    wrong: int
    sentence: str

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self.sentence


def check_assignment(calls: Sequence[Assigned], draw: Draw, campaign: str) -> AssignmentCheck:
    """Draw the arms again and compare each call with the draw.

    In a crossover the calls of one recipient must go to one number, too.
    """
    drawn = draw.allocations()
    number_of: dict[int, str] = {}
    wrong: list[int | None] = []
    for call in calls:
        place = call.position
        if place is None or not 0 <= place < len(drawn):
            wrong.append(place)
            continue
        one = drawn[place]
        same_number = number_of.setdefault(one.recipient, call.msisdn) == call.msisdn
        if (call.arm, call.block, call.stratum or "", same_number) != (one.arm, one.block, one.stratum, True):
            wrong.append(place)
    twice = len(calls) - len({call.position for call in calls}) if not wrong else 0
    bad = len(wrong) + twice
    how = f"seed {draw.seed} gives ({draw.design}{_with(draw)})"
    sentence = (
        f"{campaign}: {bad:,} of {len(calls):,} calls have another arm, block, stratum or number than {how}."
        if bad
        else f"{campaign}: every one of {len(calls):,} calls has the arm that {how}."
    )
    return AssignmentCheck(not bad, campaign, len(calls), bad, sentence)


def check_stored(campaign: str, seed: int, design: str, document: str, calls: Sequence[Assigned]) -> AssignmentCheck:
    """Check the calls that a store holds against its plan.

    Parameters
    ----------
    campaign, seed, design, document
        As the store's table of plans has them. A document of an earlier version does not tell the arms' order: every
        order is tried.
    calls : sequence
        The plan's calls in the store.
    """
    kept = json.loads(document)
    best: AssignmentCheck | None = None
    for draw in _draws(seed, design, kept, calls):
        check = check_assignment(calls, draw, campaign)
        if best is None or check.wrong < best.wrong:
            best = check
        if best:
            break
    if best is None:
        return AssignmentCheck(False, campaign, len(calls), len(calls), f"{campaign}: the stored plan has no arms.")
    return best


def _draws(seed: int, design: str, kept: Mapping[str, Any], calls: Sequence[Assigned]) -> Iterator[Draw]:
    facts = kept.get("assignment", {})
    if "order" in facts:
        names, places = facts.get("strata"), facts.get("stratum_of", ())
        yield Draw(
            seed=seed,
            design=design,
            arms=tuple(facts["order"]),
            recipients=facts["recipients"],
            shares=facts.get("shares"),
            strata=None if names is None else tuple(names[place] for place in places),
        )
        return
    recipients = 1 + max((call.position or 0 for call in calls), default=-1)
    orders = itertools.permutations(sorted(kept)) if len(kept) <= _MOST_ORDERS else [tuple(sorted(kept))]
    if kept:
        first = Draw(seed=seed, design=design, arms=(), recipients=recipients)
        yield from (replace(first, arms=tuple(order)) for order in orders)


def _with(draw: Draw) -> str:
    shares = ", shares " + ":".join(map(str, draw.shares.values())) if draw.shares else ""
    strata = f", {len(Counter(draw.strata)):,} strata" if draw.strata is not None else ""
    return shares + strata

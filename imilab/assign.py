"""Seeded random assignment of recipients to arms, and its verification.

The order comes from SHA-256 of seed and place, not from a library's generator, so that the same seed gives the same
assignment on every machine and in every version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from imilab.errors import InvalidInputError

__all__ = ["DESIGNS", "Assignment", "assign", "verify_assignment"]

DESIGNS = ("blocked", "simple")
_REPEATS_IN_A_BLOCK = 2


@dataclass(frozen=True)
class Assignment:
    """The arm of one recipient.

    Attributes
    ----------
    position : int
        The recipient's place in the plan, from 0.
    arm : str
        The arm's name.
    block : int
        Which block it was drawn in, from 0; a simple design has one.
    """

    position: int
    arm: str
    block: int


def assign(recipients: int, arms: Sequence[str], *, seed: int, design: str = "blocked") -> tuple[Assignment, ...]:
    """Assign recipients to arms at random.

    Parameters
    ----------
    recipients : int
        How many there are.
    arms : sequence of str
        The arms' names, each once.
    seed : int
        Decides the draw.
    design : {"blocked", "simple"}
        Permuted blocks that hold each arm twice, so that arms stay balanced at every moment of the campaign; or one
        independent draw a recipient.

    Returns
    -------
    tuple of Assignment
        In the recipients' order.

    Examples
    --------
    >>> [one.arm for one in assign(4, ["a", "b"], seed=1)]
    ['b', 'b', 'a', 'a']
    """
    names = _check(arms, design)
    if design == "simple":
        return tuple(
            Assignment(position, names[_draw(seed, "simple", position) % len(names)], 0)
            for position in range(recipients)
        )
    size = _REPEATS_IN_A_BLOCK * len(names)
    found: list[Assignment] = []
    for block in range(-(-recipients // size)):
        slots = sorted(range(size), key=lambda slot: _draw(seed, "blocked", block, slot))
        found.extend(
            Assignment(block * size + place, names[slot % len(names)], block) for place, slot in enumerate(slots)
        )
    return tuple(found[:recipients])


def verify_assignment(assignments: Sequence[Assignment], arms: Sequence[str], *, seed: int, design: str) -> bool:
    """Tell whether assignments are the ones that the seed gives.

    Examples
    --------
    >>> verify_assignment(assign(10, ["a", "b"], seed=1), ["a", "b"], seed=1, design="blocked")
    True
    """
    return tuple(assignments) == assign(len(assignments), arms, seed=seed, design=design)


def _check(arms: Sequence[str], design: str) -> tuple[str, ...]:
    if design not in DESIGNS:
        raise InvalidInputError("design", f"unknown; give one of {', '.join(DESIGNS)}")
    if not arms or len(set(arms)) != len(arms):
        raise InvalidInputError("arms", f"{len(arms)} names, {len(set(arms))} of them different; name each arm once")
    return tuple(arms)


def _draw(*place: object) -> int:
    return int.from_bytes(hashlib.sha256("/".join(map(str, place)).encode()).digest()[:8], "big")

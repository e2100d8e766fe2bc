"""Designs beyond equal shares: who hears which arm, with unequal shares, within strata, or each arm in turn. Pure.

As in `imilab.assign` the order comes from SHA-256 of seed and place, so that the same seed gives the same allocation on
every machine and in every version, and anybody can check it later.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from imilab.errors import InvalidInputError

__all__ = ["DESIGNS", "Allocation", "Shares", "allocate", "verify_allocation", "whole_shares"]

DESIGNS = ("blocked", "simple", "crossover")

Shares = Sequence[str] | Mapping[str, int | float | Decimal | Fraction]
"""The arms' names, each with an equal share, or each with its own: ``{"new": 1, "old": 3}``."""

_REPEATS_IN_A_BLOCK = 2
_LARGEST_SHARE = 10_000

Draw = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Allocation:
    """One call: which recipient hears which arm.

    Attributes
    ----------
    position : int
        The call's place in the plan, from 0; a crossover calls everybody once before it calls anybody again.
    recipient : int
        The recipient's place in the input, from 0.
    arm : str
        The arm's name.
    block : int
        Which block of its stratum it was drawn in, from 0; a simple design has one.
    stratum : str
        As given; empty where there are no strata.
    period : int
        Which of the recipient's calls this is, from 0.
    """

    position: int
    recipient: int
    arm: str
    block: int = 0
    stratum: str = ""
    period: int = 0


def allocate(
    recipients: int, arms: Shares, *, seed: int, design: str = "blocked", strata: Sequence[str] | None = None
) -> tuple[Allocation, ...]:
    """Allocate recipients to arms at random.

    Parameters
    ----------
    recipients : int
        How many there are.
    arms : sequence of str, or mapping of str to number
        The arms' names, or names and shares; shares are reduced, so that 2 and 4 are 1 and 2.
    seed : int
        Decides the draw.
    design : {"blocked", "simple", "crossover"}
        - ``blocked``: the arms stay balanced in every prefix of a stratum. Equal shares come in permuted blocks that
          hold each arm twice, as those of `imilab.assign.assign`. Unequal ones follow the brick tunnel of Kuznetsova
          and Tymofyeyev (2011, Statistics in Medicine 30:812), arm by arm: every place has the same chance of each
          arm; a block is as long as the reduced shares together and has exactly these shares; with two arms, each
          is within one call of its share at every moment.
        - ``simple``: one independent draw a recipient.
        - ``crossover``: each recipient hears each arm once, in an order drawn from Williams squares (1949, Australian
          Journal of Scientific Research A 2:149), with the arms permuted anew in each block. In a whole block every
          arm is heard first, second and so on equally often, and right after every other one equally often.
    strata : sequence of str, optional
        A name for each recipient; each stratum is balanced by itself. With many strata of a few recipients little
        balance is left over all.

    Returns
    -------
    tuple of Allocation
        By position.

    Raises
    ------
    InvalidInputError
        Wrong arms, shares, strata or design; a crossover with unequal shares.

    Examples
    --------
    >>> [one.arm for one in allocate(6, {"new": 1, "old": 2}, seed=1)]
    ['new', 'old', 'old', 'old', 'new', 'old']
    >>> [(one.recipient, one.arm, one.period) for one in allocate(2, ["a", "b"], seed=1, design="crossover")]
    [(0, 'b', 0), (1, 'a', 0), (0, 'a', 1), (1, 'b', 1)]
    """
    shares = whole_shares(arms)
    if design not in DESIGNS:
        raise InvalidInputError("design", f"unknown; give one of {', '.join(DESIGNS)}")
    if recipients < 0:
        raise InvalidInputError("recipients", "below 0; give how many there are")
    if design == "crossover" and len(set(shares.values())) > 1:
        raise InvalidInputError(
            "arms", "unequal shares, but in a crossover everybody hears each arm once; leave them out"
        )
    found: list[Allocation] = []
    for stratum, members in _members(recipients, strata).items():
        place = (seed, design, json.dumps(stratum)) if stratum else (seed, design)
        rows = _ROWS[design](tuple(shares.values()), _Place(place))
        for recipient, (block, row) in zip(members, rows, strict=False):
            found.extend(
                Allocation(period * recipients + recipient, recipient, list(shares)[arm], block, stratum, period)
                for period, arm in enumerate(row)
            )
    return tuple(sorted(found, key=lambda one: one.position))


def verify_allocation(
    allocations: Sequence[Allocation],
    recipients: int,
    arms: Shares,
    *,
    seed: int,
    design: str,
    strata: Sequence[str] | None = None,
) -> bool:
    """Tell whether allocations are the ones that the seed gives.

    Examples
    --------
    >>> shares = {"new": 1, "old": 2}
    >>> verify_allocation(allocate(10, shares, seed=1), 10, shares, seed=1, design="blocked")
    True
    """
    return tuple(allocations) == allocate(recipients, arms, seed=seed, design=design, strata=strata)


class _Place:
    """Draws that depend on a place in the plan and on nothing else."""

    def __init__(self, root: tuple[object, ...]) -> None:
        self._root = "/".join(map(str, root))

    def draw(self, *place: object) -> int:
        """Return a number of 64 bits."""
        text = "/".join((self._root, *map(str, place)))
        return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")

    def order(self, length: int, *place: object) -> list[int]:
        """Return a random order of the numbers below `length`."""
        return sorted(range(length), key=lambda slot: self.draw(*place, slot))


Rows = Iterator[tuple[int, tuple[int, ...]]]
"""For one recipient after the other: the block, and the arms to hear, as numbers."""


def _blocked(shares: tuple[int, ...], place: _Place) -> Rows:
    if len(set(shares)) > 1:
        yield from _tunnel(shares, place)
    size, block = _REPEATS_IN_A_BLOCK * len(shares), 0
    while True:
        yield from ((block, (slot % len(shares),)) for slot in place.order(size, block))
        block += 1


def _simple(shares: tuple[int, ...], place: _Place) -> Rows:
    arms = [arm for arm, share in enumerate(shares) for _ in range(share)]
    number = 0
    while True:
        yield 0, (arms[place.draw(number) % len(arms)],)
        number += 1


def _tunnel(shares: tuple[int, ...], place: _Place) -> Rows:
    """Decide for each recipient arm by arm: this one, or one of those after it."""
    reached, taken = [0] * len(shares), [0] * len(shares)
    number, last = 0, len(shares) - 1
    while True:
        arm = 0
        while arm < last:
            whole = sum(shares[arm:])
            takes = _takes(reached[arm], taken[arm], shares[arm], whole, place.draw(number, arm))
            reached[arm] += 1
            taken[arm] += takes
            if takes:
                break
            arm += 1
        yield number // sum(shares), (arm,)
        number += 1


def _takes(passed: int, taken: int, share: int, whole: int, draw: int) -> bool:
    """Walk one step in the tunnel between the whole numbers below and above `passed * share / whole`.

    The chances are those with which the walk is at the upper wall as often as the line's fraction says, so that each
    step has the chance ``share / whole``.
    """
    lower, part = divmod(passed * share, whole)
    crosses = part + share >= whole
    if taken == lower:
        return crosses or draw % (whole - part) < share
    return crosses and draw % part < part + share - whole


def _crossover(shares: tuple[int, ...], place: _Place) -> Rows:
    square, block = _williams(len(shares)), 0
    while True:
        arms = place.order(len(shares), block, "arms")
        for row in place.order(len(square), block, "rows"):
            yield block, tuple(arms[cell] for cell in square[row])
        block += 1


def _williams(arms: int) -> list[tuple[int, ...]]:
    """Return orders in which each arm stands in each place, and right after each other arm, equally often."""
    zigzag = [(step + 1) // 2 if step % 2 else -(step // 2) for step in range(arms)]
    rows = [tuple((start + step) % arms for step in zigzag) for start in range(arms)]
    return rows if arms % 2 == 0 or arms == 1 else [*rows, *(row[::-1] for row in rows)]


_ROWS: Mapping[str, Callable[[tuple[int, ...], _Place], Rows]] = {
    "blocked": _blocked,
    "simple": _simple,
    "crossover": _crossover,
}


def whole_shares(arms: Shares) -> dict[str, int]:
    """Return each arm's share as a whole number, as small as can be.

    Raises
    ------
    InvalidInputError
        Arms or shares that make no sense.

    Examples
    --------
    >>> whole_shares({"new": 0.25, "old": 0.75}), whole_shares(["a", "b"])
    ({'new': 1, 'old': 3}, {'a': 1, 'b': 1})
    """
    shares = dict(arms) if isinstance(arms, Mapping) else dict.fromkeys(arms, 1)
    if isinstance(arms, str) or not shares or len(shares) != len(arms):
        raise InvalidInputError("arms", f"{len(arms)} names, {len(shares)} of them different; name each arm once")
    try:
        exact = [Fraction(str(share)) for share in shares.values()]
    except (ValueError, ZeroDivisionError):
        raise InvalidInputError("arms", "a share that is no number; give one such as 1 or 0.25") from None
    if min(exact) <= 0:
        raise InvalidInputError("arms", "a share of 0 or below; leave the arm out")
    scale = math.lcm(*(share.denominator for share in exact))
    whole = [int(share * scale) for share in exact]
    divisor = math.gcd(*whole)
    if sum(whole) // divisor > _LARGEST_SHARE:
        raise InvalidInputError("arms", f"shares finer than 1 in {_LARGEST_SHARE}; round them")
    return {name: share // divisor for name, share in zip(shares, whole, strict=True)}


def _members(recipients: int, strata: Sequence[str] | None) -> dict[str, list[int]]:
    """Return the recipients of each stratum, in their order."""
    if strata is None:
        return {"": list(range(recipients))}
    if isinstance(strata, str) or len(strata) != recipients:
        raise InvalidInputError("strata", f"{len(strata)} for {recipients} recipients; give one a recipient")
    found: dict[str, list[int]] = {}
    for recipient, stratum in enumerate(strata):
        if not isinstance(stratum, str):
            raise InvalidInputError("strata", f"of type {type(stratum).__name__}; give texts")
        found.setdefault(stratum, []).append(recipient)
    return found

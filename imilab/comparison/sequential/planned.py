"""Planned looks, taken: which are due, where the bounds are for the calls that really came, and what was crossed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imilab.comparison.sequential.allocation import DECIDED, Allocation
from imilab.comparison.sequential.boundaries import planned_bounds
from imilab.comparison.sequential.look_statistics import LookStatistic, look_statistic
from imilab.comparison.sequential.spending import SPENDING

__all__ = ["PlannedLook", "TakenLook", "WatchedDesign", "looks_due", "take_looks"]

Floats = NDArray[np.float64]
_STEP = 1e-3


class PlannedLook(Protocol):
    """One look of a plan."""

    @property
    def n(self) -> int:
        """Resolved calls of all arms."""
        ...

    @property
    def z(self) -> float:
        """Where it stops, if it falls where it was planned."""
        ...


class WatchedDesign(Protocol):
    """What watching needs of a plan; `imilab.power` returns one."""

    @property
    def baseline(self) -> float:
        """The baseline's assumed rate."""
        ...

    @property
    def mde(self) -> float:
        """The difference that is looked for."""
        ...

    @property
    def alpha(self) -> float:
        """Level of all comparisons."""
        ...

    @property
    def alpha_each(self) -> float:
        """Level of each comparison."""
        ...

    @property
    def n(self) -> int:
        """Resolved calls of all arms."""
        ...

    @property
    def n_per_arm(self) -> tuple[int, ...]:
        """Resolved calls of each arm, the baseline first."""
        ...

    @property
    def margin(self) -> float | None:
        """The difference to be ruled out."""
        ...

    @property
    def spending(self) -> str:
        """The spending function."""
        ...

    @property
    def looks(self) -> Sequence[PlannedLook]:
        """The planned looks."""
        ...


@dataclass(frozen=True)
class TakenLook:
    """One look at one arm.

    Attributes
    ----------
    look : int
        From 1.
    n : int
        Resolved calls of all arms in it.
    information : float
        Share of the planned information of this comparison.
    bound : float
        Where it stops.
    statistic : LookStatistic
    crossed : bool
        Whether it stops.
    """

    look: int
    n: int
    information: float
    bound: float
    statistic: LookStatistic
    crossed: bool


def looks_due(found: Allocation, design: WatchedDesign, *, final: bool) -> list[tuple[int, NDArray[np.int64]]]:
    """Return the looks that can be taken, each with its calls.

    A look takes the first resolved calls in the order of allocation, as many as planned, and is due when no call before
    the last of them is awaited. So it is the same whenever it is taken, and however quickly outcomes come in.

    Parameters
    ----------
    found : Allocation
        The calls.
    design : WatchedDesign
        The plan.
    final : bool
        Take the last look with all resolved calls, as no more will come.
    """
    decided = np.flatnonzero(found.state[: found.settled] == DECIDED)
    due = [(index, decided[: look.n]) for index, look in enumerate(design.looks, 1) if len(decided) >= look.n]
    if final and len(due) < len(design.looks):
        every = np.flatnonzero(found.state == DECIDED)
        return [*due, (len(design.looks), every)]
    return due


def take_looks(
    found: Allocation, arm: int, design: WatchedDesign, due: list[tuple[int, NDArray[np.int64]]]
) -> list[TakenLook]:
    """Take the looks at one arm, with the bounds that spend the level at the information that was really there."""
    statistics, fractions = [], []
    planned = _information(design.n_per_arm[arm], design.n_per_arm[0])
    for _, calls in due:
        chosen = calls[(found.arm[calls] == 0) | (found.arm[calls] == arm)]
        is_arm = found.arm[chosen] == arm
        statistics.append(look_statistic(is_arm, found.success[chosen], found.number[chosen], design.margin))
        fractions.append(_information(int(is_arm.sum()), int((~is_arm).sum())) / planned)
    ends = bool(due) and due[-1][0] == len(design.looks)
    information = _rising(fractions)
    bounds = _bounds(information, design, ends=ends)
    return [
        TakenLook(look, len(calls), information[place], bounds[place], each, _crosses(each.z, bounds[place], design))
        for place, ((look, calls), each) in enumerate(zip(due, statistics, strict=True))
    ]


def sequential_p(looks: list[TakenLook], design: WatchedDesign) -> float:
    """Return the smallest level at which the looks so far would have stopped.

    Jennison and Turnbull (2000), section 9.8: the repeated p value; it is valid whenever the looks end.
    """
    if not looks:
        return math.nan
    information = [look.information for look in looks]
    ends = looks[-1].look == len(design.looks)
    low, high = math.log(1e-12), math.log(0.98)
    scores = [_towards(look.statistic.z, design) for look in looks]

    def stops(level: float) -> bool:
        bounds = _bounds(information, design, ends=ends, level=level)
        return any(score >= bound for score, bound in zip(scores, bounds, strict=True))

    if not stops(math.exp(high)):
        return 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if stops(math.exp(middle)) else (middle, high)
    return math.exp(high)


def _bounds(information: list[float], design: WatchedDesign, *, ends: bool, level: float | None = None) -> list[float]:
    if not information:
        return []
    side = (design.alpha_each if level is None else level) / 2
    share = np.minimum(information, 1.0)
    if ends:
        share[-1] = 1.0
    spent = SPENDING[design.spending](share, side)
    return [float(bound) for bound in planned_bounds(spent, information, two_sided=design.margin is None)]


def _information(n1: int, n0: int) -> float:
    return n1 * n0 / (n1 + n0) if n1 and n0 else 0.0


def _rising(fractions: list[float]) -> list[float]:
    """Let information rise by a little at least: a look that adds none has nothing to spend."""
    rising: list[float] = []
    for fraction in fractions:
        rising.append(max(fraction, (rising[-1] if rising else 0.0) + _STEP))
    return rising


def _towards(z: float, design: WatchedDesign) -> float:
    """Return the statistic as far as it speaks against the null hypothesis."""
    return abs(z) if design.margin is None else -math.copysign(1.0, design.margin) * z


def _crosses(z: float, bound: float, design: WatchedDesign) -> bool:
    return _towards(z, design) >= bound

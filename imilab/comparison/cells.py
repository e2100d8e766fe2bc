"""Counted calls by phone number, stratum and arm: the small table that every comparison is made from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

__all__ = ["Cells", "counted", "counted_densely"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_DENSE = 20_000_000
"""Up to so many combinations, counting into an array of all beats sorting."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Counted calls by number, stratum and arm; only combinations that occur.

    Attributes
    ----------
    number, stratum, arm : numpy.ndarray of int, shape (cells,)
        What the cell stands for; ordered by number, then stratum, then arm.
    calls, successes : numpy.ndarray of float, shape (cells,)
        How many.
    """

    number: Codes
    stratum: Codes
    arm: Codes
    calls: Floats
    successes: Floats

    @cached_property
    def totals(self) -> tuple[Floats, Floats]:
        """Successes and calls of each arm."""
        successes: Floats = np.bincount(self.arm, self.successes).astype(np.float64)
        return successes, np.bincount(self.arm, self.calls).astype(np.float64)

    @cached_property
    def numbers(self) -> tuple[tuple[Codes, Floats, Floats], ...]:
        """For each arm its different numbers, and their calls and successes."""
        return tuple(self._numbers_of(code) for code in range(int(self.arm.max(initial=-1)) + 1))

    def _numbers_of(self, arm: int) -> tuple[Codes, Floats, Floats]:
        mine = np.flatnonzero(self.arm == arm)
        number, calls, successes = self.number.take(mine), self.calls.take(mine), self.successes.take(mine)
        new = np.r_[True, number[1:] != number[:-1]][: len(number)]  # the cells come in the order of numbers
        if new.all():
            return number, calls, successes
        starts = np.flatnonzero(new)
        return number[starts], np.add.reduceat(calls, starts), np.add.reduceat(successes, starts)

    @cached_property
    def apart(self) -> bool:
        """Whether every number has one cell, so that none is in two arms."""
        return not bool((self.number[1:] == self.number[:-1]).any())

    @property
    def distinct(self) -> int:
        """How many different numbers there are."""
        return int(np.count_nonzero(self.number[1:] != self.number[:-1])) + bool(len(self.number))

    def count_numbers(self, below: int) -> Codes:
        """Count each arm's different numbers with a code less than `below`."""
        if self.apart:
            return np.bincount(self.arm[self.number < below])
        return np.array([np.count_nonzero(each[0] < below) for each in self.numbers])

    def shared(self, one: int, other: int) -> int:
        """Count the numbers with calls of both arms."""
        if self.apart or max(one, other) >= len(self.numbers):
            return 0
        met = np.zeros(int(self.number[-1]) + 1, dtype=bool)
        met[self.numbers[one][0]] = True
        return int(np.count_nonzero(met[self.numbers[other][0]]))

    @cached_property
    def within_strata(self) -> tuple[Floats, Floats]:
        """Successes and calls, shape (strata, arms)."""
        return self._spread(self.stratum, self.arm, self.calls, self.successes)

    @cached_property
    def within_numbers(self) -> tuple[Floats, Floats]:
        """Successes and calls, shape (parts, arms), of each number's part of each stratum that met several arms."""
        number, stratum = self.number, self.stratum
        new = np.r_[True, (number[1:] != number[:-1]) | (stratum[1:] != stratum[:-1]), True]  # cells come in this order
        rows = np.flatnonzero(~(new[:-1] & new[1:][: len(number)]))
        part = np.cumsum(new[:-1].take(rows)) - 1
        return self._spread(part, self.arm.take(rows), self.calls.take(rows), self.successes.take(rows))

    def _spread(self, group: Codes, arm: Codes, calls: Floats, successes: Floats) -> tuple[Floats, Floats]:
        groups, arms = int(group.max(initial=-1)) + 1, int(self.arm.max(initial=-1)) + 1
        code = group * arms + arm
        shape = (groups, arms)
        found = [np.bincount(code, each, minlength=groups * arms).reshape(shape) for each in (successes, calls)]
        return found[0].astype(np.float64), found[1].astype(np.float64)


def counted_densely(number: Codes, place: Codes, sizes: tuple[int, int]) -> Cells:
    """Count calls by number and arm as `counted`, where there are few combinations; a place of -1 is not counted.

    `sizes` says how many numbers and arms there are.
    """
    numbers, arms = sizes
    width = 2 * arms + 1
    code = number * width
    code += place
    code += 1
    every = np.bincount(code, minlength=numbers * width).reshape(numbers, width)
    successes = every[:, 2::2]
    calls = every[:, 1::2] + successes
    number_of, arm_of = np.nonzero(calls)
    return Cells(
        number_of,
        np.zeros_like(number_of),
        arm_of,
        calls[number_of, arm_of].astype(np.float64),
        successes[number_of, arm_of].astype(np.float64),
    )


def counted(number: Codes, place: Codes, stratum: Codes | None, calls: Codes | None, sizes: tuple[int, int]) -> Cells:
    """Count calls by number, stratum and arm.

    Parameters
    ----------
    number, stratum : numpy.ndarray of int
        Codes of each row; no stratum where there is one only.
    place : numpy.ndarray of int
        Twice the arm's code, and one more for a success.
    calls : numpy.ndarray of int or None
        How many calls each row stands for; None for one each.
    sizes : (int, int)
        How many strata and arms there are.
    """
    if stratum is None and calls is None and (number[1:] > number[:-1]).all():  # each number once, and in order
        return Cells(number, np.zeros_like(number), place // 2, np.ones(len(number)), (place % 2).astype(np.float64))
    strata, width = sizes[0], 2 * sizes[1]
    code = (number if stratum is None else number * strata + stratum) * width + place
    size = (int(number.max(initial=-1)) + 1) * strata * width
    if size > _DENSE:
        seen, row = np.unique(code // 2, return_inverse=True)
        both = np.bincount(2 * row + code % 2, calls, minlength=2 * len(seen)).reshape(-1, 2)
    else:
        both = np.bincount(code, calls, minlength=size).reshape(-1, 2)
        seen = np.flatnonzero(both[:, 0] + both[:, 1])
        both = both.take(seen, axis=0)
    rest, arm_of = np.divmod(seen, sizes[1])
    number_of, stratum_of = (rest, np.zeros_like(rest)) if strata == 1 else np.divmod(rest, strata)
    return Cells(number_of, stratum_of, arm_of, (both[:, 0] + both[:, 1]).astype(float), both[:, 1].astype(float))

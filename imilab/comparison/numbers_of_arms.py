"""The counted calls of one arm and the baseline, seen as counts, as numbers, or as strata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imilab.comparison.cells import Cells
from imilab.comparison.correlation import Arm, StandardisedArm

__all__ = ["Pair", "arm_of"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


def arm_of(cells: Cells, arm: int) -> Arm:
    """Return an arm's calls by number."""
    _, calls, successes = cells.numbers[arm]
    return Arm(calls, successes)


@dataclass(frozen=True, eq=False)
class Pair:
    """The counted calls of two arms.

    Attributes
    ----------
    cells : Cells
        The calls of all arms.
    arm, baseline : int
        The codes of the two.
    stratified : bool
        Whether they are compared within strata.
    """

    cells: Cells
    arm: int
    baseline: int
    stratified: bool

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Successes and calls of the arm, then of the baseline."""
        found: list[int] = []
        for code in (self.arm, self.baseline):
            found += [int(each[code]) if code < len(each) else 0 for each in self.cells.totals]
        return found[0], found[1], found[2], found[3]

    @property
    def shared(self) -> int:
        """How many numbers have calls of both arms."""
        return self.cells.shared(self.arm, self.baseline)

    def tables(self, *, by_number: bool = False) -> Floats:
        """Return successes and failures of both arms in each stratum, or in each number's part of each stratum.

        Returns
        -------
        numpy.ndarray, shape (strata, 2, 2)
            Those that met both arms: the others tell nothing.
        """
        successes, calls = self.cells.within_numbers if by_number else self.cells.within_strata
        if max(self.arm, self.baseline) >= calls.shape[1]:  # none of an arm's calls is counted
            return np.zeros((0, 2, 2))
        both = np.flatnonzero((calls[:, self.arm] > 0) & (calls[:, self.baseline] > 0))
        found = np.empty((len(both), 2, 2))
        for side, code in enumerate((self.arm, self.baseline)):
            found[:, side, 0] = successes[:, code].take(both)
            found[:, side, 1] = calls[:, code].take(both) - found[:, side, 0]
        return found

    def arms(self) -> tuple[Arm, Arm, float]:
        """Return both arms by number, and the covariance of their rates from the numbers that they share."""
        seen = self._standardised if self.stratified else self._plain
        sides = [seen(code) for code in (self.arm, self.baseline)]
        (numbers1, arm), (numbers0, baseline) = sides
        if not self.shared:
            return arm, baseline, 0.0
        _, at1, at0 = np.intersect1d(numbers1, numbers0, assume_unique=True, return_indices=True)
        sizes = len(numbers1), len(numbers0)
        factor = float(np.prod([np.sqrt(size / max(size - 1, 1)) for size in sizes]))
        product = float(np.sum(arm.surplus[at1] * baseline.surplus[at0]))
        return arm, baseline, factor * product / float(arm.calls.sum() * baseline.calls.sum())

    def _plain(self, code: int) -> tuple[Codes, Arm]:
        return self.cells.numbers[code][0], arm_of(self.cells, code)

    def _standardised(self, code: int) -> tuple[Codes, Arm]:
        """Weigh the arm's strata as Mantel and Haenszel do; strata of one arm only weigh nothing."""
        cells, strata = self.cells, int(self.cells.stratum.max(initial=0)) + 1
        sums = [
            np.bincount(cells.stratum[cells.arm == each], cells.calls[cells.arm == each], minlength=strata)
            for each in (self.arm, self.baseline)
        ]
        total = sums[0] + sums[1]
        weight = np.divide(sums[0] * sums[1], total, out=np.zeros(strata), where=total > 0)
        mine = cells.arm == code
        stratum, calls, successes = cells.stratum[mine], cells.calls[mine], cells.successes[mine]
        n = np.bincount(stratum, calls, minlength=strata)
        p = np.divide(np.bincount(stratum, successes, minlength=strata), n, out=np.zeros(strata), where=n > 0)
        share = weight / weight.sum() if weight.sum() else np.full(strata, np.nan)
        part = np.divide(share, n, out=np.zeros(strata), where=n > 0)
        surplus = (successes - p[stratum] * calls) * part[stratum] * calls.sum()
        numbers, all_calls, all_successes = cells.numbers[code]
        place = np.searchsorted(numbers, cells.number[mine])
        all_surplus = np.bincount(place, surplus, minlength=len(numbers)).astype(np.float64)
        return numbers, StandardisedArm(all_calls, all_successes, float(np.sum(share * p)), all_surplus)

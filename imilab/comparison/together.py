"""Whether several arms differ at all, by the method that their numbers allow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imilab.comparison import significance
from imilab.comparison import stratified as within
from imilab.comparison.cells import Cells
from imilab.comparison.clusters import FEWEST_NUMBERS, REFERENCES, welch
from imilab.comparison.numbers_of_arms import arm_of
from imilab.comparison.verdict import Omnibus

__all__ = ["together"]


def together(cells: Cells, codes: Sequence[int], layout: str, *, stratified: bool) -> Omnibus | None:
    """Test all arms together; None where the numbers are too few.

    Parameters
    ----------
    cells : Cells
        The counted calls.
    codes : sequence of int
        The arms.
    layout : str
        How numbers meet arms; see `imilab.comparison.crossing.layout_of`.
    stratified : bool
        Whether arms are compared within strata.
    """
    if layout == "varying" or (stratified and layout == "once"):
        return _within(cells, codes, by_number=layout == "varying")
    if layout == "once":
        statistic, df, p = significance.chi_square(*cells.totals)
        return Omnibus(significance.REFERENCES["chi_square"], statistic, df, p)
    arms = [arm_of(cells, code) for code in codes]
    if stratified or min(len(arm.calls) for arm in arms) < FEWEST_NUMBERS:
        return None
    found = welch(arms)
    return Omnibus(REFERENCES["welch"], found[0], found[1], found[3])


def _within(cells: Cells, codes: Sequence[int], *, by_number: bool) -> Omnibus:
    strata = int(cells.stratum.max(initial=0)) + 1
    place, row = np.unique(cells.number * strata + cells.stratum if by_number else cells.stratum, return_inverse=True)
    column = np.full(int(cells.arm.max(initial=0)) + 1, -1)
    column[list(codes)] = range(len(codes))
    code, size = row * len(codes) + column[cells.arm], len(place) * len(codes)
    shape = (len(place), len(codes))
    successes = np.bincount(code, cells.successes, minlength=size).reshape(shape)
    trials = np.bincount(code, cells.calls, minlength=size).reshape(shape)
    statistic, df, p = within.cmh_arms(successes, trials)
    return Omnibus(within.REFERENCES["cmh_arms"], statistic, df, p)

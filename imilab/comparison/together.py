"""Whether several arms differ at all, by the method that their numbers allow."""

from __future__ import annotations

from collections.abc import Sequence

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
    successes, trials = cells.within_numbers if by_number else cells.within_strata
    some = [code for code in codes if code < trials.shape[1]]  # of the others no call is counted
    if some != list(range(trials.shape[1])):
        successes, trials = successes[:, some], trials[:, some]
    statistic, df, p = within.cmh_arms(successes, trials)
    return Omnibus(within.REFERENCES["cmh_arms"], statistic, df, p)

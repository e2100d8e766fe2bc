"""How phone numbers meet the arms: each once, each in one arm, or several arms; and those that should not have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from imilab.assign import DESIGNS
from imilab.comparison.cells import Cells
from imilab.comparison.tally import Tally
from imilab.counting import kind_masks
from imilab.errors import InvalidInputError
from imilab.metrics import METRICS

__all__ = ["CLUSTERS", "Crossed", "layout_of", "without_forbidden"]

CLUSTERS = ("auto", "fixed", "varying", "ignore")
"""What `compare` takes as `clusters`."""


@dataclass(frozen=True)
class Crossed:
    """Numbers that met more than one arm although their design gives each number one.

    Attributes
    ----------
    numbers, calls : int
        How many, and their calls with an arm.
    designs, campaigns : tuple of str
        Where.
    """

    numbers: int
    calls: int
    designs: tuple[str, ...]
    campaigns: tuple[str, ...]


def without_forbidden(tally: Tally) -> tuple[Tally, Crossed | None]:
    """Leave out every call to a number that met several arms in one campaign whose design gives each number one arm.

    Returns
    -------
    Tally, Crossed or None
        The rest, and what was left out.
    """
    if "design" not in tally.frame or not _met_several(tally.number, tally.arm, tally.numbers).any():
        return tally, None
    placed = kind_masks(METRICS["answered"], "placed")["counted"][tally.kind]
    rows = placed & (tally.arm >= 0) & (tally.number >= 0)
    several = _met_several(tally.number[rows], tally.arm[rows], tally.numbers)
    suspects = np.flatnonzero(rows)[several[tally.number[rows]]]
    some = tally.frame.iloc[suspects]
    campaign = some["campaign"] if "campaign" in some else pd.Series("", index=some.index)
    table = pd.DataFrame(
        {
            "number": tally.number[suspects],
            "arm": tally.arm[suspects],
            "campaign": campaign.to_numpy(),
            "design": some["design"].to_numpy(),
        }
    )
    table = table[table["design"].isin(DESIGNS)]
    arms = table.groupby(["number", "campaign"], dropna=False)["arm"].transform("nunique")
    wrong = table[arms > 1]
    if wrong.empty:
        return tally, None
    forbidden = np.zeros(tally.numbers + 1, dtype=bool)  # the last place is that of a missing number
    forbidden[wrong["number"].to_numpy()] = True
    out = forbidden[tally.number]
    names = [tuple(sorted({str(name) for name in wrong[column].dropna()})) for column in ("design", "campaign")]
    crossed = Crossed(int(forbidden.sum()), tally.total(out & (tally.arm >= 0)), names[0], names[1])
    return tally.where(~out), crossed


def layout_of(cells: Cells, clusters: str) -> str:
    """Say how the counted calls' numbers meet the arms.

    Parameters
    ----------
    cells : Cells
        The counted calls.
    clusters : str
        One of `CLUSTERS`; all but ``auto`` decide it.

    Returns
    -------
    str
        ``once`` (each number has one call), ``fixed`` (most calls went to numbers that met one arm only) or
        ``varying`` (at least half went to numbers that met several arms).

    Raises
    ------
    InvalidInputError
        `clusters` is none of them.
    """
    if clusters not in CLUSTERS:
        raise InvalidInputError("clusters", f"{clusters!r} is none of {', '.join(CLUSTERS)}")
    if clusters == "ignore" or not len(cells.number):
        return "once"
    place = np.r_[0, np.cumsum(cells.number[1:] != cells.number[:-1])]  # cells come in the order of numbers
    calls = np.bincount(place, cells.calls)
    if calls.max() <= 1:
        return "once"
    if clusters != "auto":
        return clusters
    several = _met_several(place, cells.arm, len(calls))
    return "varying" if 2 * calls[several].sum() >= calls.sum() else "fixed"


def _met_several(number: npt.NDArray[np.int64], arm: npt.NDArray[np.int64], numbers: int) -> npt.NDArray[np.bool_]:
    """Say of each number whether it met more than one arm; what is missing (below 0) is looked at as well."""
    last = np.full(numbers + 1, -1, dtype=np.int64)  # the last place is that of a missing number
    last[number] = arm
    several = np.zeros(numbers + 1, dtype=bool)
    several[number[last[number] != arm]] = True
    return several[:numbers]

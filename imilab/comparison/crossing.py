"""How phone numbers meet the arms: each once, each in one arm, or several arms; and those that should not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    fixed = tally.frame["design"].isin(DESIGNS).to_numpy()
    if not fixed.any():
        return tally, None
    placed = kind_masks(METRICS["answered"], "placed")["counted"].take(tally.kind)
    rows = np.flatnonzero(placed & (tally.arm >= 0) & (tally.number >= 0) & fixed)
    if not len(rows):
        return tally, None
    campaign, campaigns = pd.factorize(_campaigns(tally.frame).iloc[rows])
    number, arm = tally.number.take(rows), tally.arm.take(rows)
    group = number if campaign.max() == campaign.min() else pd.factorize(number * (len(campaigns) + 1) + campaign)[0]
    wrong = _met_several(group, arm, int(group.max()) + 1)[group]
    if not wrong.any():
        return tally, None
    forbidden = np.zeros(tally.numbers + 1, dtype=bool)  # the last place is that of a missing number
    forbidden[number[wrong]] = True
    out = forbidden[tally.number]
    crossed = Crossed(
        int(forbidden.sum()),
        tally.total(out & (tally.arm >= 0)),
        _named(tally.frame["design"].iloc[rows[wrong]]),
        _named(_campaigns(tally.frame).iloc[rows[wrong]]),
    )
    return tally.where(~out), crossed


def _campaigns(frame: pd.DataFrame) -> pd.Series[Any]:
    return frame["campaign"] if "campaign" in frame else pd.Series("", index=frame.index, dtype="str")


def _named(values: pd.Series[Any]) -> tuple[str, ...]:
    """Return each known value once, in order."""
    return tuple(sorted(map(str, values.dropna().unique())))


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

"""Pairs of calls for the paired e-value: formed by the allocation alone, read in its order.

The rule. In each block of the assignment the i-th call of the arm and the i-th call of the baseline are a pair; pairs
come in the order of their later call. A design without blocks is cut into runs of 20 calls an arm, each a block. So who
is paired with whom, and in what order, was fixed before anyone answered. A pair with an awaited call waits, and every
later pair waits behind it. A pair with a call that was not placed, was given up, or went to a number called before is
set aside.

Why it keeps the level. The pairs that are read are always the first so-and-so many of a fixed list. How many they are
may depend on anything, on what resolves quickly too, as the chance that the e-value exceeds its limit after any number
of pairs is bounded (Ville). If later pairs overtook a waiting one, quick outcomes would be read first, and an arm whose
successes resolve sooner would look better than it is. Setting aside leaves the comparison what it is: a difference per
resolved call, of first calls to a number. Blocks keep partners close in time: were the i-th calls of a whole unblocked
plan partners, the arm that happens to be ahead would meet other hours than its partners, and rates that change over the
day would look like a difference (simulated: 17 to 28 % false alarms at a level of 5 %).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imilab.comparison.sequential.allocation import AWAITED, SET_ASIDE, Allocation

__all__ = ["Pairs", "form_pairs"]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of an arm and the baseline.

    Attributes
    ----------
    arm, baseline : numpy.ndarray
        Whether the calls of each pair that is read were successes, in the order of allocation.
    waiting : int
        Pairs with an awaited call.
    held_back : int
        Decided pairs behind the first waiting one.
    set_aside : int
        Pairs that will never be read.
    unpaired : int
        Calls without a partner in their block (yet).
    """

    arm: NDArray[np.bool_]
    baseline: NDArray[np.bool_]
    waiting: int
    held_back: int
    set_aside: int
    unpaired: int

    @property
    def wins(self) -> NDArray[np.int64]:
        """Pairs so far in which the arm's call alone was a success, after each pair."""
        return np.cumsum(self.arm & ~self.baseline)

    @property
    def losses(self) -> NDArray[np.int64]:
        """Pairs so far in which the baseline's call alone was a success, after each pair."""
        return np.cumsum(self.baseline & ~self.arm)


def form_pairs(found: Allocation, arm: int) -> Pairs:
    """Form the pairs of one arm and the baseline, and read those that may be read."""
    chosen = np.flatnonzero((found.arm == 0) | (found.arm == arm))
    void = (found.state == SET_ASIDE) | found.repeated
    rows = pd.DataFrame(
        {
            "call": chosen,
            "arm": found.arm[chosen] > 0,
            "block": found.block[chosen],
            "void": void[chosen],
            "awaited": found.state[chosen] == AWAITED,
            "success": found.success[chosen],
        }
    )
    rows["rank"] = rows.groupby(["block", "arm"]).cumcount()
    both = rows[rows["arm"]].merge(rows[~rows["arm"]], on=["block", "rank"], suffixes=("_arm", "_baseline"))
    both = both.iloc[np.argsort(both[["call_arm", "call_baseline"]].max(axis=1).to_numpy(), kind="stable")]
    set_aside = (both["void_arm"] | both["void_baseline"]).to_numpy(dtype=bool)
    waiting = (both["awaited_arm"] | both["awaited_baseline"]).to_numpy(dtype=bool) & ~set_aside
    first = int(np.argmax(waiting)) if waiting.any() else len(both)
    read = np.flatnonzero(~set_aside[:first])
    return Pairs(
        arm=both["success_arm"].to_numpy(dtype=bool)[read],
        baseline=both["success_baseline"].to_numpy(dtype=bool)[read],
        waiting=int(waiting.sum()),
        held_back=int((~waiting & ~set_aside)[first:].sum()),
        set_aside=int(set_aside.sum()),
        unpaired=len(rows) - 2 * len(both),
    )

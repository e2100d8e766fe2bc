"""What an arm's rate could be at worst and at best, whatever became of the calls that nobody knows the end of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imilab.comparison.tally import Tally
from imilab.counting import kind_masks
from imilab.intervals import rate
from imilab.metrics import METRICS, Metric
from imilab.terms import Outcome

__all__ = ["REFERENCE", "worst_case"]

REFERENCE = "Manski (1989), worst-case bounds"


def worst_case(tally: Tally, one: Metric, denominator: str) -> pd.DataFrame:
    """Bound each arm's rate over all fates of its pending and lost calls: none a success, and all of them.

    Manski CF (1989), "Anatomy of the selection problem", Journal of Human Resources 24, 343-360.

    Parameters
    ----------
    tally : Tally
        The calls.
    one : Metric
        What counts as a success.
    denominator : str
        What is counted; pending calls are added to it.

    Returns
    -------
    DataFrame
        One row an arm, in the order of `tally.values`: ``unknown`` (pending and lost calls), ``bound_low``,
        ``bound_high`` (fractions).
    """
    lost = kind_masks(METRICS[Outcome.LOST.value], denominator)["success"]
    asked = kind_masks(one, denominator)
    pending, counted, success = asked["pending"], asked["counted"], asked["success"]
    unknown = tally.by_arm @ (pending | (lost & counted))
    known = tally.by_arm @ (success & counted & ~pending & ~lost)
    total = tally.by_arm @ (counted | pending)
    high = rate(np.minimum(known + unknown, total), total)
    return pd.DataFrame({"unknown": unknown, "bound_low": rate(known, total), "bound_high": high})

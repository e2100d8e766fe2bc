"""The arms' shares: over all, and in slices of time with equally many calls, where a steady assignment keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imilab.comparison.balance.result import OK, STOP, Check
from imilab.comparison.balance.sample_ratio import ALPHA
from imilab.intervals import rate, wilson

__all__ = ["TimeSlices", "check_time_drift", "drift_table", "shares_table", "time_slices"]

Floats = NDArray[np.float64]
_SLICES = 20
_FEWEST_EXPECTED = 5


@dataclass(frozen=True, eq=False)
class TimeSlices:
    """The arms' counts in slices of time.

    Attributes
    ----------
    counts : numpy.ndarray, shape (slices, arms)
        How many of each arm.
    begins_ms, ends_ms : numpy.ndarray, shape (slices,)
        The first and the last moment in each, in milliseconds UTC.
    """

    counts: Floats
    begins_ms: Floats
    ends_ms: Floats


def time_slices(codes: NDArray[np.int64], moments_ms: Floats, arms: int) -> TimeSlices | None:
    """Cut the calls into up to 20 slices of time with equally many; None where too few have a time."""
    known = ~np.isnan(moments_ms)
    code, moment = codes[known], moments_ms[known]
    counts = np.bincount(code, minlength=arms)
    slices = int(min(_SLICES, counts.min() // _FEWEST_EXPECTED))
    if slices < 2:
        return None
    edges = np.quantile(moment, np.linspace(0, 1, slices + 1)[1:-1])
    _, place = np.unique(np.searchsorted(edges, moment, side="right"), return_inverse=True)
    width = int(place.max()) + 1
    if width < 2:
        return None
    table = np.zeros((width, arms))
    np.add.at(table, (place, code), 1)
    begins, ends = np.full(width, np.inf), np.full(width, -np.inf)
    np.minimum.at(begins, place, moment)
    np.maximum.at(ends, place, moment)
    return TimeSlices(table, begins, ends)


def check_time_drift(found: TimeSlices | None) -> Check | None:
    """Test whether arms and time are independent: Pearson's chi-square of a contingency table (1900)."""
    if found is None:
        return None
    from scipy.special import chdtrc

    table = found.counts
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    p = float(chdtrc((len(table) - 1) * (table.shape[1] - 1), statistic))
    if p < ALPHA:
        sentence = (
            f"The arms' shares change over time (over {len(table)} slices of the calls): hours differ, so arms do."
        )
        return Check("time drift", STOP, sentence, statistic, p)
    return Check("time drift", OK, f"The arms keep their shares over {len(table)} slices of the time.", statistic, p)


def shares_table(codes: NDArray[np.int64], values: Sequence[Any], meant: Floats) -> pd.DataFrame:
    """Return ``arm, count, n, share, low, high, meant``."""
    counts = np.bincount(codes, minlength=len(values))
    return _rated(pd.DataFrame({"arm": list(values), "count": counts, "n": int(counts.sum())})).assign(meant=meant)


def drift_table(found: TimeSlices | None, values: Sequence[Any]) -> pd.DataFrame:
    """Return ``slice, begins_at, ends_at, arm, count, n, share, low, high``; no rows where there are no slices."""
    empty = TimeSlices(np.zeros((0, len(values))), np.zeros(0), np.zeros(0))
    each, arms = found or empty, len(values)

    def moments(ms: Floats) -> Any:
        return pd.to_datetime(np.repeat(ms, arms).astype(np.int64), unit="ms", utc=True)

    rows = pd.DataFrame(
        {
            "slice": np.repeat(np.arange(1, len(each.counts) + 1), arms),
            "begins_at": moments(each.begins_ms),
            "ends_at": moments(each.ends_ms),
            "arm": list(values) * len(each.counts),
            "count": each.counts.ravel().astype(np.int64),
            "n": np.repeat(each.counts.sum(axis=1).astype(np.int64), arms),
        }
    )
    return _rated(rows)


def _rated(rows: pd.DataFrame) -> pd.DataFrame:
    low, high = wilson(rows["count"], rows["n"], 0.95)
    return rows.assign(share=rate(rows["count"], rows["n"]), low=low, high=high)

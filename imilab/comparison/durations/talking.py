"""Talk time, described: quantiles of the answered calls and the shift between arms."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imilab.comparison.durations.ranks import hodges_lehmann
from imilab.comparison.durations.reading import Arms
from imilab.terms import Outcome

__all__ = ["QUANTILES", "SELECTED", "talk_times"]

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
SELECTED = (
    "Talk times describe answered calls only. Who answers may differ between arms, so a difference of talk times is "
    "not what the arms did to the same people; no test is made of it."
)


def talk_times(calls: pd.DataFrame, arms: Arms, confidence: float) -> pd.DataFrame:
    """Describe how long answered calls talked.

    Parameters
    ----------
    calls : DataFrame
        From `read_durations`.
    arms : Arms
        The baseline first.
    confidence : float
        Coverage of the shift's interval.

    Returns
    -------
    DataFrame
        One row an arm: ``arm, n`` (answered calls whose talk time is known), ``unknown`` (the others), ``mean``,
        ``q10, q25, q50, q75, q90`` (seconds, R's type 7), and ``shift, shift_low, shift_high``: Hodges and Lehmann's
        against the baseline.
    """
    answered = (calls["outcome"] == Outcome.ANSWERED.value).to_numpy()
    talk = calls["talk_seconds"].to_numpy(dtype=np.float64)
    known = answered & (talk >= 0)
    groups = [talk[known & (arms.codes == number)] for number in range(len(arms.values))]
    rows = []
    for number, (value, group) in enumerate(zip(arms.values, groups, strict=True)):
        marks = np.quantile(group, QUANTILES) if len(group) else np.full(len(QUANTILES), np.nan)
        shift = (np.nan, np.nan, np.nan)
        if number and len(group) and len(groups[0]):
            shift = hodges_lehmann(group, groups[0], confidence)[:3]
        rows.append(
            {
                "arm": value,
                "n": len(group),
                "unknown": int((answered & (arms.codes == number)).sum()) - len(group),
                "mean": float(group.mean()) if len(group) else np.nan,
                **{f"q{round(100 * mark)}": float(seconds) for mark, seconds in zip(QUANTILES, marks, strict=True)},
                **dict(zip(("shift", "shift_low", "shift_high"), shift, strict=True)),
            }
        )
    return pd.DataFrame(rows)

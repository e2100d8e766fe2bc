"""Whether arms differ in how ringing ends: Gray's tests and the log-rank test, as one tidy table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from imilab.comparison.adjustment import benjamini_hochberg, holm
from imilab.comparison.durations.group_tests import GroupTest, gray, logrank
from imilab.comparison.durations.number_errors import NumberErrors, Score
from imilab.comparison.durations.reading import Arms, RingTimes
from imilab.comparison.durations.risk_table import Floats

__all__ = ["holm_of_arms", "ring_tests", "scores_of"]

_UNTESTED = GroupTest(float("nan"), 0, float("nan"))
_COLUMNS = ["method", "cause", "arm", "statistic", "df", "p", "p_adjusted"]


def scores_of(ring: RingTimes, arms: int) -> list[Score]:
    """List the tests that `ring_tests` makes of so many arms."""
    if len(np.unique(ring.arm)) < 2:
        return []
    there = _there(ring)
    pairs: list[Score] = [("gray", 1, (0, number)) for number in range(1, arms) if {0, number} <= set(there)]
    whole: list[Score] = [("gray", cause, there) for cause in range(1, len(ring.causes) + 1)]
    return list(dict.fromkeys([*whole, *pairs, ("logrank", 1, there)]))


def ring_tests(ring: RingTimes, arms: Arms, errors: NumberErrors | None) -> pd.DataFrame:
    """Return ``method, cause, arm, statistic, df, p, p_adjusted``.

    Gray's test of answered over all arms first, then of each arm against the baseline (Holm), the log-rank test of
    answered over all arms, and Gray's test of every other cause (Benjamini and Hochberg, exploratory). With errors
    between numbers, each is the same score against its spread between numbers.
    """
    there = _there(ring)
    if len(there) < 2:
        return pd.DataFrame(columns=_COLUMNS)

    def test(name: str, cause: int, some: tuple[int, ...]) -> GroupTest:
        if not set(some) <= set(there):
            return _UNTESTED
        if errors is not None:
            return errors.test(name, cause, some)
        mine = np.isin(ring.arm, some)
        seconds, ends, arm = ring.seconds[mine], ring.cause[mine], ring.arm[mine]
        return gray(seconds, ends, arm, of=cause) if name == "gray" else logrank(seconds, ends == cause, arm)

    def row(method: str, cause: int, number: int | None, found: GroupTest, adjusted: float) -> dict[str, Any]:
        arm = None if number is None else arms.values[number]
        known = {"statistic": found.statistic, "df": found.df, "p": found.p, "p_adjusted": adjusted}
        return {"method": method, "cause": ring.causes[cause - 1], "arm": arm, **known}

    whole, pace = test("gray", 1, there), test("logrank", 1, there)
    pairs = [test("gray", 1, (0, number)) for number in range(1, len(arms.values))]
    others = [test("gray", cause, there) for cause in range(2, len(ring.causes) + 1)]
    adjusted, explored = holm_of_arms([pair.p for pair in pairs]), benjamini_hochberg([other.p for other in others])
    rows = [row("gray", 1, None, whole, whole.p)]
    rows += [row("gray", 1, n, *found) for n, found in enumerate(zip(pairs, adjusted, strict=True), start=1)]
    rows.append(row("logrank", 1, None, pace, pace.p))
    for cause, found in enumerate(zip(others, explored, strict=True), start=2):
        rows.append(row("gray, exploratory", cause, None, *found))
    return pd.DataFrame(rows)


def holm_of_arms(p: ArrayLike) -> Floats:
    """Adjust p of each arm beside the baseline; one that gives none yet counts, or p of the others would rise later."""
    values = np.asarray(p, dtype=np.float64)
    return np.where(np.isnan(values), np.nan, holm(np.nan_to_num(values, nan=1.0)))


def _there(ring: RingTimes) -> tuple[int, ...]:
    """Return the arms that have a call that rang."""
    return tuple(int(arm) for arm in np.unique(ring.arm))

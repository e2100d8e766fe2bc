"""The arms side by side: rates, phone numbers, what repeated calls are worth, bounds, and every outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from imilab.comparison.bounds import worst_case
from imilab.comparison.cells import Cells
from imilab.comparison.correlation import design_effect, intraclass_correlation
from imilab.comparison.numbers_of_arms import arm_of
from imilab.comparison.tally import Tally
from imilab.counting import tabulate
from imilab.intervals import wilson
from imilab.metrics import METRICS, Metric
from imilab.terms import OUTCOMES

__all__ = ["arm_table", "composition"]


def arm_table(
    rows: pd.DataFrame,
    arm: str,
    order: Sequence[Any],
    tally: Tally,
    cells: Cells,
    one: Metric,
    denominator: str,
    layout: str,
    confidence: float,
) -> pd.DataFrame:
    """Return one row an arm, in the order given; columns as in `Comparison.arms`.

    Where numbers repeat, the rate's interval is Wilson's with the effective calls instead of the calls.
    """
    codes = [list(tally.values).index(value) for value in order]
    place = {value: index for index, value in enumerate(rows[arm].tolist())}
    arms = rows.iloc[[place[value] for value in order]].drop(columns="outcome").rename(columns={arm: "arm"})
    arms = arms.reset_index(drop=True)
    keyed = tally.number.max(initial=-1) >= 0
    counted = dict(enumerate(cells.count_numbers(tally.numbers).tolist()))
    numbers = [counted.get(code, 0) if keyed else None for code in codes]
    arms["numbers"] = pd.array(numbers, "Int64")
    worth = [_worth(cells, code, layout) for code in codes]
    arms[["icc", "design_effect", "effective_n"]] = pd.DataFrame(worth, index=arms.index)
    if layout != "once":
        share = (arms["effective_n"] / arms["n"]).fillna(1.0)
        arms["low"], arms["high"] = wilson(arms["count"] * share, arms["n"] * share, confidence)
    bounds = worst_case(tally, one, denominator).iloc[codes].reset_index(drop=True)
    return pd.concat([arms, bounds], axis=1)


def composition(counts: pd.DataFrame, arms: pd.Series[Any], denominator: str, confidence: float) -> pd.DataFrame:
    """Return all outcomes that the denominator holds, of each arm in order; columns as in `Comparison.composition`."""
    metrics = [METRICS[name] for name in OUTCOMES if METRICS[name].fits(denominator)]
    rows = tabulate(counts, {"arm": "arm"}, metrics, denominator)
    rows["low"], rows["high"] = wilson(rows["count"], rows["n"], confidence)
    place = {value: index for index, value in enumerate(arms.tolist())}
    order = rows["arm"].map(place).argsort(kind="stable")
    shown = ["arm", "outcome", "count", "n", "rate", "low", "high", "pending", "pending_share"]
    return rows.iloc[order][shown].reset_index(drop=True)


def _worth(cells: Cells, code: int, layout: str) -> tuple[float, float, float]:
    """Return an arm's intraclass correlation, design effect and effective calls."""
    calls = float(cells.totals[1][code]) if code < len(cells.totals[1]) else 0.0
    if layout == "once" or not calls:
        return math.nan, 1.0, calls
    arm = arm_of(cells, code)
    correlation = intraclass_correlation([arm])
    effect = design_effect(arm, correlation)
    return correlation, effect, calls / effect

"""What a comparison estimates and how, in words: the estimand and the footnotes."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from imilab import tables
from imilab.comparison import adjustment, bounds, clusters, correlation, significance, stratified
from imilab.comparison.verdict import Omnibus
from imilab.intervals import REFERENCES
from imilab.metrics import Metric

__all__ = ["FIXED_SAMPLE", "details", "estimand", "footnotes"]

FIXED_SAMPLE = (
    "This is a fixed-sample result, right for a number of calls that was decided beforehand: it is not to stop on. To "
    "look while calls come in, plan the looks (imilab.power with looks=) and use imilab.monitor."
)

_INTERVALS = {
    **{name: REFERENCES[name] for name in ("miettinen_nurminen", "newcombe", "agresti_caffo", "mee")},
    "miettinen_nurminen_stratified": REFERENCES["miettinen_nurminen_stratified"],
    "number_means": clusters.REFERENCES["number_means"],
    "number_means_stratified": f"{clusters.REFERENCES['number_means']}, strata by Mantel-Haenszel weights",
    "mantel_haenszel": stratified.REFERENCES["mh_rate_difference"],
}
_TESTS = {
    "miettinen_nurminen": f"{significance.REFERENCES['score_test']}, which agrees with the interval",
    "mee": f"{significance.REFERENCES['pooled_z']}, which agrees with the interval",
    "newcombe": significance.REFERENCES["inverted_p"],
    "agresti_caffo": significance.REFERENCES["inverted_p"],
    "miettinen_nurminen_stratified": stratified.REFERENCES["cmh"],
    "number_means": "the same t",
    "number_means_stratified": "the same t",
    "mantel_haenszel": f"{stratified.REFERENCES['cmh']}, within the number",
}
_RATIOS = {
    **dict.fromkeys(("miettinen_nurminen", "newcombe", "agresti_caffo", "mee"), REFERENCES["koopman"]),
    **dict.fromkeys(("number_means", "number_means_stratified"), "Delta method on the log scale"),
    **dict.fromkeys(("mantel_haenszel", "miettinen_nurminen_stratified"), stratified.REFERENCES["mh_rate_ratio"]),
}
_UNITS = {
    "once": "every call counts once",
    "fixed": "every call counts once, and the phone number is the cluster",
    "varying": "compared within the same phone number, with Mantel-Haenszel weights",
}


def estimand(one: Metric, denominator: str, layout: str, *, stratified: bool) -> str:
    """Say what the difference is a difference of.

    Examples
    --------
    >>> from imilab.metrics import METRICS
    >>> estimand(METRICS["answered"], "resolved", "once", stratified=False)
    'Estimand: the difference in P(answered) per resolved call, arm less baseline, in points; every call counts once.'
    """
    within = ", within strata" if stratified else ""
    return (
        f"Estimand: the difference in P({one.name}) per {denominator} call, arm less baseline, in points; "
        f"{_UNITS[layout]}{within}."
    )


def footnotes(
    arms: pd.DataFrame, differences: pd.DataFrame, *, omnibus: Omnibus | None, given: bool
) -> tuple[str, ...]:
    """Name the methods and the baseline, and say what the result is not."""
    chosen = "as asked" if given else "the first arm in sorted order, as none was given"
    used = [name for name in dict.fromkeys(differences["method"]) if name != "none"]
    several = len(differences) > 1
    adjusted = f"; p adjusted for {len(differences)} comparisons: {adjustment.REFERENCES['holm']}" if several else ""
    first = f" All arms together: {omnibus.method}." if omnibus else ""
    methods = [f"Interval of the difference: {_INTERVALS[name]}. p: {_TESTS[name]}{adjusted}.{first}" for name in used]
    return (
        *methods,
        *(f"No interval of {tables.name(row['arm'])}: {row['reason']}." for row in _refused(differences)),
        f"Baseline: {tables.name(arms['arm'].iloc[0])} ({chosen}).",
        *(f"Ratio: arm by baseline. {_RATIOS[name]}." for name in used),
        FIXED_SAMPLE,
    )


def details(arms: pd.DataFrame, differences: pd.DataFrame, layout: str) -> tuple[str, ...]:
    """Say what repeated numbers are worth, and how far pending and lost calls could move the differences."""
    return (*_repeats(arms, layout), *_unknown(arms, differences))


def _refused(differences: pd.DataFrame) -> list[dict[Any, Any]]:
    return differences[differences["reason"] != ""].to_dict("records")


def _repeats(arms: pd.DataFrame, layout: str) -> list[str]:
    if layout == "once":
        return []
    listed = "; ".join(
        f"{tables.name(row['arm'])} {tables.count(row['n'])} calls to {tables.count(row['numbers'])} numbers, ICC "
        f"{_decimal(row['icc'])}, design effect {_decimal(row['design_effect'])}, effective n "
        f"{tables.count(row['effective_n'])}"
        for row in arms.to_dict("records")
        if not pd.isna(row["numbers"])
    )
    sources = f"{correlation.REFERENCES['intraclass_correlation']}; {correlation.REFERENCES['design_effect']}"
    said = f"Numbers were called repeatedly: {listed}. ICC: {sources}."
    return [f"{said} Intervals of the rates: Wilson (1927) with the effective n."]


def _decimal(value: float) -> str:
    return tables.MISSING if math.isnan(value) else f"{value:.2f}".replace("-", "−")


def _unknown(arms: pd.DataFrame, differences: pd.DataFrame) -> list[str]:
    if not arms["unknown"].sum():
        return []
    listed = "; ".join(
        f"{tables.name(row['arm'])} {tables.points_range(row['bound_low'], row['bound_high'])}"
        for row in differences.to_dict("records")
    )
    fates = "if the calls that are pending or lost were no successes in one arm and all successes in the other"
    return [f"Worst case: {fates}, the difference would lie between: {listed}. {bounds.REFERENCE}."]

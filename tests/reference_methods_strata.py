"""The reference rows of strata and repeated numbers: tables within tables, and sandwich errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imilab import intervals
from imilab.comparison import association, clusters, robust, stratified
from imilab.comparison.correlation import Arm
from tests.reference_agreement import Asked, Method, agree, close_odds

__all__ = ["METHODS"]

Row = dict[str, Any]


def _tables(asked: Asked) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return counts of the shape (strata, arms, results), from a list of tables, metafor's columns or R's array."""
    if "tables" in asked:
        return np.asarray(asked["tables"], dtype=np.float64)
    if "ai" in asked:
        a, c = (np.asarray(asked[name], dtype=np.float64) for name in ("ai", "ci"))
        b = asked["bi"] if "bi" in asked else asked["n1i"] - a
        d = asked["di"] if "di" in asked else asked["n2i"] - c
        return np.stack([np.stack([a, b], axis=1), np.stack([c, d], axis=1)], axis=1)
    order = "F" if asked.get("order", "column-major") == "column-major" else "C"
    return np.moveaxis(np.reshape(np.asarray(asked["data"], dtype=np.float64), asked["dim"], order=order), -1, 0)  # type: ignore[call-overload]  # the order's word is not inferred


def _mn_stratified(asked: Asked, expected: Row) -> None:
    tables = _tables(asked)
    x, n = tables[:, :, 0], tables.sum(axis=2)
    low, high = asked.limits(
        lambda level: intervals.miettinen_nurminen_stratified(x[:, 0], n[:, 0], x[:, 1], n[:, 1], level), -1.0, 1.0
    )
    agree({"est": stratified.mh_rate_difference(tables).estimate, "lower": low, "upper": high}, expected)


def _cmh(*, continuity: bool) -> Method:
    def check(asked: Asked, expected: Row) -> None:
        tables = _tables(asked)
        statistic, p = stratified.cmh(tables, continuity=asked.get("correct", continuity))
        odds = stratified.mh_odds_ratio(tables, asked.level)
        if asked.alternative != "two-sided":
            rises = stratified.mh_rate_difference(tables).estimate > 0
            p = p / 2 if rises == (asked.alternative == "greater") else 1 - p / 2
        low, high = asked.limits(lambda level: _ends(stratified.mh_odds_ratio(tables, level)), 0.0, math.inf)
        found = {"chisq": statistic, "df": 1, "p_value": p, "or_mh": odds.estimate, "or_lower": low, "or_upper": high}
        # An odds ratio of 0 or infinity has no standard error: R gives no limits, ours are 0 and infinite.
        closed = {"or_lower": 0.0, "or_upper": math.inf} if odds.estimate in {0.0, math.inf} else {}
        agree(found, expected, closed)

    return check


def _ends(found: stratified.Pooled) -> tuple[float, float]:
    return found.low, found.high


def _breslow_day(*, tarone: bool) -> Method:
    def check(asked: Asked, expected: Row) -> None:
        statistic, df, p = stratified.breslow_day(_tables(asked), tarone=asked.get("correct", tarone))
        agree({"chisq": statistic, "df": df, "p_value": p}, expected)

    return check


def _mh_difference(asked: Asked, expected: Row) -> None:
    found = stratified.mh_rate_difference(_tables(asked), asked.level)
    # metafor does not cut at -1 and 1, beyond which no difference can be; ours does.
    cut = {name: float(np.clip(expected[name], -1, 1)) for name in expected.keys() & {"lower", "upper"}}
    agree({"est": found.estimate, "se": found.standard_error, "lower": found.low, "upper": found.high}, expected | cut)


def _mh_ratio(asked: Asked, expected: Row) -> None:
    # metafor gives the ratio on the log scale.
    found = stratified.mh_rate_ratio(_tables(asked), asked.level)
    with np.errstate(divide="ignore"):
        est, low, high = np.log([found.estimate, found.low, found.high])
    closed = {"est": float(est), "lower": -math.inf, "upper": math.inf} if not math.isfinite(est) else {}
    agree({"est": est, "lower": low, "upper": high, "se": found.standard_error}, expected, closed)


def _number_means(asked: Asked, expected: Row) -> None:
    calls, successes = (np.array(asked[name], dtype=np.float64) for name in ("m", "y"))
    mine = np.array(asked["arm"]) == asked["which"] if "arm" in asked else np.ones(len(calls), dtype=bool)
    estimate, error = clusters.number_means(Arm(calls[mine], successes[mine]))
    agree({"est": estimate, "se": error}, expected)


def _robust(estimator: Callable[[Arm, Arm], robust.Robust]) -> Method:
    def check(asked: Asked, expected: Row) -> None:
        names, calls, successes = (np.array(asked[name]) for name in ("arm", "m", "y"))
        first, *others = dict.fromkeys(names.tolist())
        sides = [
            Arm(calls[names == name].astype(float), successes[names == name].astype(float))
            for name in (others[0], first)
        ]
        found = estimator(*sides)
        agree({"diff": found.estimate, "se": found.standard_error, "df": found.df, "p_value": found.p}, expected)

    return check


def _association(asked: Asked, expected: Row) -> None:
    statistic, df, p = association.cmh_association(_tables(asked))
    agree({"stat": statistic, "df": df, "p_value": p}, expected)


def _exact(asked: Asked, expected: Row) -> None:
    asked.get("exact")
    p, odds_ratio = association.cmh_exact(_tables(asked), alternative=asked.alternative)
    coarse = {"or": odds_ratio} if "or" in expected and close_odds(odds_ratio, expected["or"]) else {}
    agree({"p_value": p, "or": odds_ratio}, expected | coarse)


METHODS: dict[str, Method] = {
    "ci_diff_mn_stratified": _mn_stratified,
    "cmh": _cmh(continuity=False),
    "cmh_cc": _cmh(continuity=True),
    "cmh_exact": _exact,
    "cmh_generalized_rxc": _association,
    "breslow_day": _breslow_day(tarone=False),
    "breslow_day_tarone": _breslow_day(tarone=True),
    "mh_rd": _mh_difference,
    "mh_rr": _mh_ratio,
    "delta_ratio_mean": _number_means,
    "cluster_robust_diff_cr1": _robust(robust.cr1),
    "cluster_robust_diff_cr2": _robust(robust.cr2),
}
"""Each takes what a row asks and what it expects, and fails where they differ by more than the row's tolerances."""

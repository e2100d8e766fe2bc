"""The reference rows of durations and sample ratios: each method's inputs to imilab's function, and what must agree."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from imilab.comparison.balance.sample_ratio import sample_ratio_chi_square
from imilab.comparison.durations.competing import cumulative_incidence
from imilab.comparison.durations.group_tests import gray, logrank
from imilab.comparison.durations.ranks import hodges_lehmann, mann_whitney
from imilab.comparison.durations.survival import kaplan_meier, restricted_mean
from imilab.comparison.exact import binomial_test
from tests.reference_agreement import Asked, Method, NoCounterpart, agree

__all__ = ["METHODS"]

Row = dict[str, Any]
# The rows of cmprsk give incidences at these times, which the file does not name.
_GRAY_TIMES = [10, 20, 30]


def _event(asked: Asked) -> list[int]:
    found: list[int] = asked["event" if "event" in asked else "status"]
    return found


def _kaplan_meier(asked: Asked, expected: Row) -> None:
    curve, at = kaplan_meier(asked["time"], _event(asked)), asked.get("at", [])
    # Where all have ended survfit divides 0 by 0; ours says that the curve is 0 for sure.
    error = np.where(curve.at(at) == 0, math.nan, curve.standard_error_at(at))
    agree({"surv": curve.at(at), "se": error, "median": curve.median}, expected)


def _kaplan_meier_interval(asked: Asked, expected: Row) -> None:
    curve, at = kaplan_meier(asked["time"], _event(asked)), asked["at"]
    low, high = (np.where(curve.at(at) == 1, 1.0, limits) for limits in curve.interval_at(at, asked.level))
    # Before the first event, where the transformation does not exist, R gives 1 or nothing; ours is missing.
    agree({"lower": low, "upper": high}, expected, {"lower": 1.0, "upper": 1.0})


def _groups(asked: Asked) -> tuple[list[Any], list[Any], list[Any]]:
    """Return times, events and groups, from lists of each group or from one long list."""
    numbers = [number for number in range(1, 10) if f"time{number}" in asked]
    if not numbers:
        return asked["time"], _event(asked), asked["group"]
    time = [each for number in numbers for each in asked[f"time{number}"]]
    event = [each for number in numbers for each in asked[f"event{number}"]]
    return time, event, [number for number in numbers for _ in asked[f"time{number}"]]


def _logrank(asked: Asked, expected: Row) -> None:
    found = logrank(*_groups(asked))
    agree({"chisq": found.statistic, "stat": found.statistic, "p_value": found.p, "df": found.df}, expected)


def _gray(asked: Asked, expected: Row) -> None:
    time, status, group = (np.array(asked[name]) for name in ("time", "status", "group"))
    cause, at = asked.get("cause", 1), asked.get("at", _GRAY_TIMES)
    curves_expected = [len(np.atleast_1d(value)) for name, value in expected.items() if name[:4] in {"cif_", "var_"}]
    if "at" not in asked and set(curves_expected) - {len(_GRAY_TIMES)}:
        raise NoCounterpart("incidences at times that the row does not name")
    tested = gray(time, status, group, of=cause)
    found: Row = {"stat": tested.statistic, "p_value": tested.p, "df": tested.df}
    for name in np.unique(group):
        curves = cumulative_incidence(time[group == name], status[group == name])
        found[f"cif_{name}"] = curves.at(cause, at)
        found[f"var_{name}"] = curves.variance_at(cause, at)
    agree(found, expected)


def _restricted_mean(asked: Asked, expected: Row) -> None:
    time, event, group = (np.array(each) for each in _groups(asked))
    found: Row = {}
    for name in np.unique(group):
        curve = kaplan_meier(time[group == name], event[group == name])
        found[f"rmst{name}"], found[f"se{name}"] = restricted_mean(curve, asked["tau"])
    if "time1" in asked:
        found["diff"], found["se_diff"] = found["rmst1"] - found["rmst2"], math.hypot(found["se1"], found["se2"])
    agree(found, expected)


def _two_groups(asked: Asked) -> tuple[list[float], list[float]]:
    """Return the values of which the shift is asked and those it is measured from."""
    # The rows of a and b are R's wilcox.test(b, a): the shift is that of b.
    return (asked["x"], asked["y"]) if "x" in asked else (asked["b"], asked["a"])


def _hodges_lehmann(asked: Asked, expected: Row) -> None:
    groups, exact = _two_groups(asked), asked.get("exact")
    if not asked.get("correct", True) and not hodges_lehmann(*groups, exact=exact).exact:
        raise NoCounterpart("a shift without continuity correction")
    low, high = asked.limits(lambda level: hodges_lehmann(*groups, level, exact=exact)[1:3], -math.inf, math.inf)
    found = hodges_lehmann(*groups, exact=exact)
    estimate, every = found.estimate, np.sort(np.subtract.outer(*groups), axis=None)
    if not found.exact and every[(len(every) - 1) // 2] <= expected.get("est", math.nan) <= every[len(every) // 2]:
        # Where not exact, uniroot stops anywhere between the two middle differences, of which ours is the mean.
        estimate = expected["est"]
    agree({"est": estimate, "lower": low, "upper": high}, expected)


def _mann_whitney(asked: Asked, expected: Row) -> None:
    options = {"exact": asked.get("exact"), "continuity": asked.get("correct", True)}
    found = mann_whitney(*_two_groups(asked), alternative=asked.alternative, **options)
    agree({"W": found.w, "p_value": found.p}, expected, {"p_value": 1.0})


def _split(asked: Asked) -> tuple[list[int], list[float]]:
    """Return the arms' counts and shares; chisq.test calls them x and p, and supposes equal shares."""
    observed = asked["observed" if "observed" in asked else "x"]
    return observed, asked.get("ratios", asked.get("p", [1] * len(observed)))


def _sample_ratio_chi_square(asked: Asked, expected: Row) -> None:
    observed, ratios = _split(asked)
    statistic, p = sample_ratio_chi_square(observed, ratios)
    agree({"chisq": statistic, "df": len(observed) - 1, "p_value": p}, expected)


def _sample_ratio_binomial(asked: Asked, expected: Row) -> None:
    observed, ratios = _split(asked)
    p = binomial_test(observed[0], sum(observed), ratios[0] / sum(ratios), alternative=asked.alternative)
    agree({"p_value": p}, expected)


METHODS: dict[str, Method] = {
    "kaplan_meier": _kaplan_meier,
    "kaplan_meier_ci_loglog": _kaplan_meier_interval,
    "logrank": _logrank,
    "gray_test_cif": _gray,
    "rmst": _restricted_mean,
    "hodges_lehmann": _hodges_lehmann,
    "mannwhitney": _mann_whitney,
    "srm_chisq": _sample_ratio_chi_square,
    "srm_binom": _sample_ratio_binomial,
}
"""Each takes what a row asks and what it expects, and fails where they differ by more than the row's tolerances."""

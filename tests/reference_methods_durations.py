"""The reference rows of durations and sample ratios: each method's inputs to imilab's function, and what must agree."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imilab.comparison.balance.sample_ratio import sample_ratio_chi_square
from imilab.comparison.durations.competing import cumulative_incidence
from imilab.comparison.durations.group_tests import gray, logrank
from imilab.comparison.durations.ranks import hodges_lehmann, mann_whitney
from imilab.comparison.durations.survival import kaplan_meier, restricted_mean
from imilab.comparison.exact import binomial_test

__all__ = ["METHODS"]

Row = dict[str, Any]
_TOLERANCES = {"abs_tol", "rel_tol"}
# The rows of cmprsk give incidences at these times, which the file does not name.
_GRAY_TIMES = [10, 20, 30]


def _agree(found: Row, expected: Row) -> None:
    tolerances = {name: expected.get(name, 0.0) for name in _TOLERANCES}
    for name in expected.keys() - _TOLERANCES:
        mine, theirs = np.atleast_1d(found[name]), np.atleast_1d(expected[name])
        assert mine.shape == theirs.shape, name
        for x, y in zip(mine, theirs, strict=True):
            unknown = y is None or (isinstance(y, float) and math.isnan(y))
            assert (unknown and math.isnan(x)) or math.isclose(x, y, **tolerances), f"{name}: {x} is not {y}"


def _kaplan_meier(inputs: Row, expected: Row) -> None:
    curve = kaplan_meier(inputs["time"], inputs["event"])
    at = inputs.get("at", [])
    _agree({"surv": curve.at(at), "se": curve.standard_error_at(at), "median": curve.median}, expected)


def _kaplan_meier_interval(inputs: Row, expected: Row) -> None:
    curve = kaplan_meier(inputs["time"], inputs["event"])
    low, high = curve.interval_at(inputs["at"], inputs.get("level", 0.95))
    _agree({"lower": low, "upper": high}, expected)


def _logrank(inputs: Row, expected: Row) -> None:
    groups = [number for number in range(1, 10) if f"time{number}" in inputs]
    time = [each for number in groups for each in inputs[f"time{number}"]]
    event = [each for number in groups for each in inputs[f"event{number}"]]
    group = [number for number in groups for _ in inputs[f"time{number}"]]
    if not groups:
        time, event, group = inputs["time"], inputs["event"], inputs["group"]
    found = logrank(time, event, group)
    _agree({"chisq": found.statistic, "stat": found.statistic, "p_value": found.p, "df": found.df}, expected)


def _gray(inputs: Row, expected: Row) -> None:
    time, status, group = (np.array(inputs[name]) for name in ("time", "status", "group"))
    cause, at = inputs.get("cause", 1), inputs.get("at", _GRAY_TIMES)
    tested = gray(time, status, group, of=cause)
    found: Row = {"stat": tested.statistic, "p_value": tested.p, "df": tested.df}
    for name in np.unique(group):
        curves = cumulative_incidence(time[group == name], status[group == name])
        found[f"cif_{name}"] = curves.at(cause, at)
        found[f"var_{name}"] = curves.variance_at(cause, at)
    _agree(found, expected)


def _restricted_mean(inputs: Row, expected: Row) -> None:
    pairs = [restricted_mean(kaplan_meier(inputs[f"time{n}"], inputs[f"event{n}"]), inputs["tau"]) for n in (1, 2)]
    (mean1, error1), (mean2, error2) = pairs
    error = math.hypot(error1, error2)
    found = {"rmst1": mean1, "se1": error1, "rmst2": mean2, "se2": error2, "diff": mean1 - mean2, "se_diff": error}
    _agree(found, expected)


def _hodges_lehmann(inputs: Row, expected: Row) -> None:
    # The rows are R's wilcox.test(b, a): the shift is that of b.
    found = hodges_lehmann(inputs["b"], inputs["a"], inputs.get("level", 0.95))
    _agree({"est": found.estimate, "lower": found.low, "upper": found.high}, expected)


def _mann_whitney(inputs: Row, expected: Row) -> None:
    found = mann_whitney(inputs["b"], inputs["a"])
    _agree({"W": found.w, "p_value": found.p}, expected)


def _sample_ratio_chi_square(inputs: Row, expected: Row) -> None:
    statistic, p = sample_ratio_chi_square(inputs["observed"], inputs["ratios"])
    _agree({"chisq": statistic, "p_value": p}, expected)


def _sample_ratio_binomial(inputs: Row, expected: Row) -> None:
    observed, ratios = inputs["observed"], inputs["ratios"]
    _agree({"p_value": binomial_test(observed[0], sum(observed), ratios[0] / sum(ratios))}, expected)


METHODS: dict[str, Callable[[Row, Row], None]] = {
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
"""Each takes a row's inputs and what is expected, and fails where they differ by more than the row's tolerances."""

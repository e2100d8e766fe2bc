"""The reference rows of rates, differences, ratios, tests and repeated numbers: from method name to ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from imilab import intervals
from imilab.comparison import adjustment, clusters, exact, significance, stratified
from imilab.comparison.correlation import Arm

__all__ = ["METHODS", "agree"]

Inputs = dict[str, Any]
# prop.test prints a Wald interval beside the test; imilab offers none. Weights are a word, not a number.
NO_COUNTERPART = frozenset({"lower_wald", "upper_wald", "weights"})
RATIOS = (intervals.koopman, intervals.miettinen_nurminen_ratio, intervals.katz)


def agree(found: Mapping[str, Any], expected: Inputs) -> None:
    """Assert that everything expected was found, within the row's tolerances."""
    tolerances = {name: value for name, value in expected.items() if name.endswith(("abs_tol", "rel_tol"))}
    for name in expected.keys() - tolerances.keys() - NO_COUNTERPART:
        own = name.split("_")[0]  # a row can give p and odds ratio tolerances of their own
        absolute = tolerances.get(f"{own}_abs_tol", tolerances.get("abs_tol", 0.0))
        relative = tolerances.get(f"{own}_rel_tol", tolerances.get("rel_tol", 0.0))
        if not absolute and not relative:
            relative = 1e-9  # a row that gives none means its digits
        pairs = zip(_numbers(found[name]), _numbers(expected[name]), strict=True)
        for x, y in pairs:
            same = math.isclose(x, y, abs_tol=absolute, rel_tol=relative) or (math.isnan(x) and math.isnan(y))
            assert same, f"{name}: {x} is not {y}"


def _numbers(value: Any) -> list[float]:
    return [math.nan if each is None else float(each) for each in np.atleast_1d(value)]


def _counts(inputs: Inputs) -> tuple[int, int, int, int]:
    if "table" in inputs:
        (a, b), (c, d) = inputs["table"]
        return a, a + b, c, c + d
    return inputs["x1"], inputs["n1"], inputs["x2"], inputs["n2"]


def _rate(interval: Callable[..., Any]) -> Callable[[Inputs, Inputs], None]:
    def check(inputs: Inputs, expected: Inputs) -> None:
        low, high = interval(inputs["x"], inputs["n"], inputs.get("level", 0.95))
        agree({"est": intervals.rate(inputs["x"], inputs["n"]), "lower": low, "upper": high}, expected)

    return check


def _two_rates(interval: Callable[..., Any]) -> Callable[[Inputs, Inputs], None]:
    def check(inputs: Inputs, expected: Inputs) -> None:
        x1, n1, x0, n0 = _counts(inputs)
        low, high = interval(x1, n1, x0, n0, inputs.get("level", 0.95))
        ratio = (x1 / n1) / (x0 / n0) if x0 else math.inf if x1 else math.nan
        found = {"diff": x1 / n1 - x0 / n0, "ratio": ratio, "lower": low, "upper": high}
        agree(found | {"est": found["ratio" if interval in RATIOS else "diff"]}, expected)

    return check


def _mn_stratified(inputs: Inputs, expected: Inputs) -> None:
    tables = np.array(inputs["tables"], dtype=float)
    x, n = tables[:, :, 0], tables.sum(axis=2)
    low, high = intervals.miettinen_nurminen_stratified(x[:, 0], n[:, 0], x[:, 1], n[:, 1], inputs.get("level", 0.95))
    agree({"est": stratified.mh_rate_difference(tables).estimate, "lower": low, "upper": high}, expected)


def _score_test(inputs: Inputs, expected: Inputs) -> None:
    z, greater, p = significance.score_test(*_counts(inputs), inputs.get("margin", 0.0))
    agree({"z": z, "p_greater": greater, "p_less": 1 - greater, "p_value": p}, expected)


def _pooled_z(inputs: Inputs, expected: Inputs) -> None:
    z, p = significance.pooled_z(*_counts(inputs))
    agree({"chisq": z**2, "z": z, "df": 1, "p_value": p}, expected)


def _fisher(inputs: Inputs, expected: Inputs) -> None:
    alternative = inputs.get("alternative", "two-sided").replace(".", "-").replace("_", "-")
    counts = _counts(inputs)
    odds, low, high = exact.conditional_odds_ratio(*counts, inputs.get("level", 0.95), alternative)
    p = exact.fisher_exact(*counts, alternative)
    agree({"p_value": p, "or_cmle": odds, "or_lower": low, "or_upper": high}, expected)


def _barnard(inputs: Inputs, expected: Inputs) -> None:
    z, _ = significance.pooled_z(*_counts(inputs))
    agree({"statistic": abs(float(z)), "p_value": exact.barnard(*_counts(inputs))}, expected)


def _binomial(inputs: Inputs, expected: Inputs) -> None:
    low, high = intervals.clopper_pearson(inputs["x"], inputs["n"], inputs.get("level", 0.95))
    p = exact.binomial_test(inputs["x"], inputs["n"], inputs["p0"])
    agree({"p_value": p, "lower": low, "upper": high}, expected)


def _several(test: Callable[..., tuple[float, int, float]]) -> Callable[[Inputs, Inputs], None]:
    def check(inputs: Inputs, expected: Inputs) -> None:
        x1, n1, x0, n0 = _counts(inputs) if "x1" in inputs else (0, 0, 0, 0)
        statistic, df, p = test(inputs.get("x", [x1, x0]), inputs.get("n", [n1, n0]))
        agree({"chisq": statistic, "g": statistic, "df": df, "p_value": p}, expected)

    return check


def _trend(inputs: Inputs, expected: Inputs) -> None:
    statistic, p = significance.cochran_armitage(inputs["x"], inputs["n"], inputs.get("scores"))
    agree({"chisq": statistic, "p_value": p}, expected)


def _adjusted(name: str) -> Callable[[Inputs, Inputs], None]:
    return lambda inputs, expected: agree({"p_adj": adjustment.adjust(inputs["p"], name)}, expected)


def _cmh(*, continuity: bool) -> Callable[[Inputs, Inputs], None]:
    def check(inputs: Inputs, expected: Inputs) -> None:
        statistic, p = stratified.cmh(inputs["tables"], continuity=continuity)
        odds = stratified.mh_odds_ratio(inputs["tables"], inputs.get("level", 0.95))
        limits = {"or_mh": odds.estimate, "or_lower": odds.low, "or_upper": odds.high}
        found = {"chisq": statistic, "df": 1, "p_value": p, **limits}
        agree(found, expected)

    return check


def _breslow_day(*, tarone: bool) -> Callable[[Inputs, Inputs], None]:
    def check(inputs: Inputs, expected: Inputs) -> None:
        statistic, df, p = stratified.breslow_day(inputs["tables"], tarone=tarone)
        agree({"chisq": statistic, "df": df, "p_value": p}, expected)

    return check


def _mh_difference(inputs: Inputs, expected: Inputs) -> None:
    found = stratified.mh_rate_difference(inputs["tables"], inputs.get("level", 0.95))
    agree({"est": found.estimate, "se": found.standard_error, "lower": found.low, "upper": found.high}, expected)


def _mh_ratio(inputs: Inputs, expected: Inputs) -> None:
    # metafor gives the ratio on the log scale.
    found = stratified.mh_rate_ratio(inputs["tables"], inputs.get("level", 0.95))
    logs = {
        name: math.log(value) for name, value in (("est", found.estimate), ("lower", found.low), ("upper", found.high))
    }
    agree({**logs, "se": found.standard_error}, expected)


def _number_means(inputs: Inputs, expected: Inputs) -> None:
    mine = np.array(inputs["arm"]) == inputs["which"]
    arm = Arm(np.array(inputs["m"], dtype=float)[mine], np.array(inputs["y"], dtype=float)[mine])
    estimate, error = clusters.number_means(arm)
    agree({"est": estimate, "se": error}, expected)


METHODS: dict[str, Callable[[Inputs, Inputs], None]] = {
    "ci1_wilson": _rate(intervals.wilson),
    "ci1_clopper_pearson": _rate(intervals.clopper_pearson),
    "ci1_jeffreys": _rate(intervals.jeffreys),
    "ci1_midp": _rate(intervals.mid_p),
    "ci_diff_miettinen_nurminen": _two_rates(intervals.miettinen_nurminen),
    "ci_diff_mee": _two_rates(intervals.mee),
    "ci_diff_newcombe": _two_rates(intervals.newcombe),
    "ci_diff_agresti_caffo": _two_rates(intervals.agresti_caffo),
    "ci_diff_mn_stratified": _mn_stratified,
    "ci_ratio_koopman": _two_rates(intervals.koopman),
    "ci_ratio_miettinen_nurminen": _two_rates(intervals.miettinen_nurminen_ratio),
    "ci_ratio_katz_log": _two_rates(intervals.katz),
    "score_test_margin_mn": _score_test,
    "ztest_pooled": _pooled_z,
    "fisher_exact": _fisher,
    "fisher_midp_central": lambda inputs, expected: agree({"p_value": exact.fisher_mid_p(*_counts(inputs))}, expected),
    "barnard_z_pooled": _barnard,
    "binom_test": _binomial,
    "chisq_k_proportions": _several(significance.chi_square),
    "g_test": _several(significance.g_test),
    "cochran_armitage_trend": _trend,
    "p_adjust_holm": _adjusted("holm"),
    "p_adjust_bonferroni": _adjusted("bonferroni"),
    "p_adjust_bh": _adjusted("benjamini_hochberg"),
    "p_adjust_by": _adjusted("benjamini_yekutieli"),
    "cmh": _cmh(continuity=False),
    "cmh_cc": _cmh(continuity=True),
    "breslow_day": _breslow_day(tarone=False),
    "breslow_day_tarone": _breslow_day(tarone=True),
    "mh_rd": _mh_difference,
    "mh_rr": _mh_ratio,
    "delta_ratio_mean": _number_means,
}

"""The reference rows of rates, differences, ratios and tests of two rates and more: from method name to ours."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from scipy.special import ndtr

from imilab import intervals
from imilab.comparison import adjustment, exact, pairwise, significance
from tests.reference_agreement import Asked, Method, NoCounterpart, agree, close_odds

__all__ = ["METHODS"]

Row = dict[str, Any]
RATIOS = (intervals.koopman, intervals.miettinen_nurminen_ratio, intervals.katz)
_ADJUSTMENTS = {"none": None, "BH": "benjamini_hochberg", "fdr": "benjamini_hochberg", "BY": "benjamini_yekutieli"}
NOTHING_DIFFERS = {"chisq": 0.0, "z": 0.0, "g": 0.0, "p_value": 1.0}
"""Our answer where all or none are successes; R divides 0 by 0."""


def _counts(asked: Asked) -> tuple[int, int, int, int]:
    if "table" in asked:
        (a, b), (c, d) = asked["table"]
        return a, a + b, c, c + d
    return asked["x1"], asked["n1"], asked["x2"], asked["n2"]


def _arms(asked: Asked) -> tuple[list[int], list[int]]:
    """Return successes and trials of several arms."""
    if "table" in asked and {len(arm) for arm in asked["table"]} != {2}:
        raise NoCounterpart("a table of more than two results")
    if "table" in asked:
        return [arm[0] for arm in asked["table"]], [sum(arm) for arm in asked["table"]]
    if "x" in asked:
        return asked["x"], asked["n"]
    x1, n1, x0, n0 = _counts(asked)
    return [x1, x0], [n1, n0]


def _rate(interval: Callable[..., Any]) -> Method:
    def check(asked: Asked, expected: Row) -> None:
        x, n = asked["x"], asked["n"]
        low, high = asked.limits(lambda level: interval(x, n, level), 0.0, 1.0)
        agree({"est": intervals.rate(x, n), "lower": low, "upper": high}, expected)

    return check


def _two_rates(interval: Callable[..., Any]) -> Method:
    def check(asked: Asked, expected: Row) -> None:
        x1, n1, x0, n0 = _counts(asked)
        is_ratio = interval in RATIOS
        low, high = asked.limits(
            lambda level: interval(x1, n1, x0, n0, level), 0.0 if is_ratio else -1.0, math.inf if is_ratio else 1.0
        )
        ratio = (x1 / n1) / (x0 / n0) if x0 else math.inf if x1 else math.nan
        found = {"diff": x1 / n1 - x0 / n0, "ratio": ratio, "lower": low, "upper": high}
        if interval is intervals.koopman and (x1 == n1) != (x0 == n0):
            # With one arm at 100 % PropCIs' riskscoreci walks to the limit by steps of a factor of 1.0001.
            coarse = max(1.001e-4, expected.get("rel_tol", 0.0))
            expected = expected | {"lower_rel_tol": coarse, "upper_rel_tol": coarse}
        # The logarithm of 0 has no standard error: epitools gives no limits, ours are 0 and infinite.
        none = {"lower": 0.0, "upper": math.inf} if interval is intervals.katz and min(x1, x0) == 0 else {}
        agree(found | {"est": found["ratio" if is_ratio else "diff"]}, expected, none)

    return check


def _score_test(asked: Asked, expected: Row) -> None:
    margin = asked.get("margin", asked.get("theta0", 0.0))
    z, greater, p = significance.score_test(*_counts(asked), margin)
    p = {"greater": greater, "less": 1 - greater}.get(asked.alternative, p)
    agree({"z": z, "p_greater": greater, "p_less": 1 - greater, "p_value": p}, expected)


def _pooled_z(asked: Asked, expected: Row) -> None:
    z, p = significance.pooled_z(*_counts(asked), continuity=asked.get("correct", False))
    p = {"greater": ndtr(-z), "less": ndtr(z)}.get(asked.alternative, p)
    agree({"chisq": z**2, "z": z, "df": 1, "p_value": p}, expected, NOTHING_DIFFERS)


def _fisher(asked: Asked, expected: Row) -> None:
    counts, alternative = _counts(asked), asked.alternative
    odds = exact.conditional_odds_ratio(*counts, asked.level, alternative)
    # Where the margins allow one table only, nothing is known of the odds ratio; fisher.test prints 0.
    odds = (0.0, *odds[1:]) if math.isnan(odds[0]) else odds
    found = dict(zip(("or_cmle", "or_lower", "or_upper", "or", "lower", "upper"), (*odds, *odds), strict=True))
    coarse = {name: found[name] for name in found.keys() & expected.keys() if close_odds(found[name], expected[name])}
    agree(found | {"p_value": exact.fisher_exact(*counts, alternative)}, expected | coarse)


def _fisher_mid_p(asked: Asked, expected: Row) -> None:
    agree({"p_value": exact.fisher_mid_p(*_counts(asked), alternative=asked.alternative)}, expected)


def _barnard(asked: Asked, expected: Row) -> None:
    counts = _counts(asked)
    if max(counts) > 1000:
        raise NoCounterpart("an arm of more than 1000 calls")
    z, _ = significance.pooled_z(*counts)
    statistic = abs(float(z)) if asked.alternative == "two-sided" else z
    agree({"statistic": statistic, "p_value": exact.barnard(*counts, alternative=asked.alternative)}, expected)


def _binomial(asked: Asked, expected: Row) -> None:
    x, n, rate = asked["x"], asked["n"], asked.get("p0", asked.get("p", 0.5))
    low, high = asked.limits(lambda level: intervals.clopper_pearson(x, n, level), 0.0, 1.0)
    p = exact.binomial_test(x, n, rate, alternative=asked.alternative)
    agree({"p_value": p, "est": intervals.rate(x, n), "lower": low, "upper": high}, expected)


def _several(test: Callable[..., tuple[float, int, float]]) -> Method:
    def check(asked: Asked, expected: Row) -> None:
        statistic, df, p = test(*_arms(asked))
        agree({"chisq": statistic, "g": statistic, "df": df, "p_value": p}, expected, NOTHING_DIFFERS)

    return check


def _trend(asked: Asked, expected: Row) -> None:
    statistic, p = significance.cochran_armitage(*_arms(asked), asked.get("scores"))
    # Ours is z squared; which way z counts as rising differs between packages.
    z = math.copysign(math.sqrt(statistic), expected.get("z") or 1.0)
    agree({"chisq": statistic, "z": z, "df": 1, "p_value": p}, expected, NOTHING_DIFFERS)


def _adjusted(name: str) -> Method:
    def check(asked: Asked, expected: Row) -> None:
        p = asked["p"] if isinstance(asked["p"], list) else [asked["p"]]
        agree({"p_adj": adjustment.adjust([math.nan if each is None else each for each in p], name)}, expected)

    return check


def _pairwise(asked: Asked, expected: Row) -> None:
    x, n = _arms(asked)
    wanted, continuity = asked.get("adjust", "holm"), asked.get("correct", True)
    found = pairwise.pairwise_rates(x, n, _ADJUSTMENTS.get(wanted, wanted), continuity=continuity)
    agree({f"p{one + 1}{other + 1}": p for (one, other), p in found.items()}, expected)


METHODS: dict[str, Method] = {
    "ci1_wilson": _rate(intervals.wilson),
    "ci1_clopper_pearson": _rate(intervals.clopper_pearson),
    "ci1_jeffreys": _rate(intervals.jeffreys),
    "ci1_midp": _rate(intervals.mid_p),
    "ci_diff_miettinen_nurminen": _two_rates(intervals.miettinen_nurminen),
    "ci_diff_mee": _two_rates(intervals.mee),
    "ci_diff_newcombe": _two_rates(intervals.newcombe),
    "ci_diff_agresti_caffo": _two_rates(intervals.agresti_caffo),
    "ci_ratio_koopman": _two_rates(intervals.koopman),
    "ci_ratio_miettinen_nurminen": _two_rates(intervals.miettinen_nurminen_ratio),
    "ci_ratio_katz_log": _two_rates(intervals.katz),
    "score_test_margin_mn": _score_test,
    "ztest_pooled": _pooled_z,
    "fisher_exact": _fisher,
    "fisher_midp_central": _fisher_mid_p,
    "barnard_z_pooled": _barnard,
    "binom_test": _binomial,
    "chisq_k_proportions": _several(significance.chi_square),
    "g_test": _several(significance.g_test),
    "cochran_armitage_trend": _trend,
    "p_adjust_holm": _adjusted("holm"),
    "p_adjust_hochberg": _adjusted("hochberg"),
    "p_adjust_hommel": _adjusted("hommel"),
    "p_adjust_bonferroni": _adjusted("bonferroni"),
    "p_adjust_bh": _adjusted("benjamini_hochberg"),
    "p_adjust_by": _adjusted("benjamini_yekutieli"),
    "pairwise_prop_test": _pairwise,
}
"""Each takes what a row asks and what it expects, and fails where they differ by more than the row's tolerances."""

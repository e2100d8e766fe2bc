"""One arm against the baseline: which method the calls allow, and what it gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from imilab.comparison import exact, significance
from imilab.comparison.clusters import FEWEST_NUMBERS, number_means_difference
from imilab.comparison.numbers_of_arms import Pair
from imilab.comparison.stratified import cmh, mh_rate_difference, mh_rate_ratio
from imilab.intervals import (
    DIFFERENCE_METHODS,
    koopman,
    miettinen_nurminen_stratified,
    rate,
    stratified_z,
)

__all__ = ["FEW", "METHODS", "Inferred", "Question", "infer"]

METHODS = tuple(DIFFERENCE_METHODS)
FEW = 5
"""Where a smaller count is expected in a cell, large-sample p are rough and Fisher's mid-p is given beside."""
_NAN = float("nan")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Question:
    """What is asked: the interval's method and confidence, and perhaps a margin."""

    method: str
    confidence: float
    margin: float | None


@dataclass(frozen=True)
class Inferred:
    """What a method gives; NaN where it gives nothing.

    Attributes
    ----------
    method : str
        Its name; ``none`` where it was refused.
    reason : str
        Why it was refused.
    """

    method: str
    estimate: float
    low: float = _NAN
    high: float = _NAN
    p: float = _NAN
    ratio: float = _NAN
    ratio_low: float = _NAN
    ratio_high: float = _NAN
    p_margin: float = _NAN
    p_mid: float = _NAN
    reason: str = ""


_NOTHING = Inferred("none", _NAN, reason="there is no call to compare yet")


def infer(pairs: Sequence[Pair], layout: str, asked: Question) -> list[Inferred]:
    """Compare each arm with the baseline.

    Parameters
    ----------
    pairs : sequence of Pair
        Their calls.
    layout : str
        How numbers meet arms; see `imilab.comparison.crossing.layout_of`.
    asked : Question
        What is asked.
    """
    if layout == "once" and not any(pair.stratified for pair in pairs):
        return _once(np.array([pair.counts for pair in pairs], dtype=np.int64).T, asked)
    return [_NOTHING if 0 in pair.counts[1::2] else _BY_LAYOUT[layout](pair, asked) for pair in pairs]


def _once(counts: NDArray[np.int64], asked: Question) -> list[Inferred]:
    """Compare independent calls; `counts` has the rows x1, n1, x0, n0."""
    x1, n1, x0, n0 = counts
    low, high = DIFFERENCE_METHODS[asked.method](*counts, asked.confidence)
    ratio_low, ratio_high = koopman(x1, n1, x0, n0, asked.confidence)
    p1, p0 = rate(x1, n1), rate(x0, n0)
    _, p = _tested(asked.method, counts, 0.0)
    p_margin = np.full(len(x1), _NAN)
    if asked.margin is not None:
        greater, _ = _tested(asked.method, counts, asked.margin)
        p_margin = greater if asked.margin < 0 else 1 - greater
    return [
        Inferred(
            method=asked.method,
            estimate=float(p1[i] - p0[i]),
            low=float(low[i]),
            high=float(high[i]),
            p=float(p[i]),
            **_ratios(_ratio(p1[i], p0[i]), float(ratio_low[i]), float(ratio_high[i])),
            p_margin=float(p_margin[i]),
            p_mid=_mid_p(*(int(each) for each in counts[:, i])),
        )
        if n1[i] and n0[i]
        else _NOTHING
        for i in range(len(x1))
    ]


def _mid_p(x1: int, n1: int, x0: int, n0: int) -> float:
    """Return Fisher's mid-p of a tiny table."""
    pooled = (x1 + x0) / (n1 + n0)
    return exact.fisher_mid_p(x1, n1, x0, n0) if 0 < min(pooled, 1 - pooled) * min(n1, n0) < FEW else _NAN


def _tested(method: str, counts: NDArray[np.int64], margin: float) -> tuple[Floats, Floats]:
    """Test the difference so that p agrees with the method's interval; p against a greater one, and two-sided p."""
    x1, n1, x0, n0 = counts
    if method in {"miettinen_nurminen", "mee"}:
        _, greater, p = significance.score_test(x1, n1, x0, n0, margin, corrected=method == "miettinen_nurminen")
    else:
        greater, p = significance.inverted_p(DIFFERENCE_METHODS[method], tuple(counts), margin)
    return greater, p


def _strata(pair: Pair, asked: Question) -> Inferred:
    """Compare within strata calls that are independent."""
    tables = pair.tables()
    if not len(tables):
        return Inferred("none", _NAN, reason="no stratum holds calls of both arms")
    return _score_within(tables, asked)


def _score_within(tables: Floats, asked: Question) -> Inferred:
    """Compare within strata by the score; at a difference of 0 it is the test of Cochran, Mantel and Haenszel."""
    (x1, y1), (x0, y0) = tables[:, 0].T, tables[:, 1].T
    counts = (x1, x1 + y1, x0, x0 + y0)
    low, high = miettinen_nurminen_stratified(*counts, asked.confidence)
    z = stratified_z(*counts)
    difference, ratio = mh_rate_difference(tables, asked.confidence), mh_rate_ratio(tables, asked.confidence)
    return Inferred(
        method="miettinen_nurminen_stratified",
        estimate=difference.estimate,
        low=low,
        high=high,
        p=float(significance.two_sided_p(z)),
        **_ratios(ratio.estimate, ratio.low, ratio.high),
        p_margin=_one_sided(lambda margin: stratified_z(*counts, margin), asked.margin),
    )


def _fixed(pair: Pair, asked: Question) -> Inferred:
    """Compare arms that share few numbers or none, with the number as the unit."""
    arm, baseline, covariance = pair.arms()
    x1, n1, x0, n0 = pair.counts
    fewest = min(len(arm.calls), len(baseline.calls))
    if fewest < FEWEST_NUMBERS or (pair.stratified and not math.isfinite(arm.rate - baseline.rate)):
        few = f"numbers were called repeatedly and an arm has {fewest} numbers: at least {FEWEST_NUMBERS} are needed"
        reason = few if fewest < FEWEST_NUMBERS else "no stratum holds calls of both arms"
        return Inferred("none", x1 / n1 - x0 / n0, ratio=_ratio(x1 / n1, x0 / n0), reason=reason)
    found = number_means_difference(arm, baseline, asked.confidence, covariance=covariance, margin=asked.margin)
    return Inferred(
        method="number_means_stratified" if pair.stratified else "number_means",
        estimate=found.estimate,
        low=found.low,
        high=found.high,
        p=found.p,
        **_ratios(found.ratio, found.ratio_low, found.ratio_high),
        p_margin=found.p_margin,
    )


def _varying(pair: Pair, asked: Question) -> Inferred:
    """Compare within each number the calls of the two arms."""
    tables = pair.tables(by_number=True)
    difference = mh_rate_difference(tables, asked.confidence)
    _, p = cmh(tables)
    reason = ""
    if pair.shared < FEWEST_NUMBERS:
        reason = f"{pair.shared} numbers met both arms: at least {FEWEST_NUMBERS} are needed"
    elif math.isnan(p):
        reason = "no number came to different results, so that nothing tells the arms apart within numbers"
    if reason:
        return Inferred("none", difference.estimate, reason=reason)
    if not tables.sum(axis=0).all():  # an arm is at 0 or 100 %: Sato's variance is too small there, down to 0
        return _score_within(tables, asked)
    ratio = mh_rate_ratio(tables, asked.confidence)
    return Inferred(
        method="mantel_haenszel",
        estimate=difference.estimate,
        low=difference.low,
        high=difference.high,
        p=p,
        **_ratios(ratio.estimate, ratio.low, ratio.high),
        p_margin=_one_sided(lambda margin: (difference.estimate - margin) / difference.standard_error, asked.margin),
    )


_BY_LAYOUT: Mapping[str, Callable[[Pair, Question], Inferred]] = MappingProxyType(
    {"once": _strata, "fixed": _fixed, "varying": _varying}
)


def _ratio(p1: float, p0: float) -> float:
    return p1 / p0 if p0 else math.inf if p1 else math.nan


def _ratios(ratio: float, low: float, high: float) -> dict[str, Any]:
    return {"ratio": ratio, "ratio_low": low, "ratio_high": high}


def _one_sided(z: Callable[[float], float], margin: float | None) -> float:
    """Return p against a difference beyond the margin: above a negative one, below a positive one."""
    if margin is None:
        return _NAN
    return float(ndtr(-z(margin) if margin < 0 else z(margin)))

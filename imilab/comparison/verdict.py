"""The sentence that says what a comparison found and how sure it is; it never says more than interval and test."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from imilab import tables
from imilab.metrics import Metric

__all__ = ["Finding", "Omnibus", "is_told", "verdict", "without_call"]


@dataclass(frozen=True)
class Finding:
    """One arm beside the baseline.

    Attributes
    ----------
    arm, baseline : str
        Their names, as shown.
    rates, n : (float, int) pairs
        Of the arm and of the baseline.
    estimate, low, high : float
        The difference and its interval, fractions.
    p : float
        Adjusted where several arms are compared.
    margin, p_margin : float
        The margin that was asked about, with its one-sided p; NaN without one.
    reason : str
        Why there is no interval; empty where there is one.
    where : str
        What the difference is taken within, such as "within the same number"; empty where it is of all calls.
    """

    arm: str
    baseline: str
    rates: tuple[float, float]
    n: tuple[int, int]
    estimate: float
    low: float
    high: float
    p: float
    margin: float = math.nan
    p_margin: float = math.nan
    reason: str = ""
    where: str = ""


@dataclass(frozen=True)
class Omnibus:
    """The one test of whether the arms differ at all, before each is set against the baseline.

    Attributes
    ----------
    method : str
        Its name and source.
    statistic, df, p : float
        Its value; NaN where nothing can be told.
    """

    method: str
    statistic: float
    df: float
    p: float


def is_told(low: float, high: float, p: float, confidence: float) -> bool:
    """Whether a difference can be told: the interval excludes zero, and the (adjusted) test agrees."""
    return (low > 0 or high < 0) and p <= 1 - confidence


def without_call(names: tuple[str, str], n: tuple[int, int], denominator: str) -> str:
    """Say which of two arms has no call yet; empty where both have calls."""
    return next(
        (f"{name} has no {denominator} call yet" for name, calls in zip(names, n, strict=True) if not calls), ""
    )


def verdict(
    one: Metric, findings: Iterable[Finding], *, denominator: str, confidence: float, omnibus: Omnibus | None = None
) -> str:
    """Put what was found into words.

    Parameters
    ----------
    one : Metric
        What was compared.
    findings : iterable of Finding
        Each arm against the baseline.
    denominator : str
        What `n` counts.
    confidence : float
        Coverage of the intervals; 1 less it is the level of the test.
    omnibus : Omnibus, optional
        The test of all arms together, where there are several.

    Returns
    -------
    str
        One sentence for two arms; for more, one for each and a first one that says whether the arms differ at all and
        how p was adjusted.
    """
    listed = list(findings)
    several = len(listed) > 1
    words = _Words(one.phrase, denominator, confidence, "Holm-adjusted p" if several else "p")
    sentences = [_sentence(finding, words) for finding in listed]
    if several:
        sentences.insert(
            0,
            f"{len(listed)} arms are each compared with {listed[0].baseline}{_together(omnibus, confidence)}; p is "
            f"adjusted for the {len(listed)} comparisons (Holm), the intervals are not.",
        )
    return " ".join(sentences)


def _together(omnibus: Omnibus | None, confidence: float) -> str:
    if omnibus is None or math.isnan(omnibus.p):
        return ""
    differ = "the arms differ" if omnibus.p <= 1 - confidence else "no difference can be told"
    return f" (all arms together: {differ}, {_p('p', omnibus.p)})"


@dataclass(frozen=True)
class _Words:
    phrase: str
    denominator: str
    confidence: float
    p_label: str

    def p(self, value: float) -> str:
        return _p(self.p_label, value)


def _p(label: str, value: float) -> str:
    text = tables.p_value(value)
    return f"{label} {text[0]} {text[1:]}" if text[0] in "<>" else f"{label} = {text}"


def _sentence(finding: Finding, words: _Words) -> str:
    lacking = without_call((finding.arm, finding.baseline), finding.n, words.denominator)
    if lacking:
        return f"Nothing can be said of {finding.arm}: {lacking}."
    if finding.reason:
        return f"Nothing can be said of {finding.arm} beside {finding.baseline}: {finding.reason}."
    level = tables.level(words.confidence)
    where = f" {finding.where}" if finding.where else ""
    if is_told(finding.low, finding.high, finding.p, words.confidence):
        more = finding.estimate > 0
        low, high = sorted((abs(finding.low), abs(finding.high)))
        reach = tables.points_range(low, high, signed=False)
        return (
            f"{finding.arm} {words.phrase} {tables.points(abs(finding.estimate), signed=False)} "
            f"{'more' if more else 'less'} often than {finding.baseline}{where} ({level} interval {reach}"
            f"{'' if more else ' less'}, {words.p(finding.p)}, {finding.n[0]:,} and {finding.n[1]:,} "
            f"{words.denominator} calls).{_margin(finding, words)}"
        )
    return (
        f"No difference can be told{_disagreement(finding, words)}: {finding.arm} {words.phrase} in "
        f"{tables.percent(finding.rates[0])} of {finding.n[0]:,} and {finding.baseline} in "
        f"{tables.percent(finding.rates[1])} of {finding.n[1]:,} {words.denominator} calls, a difference of "
        f"{tables.points(finding.estimate)}{where}; the {level} interval reaches from "
        f"{tables.points_range(finding.low, finding.high)} ({words.p(finding.p)}).{_margin(finding, words)}"
    )


def _disagreement(finding: Finding, words: _Words) -> str:
    if finding.low > 0 or finding.high < 0:
        return " for sure, as the interval leaves zero out but the test does not"
    return (
        " for sure, as the test would tell one but the interval holds zero" if finding.p <= 1 - words.confidence else ""
    )


def _margin(finding: Finding, words: _Words) -> str:
    """Say whether a difference as bad as the margin is ruled out: by the interval, and by the one-sided test."""
    if math.isnan(finding.margin):
        return ""
    below = finding.margin < 0
    beyond = finding.low > finding.margin if below else finding.high < finding.margin
    ruled_out = beyond and finding.p_margin <= (1 - words.confidence) / 2
    told = "is ruled out" if ruled_out else "cannot be ruled out"
    return (
        f" A difference of {tables.points(finding.margin)} or {'lower' if below else 'higher'} {told} (one-sided "
        f"{_p('p', finding.p_margin)})."
    )

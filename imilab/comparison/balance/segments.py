"""`breakdown`: where a difference comes from, segment by segment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from imilab import tables
from imilab.comparison.adjustment import benjamini_hochberg
from imilab.comparison.balance.breakdown_result import Breakdown
from imilab.comparison.balance.decomposition import Decomposition, Shrunken, decompose, shrink
from imilab.comparison.balance.segment_table import By, Segments, read_by, read_segments
from imilab.comparison.significance import score_test
from imilab.intervals import check_confidence, miettinen_nurminen, rate
from imilab.metrics import Metric, check_denominator, metric

__all__ = ["breakdown"]


def breakdown(
    calls: IntoFrame,
    by: By | Sequence[By],
    *,
    arm: str = "arm",
    baseline: object = None,
    outcome: str = "answered",
    denominator: str = "resolved",
    confidence: float = 0.95,
    early_hangup_seconds: float = 5.0,
) -> Breakdown:
    """Break the difference between arms down by segments: where did it move, and which segment explains most of it.

    The parts sum to the whole difference. By what was known before the call (country, hour, language) each segment
    contributes through its rate and through its share of the calls; its own difference is shown as it is and shrunken
    towards the others. By what became of the calls (``error_code``, ``error_reason``, ``end_reason``, ``outcome``) the
    segments are the calls that were no success, and what one arm has fewer of is what it gained. All of it explores:
    p is adjusted by Benjamini and Hochberg, and a finding is a question for the next experiment.

    Parameters
    ----------
    calls : DataFrame
        A calls table: pandas, or anything that narwhals reads.
    by : str, TimeBucket or sequence of these
        The segments: a column, `imilab.hour` and so on; of several, every combination is a segment.
    arm : str
        The column that tells the arms apart.
    baseline : optional
        The arm that the others are set against; the first in sorted order if not given.
    outcome : str
        An outcome, ``completed`` or ``early_hangup``.
    denominator : str
        ``resolved`` (default), ``placed`` or ``attempted``.
    confidence : float
        Coverage of the intervals.
    early_hangup_seconds : float
        An answered person who hangs up within so many seconds hangs up early.

    Returns
    -------
    Breakdown

    Raises
    ------
    InvalidInputError
        A column, arm or outcome that is not there, or fewer than two arms.

    Examples
    --------
    >>> calls = pd.DataFrame({"arm": ["a"] * 100 + ["b"] * 100, "country": ["GB", "US"] * 100,
    ...     "outcome": ["answered", "busy"] * 50 + ["answered", "answered", "answered", "busy"] * 25})
    >>> found = breakdown(calls, "country")
    >>> found.rows[["country", "contribution"]].to_dict("list")
    {'country': ['US', 'GB'], 'contribution': [0.25, 0.0]}
    """
    one, level = metric(outcome), check_confidence(confidence)
    keys = read_by(by)
    segments = read_segments(
        calls,
        keys,
        arm,
        baseline,
        one,
        denominator=check_denominator(denominator),
        early_hangup_seconds=early_hangup_seconds,
    )
    pairs = [_Pair.of(segments, number, level) for number in range(1, len(segments.arms))]
    notes = [key.note for key in keys.values() if not isinstance(key, str)]
    return Breakdown(
        rows=pd.concat([pair.rows(segments, number) for number, pair in enumerate(pairs, start=1)], ignore_index=True),
        summary=pd.DataFrame([pair.summary(segments, number) for number, pair in enumerate(pairs, start=1)]),
        by=segments.by,
        outcome=one.name,
        phrase=one.phrase,
        arm=arm,
        baseline=segments.arms[0],
        denominator=denominator,
        confidence=level,
        endings=segments.endings,
        warnings=tuple(_warnings(segments, arm)),
        footnotes=(*_footnotes(segments, one, denominator), *notes),
    )


class _Pair:
    """One arm beside the baseline."""

    def __init__(self, segments: Segments, number: int, confidence: float) -> None:
        count, n = segments.count, segments.n
        self.counts = (count[:, number], n[:, number], count[:, 0], n[:, 0])
        self.confidence = confidence
        self.parts = self._parts(segments)
        unknown = np.full(len(count), np.nan)
        hidden = Shrunken(unknown, unknown, unknown, float("nan"), float("nan"))
        self.shrunken = hidden if segments.endings else shrink(*self.counts, confidence=confidence)

    @classmethod
    def of(cls, segments: Segments, number: int, confidence: float) -> _Pair:
        return cls(segments, number, confidence)

    def _parts(self, segments: Segments) -> Decomposition:
        if not segments.endings:
            return decompose(*self.counts)
        x1, n1, x0, n0 = self.counts
        return Decomposition(x0 / n0 - x1 / n1, np.zeros(len(x1)))

    def rows(self, segments: Segments, number: int) -> pd.DataFrame:
        """Return one row a segment, the greatest contribution first."""
        x1, n1, x0, n0 = self.counts
        both = (n1 > 0) & (n0 > 0)
        low, high, p = (np.full(len(x1), np.nan) for _ in range(3))
        if both.any():
            some = (x1[both], n1[both], x0[both], n0[both])
            low[both], high[both] = miettinen_nurminen(*some, confidence=self.confidence)
            p[both] = score_test(*some)[2]
        raw = {
            "count": x1.astype(int),
            "n": n1.astype(int),
            "rate": rate(x1, n1),
            "baseline_count": x0.astype(int),
            "baseline_n": n0.astype(int),
            "baseline_rate": rate(x0, n0),
            "estimate": rate(x1, n1) - rate(x0, n0),
            "low": low,
            "high": high,
        }
        explained = {
            "shrunken": self.shrunken.estimate,
            "shrunken_low": self.shrunken.low,
            "shrunken_high": self.shrunken.high,
            "p": p,
            "p_adjusted": benjamini_hochberg(p),
            "rate_effect": self.parts.rate_effect,
            "composition_effect": self.parts.composition_effect,
            "contribution": self.parts.contribution,
        }
        columns = {"arm": segments.arms[number], "baseline": segments.arms[0], **raw, **explained}
        whole = segments.labels.assign(**columns)
        return whole.iloc[np.argsort(-np.abs(self.parts.contribution), kind="stable")]

    def summary(self, segments: Segments, number: int) -> dict[str, object]:
        """Return the whole difference, its parts, and the segment that explains most of it."""
        overall = (segments.success[number], segments.total[number], segments.success[0], segments.total[0])
        difference = float(overall[0] / overall[1] - overall[2] / overall[3])
        low, high = miettinen_nurminen(*overall, confidence=self.confidence)
        contribution = self.parts.contribution
        along = contribution * (1 if difference >= 0 else -1)
        most = int(np.argmax(along)) if len(along) else -1
        return {
            "arm": segments.arms[number],
            "baseline": segments.arms[0],
            "difference": difference,
            "low": float(low),
            "high": float(high),
            "rate_effect": float(self.parts.rate_effect.sum()),
            "composition_effect": float(self.parts.composition_effect.sum()),
            "segment": _segment(segments, most) if most >= 0 else None,
            "contribution": float(contribution[most]) if most >= 0 else float("nan"),
            "heterogeneity_p": self.shrunken.heterogeneity_p,
        }


def _segment(segments: Segments, place: int) -> str:
    return ", ".join(tables.name(value) for value in segments.labels.iloc[place])


def _warnings(segments: Segments, arm: str) -> list[str]:
    found = []
    if segments.repeated:
        found.append(
            f"{segments.repeated:,} calls went to a number that was called before; intervals and p take all calls as "
            "independent."
        )
    alone = int((segments.n == 0).any(axis=1).sum())
    if alone:
        found.append(
            f"{alone} of {len(segments.n)} segments have no counted call in one of the arms: nothing can be compared "
            "within them, and they contribute through their share alone."
        )
    if segments.without_arm:
        found.append(f"Calls without {arm}, left out: {segments.without_arm:,}.")
    return found


def _footnotes(segments: Segments, one: Metric, denominator: str) -> tuple[str, ...]:
    exploring = (
        "This explores: of many segments some stand out by chance. p adjusted: Benjamini and Hochberg (1995), false "
        "discovery rate. Interval and p: Miettinen and Nurminen (1985)."
    )
    if segments.endings:
        meant = (
            f"Segments: the {denominator} calls that are not {one.name}, as shares of all {denominator} calls; a share "
            "that falls by a point adds a point to the difference, and the contributions sum to it."
        )
        return meant, exploring
    parts = (
        "Contribution: rate effect (the segment's own difference, weighted with its mean share) and composition effect "
        "(its share differs between the arms); all contributions sum to the difference. Kitagawa (1955)."
    )
    leaning = (
        "Shrunken: empirical Bayes towards the segments' common difference, Efron and Morris (1975), variance between "
        "segments by Paule and Mandel (1982); approximate."
    )
    return parts, leaning, exploring

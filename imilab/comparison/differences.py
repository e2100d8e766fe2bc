"""Compare arms: each against the baseline, by the method that the calls and their numbers allow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from imilab import tables
from imilab.buckets import TimeBucket
from imilab.comparison import cautions
from imilab.comparison.adjustment import holm
from imilab.comparison.arm_table import arm_table
from imilab.comparison.cells import Cells
from imilab.comparison.crossing import Crossed, layout_of, without_forbidden
from imilab.comparison.inference import METHODS, Inferred, Question, infer
from imilab.comparison.methods import details, estimand, footnotes
from imilab.comparison.numbers_of_arms import Pair
from imilab.comparison.result import Comparison
from imilab.comparison.tally import Tally, read_tally
from imilab.comparison.together import together
from imilab.comparison.verdict import Finding, verdict, without_call
from imilab.counting import RESULT_COLUMNS, read_frame
from imilab.errors import InvalidInputError
from imilab.metrics import Metric, metric
from imilab.rate_table import check_options, chosen_metrics, table_of_counts

__all__ = ["compare"]

_WITHIN_NUMBERS = "To compare within the numbers all the same, drop the column design from the calls."
_COLUMNS = (
    *("metric", "arm", "baseline", "method", "estimate", "low", "high", "p", "p_adjusted"),
    *("n", "numbers", "pending", "warnings"),
    *("ratio", "ratio_low", "ratio_high", "bound_low", "bound_high", "margin", "p_margin", "p_mid", "reason"),
)


def compare(
    calls: IntoFrame,
    arm: str = "arm",
    baseline: object = None,
    *,
    outcome: str = "answered",
    denominator: str = "resolved",
    confidence: float = 0.95,
    method: str = "miettinen_nurminen",
    early_hangup_seconds: float = 5.0,
    clusters: str = "auto",
    strata: str | TimeBucket | None = None,
    margin: float | None = None,
) -> Comparison:
    """Compare how often the calls of two or more arms come to an outcome.

    Every arm is set against the baseline: the difference in P(outcome) per call with its interval and the test that
    agrees with it, the ratio beside, and for more than two arms first a test of all together and then Holm's
    adjustment of p. Numbers that were called repeatedly are detected and decide the method.

    Parameters
    ----------
    calls : DataFrame
        A calls table: pandas, or anything that narwhals reads (DuckDB relation, Polars, Arrow).
    arm : str
        The column that tells the arms apart, such as ``arm`` or ``voice``. Calls without a value are left out, which
        the warnings say.
    baseline : optional
        The arm that the others are set against; the first in sorted order if not given.
    outcome : str
        An outcome, ``completed`` or ``early_hangup``.
    denominator : str
        ``resolved`` (default), ``placed`` or ``attempted``.
    confidence : float
        Coverage of the intervals, between 0 and 1; the test's level is 1 less it.
    method : str
        The interval where every number was called once: ``miettinen_nurminen`` (default), ``newcombe``,
        ``agresti_caffo`` or ``mee``.
    early_hangup_seconds : float
        An answered person who hangs up within so many seconds hangs up early.
    clusters : str
        How numbers meet the arms. ``auto`` (default) looks: each number called once; ``fixed``, where the number keeps
        its arm and is the unit (delta method on number means, t); or ``varying``, where at least half of the calls
        went to numbers that met several arms (Mantel-Haenszel within the number). ``ignore`` takes all calls as
        independent.
    strata : str or TimeBucket, optional
        Compare within the groups of a column or of a time bucket, such as ``imilab.hour_of_day("Europe/London")``.
    margin : float, optional
        A difference to rule out, a fraction other than 0. Below 0: that the arm is so much less often (-0.05: 5
        points). Above 0: that it is so much more often.

    Returns
    -------
    Comparison
        Where numbers repeat and an arm has fewer than 5, it gives no interval and no p, and says why.

    Raises
    ------
    InvalidInputError
        A column, arm, outcome or option that is not there, or fewer than two arms.

    Examples
    --------
    >>> calls = pd.DataFrame({"voice": ["a"] * 50 + ["b"] * 50, "outcome": ["answered", "busy"] * 25 + ["busy"] * 50})
    >>> found = compare(calls, arm="voice")
    >>> found.verdict
    'b is answered 50.0 points less often than a (95 % interval ... points less, p < 0.001, 50 and 50 resolved calls).'
    """
    one = metric(outcome)
    _check(arm, method, margin)
    check_options(denominator, confidence, early_hangup_seconds)
    frame = read_frame(calls)
    chosen_metrics(outcome, denominator, frame.collect_schema().names())
    read = read_tally(frame, arm, one, early_hangup_seconds=early_hangup_seconds, strata=strata)
    kept, crossed = without_forbidden(read) if arm in cautions.CONTENT_COLUMNS else (read, None)
    cells = kept.cells(one, denominator)
    layout = layout_of(cells, clusters)
    stated = _Stated(one, arm, denominator, confidence, Question(method, confidence, margin), strata is not None)
    found = _Found(read, kept, crossed, cells, layout)
    counts = kept.counts()
    table = table_of_counts(
        counts,
        {arm: arm},
        [one],
        denominator=denominator,
        confidence=confidence,
        early_hangup_seconds=early_hangup_seconds,
        inferred_known=kept.inferred is not None,
    )
    order = _order(table.rows[arm].tolist(), arm, baseline, crossed)
    arms = arm_table(table.rows, arm, order, kept, cells, one, denominator, layout, confidence)
    return _result(stated, found, arms, counts, table.footnotes, given=baseline is not None)


@dataclass(frozen=True)
class _Stated:
    """What was asked."""

    metric: Metric
    arm: str
    denominator: str
    confidence: float
    question: Question
    stratified: bool


@dataclass(frozen=True, eq=False)
class _Found:
    """What the calls are: all, those kept, those left out, and how the counted ones meet the arms."""

    read: Tally
    kept: Tally
    crossed: Crossed | None
    cells: Cells
    layout: str

    def code(self, value: object) -> int:
        """Find an arm's code."""
        return list(self.kept.values).index(value)


def _result(
    stated: _Stated, found: _Found, arms: pd.DataFrame, counts: pd.DataFrame, notes: tuple[str, ...], *, given: bool
) -> Comparison:
    codes = [found.code(value) for value in arms["arm"]]
    pairs = [Pair(found.cells, code, codes[0], stated.stratified) for code in codes[1:]]
    inferred = infer(pairs, found.layout, stated.question)
    differences = _differences(stated, found, arms, inferred)
    omnibus = together(found.cells, codes, found.layout, stratified=stated.stratified) if len(codes) > 2 else None
    said, others = _cautions(stated, found, arms, differences)
    differences["warnings"] = " ".join((*said, *others))
    findings = _findings(arms, differences, found.layout, stratified=stated.stratified)
    sentence = verdict(
        stated.metric, findings, denominator=stated.denominator, confidence=stated.confidence, omnibus=omnibus
    )
    what = estimand(stated.metric, stated.denominator, found.layout, stratified=stated.stratified)
    methods = footnotes(arms, differences, omnibus=omnibus, given=given)
    return Comparison(
        arms=arms,
        differences=differences[list(_COLUMNS)],
        outcome=stated.metric.name,
        arm=stated.arm,
        baseline=arms["arm"].iloc[0],
        denominator=stated.denominator,
        confidence=stated.confidence,
        warnings=(*said, *others),
        footnotes=(what, *_fitting(notes, found.layout), *methods),
        verdict=" ".join((sentence, *said)),
        estimand=what,
        layout=found.layout,
        crossed=found.crossed,
        counts=counts,
        details=details(arms, differences, found.layout),
        omnibus=omnibus,
        findings=(sentence,),
    )


def _fitting(notes: tuple[str, ...], layout: str) -> tuple[str, ...]:
    """Drop what the table of rates says of its intervals where numbers repeat: they are made another way."""
    return notes if layout == "once" else tuple(note for note in notes if not note.startswith("Intervals:"))


def _check(arm: object, method: str, margin: float | None) -> None:
    if not isinstance(arm, str):
        raise InvalidInputError("arm", f"{arm!r} is no column's name")
    if arm in RESULT_COLUMNS or arm == "outcome":
        raise InvalidInputError("arm", f"{arm!r} is what became of a call; compare by something chosen before it")
    if method not in METHODS:
        raise InvalidInputError("method", f"{method!r} is none of {', '.join(METHODS)}")
    if margin is not None and not 0 < abs(margin) < 1:
        raise InvalidInputError("margin", f"{margin!r} is no fraction other than 0; for 5 points less give -0.05")


def _order(values: list[Any], arm: str, baseline: object, crossed: Crossed | None) -> list[Any]:
    """Put the baseline first."""
    listed = ", ".join(repr(value) for value in values) or "none"
    if len(values) < 2:
        left_out = cautions.crossed_numbers(crossed)
        why = f". {left_out} {_WITHIN_NUMBERS}" if left_out else ""
        raise InvalidInputError("arm", f"a comparison needs two arms or more; in {arm!r} there is: {listed}{why}")
    chosen = values[0] if baseline is None else baseline
    if chosen not in values:
        raise InvalidInputError("baseline", f"{baseline!r} is no arm; in {arm!r} there is: {listed}")
    first = values.index(chosen)
    return [values[first], *values[:first], *values[first + 1 :]]


def _differences(stated: _Stated, found: _Found, arms: pd.DataFrame, inferred: list[Inferred]) -> pd.DataFrame:
    base, others = arms.iloc[0], arms.iloc[1:].reset_index(drop=True)
    measures = pd.DataFrame([vars(each) for each in inferred])
    codes = [found.code(value) for value in arms["arm"]]
    # Comparisons that give no p yet count too: else p of the others would rise when a late arm's receipts come.
    adjusted = pd.Series(holm(measures["p"].fillna(1.0))).where(measures["p"].notna())
    # An unknown number is in one arm only, so that the numbers in both arms are known ones.
    shared = [found.cells.shared(code, codes[0]) for code in codes[1:]]
    return measures.assign(
        metric=stated.metric.name,
        arm=others["arm"],
        baseline=base["arm"],
        p_adjusted=adjusted,
        reason=[
            without_call((tables.name(arm), tables.name(base["arm"])), (n, base["n"]), stated.denominator)
            or each.reason
            for arm, n, each in zip(others["arm"], others["n"], inferred, strict=True)
        ],
        n=others["n"] + base["n"],
        numbers=others["numbers"] + base["numbers"] - pd.array(shared, "Int64"),
        pending=others["pending"] + base["pending"],
        bound_low=others["bound_low"] - base["bound_high"],
        bound_high=others["bound_high"] - base["bound_low"],
        margin=np.nan if stated.question.margin is None else stated.question.margin,
    )


def _cautions(
    stated: _Stated, found: _Found, arms: pd.DataFrame, differences: pd.DataFrame
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Collect the cautions: those that the verdict repeats, and the others."""
    calls = int(found.cells.calls.sum())
    unknown = int(found.cells.calls[found.cells.number >= found.kept.numbers].sum())
    repeated = calls - found.cells.distinct if found.layout == "once" else 0
    said = (
        cautions.voice_cannot_move(stated.metric, stated.arm, found.read),
        cautions.crossed_numbers(found.crossed),
        cautions.repeats_ignored(repeated, calls),
    )
    others = (
        cautions.numbers_unknown(unknown, calls),
        cautions.pending_differs(arms),
        cautions.bounds_hold_zero(differences),
        cautions.few_calls(differences),
        cautions.left_out(found.read.total(found.read.arm < 0), stated.arm),
        cautions.left_out(found.kept.total((found.kept.stratum < 0) & (found.kept.arm >= 0)), "stratum"),
    )
    return tuple(text for text in said if text), tuple(text for text in others if text)


def _findings(arms: pd.DataFrame, differences: pd.DataFrame, layout: str, *, stratified: bool) -> list[Finding]:
    base = arms.iloc[0]
    within = [*(["number"] if layout == "varying" else []), *(["stratum"] if stratified else [])]
    return [
        Finding(
            arm=tables.name(arm["arm"]),
            baseline=tables.name(base["arm"]),
            rates=(arm["rate"], base["rate"]),
            n=(arm["n"], base["n"]),
            estimate=difference["estimate"],
            low=difference["low"],
            high=difference["high"],
            p=difference["p_adjusted"],
            margin=difference["margin"],
            p_margin=difference["p_margin"],
            reason=difference["reason"],
            where=f"within the same {' and '.join(within)}" if within else "",
        )
        for arm, difference in zip(arms.iloc[1:].to_dict("records"), differences.to_dict("records"), strict=True)
    ]

"""Compare arms: each against the baseline, with Newcombe's interval and the pooled z test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrame

from imilab import tables
from imilab.buckets import Frame
from imilab.comparison import cautions, significance
from imilab.comparison.result import Comparison
from imilab.comparison.spread import Spread, same_caller_ids, spread
from imilab.comparison.verdict import Finding, verdict
from imilab.counting import RESULT_COLUMNS, read_frame
from imilab.errors import InvalidInputError
from imilab.intervals import REFERENCES, newcombe
from imilab.metrics import METRICS, Metric, end_of_call, metric
from imilab.rate_table import rates

__all__ = ["compare"]

METHOD = "newcombe, pooled z"
_COLUMNS = (
    *("metric", "arm", "baseline", "method", "estimate", "low", "high", "p", "p_adjusted"),
    *("n", "numbers", "pending", "warnings"),
)


def compare(
    calls: IntoFrame,
    arm: str = "arm",
    baseline: object = None,
    *,
    outcome: str = "answered",
    denominator: str = "resolved",
    confidence: float = 0.95,
    early_hangup_seconds: float = 5.0,
) -> Comparison:
    """Compare how often the calls of two or more arms come to an outcome.

    Every arm is set against the baseline: the difference with Newcombe's interval, the pooled z test, and for more than
    two arms Holm's adjustment of p. Calls are taken as independent.

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
    early_hangup_seconds : float
        An answered person who hangs up within so many seconds hangs up early.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidInputError
        A column, arm or outcome that is not there, or fewer than two arms.

    Examples
    --------
    >>> calls = pd.DataFrame({"voice": ["a"] * 50 + ["b"] * 50, "outcome": ["answered", "busy"] * 25 + ["busy"] * 50})
    >>> found = compare(calls, arm="voice")
    >>> found.verdict
    'b is answered 50.0 points less often than a (95 % interval ... points less, p < 0.001, 50 and 50 resolved calls).'
    """
    one = metric(outcome)
    _check_arm(arm)
    table = rates(
        calls,
        by=arm,
        outcomes=outcome,
        denominator=denominator,
        confidence=confidence,
        early_hangup_seconds=early_hangup_seconds,
    )
    arms = _arms(table.rows, arm, baseline)
    asked = _Asked(_narrow(read_frame(calls), arm, one, early_hangup_seconds), arm, one, denominator)
    arms["numbers"] = pd.array([asked.spread([value]).numbers for value in arms["arm"]], "Int64")
    differences = _differences(arms, one, confidence)
    pairs = [asked.spread([arms["arm"].iloc[0], value]) for value in differences["arm"]]
    differences["numbers"] = pd.array([pair.numbers for pair in pairs], "Int64")
    said, others = _cautions(asked, arms)
    differences["warnings"] = " ".join((*said, *others))
    findings = _findings(arms, differences)
    sentence = verdict(one, findings, denominator=denominator, confidence=confidence)
    return Comparison(
        arms=arms,
        differences=differences[list(_COLUMNS)],
        outcome=outcome,
        arm=arm,
        baseline=arms["arm"].iloc[0],
        denominator=denominator,
        confidence=confidence,
        warnings=(*said, *others),
        footnotes=(*table.footnotes, *_footnotes(arms, given=baseline is not None)),
        verdict=" ".join((sentence, *said)),
    )


@dataclass(frozen=True)
class _Asked:
    """The calls and the question, for what the table of rates does not say."""

    frame: Frame
    arm: str
    metric: Metric
    denominator: str

    def spread(self, arms: list[Any]) -> Spread:
        """Count the denominator's calls of some arms, and their numbers."""
        return spread(self.frame, self.metric.counted(self.denominator) & nw.col(self.arm).is_in(arms))

    def placed(self) -> Spread:
        """Count all placed calls, of any arm or none, and their numbers."""
        return spread(self.frame, METRICS["answered"].counted("placed"))

    def without_arm(self) -> int:
        """Count the calls, of any outcome, that have no arm."""
        return spread(self.frame, nw.col(self.arm).is_null()).calls


def _narrow(frame: Frame, arm: str, one: Metric, early_hangup_seconds: float) -> Frame:
    """Keep what is read below, as every filter of a pandas frame copies all its columns."""
    known = frame.collect_schema().names()
    kept = dict.fromkeys((arm, "outcome", *(name for name in ("number_key", "caller_id") if name in known)))
    return frame.select(*kept, *([end_of_call(early_hangup_seconds).alias("end")] if one.heard else []))


def _check_arm(arm: object) -> None:
    if not isinstance(arm, str):
        raise InvalidInputError("arm", f"{arm!r} is no column's name")
    if arm in RESULT_COLUMNS or arm == "outcome":
        raise InvalidInputError("arm", f"{arm!r} is what became of a call; compare by something chosen before it")


def _arms(rows: pd.DataFrame, arm: str, baseline: object) -> pd.DataFrame:
    """Put the baseline first; leave the calls without an arm out."""
    arms = rows[rows[arm].notna()].drop(columns="outcome").rename(columns={arm: "arm"})
    values = arms["arm"].tolist()
    listed = ", ".join(repr(value) for value in values) or "none"
    if len(values) < 2:
        raise InvalidInputError("arm", f"a comparison needs two arms or more; in {arm!r} there is: {listed}")
    chosen = values[0] if baseline is None else baseline
    if chosen not in values:
        raise InvalidInputError("baseline", f"{baseline!r} is no arm; in {arm!r} there is: {listed}")
    first = arms["arm"] == chosen
    return pd.concat([arms[first], arms[~first]], ignore_index=True)


def _differences(arms: pd.DataFrame, one: Metric, confidence: float) -> pd.DataFrame:
    base, others = arms.iloc[0], arms.iloc[1:].reset_index(drop=True)
    counts = (others["count"], others["n"], base["count"], base["n"])
    low, high = newcombe(*counts, confidence)
    _, p = significance.pooled_z(*counts)
    return pd.DataFrame(
        {
            "metric": one.name,
            "arm": others["arm"],
            "baseline": base["arm"],
            "method": METHOD,
            "estimate": others["rate"] - base["rate"],
            "low": low,
            "high": high,
            "p": p,
            "p_adjusted": significance.holm(p),
            "n": others["n"] + base["n"],
            "pending": others["pending"] + base["pending"],
        }
    )


def _cautions(asked: _Asked, arms: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Collect the cautions: those that the verdict repeats, and the others."""
    counted = asked.spread(arms["arm"].tolist())
    same_callers = same_caller_ids(asked.frame, asked.arm)
    said = (
        cautions.voice_cannot_move(asked.metric, arm=asked.arm, same_callers=same_callers, placed=asked.placed()),
        cautions.repeated_numbers(counted),
    )
    others = (
        cautions.numbers_unknown(counted),
        cautions.pending_differs(arms),
        cautions.few_calls(arms),
        cautions.left_out(asked.without_arm(), asked.arm),
    )
    return tuple(text for text in said if text), tuple(text for text in others if text)


def _findings(arms: pd.DataFrame, differences: pd.DataFrame) -> list[Finding]:
    base = arms.iloc[0]
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
        )
        for arm, difference in zip(arms.iloc[1:].to_dict("records"), differences.to_dict("records"), strict=True)
    ]


def _footnotes(arms: pd.DataFrame, *, given: bool) -> tuple[str, ...]:
    several = len(arms) > 2
    chosen = "as asked" if given else "the first arm in sorted order, as none was given"
    adjusted = f"; p adjusted for {len(arms) - 1} comparisons: {significance.REFERENCES['holm']}" if several else ""
    test = f"p: {significance.REFERENCES['pooled_z']}{adjusted}"
    return (
        f"Difference: arm less baseline. Interval: {REFERENCES['newcombe']}. {test}.",
        f"Baseline: {tables.name(arms['arm'].iloc[0])} ({chosen}).",
    )

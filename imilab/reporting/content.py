"""What a report says, worked out once and shown by every form of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from imilab import tables
from imilab.comparison import Comparison, compare
from imilab.errors import InvalidInputError
from imilab.metrics import metric
from imilab.rate_table import RateTable, rates
from imilab.reporting.definitions import Definition, code_meaning, define_codes, define_denominators, define_outcomes
from imilab.reporting.order import Order
from imilab.reporting.provenance import Fact, period

__all__ = ["EARLY_HANGUP_SECONDS", "CodeRow", "Content", "Figure", "gather"]

EARLY_HANGUP_SECONDS = 5.0
_FAILURES = ("busy", "no_answer", "rejected", "dropped", "expired", "other", "lost")
_NO_CODE = {"other": "ended without an answer or a code", "lost": "no final receipt came"}
_MAIN = ("answered", "completed", "early_hangup")
_UNTOLD = ("No difference can be told", "Nothing can be said of")
_VOICEMAIL = "Voicemail counts as answered: the platform does not tell a person from a machine."


@dataclass(frozen=True)
class Figure:
    """One key count and what to know about it."""

    name: str
    count: int
    note: str


@dataclass(frozen=True)
class CodeRow:
    """How often one code came: its share of `denominator` calls, with its interval."""

    code: str
    outcome: str
    reason: str
    meaning: str
    count: int
    n: int
    rate: float
    low: float
    high: float
    denominator: str


@dataclass(frozen=True, kw_only=True)
class Content:
    """A report, before it is written.

    Attributes
    ----------
    order : Order
        What was asked for.
    calls : DataFrame
        Checked, numbers masked.
    period : str
        From when to when, in the report's zone.
    figures : tuple of Figure
        The key counts.
    summary, by_voice, by_hour : RateTable
        All rates: of all calls, by voice, by hour of day.
    by_code : tuple of CodeRow
        Failures by frequency, then what the platform refused.
    comparison : Comparison or None
        None where there is nothing to compare.
    other_comparisons : tuple of Comparison
        The same arms by answered, completed and early_hangup, less the one above.
    no_comparison : str
        Why there is none.
    outcomes, denominators, codes : tuple of Definition
        The words that occur.
    provenance : tuple of Fact
        Where it comes from.
    """

    order: Order
    calls: pd.DataFrame
    period: str
    figures: tuple[Figure, ...]
    summary: RateTable
    by_voice: RateTable
    by_hour: RateTable
    by_code: tuple[CodeRow, ...]
    comparison: Comparison | None
    other_comparisons: tuple[Comparison, ...]
    no_comparison: str
    outcomes: tuple[Definition, ...]
    denominators: tuple[Definition, ...]
    codes: tuple[Definition, ...]
    provenance: tuple[Fact, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """What was found, one sentence an arm: what can be told first, what cannot, what holds for all arms last."""
        if self.comparison is None:
            return (self.no_comparison,)
        text = self.comparison.verdict
        for caution in self.comparison.warnings:
            text = text.replace(caution, "")
        phrase = metric(self.comparison.outcome).phrase
        arms = (f"{tables.name(arm)} {phrase}" for arm in self.comparison.differences["arm"])
        begins = "|".join(map(re.escape, (*_UNTOLD, *arms)))
        first, *others = re.split(rf"(?<=\.) (?={begins})", " ".join(text.split()))
        others.sort(key=lambda sentence: sentence.startswith(_UNTOLD))
        return (*others, first) if others else (first,)

    @property
    def cautions(self) -> tuple[str, ...]:
        """What to know before the result is believed."""
        found = self.comparison.warnings if self.comparison else ()
        return (*found, _VOICEMAIL) if len(self.calls) else ()

    @property
    def methods(self) -> tuple[str, ...]:
        """How rates and differences are made, each sentence once."""
        notes = [*self.summary.notes, *self.by_hour.notes, *(self.comparison.footnotes if self.comparison else ())]
        return tuple(dict.fromkeys(notes))


def gather(calls: pd.DataFrame, order: Order, provenance: tuple[Fact, ...]) -> Content:
    """Work out what the report says.

    Parameters
    ----------
    calls : DataFrame
        From `check_calls`, without full numbers.
    order : Order
        What was asked for.
    provenance : tuple of Fact
        Where it comes from.

    Raises
    ------
    InvalidInputError
        What was asked for cannot be compared.
    """
    arm, why_not = _choose_arm(calls, order)
    others = [name for name in _MAIN if name != order.outcome] if arm else []
    return Content(
        order=order,
        calls=calls,
        period=period(calls, order),
        figures=_figures(calls),
        summary=rates(calls, early_hangup_seconds=EARLY_HANGUP_SECONDS),
        by_voice=rates(calls, by="voice", early_hangup_seconds=EARLY_HANGUP_SECONDS),
        by_hour=rates(calls, by=order.hours, early_hangup_seconds=EARLY_HANGUP_SECONDS),
        by_code=(*_code_rows(calls, _FAILURES, "resolved"), *_code_rows(calls, ("not_placed",), "attempted")),
        comparison=_compare(calls, arm, order, order.outcome) if arm else None,
        other_comparisons=tuple(_compare(calls, arm, order, name) for name in others if arm),
        no_comparison=why_not,
        outcomes=define_outcomes(calls, EARLY_HANGUP_SECONDS),
        denominators=define_denominators(),
        codes=define_codes(calls),
        provenance=provenance,
    )


def _choose_arm(calls: pd.DataFrame, order: Order) -> tuple[str | None, str]:
    """Return the column that tells the arms apart, or why there is none."""
    if calls.empty:
        return None, "There are no calls, so there is nothing to report yet."
    if order.arm is not None:
        return order.arm, ""
    for name in ("arm", "voice"):
        if len(calls[name].dropna().unique()) > 1:
            return name, ""
    why_not = "Nothing is compared: the calls have fewer than two arms and fewer than two voices."
    if order.baseline is not None:
        raise InvalidInputError("baseline", f"{why_not} Say with arm= which column tells the arms apart")
    return None, why_not


def _compare(calls: pd.DataFrame, arm: str, order: Order, outcome: str) -> Comparison:
    return compare(calls, arm, order.baseline, outcome=outcome, early_hangup_seconds=EARLY_HANGUP_SECONDS)


def _figures(calls: pd.DataFrame) -> tuple[Figure, ...]:
    counts = calls["outcome"].value_counts()
    not_placed, pending = int(counts.get("not_placed", 0)), int(counts.get("pending", 0))
    placed = len(calls) - not_placed
    share = f"{tables.percent(pending / placed)} of placed calls: no final receipt yet" if placed else ""
    return (
        Figure("attempted", len(calls), f"{tables.count(not_placed)} of them not placed: the platform refused them"),
        Figure("placed", placed, "attempted less not placed"),
        Figure("resolved", placed - pending, "placed less pending: what the rates are shares of"),
        Figure("pending", pending, share),
        Figure("numbers", calls["number_key"].nunique(), "different phone numbers called"),
    )


def _code_rows(calls: pd.DataFrame, outcomes: tuple[str, ...], denominator: str) -> list[CodeRow]:
    """Count the codes of some outcomes, the most frequent first."""
    rows = rates(calls, by="error_code", outcomes=outcomes, denominator=denominator).rows
    reasons = calls.dropna(subset=["error_code"]).groupby(["error_code", "outcome"])["error_reason"].first().to_dict()
    found = []
    for row in rows[rows["count"] > 0].sort_values("count", ascending=False, kind="stable").to_dict("records"):
        code = None if pd.isna(row["error_code"]) else str(row["error_code"])
        reason = reasons.get((code, row["outcome"]))
        found.append(
            CodeRow(
                code=code or "no code",
                outcome=row["outcome"],
                reason=tables.name(reason) if code else _NO_CODE.get(row["outcome"], "no code was told"),
                meaning=code_meaning(code) if code else "",
                **{name: row[name] for name in ("count", "n", "rate", "low", "high")},
                denominator=denominator,
            )
        )
    return found

"""The words of a report: what each outcome and each code in it means."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from imilab.metrics import DENOMINATORS
from imilab.terms import CODES, OUTCOMES, Outcome

__all__ = ["Definition", "code_meaning", "define_codes", "define_denominators", "define_outcomes"]

_NOT_DOCUMENTED = "The platform's pages do not document this code."
_OWN_WORDS = {
    Outcome.LOST: "No final receipt came within the receipt horizon (30 minutes unless set otherwise).",
    Outcome.PENDING: "No final receipt has come yet, and the receipt horizon is not over.",
    Outcome.NOT_PLACED: "The platform refused the request: no call was placed.",
}
_TOLD_TOO = {
    Outcome.ANSWERED: ", or 7410 without it (an inferred answer)",
    Outcome.OTHER: ", a code that is not documented, or an end without an answer",
}
_LISTENING = {
    "completed": "Answered, and ended by the platform: the message was heard to its end.",
    "early_hangup": "Answered, and the person hung up within {seconds:g} seconds of answering.",
}


@dataclass(frozen=True)
class Definition:
    """One word and what it means.

    Attributes
    ----------
    term : str
        The word or the code.
    meaning : str
        One or two sentences.
    told_by : str
        The codes that decide an outcome, or the outcome that a code decides; may be empty.
    """

    term: str
    meaning: str
    told_by: str = ""


def define_outcomes(calls: pd.DataFrame, early_hangup_seconds: float) -> tuple[Definition, ...]:
    """Define the outcomes that occur among the calls, then the two outcomes of listening."""
    there = set(calls["outcome"])
    return (
        *(_outcome(Outcome(name)) for name in OUTCOMES if name in there),
        *(Definition(term, text.format(seconds=early_hangup_seconds)) for term, text in _LISTENING.items()),
    )


def define_codes(calls: pd.DataFrame) -> tuple[Definition, ...]:
    """Define the error codes that occur among the calls, in order."""
    pairs = calls[["error_code", "outcome"]].dropna().drop_duplicates().sort_values(["error_code", "outcome"])
    return tuple(Definition(code, code_meaning(code), outcome) for code, outcome in pairs.itertuples(index=False))


def define_denominators() -> tuple[Definition, ...]:
    """Define what rates are shares of."""
    return tuple(Definition(name, f"{text[:1].upper()}{text[1:]}.") for name, text in DENOMINATORS.items())


def code_meaning(code: str) -> str:
    """Return what a code means, in one or two sentences.

    Examples
    --------
    >>> code_meaning("7402"), code_meaning("7999")
    ("The person's line was busy.", "The platform's pages do not document this code.")
    """
    known = CODES.get(code)
    return known.meaning if known else _NOT_DOCUMENTED


def _outcome(outcome: Outcome) -> Definition:
    deciding = [row for row in CODES.values() if row.outcome is outcome and row.event]
    if outcome in _OWN_WORDS:
        return Definition(str(outcome), _OWN_WORDS[outcome])
    told_by = ", ".join(row.code for row in deciding) + _TOLD_TOO.get(outcome, "")
    return Definition(str(outcome), " ".join(row.meaning for row in deciding), told_by)

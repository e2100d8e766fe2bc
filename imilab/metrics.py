"""What a rate counts: each metric's successes, its pending calls and its denominators, as narwhals expressions.

A metric is one of the outcomes, or one of the two outcomes of listening: `completed` and `early_hangup`. The
expressions read the columns ``outcome`` and ``end``; `end_of_call` makes ``end`` from end reason and talk time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum
from types import MappingProxyType

import narwhals as nw

from imilab.errors import InvalidInputError
from imilab.terms import OUTCOMES, Outcome

__all__ = ["DENOMINATORS", "METRICS", "End", "Metric", "check_denominator", "end_of_call", "metric", "near"]

DENOMINATORS: Mapping[str, str] = MappingProxyType(
    {
        "resolved": "placed calls less pending ones; a lost call counts as resolved",
        "placed": "attempted calls less those that the platform refused (not_placed)",
        "attempted": "all calls, with those that the platform refused (not_placed)",
    }
)
"""The denominators by name, each with what it counts."""


class End(IntEnum):
    """How an answered call ended; of other calls it says nothing."""

    NOT_KNOWN = 0
    RELEASED = 1
    OTHER = 2
    HUNG_UP_EARLY = 3
    HUNG_UP_LATER = 4
    HUNG_UP_UNTIMED = 5


@dataclass(frozen=True)
class Metric:
    """One rate that can be asked for.

    Attributes
    ----------
    name : str
        An outcome, ``completed`` or ``early_hangup``.
    phrase : str
        The verb of a sentence: "is answered".
    outcome : str
        The outcome that a success has.
    ends : frozenset of End or None
        The ends that a success has; None where any does.
    open_ends : frozenset of End
        The ends that leave an answered call undecided, so that it is pending for this metric.
    columns : tuple of str
        The columns of the calls table that it reads.
    """

    name: str
    phrase: str
    outcome: str
    ends: frozenset[End] | None = None
    open_ends: frozenset[End] = frozenset()
    columns: tuple[str, ...] = ("outcome",)

    @property
    def heard(self) -> bool:
        """Whether it is decided after the call was answered, where a voice can move it."""
        return self.ends is not None

    def success(self) -> nw.Expr:
        """Whether a call is one."""
        reached = nw.col("outcome") == self.outcome
        return reached if self.ends is None else reached & nw.col("end").is_in(sorted(self.ends))

    def pending(self) -> nw.Expr:
        """Whether a call is not decided yet."""
        waiting = nw.col("outcome") == Outcome.PENDING.value
        if not self.open_ends:
            return waiting
        answered = nw.col("outcome") == Outcome.ANSWERED.value
        return waiting | (answered & nw.col("end").is_in(sorted(self.open_ends)))

    def counted(self, denominator: str) -> nw.Expr:
        """Whether a call belongs to the denominator."""
        if denominator == "attempted":
            return nw.col("outcome").is_in(list(OUTCOMES))
        placed = nw.col("outcome") != Outcome.NOT_PLACED.value
        return placed if denominator == "placed" else placed & ~self.pending()

    def fits(self, denominator: str) -> bool:
        """Whether its successes are part of the denominator."""
        outside = {"attempted": (), "placed": (Outcome.NOT_PLACED,), "resolved": (Outcome.NOT_PLACED, Outcome.PENDING)}
        return self.outcome not in outside[denominator]


_PHRASES = {
    "answered": "is answered",
    "busy": "is busy",
    "no_answer": "gets no answer",
    "rejected": "is rejected",
    "dropped": "is dropped",
    "expired": "expires",
    "other": "fails for other reasons",
    "lost": "is lost",
    "pending": "is pending",
    "not_placed": "is not placed",
}
_END_COLUMNS = ("outcome", "end_reason", "talk_seconds")

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        **{outcome: Metric(outcome, _PHRASES[outcome], outcome) for outcome in OUTCOMES},
        "completed": Metric(
            "completed",
            "is completed",
            Outcome.ANSWERED.value,
            ends=frozenset({End.RELEASED}),
            open_ends=frozenset({End.NOT_KNOWN}),
            columns=_END_COLUMNS,
        ),
        "early_hangup": Metric(
            "early_hangup",
            "is hung up on early",
            Outcome.ANSWERED.value,
            ends=frozenset({End.HUNG_UP_EARLY}),
            open_ends=frozenset({End.NOT_KNOWN, End.HUNG_UP_UNTIMED}),
            columns=_END_COLUMNS,
        ),
    }
)
"""Every metric by name, in display order."""


def metric(name: str) -> Metric:
    """Find a metric by name.

    Raises
    ------
    InvalidInputError
        There is none; the message lists the near ones.

    Examples
    --------
    >>> metric("completed").phrase
    'is completed'
    """
    try:
        return METRICS[name]
    except (KeyError, TypeError):
        raise InvalidInputError("outcome", f"{name!r} is none of the outcomes; {near(str(name), METRICS)}") from None


def check_denominator(denominator: str) -> str:
    """Return `denominator` if there is such a one.

    Raises
    ------
    InvalidInputError
        There is none.
    """
    if denominator not in DENOMINATORS:
        raise InvalidInputError("denominator", f"{denominator!r} is none of {', '.join(DENOMINATORS)}")
    return denominator


def end_of_call(early_hangup_seconds: float) -> nw.Expr:
    """Say how an answered call ended, from ``end_reason`` and ``talk_seconds``, as the numbers of `End`.

    Parameters
    ----------
    early_hangup_seconds : float
        A person who hangs up within so many seconds of answering hangs up early; the limit itself is early.

    Returns
    -------
    narwhals.Expr
        Integers. A hang-up whose talk time is missing (an inferred answer) is `End.HUNG_UP_UNTIMED`.
    """
    reason, talk = nw.col("end_reason"), nw.col("talk_seconds").cast(nw.Float64)
    return (
        nw.when(reason.is_null())
        .then(nw.lit(int(End.NOT_KNOWN)))
        .when(reason == "released")
        .then(nw.lit(int(End.RELEASED)))
        .when(reason != "disconnected")
        .then(nw.lit(int(End.OTHER)))
        .when(talk.is_null() | talk.is_nan())
        .then(nw.lit(int(End.HUNG_UP_UNTIMED)))
        .when(talk <= early_hangup_seconds)
        .then(nw.lit(int(End.HUNG_UP_EARLY)))
        .otherwise(nw.lit(int(End.HUNG_UP_LATER)))
    )


def near(word: str, known: Mapping[str, object] | list[str]) -> str:
    """Say which known words a wrong one may have meant.

    Examples
    --------
    >>> near("voise", ["voice", "voice_type", "arm"])
    "did you mean 'voice'?"
    >>> near("x", ["voice", "arm"])
    "there are 'voice', 'arm'"
    """
    words = list(known)
    matches = get_close_matches(word, words, n=3, cutoff=0.6)
    listed = ", ".join(repr(match) for match in matches or words)
    return f"did you mean {listed}?" if matches else f"there are {listed}"

"""Durations read off the calls: how long each rang and how it ended, how long each answered one talked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from imilab import tables
from imilab.comparison.balance.arm_column import check_arm, order_arms
from imilab.comparison.durations.risk_table import Floats
from imilab.counting import check_columns, collect, read_frame
from imilab.errors import InvalidInputError
from imilab.terms import OUTCOMES, Outcome

__all__ = ["PENDING", "Arms", "RingTimes", "find_arms", "read_durations", "ring_times"]

PENDING = Outcome.PENDING.value
_TIMES = ("requested_at", "offered_at", "accepted_at", "answered_at", "ended_at")
_OPTIONAL = ("ring_seconds", "talk_seconds", "number_key")
# What became of these calls is not known, or they never left.
_NO_CAUSE = frozenset({Outcome.PENDING.value, Outcome.LOST.value, Outcome.NOT_PLACED.value})


@dataclass(frozen=True)
class Arms:
    """The arms of a comparison: their values, the baseline first, and each call's arm by number."""

    values: list[Any]
    codes: NDArray[np.int64]

    @property
    def names(self) -> list[str]:
        """The arms' names, as shown."""
        return [tables.name(value) for value in self.values]


@dataclass(frozen=True)
class RingTimes:
    """How long the calls rang.

    Attributes
    ----------
    arm : numpy.ndarray
        Each ringing call's arm by number.
    seconds : numpy.ndarray
        How long it rang, to its end or to the moment at which it was last known to ring.
    cause : numpy.ndarray
        How it ended: 0 where it still rang, else the place in `causes`, from 1.
    number : numpy.ndarray
        The number it went to; calls to one number have the same value, and an unknown number is one of its own.
    causes : tuple of str
        The outcomes that ended a call's ringing; ``answered`` is the first.
    tally : DataFrame
        One row an arm: ``calls`` (placed), ``rang`` (in the analysis), ``answered``, ``still_ringing`` (censored),
        ``untimed`` (the end is known, its time is not) and ``end_unknown`` (lost, or pending for longer than any call
        rings); the last two are not in the analysis.
    """

    arm: NDArray[np.int64]
    seconds: Floats
    cause: NDArray[np.int64]
    number: NDArray[np.int64]
    causes: tuple[str, ...]
    tally: pd.DataFrame


def read_durations(calls: IntoFrame, arm: str) -> pd.DataFrame:
    """Take what the analysis of durations reads, as pandas, of the placed calls that have an arm.

    Returns
    -------
    DataFrame
        ``arm``, ``outcome``, ``ring_seconds``, ``talk_seconds``, ``number_key`` (missing where unknown), and
        ``age_seconds``: from accepted, else offered, to the last moment that any call's times name.

    Raises
    ------
    InvalidInputError
        A column is not there, or an outcome is none of the outcomes.
    """
    frame = read_frame(calls)
    check_arm(arm)
    check_columns(frame, [arm, "outcome", "ring_seconds"])
    known = frame.collect_schema().names()
    extra = [nw.col(name) for name in (*_OPTIONAL, *_TIMES) if name in known and name != arm]
    counted = [name for name in _TIMES if name not in known and f"{name}_ms" in known]
    extra += [nw.col(f"{name}_ms").alias(name) for name in counted]
    narrow = collect(frame.select(nw.col(arm).alias("arm"), "outcome", *extra))
    wrong = set(narrow["outcome"].dropna().unique()) - set(OUTCOMES)
    if wrong or narrow["outcome"].isna().any():
        listed = ", ".join(sorted(map(str, wrong))) or "a missing one"
        raise InvalidInputError("outcome", f"some calls have {listed}; outcomes are {', '.join(OUTCOMES)}")
    narrow = narrow.reindex(columns=["arm", "outcome", *_OPTIONAL, *_TIMES])
    times = pd.DataFrame({name: _moments(narrow[name], in_ms=name in counted) for name in _TIMES})
    started = times["accepted_at"].fillna(times["offered_at"])
    kept = narrow.drop(columns=list(_TIMES)).assign(age_seconds=(times.max().max() - started).dt.total_seconds())
    return kept[kept["arm"].notna() & (kept["outcome"] != Outcome.NOT_PLACED.value)].reset_index(drop=True)


def _moments(times: pd.Series[Any], *, in_ms: bool) -> pd.Series[Any]:
    return pd.to_datetime(times, unit="ms", utc=True) if in_ms else pd.to_datetime(times, utc=True)


def find_arms(calls: pd.DataFrame, arm: str, baseline: object) -> Arms:
    """Give each arm its number, the baseline first, the others in sorted order.

    Raises
    ------
    InvalidInputError
        No call has an arm, or the baseline is none of them.
    """
    order = order_arms(calls["arm"].unique(), arm, baseline, fewest=1)
    return Arms(order, pd.Index(order).get_indexer(pd.Index(calls["arm"])).astype(np.int64))


def ring_times(calls: pd.DataFrame, arms: Arms) -> RingTimes:
    """Tell of each placed call how long it rang and how its ringing ended."""
    outcome = calls["outcome"].to_numpy(dtype=object)
    ring, age = (calls[name].to_numpy(dtype=np.float64) for name in ("ring_seconds", "age_seconds"))
    met = set(outcome) - _NO_CAUSE - {Outcome.ANSWERED.value}
    causes = (Outcome.ANSWERED.value, *(name for name in OUTCOMES if name in met))
    cause = pd.Index(causes).get_indexer(pd.Index(outcome)).astype(np.int64) + 1
    ended = (cause > 0) & (ring >= 0)
    longest = ring[ended].max(initial=0.0)
    # A call that is pending for longer than any call rings does not ring any more: its last receipt is missing.
    ringing = (outcome == PENDING) & (age >= 0) & (age <= longest)
    rang = ended | ringing
    numbers, width = arms.codes, len(arms.values)

    def of_arms(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(numbers[chosen], minlength=width).astype(np.int64)

    tally = pd.DataFrame(
        {
            "arm": arms.values,
            "calls": of_arms(np.ones(len(calls), dtype=bool)),
            "rang": of_arms(rang),
            "answered": of_arms(ended & (cause == 1)),
            "still_ringing": of_arms(ringing),
            "untimed": of_arms((cause > 0) & ~ended),
            "end_unknown": of_arms((cause == 0) & ~ringing),
        }
    )
    seconds = np.where(ended, ring, age)[rang]
    return RingTimes(numbers[rang], seconds, cause[rang], _numbers(calls)[rang], causes, tally)


def _numbers(calls: pd.DataFrame) -> NDArray[np.int64]:
    codes, keys = pd.factorize(calls["number_key"], sort=True)  # the same in any order of the calls
    unknown = codes < 0
    found: NDArray[np.int64] = np.where(unknown, len(keys) + np.cumsum(unknown) - 1, codes).astype(np.int64)
    return found

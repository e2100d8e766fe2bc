"""The fold of receipts: a call's events reduced to a state that merges with the states of its other events.

A state holds minima, maxima and sums only. So the fold of all receipts is the merge of the folds of any parts of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from imilab.calls.kinds import ENDS_OF_AN_ANSWER, FAILURES, KIND, choose, classify, no_empty

__all__ = [
    "ANSWERED_UNTIMED_MS",
    "BY_INFERENCE",
    "MOVED",
    "NUMBER_COLUMNS",
    "PACK",
    "STATE_COLUMNS",
    "STRONG",
    "fold_by_call",
    "fold_receipts",
    "merge_states",
    "time_in",
]

NUMBER_COLUMNS = ("msisdn", "number_key", "country", "number_type")
"""What both receipts and requests may say of the number; a table of receipts may lack any of them."""

STATE_COLUMNS = (
    *("message_id", "correlation_id", *NUMBER_COLUMNS),
    *("offered_at_ms", "accepted_at_ms", "answered_ms", "first_event_ms"),
    *("failure", "ending", "odd_code", "marks", "receipts"),
)
"""A state: the two ids as the receipts have them, '' where missing, and what their events come to.

answered_ms : the earliest answer, `ANSWERED_UNTIMED_MS` where none has a time.
failure : the decisive failure's time and kind, packed; from `STRONG` on it is no released event, and from
    `BY_INFERENCE` on the person hung up, so that the call was answered and no failure counts.
ending : the earliest end of an answered call, packed.
odd_code : the latest code of a REJECTED event whose code is unknown, behind its time in 16 digits.
marks : events with an unknown code or status, and `MOVED` for each event of a transfer.
"""

PACK = 16  # more than there are kinds, so that time * PACK + kind keeps both
STRONG = 1 << 60  # above any packed time: lifts an event over a released one
BY_INFERENCE = 1 << 61  # above that
MOVED = 1 << 32
ANSWERED_UNTIMED_MS = 10**15  # beyond the year 9999
_EARLIEST_MS = -(10**14)  # before the year 1: times counted from here are positive, and 0 is free for no time
_NEVER_MS = 10**15
_DIGITS = 10**15  # makes every time 16 digits long, so that texts that begin with it sort by time

_MINIMA = ("offered_at_ms", "accepted_at_ms", "answered_ms", "first_event_ms", "ending")
_MAXIMA = ("failure", "odd_code")


def fold_receipts(receipts: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Fold receipts into one state for each pair of ids that they carry: `STATE_COLUMNS`; see `fold_calls`."""
    states = _reduced(_flag(receipts), ["message_id", "correlation_id"], counted=False)
    return _complete(states).select(*STATE_COLUMNS)


def merge_states(states: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Merge the states that have both ids in common."""
    return _reduced(states, ["message_id", "correlation_id"], counted=True).select(*STATE_COLUMNS)


def fold_by_call(
    rows: nw.LazyFrame[Any], *, states: bool, maxima: tuple[str, ...] = (), sums: tuple[str, ...] = ()
) -> nw.LazyFrame[Any]:
    """Fold receipts, or merge states, that have a ``call_key``: one row a call, its ids null where there is none.

    Where there are no states, a message id is the call's key. `maxima` and `sums` are further columns of integers.
    """
    ids = ("event_message_id", "event_correlation_id")
    correlation = no_empty("correlation_id")
    if states:
        named = rows.with_columns(event_message_id=no_empty("message_id"), event_correlation_id=correlation)
        return _complete(_reduced(named, ["call_key"], counted=True, also=ids))
    has_message = nw.when(nw.col("message_id") != "").then(1)  # a number is cheaper to reduce than a text
    named = _flag(rows).with_columns(event_message_id=has_message, event_correlation_id=correlation)
    calls = _reduced(named, ["call_key"], counted=False, also=(*ids, *maxima), sums=sums)
    message = nw.when(~nw.col("event_message_id").is_null()).then(nw.col("call_key"))
    return _complete(calls.with_columns(event_message_id=message))


def _flag(receipts: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Turn each receipt into the state of one event, under the names of the state."""
    kind, at_ms = nw.col("kind"), nw.col("at_ms")
    moment = at_ms - _EARLIEST_MS
    digits = (nw.coalesce(moment, nw.lit(0)) + _DIGITS).cast(nw.String)

    def is_one(names: Sequence[str]) -> nw.Expr:
        return kind == KIND[names[0]] if len(names) == 1 else kind.is_in([KIND[name] for name in names])

    def packed(without_time: int) -> nw.Expr:
        return nw.coalesce(moment, nw.lit(without_time)) * PACK + kind

    numbers = [no_empty(name).alias(name) for name in NUMBER_COLUMNS if name in receipts.collect_schema().names()]
    return classify(receipts).with_columns(
        *numbers,
        offered_at_ms=nw.when(is_one(["offered"])).then(at_ms),
        accepted_at_ms=nw.when(is_one(["accepted"])).then(at_ms),
        answered_ms=nw.when(is_one(["answered"])).then(nw.coalesce(at_ms, nw.lit(ANSWERED_UNTIMED_MS))),
        first_event_ms=at_ms,
        failure=choose(
            [
                (kind < KIND["disconnected"], nw.lit(None, dtype=nw.Int64)),
                (is_one(["disconnected"]), nw.lit(BY_INFERENCE)),
                (is_one(["released"]), packed(0)),
            ],
            packed(0) + STRONG,
        ),
        ending=nw.when(is_one(ENDS_OF_AN_ANSWER)).then(packed(_NEVER_MS)),
        odd_code=nw.when(is_one([FAILURES[0]])).then(nw.concat_str(digits, nw.col("clean_code"))),
        marks=nw.when(is_one(["trombone_connected", "trombone_released"]))
        .then(nw.col("strange") + MOVED)
        .otherwise(nw.col("strange")),
    )


def _reduced(
    rows: nw.LazyFrame[Any],
    keys: list[str],
    *,
    counted: bool,
    also: tuple[str, ...] = (),
    sums: tuple[str, ...] = (),
) -> nw.LazyFrame[Any]:
    """Group by keys and reduce every column in its own way; `counted` says whether a row is a state, not a receipt."""
    there = [name for name in NUMBER_COLUMNS if name in rows.collect_schema().names()]
    return (
        rows.group_by(keys)
        .agg(
            *(nw.col(name).min() for name in _MINIMA),
            *(nw.col(name).max() for name in (*_MAXIMA, *there, *also)),
            *(nw.col(name).sum() for name in ("marks", *sums)),
            nw.col("receipts").sum() if counted else nw.len().alias("receipts"),
        )
        .with_columns(nw.col("marks", "receipts", *sums).cast(nw.Int64))  # a sum is wider on DuckDB
    )


def _complete(states: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    known = states.collect_schema().names()
    missing = [name for name in NUMBER_COLUMNS if name not in known]
    return states.with_columns(*(nw.lit(None, dtype=nw.String).alias(name) for name in missing)) if missing else states


def time_in(name: str) -> nw.Expr:
    """Return the time that a column packs with a kind, null for none."""
    moment = nw.col(name) // PACK
    return nw.when((moment > 0) & (moment < _NEVER_MS)).then(moment + _EARLIEST_MS)

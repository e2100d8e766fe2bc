"""From receipts and requests to one row a call."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from imilab.calls.deciding import decide, describe
from imilab.calls.folding import NUMBER_COLUMNS, fold_by_call, fold_receipts
from imilab.calls.kinds import no_empty
from imilab.terms import Outcome

__all__ = ["CALL_COLUMNS", "OPEN_COLUMNS", "calls_as_of", "fold_calls", "open_calls", "open_calls_of_receipts"]

_REQUEST_TEXTS = (
    *("campaign", "arm", "msisdn", "number_key", "country", "caller_id", "content_type", "media_id", "language"),
    *("voice", "voice_type", "gender", "region"),
)
_REQUEST_PLAN = ("plan_id", "design", "block", "position", "stratum", "number_type")

CALL_COLUMNS = (
    *("call_id", "correlation_id", "message_id"),
    *_REQUEST_TEXTS,
    *("requested_at_ms", "offered_at_ms", "accepted_at_ms", "answered_at_ms", "ended_at_ms"),
    *("outcome", "error_code", "error_reason", "end_reason"),
    *_REQUEST_PLAN,
    *("ring_seconds", "talk_seconds", "answer_inferred", "transferred", "receipts", "unknown_receipts"),
)
"""The columns of the calls table, in order."""

OPEN_COLUMNS = (*CALL_COLUMNS, "since_ms")
"""What is known of a call whatever the time, and since when it waits where it is pending."""

_INTEGERS_OF_REQUESTS_ONLY = ("block", "position", "requested_at_ms", "send_at_ms", "http_status")
_TEXTS_OF_REQUESTS_ONLY = (
    *("message_id", "state", "request_code", "request_message"),
    *sorted({*_REQUEST_TEXTS, *_REQUEST_PLAN} - {*NUMBER_COLUMNS, "block", "position"}),
)
_EVENT_COLUMNS = {name: f"event_{name}" for name in NUMBER_COLUMNS}


def fold_calls(
    receipts: nw.LazyFrame[Any], requests: nw.LazyFrame[Any] | None, *, as_of_ms: int, horizon_ms: int
) -> nw.LazyFrame[Any]:
    """Fold receipts and requests into one row a call.

    Parameters
    ----------
    receipts : narwhals LazyFrame
        ``message_id, correlation_id, status, code, event_at_ms, received_at_ms`` and, where known, ``msisdn,
        number_key, country, number_type``; texts are '' where missing, times may be null. `received_at_ms` stands in
        for a missing time, so it is null where a receipt does not come about when its event happens.
    requests : narwhals LazyFrame or None
        The requests table with its number's key, country and type; planned rows are passed over. None where only
        receipts are known.
    as_of_ms : int
        The moment at which pending and lost are told apart, milliseconds UTC.
    horizon_ms : int
        A call without a final event for longer than this is lost.

    Returns
    -------
    narwhals LazyFrame
        `CALL_COLUMNS`, one row a call, in no particular order. Seconds are float, times integer milliseconds UTC.
    """
    known = open_calls_of_receipts(receipts) if requests is None else open_calls(fold_receipts(receipts), requests)
    return calls_as_of(known, as_of_ms=as_of_ms, horizon_ms=horizon_ms)


def open_calls_of_receipts(
    receipts: nw.LazyFrame[Any], *, maxima: tuple[str, ...] = (), sums: tuple[str, ...] = ()
) -> nw.LazyFrame[Any]:
    """Fold receipts alone, in one pass; `OPEN_COLUMNS`, where what still waits is pending.

    `maxima` and `sums` name columns of integers that the reader of the receipts adds for its own use: they come last,
    a call's largest value of each and its sum.
    """
    keyed = receipts.with_columns(call_key=no_empty("message_id", "correlation_id"))
    folded = fold_by_call(keyed, states=False, maxima=maxima, sums=sums)
    return _open_without_requests(folded, (*maxima, *sums))


def open_calls(states: nw.LazyFrame[Any], requests: nw.LazyFrame[Any] | None) -> nw.LazyFrame[Any]:
    """Join the states of `fold_receipts`, merged or not, with requests; `OPEN_COLUMNS`, what still waits is pending."""
    if requests is None:
        keyed = states.with_columns(call_key=no_empty("message_id", "correlation_id"))
        return _open_without_requests(fold_by_call(keyed, states=True))
    attempted = requests.filter(nw.col("state") != "planned")
    folded = fold_by_call(_key_by_request(states, attempted), states=True)
    calls = _join_requests(folded.rename(_EVENT_COLUMNS), attempted)
    return describe(decide(calls)).select(*OPEN_COLUMNS)


def calls_as_of(calls: nw.LazyFrame[Any], *, as_of_ms: int, horizon_ms: int) -> nw.LazyFrame[Any]:
    """Tell lost calls from pending ones at a moment; `CALL_COLUMNS`."""
    waits = nw.col("outcome") == str(Outcome.PENDING)
    lost = waits & (nw.lit(as_of_ms) - nw.col("since_ms") > horizon_ms)
    outcome = nw.when(lost).then(nw.lit(str(Outcome.LOST))).otherwise(nw.col("outcome"))
    return calls.with_columns(outcome=outcome).select(*CALL_COLUMNS)


def _open_without_requests(folded: nw.LazyFrame[Any], also: tuple[str, ...] = ()) -> nw.LazyFrame[Any]:
    calls = folded.rename(_EVENT_COLUMNS).with_columns(
        *(nw.lit(None, dtype=nw.String).alias(name) for name in _TEXTS_OF_REQUESTS_ONLY),
        *(nw.lit(None, dtype=nw.Int64).alias(name) for name in _INTEGERS_OF_REQUESTS_ONLY),
        correlation_id=nw.col("event_correlation_id"),
    )
    return describe(decide(calls)).select(*OPEN_COLUMNS, *also)


def _key_by_request(events: nw.LazyFrame[Any], attempted: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add the call each state belongs to: our request's correlation id, else the platform's message id.

    A correlation id names a call only where it is one of ours: other senders may give one to a whole campaign.
    """
    ours = attempted.select("correlation_id", by_correlation=nw.col("correlation_id"))
    messages = (
        attempted.filter(~nw.col("message_id").is_null())
        .group_by("message_id")
        .agg(nw.col("correlation_id").min().alias("by_message"))
    )
    joined = events.join(ours, on="correlation_id", how="left").join(messages, on="message_id", how="left")
    return joined.with_columns(call_key=no_empty("by_message", "by_correlation", "message_id", "correlation_id"))


def _join_requests(folded: nw.LazyFrame[Any], attempted: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    asked = attempted.with_columns(
        request_key=nw.col("correlation_id"), request_code=nw.col("code"), request_message=nw.col("message")
    ).drop("code", "message")
    calls = folded.join(asked, left_on="call_key", right_on="request_key", how="full")
    own, message = nw.col("correlation_id"), nw.col("message_id")
    own = nw.when(message.is_null() | (own != message)).then(own)  # an imported request goes by its message id
    return calls.with_columns(
        correlation_id=nw.coalesce(own, nw.col("event_correlation_id")),
        **{f"event_{name}": nw.coalesce(nw.col(name), nw.col(f"event_{name}")) for name in NUMBER_COLUMNS},
    ).drop(*NUMBER_COLUMNS)

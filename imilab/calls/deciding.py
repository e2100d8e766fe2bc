"""What became of a call: its outcome from its state, then codes, reasons and durations."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from imilab.calls.folding import ANSWERED_UNTIMED_MS, BY_INFERENCE, MOVED, NUMBER_COLUMNS, PACK, STRONG, time_in
from imilab.calls.kinds import CODE_BY_KIND, FAILURES, KIND, KIND_BY_CODE, choose, lookup, no_empty
from imilab.terms import CODES, STATUSES, Outcome

__all__ = ["decide", "describe"]


def decide(calls: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add the outcome, and the decisive and the ending event with their times; what waits is pending."""
    failures = {KIND[name]: name for name in FAILURES if name != "other_by_status"}
    answered_ms = nw.col("answered_ms")
    rows = calls.with_columns(
        hung_up=nw.col("failure") >= BY_INFERENCE,
        failure=nw.when(nw.col("failure") < BY_INFERENCE).then(nw.col("failure") % STRONG),
        picked_up=~answered_ms.is_null(),
        answered_at_ms=nw.when(answered_ms < ANSWERED_UNTIMED_MS).then(answered_ms),
        since_ms=nw.coalesce(nw.col("send_at_ms"), nw.col("requested_at_ms"), nw.col("first_event_ms")),
    ).with_columns(is_answered=nw.coalesce(nw.col("picked_up") | nw.col("hung_up"), nw.col("picked_up")))
    rows = rows.with_columns(
        failure_kind=nw.col("failure") % PACK,
        end=choose(
            [
                (~nw.col("is_answered"), nw.col("failure")),
                (~nw.col("ending").is_null(), nw.col("ending")),
                (time_in("failure") < nw.col("answered_at_ms"), nw.lit(None, dtype=nw.Int64)),
            ],
            nw.col("failure"),
        ),
    )
    return rows.with_columns(
        outcome=choose(
            [
                (nw.col("is_answered"), nw.lit(str(Outcome.ANSWERED))),
                (~nw.col("failure").is_null(), lookup(nw.col("failure_kind"), failures, str(Outcome.OTHER))),
                (nw.col("state") == "rejected", nw.lit(str(Outcome.NOT_PLACED))),
            ],
            str(Outcome.PENDING),
        ),
        ended_at_ms=time_in("end"),
        ended_by=nw.col("end") % PACK,
    )


def describe(calls: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add codes, reasons, durations and the remaining columns."""
    no_text = nw.lit(None, dtype=nw.String)
    failed = ~nw.col("is_answered") & ~nw.col("failure").is_null()
    refused = nw.col("outcome") == str(Outcome.NOT_PLACED)
    odd_code = nw.when(nw.col("odd_code").str.len_chars() > 16).then(nw.col("odd_code").str.slice(16))
    http_status = nw.concat_str(nw.lit("HTTP "), nw.col("http_status").cast(nw.String))
    is_odd = nw.col("failure_kind") == KIND["other_by_status"]
    code = choose([(is_odd, odd_code)], lookup(nw.col("failure_kind"), CODE_BY_KIND, no_text))
    reasons = {KIND_BY_CODE[code]: row.reason for code, row in CODES.items() if row.event and row.reason}
    reasons[KIND["released"]] = "ended by the platform without an answer"
    reason = lookup(nw.col("failure_kind"), reasons, STATUSES["REJECTED"].reason)
    start_ms = nw.coalesce(nw.col("accepted_at_ms"), nw.col("offered_at_ms"))
    stop_ms = nw.when(nw.col("is_answered")).then(nw.col("answered_at_ms")).otherwise(nw.col("ended_at_ms"))
    ends = {number: name for name, number in KIND.items()} | {KIND["other_by_status"]: str(Outcome.OTHER)}
    marks = nw.coalesce(nw.col("marks"), nw.lit(0))
    return calls.with_columns(
        call_id=no_empty("message_id", "event_message_id", "correlation_id"),
        message_id=no_empty("message_id", "event_message_id"),
        **{name: nw.col(f"event_{name}") for name in NUMBER_COLUMNS},
        error_code=choose([(failed, code), (refused, nw.coalesce(no_empty("request_code"), http_status))], no_text),
        error_reason=choose([(failed, reason), (refused, nw.col("request_message"))], no_text),
        end_reason=nw.when(nw.col("is_answered")).then(lookup(nw.col("ended_by"), ends, no_text)),
        ring_seconds=_seconds(start_ms, stop_ms),
        talk_seconds=nw.when(nw.col("is_answered")).then(_seconds(nw.col("answered_at_ms"), nw.col("ended_at_ms"))),
        answer_inferred=nw.col("is_answered") & ~nw.col("picked_up"),
        transferred=marks >= MOVED,
        receipts=nw.coalesce(nw.col("receipts"), nw.lit(0)).cast(nw.Int64),
        unknown_receipts=(marks % MOVED).cast(nw.Int64),
    )


def _seconds(start_ms: nw.Expr, stop_ms: nw.Expr) -> nw.Expr:
    """Return the time between, null where an end is missing or the two clocks contradict each other."""
    return nw.when(stop_ms >= start_ms).then((stop_ms - start_ms).cast(nw.Float64) / 1000)

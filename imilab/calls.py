"""One row a call: the definition, once, for every engine that narwhals speaks to.

Everything here is lazy and over integer milliseconds UTC (`*_ms`). The fold is independent of the order of arrival and
of repetition, because it takes minima and maxima only; the counts of receipts alone ask for receipts that are stored
once. How ties and contradictions are decided:

- A code decides before a status; a status decides where the code is unknown. A receipt with an unknown code or an
  unknown status counts as unknown, also where the other one is known and decides.
- Answered, inferred or not, wins over every failure, and a final event over a refusal of the request. Among failures
  the latest wins, and a released event yields to any other. Equal times are broken by the order of `KINDS`.
- A call that has no final event is pending, and lost once it is older than the receipt horizon, counted from send_at,
  else from the request, else from its first event.
- An answered call ends with its earliest released, disconnected or dropped event; where it has none, with its latest
  failure, unless that came before the answer. Any other call ends with the failure that decides.
- An event happened at its own time, else at the moment it was received. One with neither gives no time; it counts for
  the outcome, before every other failure, and as the end of an answered call only where there is no other.
- `error_code` is that of the failure that decides, the raw one where a REJECTED carries an unknown code, and missing
  for a released event. A refused request has the refusal's code, else its HTTP status.
- `ring_seconds` and `talk_seconds` are missing where a time is, or where the clocks contradict each other.
- A call was transferred where an agent came or left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import narwhals as nw

from imilab.terms import CODES, STATUSES, Code, Event, Outcome

__all__ = ["CALL_COLUMNS", "KINDS", "fold_calls"]

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

KINDS: tuple[str, ...] = (
    *("unknown", "offered", "accepted", "answered"),
    *("trombone_connected", "trombone_released", "disconnected", "released"),
    *("other_by_status", "other", "no_answer", "busy", "rejected", "expired", "dropped"),
)
"""Kinds of receipts, in the order that breaks ties: of two failures at the same time the later kind wins, of two ends
of an answered call the earlier."""

_KIND = {name: number for number, name in enumerate(KINDS)}
_FAILURES = KINDS[_KIND["other_by_status"] :]
_ENDS_OF_AN_ANSWER = ("released", "disconnected", "dropped")
_PACK = 16  # more than there are kinds, so that time * _PACK + kind keeps both
_EARLIEST_MS = -(10**14)  # before the year 1: times counted from here are positive, and 0 is free for no time
_NEVER_MS = 10**15  # beyond the year 9999, counted from there
_STRONG = 1 << 60  # above any packed time: lifts an event over a released one
_DIGITS = 10**15  # makes every time 16 digits long, so that texts that begin with it sort by time


def _kind_of(row: Code) -> str:
    if row.event is not Event.REJECTED:
        return str(row.event)
    return str(row.outcome) if row.code else "other_by_status"


_KIND_BY_CODE = {code: _KIND[_kind_of(row)] for code, row in CODES.items() if row.event}
_KIND_BY_STATUS = {status: _KIND[_kind_of(row)] for status, row in STATUSES.items()}
_CODE_BY_KIND = {kind: code for code, kind in _KIND_BY_CODE.items()}


def fold_calls(
    receipts: nw.LazyFrame[Any], requests: nw.LazyFrame[Any] | None, *, as_of_ms: int, horizon_ms: int
) -> nw.LazyFrame[Any]:
    """Fold receipts and requests into one row a call.

    Parameters
    ----------
    receipts : narwhals LazyFrame
        ``message_id, correlation_id, status, code, event_at_ms, received_at_ms, msisdn, number_key, country,
        number_type``; texts are '' where missing, times may be null. `received_at_ms` stands in for a missing time, so
        it is null where a receipt does not come about when its event happens.
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
    events = _classify(receipts)
    if requests is None:
        events = events.with_columns(call_key=_no_empty("message_id", "correlation_id"))
        calls = _fold_events(events).with_columns(
            *(nw.lit(None, dtype=nw.String).alias(name) for name in _TEXTS_OF_REQUESTS_ONLY),
            *(nw.lit(None, dtype=nw.Int64).alias(name) for name in _INTEGERS_OF_REQUESTS_ONLY),
            correlation_id=nw.col("event_correlation_id"),
        )
    else:
        attempted = requests.filter(nw.col("state") != "planned")
        calls = _join_requests(_fold_events(_key_by_request(events, attempted)), attempted)
    return _describe(_decide(calls, as_of_ms, horizon_ms)).select(*CALL_COLUMNS)


_FROM_RECEIPTS_TOO = ("msisdn", "number_key", "country", "number_type")
_INTEGERS_OF_REQUESTS_ONLY = ("block", "position", "requested_at_ms", "send_at_ms", "http_status")
_TEXTS_OF_REQUESTS_ONLY = (
    *("message_id", "state", "request_code", "request_message"),
    *sorted({*_REQUEST_TEXTS, *_REQUEST_PLAN} - {*_FROM_RECEIPTS_TOO, "block", "position"}),
)


def _choose(cases: Sequence[tuple[nw.Expr, Any]], otherwise: Any) -> nw.Expr:
    """Return a CASE over conditions, the first that holds."""
    value = otherwise if isinstance(otherwise, nw.Expr) else nw.lit(otherwise)
    return reduce(lambda rest, case: nw.when(case[0]).then(case[1]).otherwise(rest), reversed(cases), value)


def _lookup(column: nw.Expr, table: Mapping[Any, Any], otherwise: Any) -> nw.Expr:
    return _choose([(column == key, nw.lit(value)) for key, value in table.items()], otherwise)


def _no_empty(*names: str) -> nw.Expr:
    """Return the first of the columns that is neither null nor empty."""
    return nw.coalesce(*(nw.when(nw.col(name) != "").then(nw.col(name)) for name in names))


def _classify(receipts: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add each receipt's time, kind, and whether its code or status is unknown."""
    rows = receipts.with_columns(
        at_ms=nw.coalesce(nw.col("event_at_ms"), nw.col("received_at_ms")),
        clean_code=nw.col("code").str.strip_chars(),
        clean_status=nw.col("status").str.replace_all(r"[\s_-]+", " ").str.strip_chars().str.to_uppercase(),
    ).with_columns(
        kind_by_code=_lookup(nw.col("clean_code"), _KIND_BY_CODE, 0),
        kind_by_status=_lookup(nw.col("clean_status"), _KIND_BY_STATUS, 0),
    )
    strange_code = (nw.col("kind_by_code") == 0) & (nw.col("clean_code") != "")
    strange_status = (nw.col("kind_by_status") == 0) & (nw.col("clean_status") != "")
    return rows.with_columns(
        kind=nw.when(nw.col("kind_by_code") > 0).then(nw.col("kind_by_code")).otherwise(nw.col("kind_by_status")),
        strange=nw.when(strange_code | strange_status).then(1).otherwise(0),
    )


def _key_by_request(events: nw.LazyFrame[Any], attempted: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add the call each receipt belongs to: our request's correlation id, else the platform's message id.

    A correlation id names a call only where it is one of ours: other senders may give one to a whole campaign.
    """
    ours = attempted.select("correlation_id", by_correlation=nw.col("correlation_id"))
    messages = (
        attempted.filter(~nw.col("message_id").is_null())
        .group_by("message_id")
        .agg(nw.col("correlation_id").min().alias("by_message"))
    )
    joined = events.join(ours, on="correlation_id", how="left").join(messages, on="message_id", how="left")
    return joined.with_columns(call_key=_no_empty("by_message", "by_correlation", "message_id", "correlation_id"))


def _fold_events(events: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Reduce the events of each call to its times and its decisive event."""
    kind, at_ms = nw.col("kind"), nw.col("at_ms")
    moment = at_ms - _EARLIEST_MS
    digits = (nw.coalesce(moment, nw.lit(0)) + _DIGITS).cast(nw.String)

    def only(names: Sequence[str], value: nw.Expr) -> nw.Expr:
        return nw.when(kind.is_in([_KIND[name] for name in names])).then(value)

    def packed(without_time: int) -> nw.Expr:
        return nw.coalesce(moment, nw.lit(without_time)) * _PACK + kind

    flagged = events.with_columns(
        offered_ms=only(("offered",), at_ms),
        accepted_ms=only(("accepted",), at_ms),
        answered_ms=only(("answered",), at_ms),
        picked_up=only(("answered",), nw.lit(1)),
        hung_up=only(("disconnected",), nw.lit(1)),
        moved=only(("trombone_connected", "trombone_released"), nw.lit(1)),
        failure=nw.coalesce(only(_FAILURES, packed(0) + _STRONG), only(("released",), packed(0))),
        ending=only(_ENDS_OF_AN_ANSWER, packed(_NEVER_MS)),
        odd_code=only(("other_by_status",), nw.concat_str(digits, nw.col("clean_code"))),
    )
    texts = [_no_empty(name).alias(f"event_{name}") for name in ("message_id", "correlation_id", *_FROM_RECEIPTS_TOO)]
    return (
        flagged.with_columns(*texts)
        .group_by("call_key")
        .agg(
            nw.col("offered_ms").min().alias("offered_at_ms"),
            nw.col("accepted_ms").min().alias("accepted_at_ms"),
            nw.col("answered_ms").min().alias("answered_at_ms"),
            nw.col("at_ms").min().alias("first_event_ms"),
            nw.col("picked_up", "hung_up", "moved", "failure", "odd_code").max(),
            nw.col("ending").min(),
            nw.col("strange").sum().alias("unknown_receipts"),
            nw.len().alias("receipts"),
            *(nw.col(f"event_{name}").max() for name in ("message_id", "correlation_id", *_FROM_RECEIPTS_TOO)),
        )
    )


def _join_requests(folded: nw.LazyFrame[Any], attempted: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    asked = attempted.with_columns(
        request_key=nw.col("correlation_id"), request_code=nw.col("code"), request_message=nw.col("message")
    ).drop("code", "message")
    calls = folded.join(asked, left_on="call_key", right_on="request_key", how="full")
    return calls.with_columns(
        correlation_id=nw.coalesce(nw.col("correlation_id"), nw.col("event_correlation_id")),
        **{f"event_{name}": nw.coalesce(nw.col(name), nw.col(f"event_{name}")) for name in _FROM_RECEIPTS_TOO},
    ).drop(*_FROM_RECEIPTS_TOO)


def _decide(calls: nw.LazyFrame[Any], as_of_ms: int, horizon_ms: int) -> nw.LazyFrame[Any]:
    """Add the outcome, and the decisive and the ending event with their times."""
    failures = {_KIND[name]: name for name in _FAILURES if name != "other_by_status"}
    waiting = _choose([(as_of_ms - nw.col("since_ms") > horizon_ms, nw.lit(str(Outcome.LOST)))], str(Outcome.PENDING))
    rows = calls.with_columns(
        failure=nw.col("failure") % _STRONG,
        is_answered=~nw.col("picked_up").is_null() | ~nw.col("hung_up").is_null(),
        since_ms=nw.coalesce(nw.col("send_at_ms"), nw.col("requested_at_ms"), nw.col("first_event_ms")),
    ).with_columns(
        failure_kind=nw.col("failure") % _PACK,
        end=_choose(
            [
                (~nw.col("is_answered"), nw.col("failure")),
                (~nw.col("ending").is_null(), nw.col("ending")),
                (_time_in("failure") < nw.col("answered_at_ms"), nw.lit(None, dtype=nw.Int64)),
            ],
            nw.col("failure"),
        ),
    )
    return rows.with_columns(
        outcome=_choose(
            [
                (nw.col("is_answered"), nw.lit(str(Outcome.ANSWERED))),
                (~nw.col("failure").is_null(), _lookup(nw.col("failure_kind"), failures, str(Outcome.OTHER))),
                (nw.col("state") == "rejected", nw.lit(str(Outcome.NOT_PLACED))),
            ],
            waiting,
        ),
        ended_at_ms=_time_in("end"),
        ended_by=nw.col("end") % _PACK,
    )


def _time_in(name: str) -> nw.Expr:
    """Return the time that a column packs with a kind, null for none."""
    moment = nw.col(name) // _PACK
    return nw.when((moment > 0) & (moment < _NEVER_MS)).then(moment + _EARLIEST_MS)


def _describe(calls: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Add codes, reasons, durations and the remaining columns."""
    no_text = nw.lit(None, dtype=nw.String)
    failed = ~nw.col("is_answered") & ~nw.col("failure").is_null()
    refused = nw.col("outcome") == str(Outcome.NOT_PLACED)
    odd_code = nw.when(nw.col("odd_code").str.len_chars() > 16).then(nw.col("odd_code").str.slice(16))
    http_status = nw.concat_str(nw.lit("HTTP "), nw.col("http_status").cast(nw.String))
    is_odd = nw.col("failure_kind") == _KIND["other_by_status"]
    code = _choose([(is_odd, odd_code)], _lookup(nw.col("failure_kind"), _CODE_BY_KIND, no_text))
    reasons = {_KIND_BY_CODE[code]: row.reason for code, row in CODES.items() if row.event and row.reason}
    reasons[_KIND["released"]] = "ended by the platform without an answer"
    reason = _lookup(nw.col("failure_kind"), reasons, STATUSES["REJECTED"].reason)
    start_ms = nw.coalesce(nw.col("accepted_at_ms"), nw.col("offered_at_ms"))
    stop_ms = nw.when(nw.col("is_answered")).then(nw.col("answered_at_ms")).otherwise(nw.col("ended_at_ms"))
    ends = {number: name for name, number in _KIND.items()} | {_KIND["other_by_status"]: str(Outcome.OTHER)}
    return calls.with_columns(
        call_id=_no_empty("message_id", "event_message_id", "correlation_id"),
        message_id=_no_empty("message_id", "event_message_id"),
        **{name: nw.col(f"event_{name}") for name in _FROM_RECEIPTS_TOO},
        error_code=_choose([(failed, code), (refused, nw.coalesce(_no_empty("request_code"), http_status))], no_text),
        error_reason=_choose([(failed, reason), (refused, nw.col("request_message"))], no_text),
        end_reason=nw.when(nw.col("is_answered")).then(_lookup(nw.col("ended_by"), ends, no_text)),
        ring_seconds=_seconds(start_ms, stop_ms),
        talk_seconds=nw.when(nw.col("is_answered")).then(_seconds(nw.col("answered_at_ms"), nw.col("ended_at_ms"))),
        answer_inferred=nw.col("is_answered") & nw.col("picked_up").is_null(),
        transferred=~nw.col("moved").is_null(),
        receipts=nw.coalesce(nw.col("receipts"), nw.lit(0)).cast(nw.Int64),
        unknown_receipts=nw.coalesce(nw.col("unknown_receipts"), nw.lit(0)).cast(nw.Int64),
    )


def _seconds(start_ms: nw.Expr, stop_ms: nw.Expr) -> nw.Expr:
    """Return the time between, null where an end is missing or the two clocks contradict each other."""
    return nw.when(stop_ms >= start_ms).then((stop_ms - start_ms).cast(nw.Float64) / 1000)

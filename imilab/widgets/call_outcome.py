"""What became of one call, in words, from its events; decided by the one definition, `imilab.calls`."""

from __future__ import annotations

from typing import Any

import duckdb
import narwhals as nw
import pandas as pd
import pyarrow as pa

from imilab.calls import fold_calls
from imilab.numbers import scrub
from imilab.terms import code_of
from imilab.widgets.lab_protocol import PlacedCall

__all__ = ["event_words", "outcome_words"]

_FAILED = {
    "busy": "Busy",
    "no_answer": "No answer",
    "rejected": "Declined",
    "dropped": "Dropped",
    "expired": "Expired",
    "other": "Failed",
}
_NEVER_MS = 1 << 50  # a call under way does not become lost while it is watched


def event_words(event: str, status: str, code: str) -> str:
    """Say what an event means.

    Examples
    --------
    >>> event_words("answered", "ANSWERED", "7519")
    'Answered: the person picked up.'
    >>> event_words("PARKED", "PARKED", "9999")
    'PARKED, code 9999: not documented.'
    """
    row = code_of(status, code)
    if row is None:
        return f"{scrub(event)}{f', code {scrub(code)}' if code else ''}: not documented."
    meaning = row.meaning.partition(". ")[0].rstrip(".")
    return f"{event.replace('_', ' ').capitalize()}: {meaning[:1].lower()}{meaning[1:]}."


def outcome_words(call: PlacedCall, timeline: pd.DataFrame) -> str:
    """Say what became of a call.

    Parameters
    ----------
    call : PlacedCall
        Its request decides where no event does.
    timeline : DataFrame
        Its events; see `PlacedCall.timeline`.

    Returns
    -------
    str
        One or two sentences; empty while nothing is decided.
    """
    if timeline.empty:
        return _request_words(call)
    facts = _fold(timeline)
    outcome = facts["outcome"]
    if outcome == "answered":
        return _answered_words(facts)
    if outcome not in _FAILED:
        return ""
    code = f", code {facts['error_code']}" if facts["error_code"] else ""
    return f"{_FAILED[outcome]}: the call was not answered ({facts['error_reason']}{code})."


def _request_words(call: PlacedCall) -> str:
    state = call.state
    if state == "rejected":
        return f"Not placed: the platform refused the request ({scrub(call.refusal or 'no reason given')})."
    if state == "unknown":
        return "Not known: the platform gave no readable answer. The call may have been placed; do not send it again."
    return ""


def _answered_words(facts: dict[str, Any]) -> str:
    rang = f" after ringing {facts['ring_seconds']:.1f} s" if facts["ring_seconds"] is not None else ""
    if facts["answer_inferred"]:
        rang = ", as the hang-up shows; no answered receipt came"
    talked = f" after {facts['talk_seconds']:.1f} s" if facts["talk_seconds"] is not None else ""
    moved = " The person was transferred to an agent." if facts["transferred"] else ""
    ends = {
        "disconnected": f" The person hung up{talked}.",
        "released": f" The platform ended the call{talked}{'' if moved else ', as it does at the end of a message'}.",
        "dropped": f" A technical error ended the call{talked}.",
    }
    return f"Answered{rang}.{moved}{ends.get(facts['end_reason'], '')}"


def _fold(timeline: pd.DataFrame) -> dict[str, Any]:
    """Fold the events of one call into its row of the calls table."""
    moments = timeline["event_at"].dt.tz_convert("UTC").dt.tz_localize(None).astype("datetime64[ms]").astype("int64")
    empty = pa.array([""] * len(timeline), pa.string())
    events = pa.table(
        {
            "message_id": pa.array(["call"] * len(timeline), pa.string()),
            **dict.fromkeys(("correlation_id", "msisdn", "number_key", "country", "number_type"), empty),
            "status": pa.array(timeline["status"].fillna("").tolist(), pa.string()),
            "code": pa.array(timeline["code"].fillna("").tolist(), pa.string()),
            "event_at_ms": pa.array(moments.tolist(), pa.int64()),
            "received_at_ms": pa.array(moments.tolist(), pa.int64()),
        }
    )
    with duckdb.connect() as engine:
        folded = fold_calls(
            nw.from_native(engine.from_arrow(events)), None, as_of_ms=int(moments.max()), horizon_ms=_NEVER_MS
        )
        (row,) = folded.to_native().to_arrow_table().to_pylist()
    return dict(row)

"""Answers to a status request, and the events they tell of."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import NotFoundError, PlatformError, UnexpectedBodyError
from imilab.wire import CallStatus, format_timestamp, read_status

KOLKATA = ZoneInfo("Asia/Kolkata")
T0 = 1_772_442_000_000
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
json_values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
instants = st.none() | st.integers(0, 4_000_000_000_000)


def raw(moment_ms: int | None) -> str:
    return "" if moment_ms is None else format_timestamp(moment_ms, KOLKATA)


@st.composite
def statuses(draw: st.DrawFn) -> CallStatus:
    requested, answered, ended = draw(instants), draw(instants), draw(instants)
    return CallStatus(
        message_id=draw(texts.map("m{}".format)),
        correlation_id=draw(texts),
        status=draw(st.sampled_from(["Queued", "ANSWERED", "Parked", ""]) | texts),
        code=draw(texts),
        description=draw(texts),
        requested_at_raw=raw(requested),
        answered_at_raw=raw(answered),
        ended_at_raw=raw(ended),
        requested_at_ms=requested,
        answered_at_ms=answered,
        ended_at_ms=ended,
        call_duration_seconds=draw(st.none() | st.floats(0, 1e6)),
        msisdn=draw(st.sampled_from(["", "+12025550123"])),
        callback_data=draw(texts),
        extra=draw(st.dictionaries(texts.map("x{}".format), json_values, max_size=3)),
    )


@given(statuses())
def test_a_status_survives_a_round_trip_with_unknown_fields(status):
    assert read_status(200, {}, status.to_bytes(), None) == status


@given(st.integers(200, 599), st.binary() | json_values.map(json.dumps).map(str.encode))
def test_any_answer_gives_a_status_or_an_error_of_the_tree(http_status, body):
    with pytest.raises(PlatformError):
        read_status(http_status, {}, body, None)


@given(st.sampled_from(["messageId", "to", "callDuration", "status", "answeredAt", "code"]), json_values)
def test_any_value_in_any_field_is_read_or_refused(name, value):
    body = json.dumps({"messageId": "m1", "to": [], name: value}).encode()
    try:
        status = read_status(200, {}, body, KOLKATA)
    except UnexpectedBodyError:
        assert name == "messageId" or "\0" in json.loads(body)[name]
        return
    assert {receipt.message_id for receipt in status.receipts()} <= {status.message_id}
    again = read_status(200, {}, status.to_bytes(), KOLKATA)
    assert again == status


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"{}", b'{"messageId": ""}', b'{"status": "ANSWERED"}', b"<html>"]
)
def test_a_status_without_a_message_id_is_an_unexpected_body(body):
    with pytest.raises(UnexpectedBodyError):
        read_status(200, {}, body, None)


def test_an_unknown_message_is_not_found():
    with pytest.raises(NotFoundError):
        read_status(404, {}, b"", None)


@pytest.mark.parametrize(
    ("value", "seconds", "kept"),
    [
        (12, 12.0, False),
        ("12.5", 12.5, False),
        (None, None, True),
        ("n/a", None, True),
        ("nan", None, True),
        (True, None, True),
    ],
)
def test_a_duration_is_seconds_and_kept_as_it_came_where_unreadable(value, seconds, kept):
    status = read_status(200, {}, json.dumps({"messageId": "m1", "callDuration": value}).encode(), None)
    assert status.call_duration_seconds == seconds
    assert ("callDuration" in status.extra) == kept


@pytest.mark.parametrize(
    "to",
    ["+12025550123", ["+12025550123"], {"msisdn": "+12025550123"}, [{"msisdn": ["+12025550123", "+12025550124"]}]],
)
def test_the_number_is_found_in_any_shape_of_to(to):
    assert read_status(200, {}, json.dumps({"messageId": "m1", "to": to}).encode(), None).msisdn == "+12025550123"


@pytest.mark.parametrize("name", ["messageId", "status", "description", "answeredAt"])
def test_a_status_with_a_nul_which_no_postgresql_can_keep_is_an_unexpected_body(name):
    body = json.dumps({"messageId": "m1", name: "a\0b"}).encode()
    with pytest.raises(UnexpectedBodyError, match="NUL"):
        read_status(200, {}, body, None)


def test_a_status_keeps_the_body_it_was_read_from_however_deep():
    body = b'{"messageId": "m1", "status": "RELEASED", "deep": ' + b"[" * 900 + b"]" * 900 + b"}"
    status = read_status(200, {}, body, None)

    assert status.raw == body
    assert [one.status for one in status.receipts()] == ["RELEASED"]


def test_an_end_dated_by_its_request_has_no_time_stamp_that_its_receipt_would_contradict():
    body = b'{"messageId": "m1", "status": "rejected", "code": "7401", "requestTimestamp": "2026-03-02T09:00:00Z"}'
    (end,) = read_status(200, {}, body, None).receipts()

    assert (end.event_at_raw, end.event_at_ms) == ("", T0)


def told(**fields: Any) -> list[tuple[str, str, int | None]]:
    times = {f"{name}_at_ms": fields.pop(name) for name in ("requested", "answered", "ended") if name in fields}
    raws = {name.replace("_ms", "_raw"): raw(moment) for name, moment in times.items()}
    status = CallStatus(message_id="m1", **fields, **times, **raws)
    return [(receipt.status, receipt.code, receipt.event_at_ms) for receipt in status.receipts()]


@pytest.mark.parametrize(
    ("fields", "events"),
    [
        ({"status": "Queued", "requested": T0}, []),
        ({"status": "", "requested": T0}, []),
        ({"status": "SCHEDULED", "requested": T0}, []),
        # A step on the way has no time of its own in the answer, and must not take another's.
        ({"status": "ACCEPTED", "requested": T0}, [("ACCEPTED", "7408", None)]),
        ({"status": "ANSWERED", "requested": T0}, [("ANSWERED", "7519", None)]),
        ({"status": "Answered", "requested": T0, "answered": T0 + 5}, [("ANSWERED", "7519", T0 + 5)]),
        (
            {"status": "RELEASED", "requested": T0, "answered": T0 + 5, "ended": T0 + 9},
            [("ANSWERED", "7519", T0 + 5), ("RELEASED", "", T0 + 9)],
        ),
        (
            {"status": "DISCONNECTED", "requested": T0, "answered": T0 + 5},
            [("ANSWERED", "7519", T0 + 5), ("DISCONNECTED", "7410", None)],
        ),
        ({"status": "REJECTED", "code": "7401", "requested": T0, "ended": T0 + 9}, [("REJECTED", "7401", T0 + 9)]),
        ({"status": "REJECTED", "requested": T0}, [("REJECTED", "", T0)]),
        ({"status": "Parked", "code": "7999", "ended": T0 + 9}, [("Parked", "7999", None)]),
        ({"status": "Parked", "code": "7402", "ended": T0 + 9}, [("Parked", "7402", T0 + 9)]),
    ],
)
def test_a_status_tells_the_events_that_its_times_prove(fields, events):
    assert told(**fields) == events


def test_a_statuss_repr_holds_no_number():
    status = CallStatus(message_id="m1", msisdn="+12025550123", callback_data="+12025550123")
    assert "5550123" not in f"{status!r}"

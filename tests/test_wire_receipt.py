"""Receipts: what survives a round trip, and what is refused because it could be read in two ways."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import UnreadableReceiptError
from imilab.terms import STATUSES
from imilab.wire import Receipt, format_timestamp, read_receipt
from imilab.wire.receipt import ENDS

KOLKATA = ZoneInfo("Asia/Kolkata")
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
unknown_fields = st.dictionaries(texts.map("x{}".format), json_values, min_size=1, max_size=3)


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    moment = draw(st.none() | st.integers(0, 4_000_000_000_000))
    style = draw(st.sampled_from(["offset", "z"]))
    return Receipt(
        message_id=draw(texts.map("m{}".format)),
        correlation_id=draw(texts),
        status=draw(st.sampled_from([*STATUSES, "PARKED"])),
        code=draw(st.sampled_from(["", "7407", "7402", "9999"]) | texts),
        description=draw(texts),
        event_at_ms=moment,
        event_at_raw="" if moment is None else format_timestamp(moment, KOLKATA, style),
        msisdn=draw(texts),
        callback_data=draw(texts),
        channel=draw(texts),
        destination_type=draw(texts),
        transaction_info=draw(texts),
        additional_info=draw(texts),
        subtid=draw(texts),
        extra=draw(
            st.dictionaries(
                st.sampled_from(["", "deliveryInfoNotification", "deliveryInfo"]), unknown_fields, max_size=3
            )
        ),
    )


@given(receipts())
def test_a_receipt_survives_a_round_trip_with_unknown_fields(receipt):
    assert read_receipt(receipt.to_bytes(), None) == receipt


def body(info: dict[str, Any] | None = None, **note: Any) -> bytes:
    told = {"deliveryStatus": "OFFERED", "code": "7407", "timeStamp": "2026-03-02T09:00:00Z"} | (info or {})
    return json.dumps({"deliveryInfoNotification": {"transid": "m1", "deliveryInfo": told} | note}).encode()


def refusal(raw: bytes) -> str:
    with pytest.raises(UnreadableReceiptError) as caught:
        read_receipt(raw, None)
    return caught.value.reason


def test_the_plain_receipt_of_these_tests_is_readable():
    assert read_receipt(body(), None).event_at_ms == 1_772_442_000_000


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"   ", "not JSON"),
        (b"status=OFFERED&code=7407", "not JSON"),
        (body()[:-1], "not JSON"),
        (b"\xef\xbb\xbf" + body(), "not JSON"),
        (body().decode().encode("utf-16"), "not JSON"),
        (body().replace(b"7407", b"\xff\xfe"), "not JSON"),
        (body(mos=float("nan")), "not JSON"),
        (body().replace(b'"7407"', b"1e999"), "not JSON"),
        (body(subtid="\ud800"), "not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "not JSON"),
        (b"[" + body() + b"]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"{}", "deliveryInfoNotification is missing or no object"),
        (b'{"deliveryInfoNotification": []}', "deliveryInfoNotification is missing or no object"),
        (b'{"deliveryInfoNotification": {"transid": "m"}}', "deliveryInfo is missing or no object"),
        (body(transid=None), "neither transid nor correlationid"),
        (body(transid=""), "neither transid nor correlationid"),
        (body({"deliveryStatus": None, "code": ""}), "neither deliveryStatus nor code"),
        (body({"code": 7407}), "code is a int, not a text"),
        (body({"destination": ["+12025550123"]}), "destination is a list, not a text"),
        (body(callbackData=False), "callbackData is a bool, not a text"),
        (body({"Description": "a\0b"}), "Description holds a NUL"),
    ],
)
def test_what_could_be_read_in_two_ways_is_unreadable(raw, reason):
    assert refusal(raw) == reason


@pytest.mark.parametrize("key", ["code", "transid", "deliveryInfoNotification", "x"])
def test_a_key_that_occurs_twice_is_unreadable_at_any_depth(key):
    raw = body({"code": "7407", "x": {"x": 1}}).decode()
    first = f'"{key}": '
    twice = raw.replace(first, f"{first}null, {first}", 1)
    assert json.loads(twice) == json.loads(raw)  # the standard library would have taken it
    assert refusal(twice.encode()) == "a key occurs twice in one object"


def test_nesting_that_the_parser_can_bear_is_kept():
    receipt = read_receipt(body(deep=json.loads("[" * 100 + "]" * 100)), None)
    assert read_receipt(receipt.to_bytes(), None) == receipt


def test_a_call_is_named_by_either_id():
    assert read_receipt(body(transid=None, correlationid="c1"), None).correlation_id == "c1"
    assert read_receipt(body(), None).message_id == "m1"


def test_an_unknown_event_never_ends_a_call():
    known = {status for status in STATUSES if Receipt(message_id="m", status=status).ends}
    assert known == {"RELEASED", "REJECTED", "DISCONNECTED", "DROPPED", "MESSAGE EXPIRED"}
    assert len(ENDS) == len(known)
    assert not Receipt(message_id="m", status="PARKED", code="9999").ends
    assert Receipt(message_id="m", status="PARKED", code="7402").ends  # the code decides before the status


def test_a_receipts_repr_holds_no_number():
    receipt = read_receipt(body({"destination": "+12025550123"}, callbackData="+12025550123"), None)
    assert receipt.msisdn == "+12025550123"
    assert "5550123" not in f"{receipt!r} {receipt}"


@given(st.binary() | json_values.map(json.dumps).map(str.encode))
def test_any_other_body_is_unreadable_and_nothing_else(raw):
    assert refusal(raw)


@given(st.sampled_from(["deliveryInfo", "transid", "subtid", "x"]), json_values)
def test_any_value_anywhere_is_read_or_refused(name, value):
    try:
        receipt = read_receipt(body(**{name: value}), KOLKATA)
    except UnreadableReceiptError:
        return
    assert read_receipt(receipt.to_bytes(), KOLKATA) == receipt

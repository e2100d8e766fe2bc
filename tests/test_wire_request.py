"""The Make Call request: checked when it is made, written as documented, read back by the same rules."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import InvalidInputError
from imilab.terms import STATUSES, Media, Voice
from imilab.wire import MAX_TEXT_UNITS, MakeCall, read_make_call, text_units
from imilab.wire.timestamps import FARTHEST_SEND_MS

NOW_MS = 1_772_442_000_000
RYAN = Voice("en-GB-RyanNeural")
NUMBERS = [f"+1212555{last:04d}" for last in range(100, 200)]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
words = texts.filter(str.strip)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def make(**changes: Any) -> MakeCall:
    fields: dict[str, Any] = {
        "caller_id": "+12025550100",
        "msisdn": "+12025550123",
        "correlation_id": "c1",
        "content": RYAN,
        "text": "Time for lunch",
    }
    return MakeCall(**(fields | changes))


def media(**changes: Any) -> MakeCall:
    return make(content=Media("prompt-118"), text=None, **changes)


def refused(**changes: Any) -> InvalidInputError:
    with pytest.raises(InvalidInputError) as caught:
        make(**changes)
    return caught.value


NOT_E164 = ["", "12025550123", "+0123456789", "+123456", "+1234567890123456", "+1 202 555 0123", "+1202555012x", None]


@pytest.mark.parametrize("number", [*NOT_E164, 12025550123, "+１２０２５５５０１２３", "+12025550123\n"])
def test_numbers_must_be_e164(number):
    assert refused(msisdn=number).field == "to.msisdn"
    assert refused(caller_id=number).field == "from"
    assert not number or str(number) not in str(refused(msisdn=number))


@pytest.mark.parametrize("number", ["+1234567", "+123456789012345", "+12025550123"])
def test_e164_numbers_have_7_to_15_digits(number):
    assert make(msisdn=number).to_json()["to"][0]["msisdn"] == [number]


@pytest.mark.parametrize("correlation_id", ["", "  ", None, 7, "\ud800"])
def test_a_call_needs_a_correlation_id(correlation_id):
    assert refused(correlation_id=correlation_id).field == "to.correlationId"


def test_a_text_has_1_to_2000_utf16_units():
    assert make(text="x").text == "x"
    assert make(text="é" * MAX_TEXT_UNITS)
    assert make(text="🎉" * (MAX_TEXT_UNITS // 2))
    for text in ("", "   \n", None, "x" * 2001, "🎉" * 1001, 5, "half \ud83c"):
        assert refused(text=text).field == "content.text"
    assert "2001 characters (UTF-16 units); at most 2000" in str(refused(text="x" * 2001))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_units_are_those_of_utf16(text):
    assert text_units(text) == len(text.encode("utf-16-le")) // 2


def test_text_and_media_exclude_each_other():
    assert refused(content=Media("prompt-118")).field == "content.text"
    assert "text" not in media().to_json()["content"]


@pytest.mark.parametrize("content", [None, "en-GB-RyanNeural", {"type": "media", "mediaId": "m"}])
def test_content_is_a_voice_or_media(content):
    assert refused(content=content).field == "content"


@pytest.mark.parametrize("priority", [0, 4, -1, True, "2", 2.0])
def test_priority_is_1_to_3(priority):
    assert refused(priority=priority).field == "priority"
    assert [make(priority=value).to_json()["priority"] for value in (1, 2, 3)] == [1, 2, 3]


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "lab.example.com/receipts",
            "ftp://lab.example.com/",
            "https://",
            "https:///receipts",
            "//lab.example.com",
        ),
        *(
            "http://lab.example.com/",
            "http://10.0.0.1/",
            "http://localhost.example.com/",
            "http://127.0.0.1@lab.example.com/",
        ),
        *(
            "https://lab.example.com/a b",
            "https://lab.example.com/\n",
            "https://lab.example.com/\x00",
            "https://h:99999/",
            5,
        ),
        *("https://[::1/", "https://lab.example.com/\ud800"),
    ],
)
def test_a_notify_url_is_https(url):
    assert refused(notify_url=url).field == "notifyUrl"


@pytest.mark.parametrize(
    "url", ["https://lab.example.com/r?x=1", "http://localhost:8000/", "http://127.0.0.1:80/r", "http://[::1]:8000/r"]
)
def test_http_is_allowed_to_this_machine_only(url):
    assert make(notify_url=url).to_json()["notifyUrl"] == url


def test_receipts_are_known_names_in_any_case_each_once():
    call = make(requested_receipts=["Offered", "TROMBONE_CONNECTED", "message expired", "offered"])
    assert call.requested_receipts == ("offered", "trombone connected", "message expired")
    assert make(requested_receipts=tuple(STATUSES)).to_json()["requestedReceipts"] == [
        name.lower() for name in STATUSES
    ]
    for wrong in (["offered", "ringing"], "offered", [None], [7], 7, {"offered": 1}):
        assert refused(requested_receipts=wrong).field == "requestedReceipts"


def test_send_at_is_now_to_a_year_ahead_in_milliseconds():
    assert make(send_at_ms=NOW_MS, now_ms=NOW_MS).to_json()["sendAt"] == "2026-03-02T09:00:00.000Z"
    assert make(send_at_ms=NOW_MS + FARTHEST_SEND_MS, now_ms=NOW_MS)
    assert make(send_at_ms=0)  # without the present nothing can be said
    for wrong in (NOW_MS - 1, NOW_MS + FARTHEST_SEND_MS + 1, 0, float(NOW_MS), True, "soon", 10**18):
        assert refused(send_at_ms=wrong, now_ms=NOW_MS).field == "sendAt"
    assert refused(send_at_ms=10**18).field == "sendAt"


@pytest.mark.parametrize(
    ("name", "field"),
    [("callback_data", "callbackData"), ("notify_url_auth_id", "notifyUrlAuthId")],
)
def test_opaque_texts_must_be_texts_that_utf8_can_carry(name, field):
    assert make(**{name: "ünïcode 🎉"}).to_json()[field] == "ünïcode 🎉"
    for wrong in (5, b"bytes", "half \udc00"):
        assert refused(**{name: wrong}).field == field


def test_what_json_cannot_carry_is_refused_before_it_is_sent():
    for wrong in ({"x": object()}, {1: 2}, {"x": 2**70}, {"x": "\ud800"}, [1], "x"):
        assert refused(contact_policy=wrong).field == "contactPolicy"
        assert refused(extra=wrong).field == "extra"
    assert make(contact_policy=MappingProxyType({"a": 1})).to_json()["contactPolicy"] == {"a": 1}


def test_an_extra_field_cannot_replace_a_documented_one():
    assert refused(extra={"to": []}).field == "to"
    assert make(extra={"campaignTag": 1}).to_json()["campaignTag"] == 1


def document(**content: Any) -> dict[str, Any]:
    body = make().to_json()
    body["content"] = {name: value for name, value in (body["content"] | content).items() if value != "absent"}
    return body


def read(body: Any) -> Any:
    return read_make_call(json.dumps(body).encode(), NOW_MS)


@pytest.mark.parametrize("name", ["ttsProcessor", "language", "voice", "region", "text", "voiceType", "gender"])
def test_tts_fields_are_required_together_and_forbidden_with_media(name):
    with pytest.raises(InvalidInputError) as missing:
        read(document(**{name: "absent"}))
    assert missing.value.field == f"content.{name}"
    with pytest.raises(InvalidInputError) as forbidden:
        read({**media().to_json(), "content": {"type": "Media", "mediaId": "m", name: "x"}})
    assert forbidden.value.field == f"content.{name}"


@pytest.mark.parametrize("kind", ["TTS", "tts", "TtS"])
def test_the_content_type_is_read_in_any_case(kind):
    assert read(document(type=kind, voiceType="NEURAL")).content == document()["content"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"content": document(type="video")["content"]}, "content.type"),
        ({"content": document(mediaId="m")["content"]}, "content.mediaId"),
        ({"content": {"type": "media"}}, "content.mediaId"),
        ({"content": document(ttsProcessor="Polly")["content"]}, "content.ttsProcessor"),
        ({"content": []}, "content"),
        ({"channel": "sms"}, "channel"),
        ({"to": []}, "to"),
        ({"to": "+12025550123"}, "to"),
        ({"to": ["+12025550123"]}, "to"),
        ({"to": [{"msisdn": []}]}, "to.msisdn"),
        ({"to": [{"msisdn": ["+12025550123", "555"]}]}, "to.msisdn"),
        ({"to": [{"msisdn": ["+12025550123"], "correlationId": 7}]}, "to.correlationId"),
        ({"sendAt": []}, "sendAt"),
        ({"sendAt": 1}, "sendAt"),
        ({"contactPolicy": "x"}, "contactPolicy"),
    ],
)
def test_reading_names_the_first_wrong_field(changes, field):
    with pytest.raises(InvalidInputError) as caught:
        read(document() | changes)
    assert caught.value.field == field


@st.composite
def calls(draw: st.DrawFn) -> MakeCall:
    voiced = draw(st.booleans())
    return MakeCall(
        caller_id=draw(st.sampled_from(NUMBERS)),
        msisdn=draw(st.sampled_from(NUMBERS)),
        correlation_id=draw(words),
        content=RYAN if voiced else Media("prompt-118"),
        text=draw(words) if voiced else None,
        priority=draw(st.none() | st.integers(1, 3)),
        callback_data=draw(st.none() | texts),
        notify_url=draw(st.sampled_from([None, "https://lab.example.com/receipts", "http://127.0.0.1:9/r"])),
        notify_url_auth_id=draw(st.none() | texts),
        requested_receipts=draw(st.lists(st.sampled_from(sorted(STATUSES)), max_size=4)),
        send_at_ms=draw(st.none() | st.integers(NOW_MS, NOW_MS + FARTHEST_SEND_MS)),
        contact_policy=draw(st.none() | st.dictionaries(texts, json_values, max_size=3)),
        extra=draw(st.dictionaries(texts.map("x{}".format), json_values, max_size=3)),
        now_ms=NOW_MS,
    )


@given(calls())
def test_what_is_written_is_read_back(call):
    body = read_make_call(call.to_bytes(), NOW_MS)
    (recipient,) = body.recipients
    assert (recipient.msisdn, recipient.correlation_id) == (call.msisdn, call.correlation_id)
    same = ("caller_id", "priority", "callback_data", "notify_url", "notify_url_auth_id", "requested_receipts")
    for name in (*same, "send_at_ms", "contact_policy", "extra"):
        assert getattr(body, name) == getattr(call, name)
    assert body.content == call.to_json()["content"]


@given(st.binary() | json_values.map(json.dumps).map(str.encode))
def test_reading_any_bytes_raises_nothing_else(body):
    with pytest.raises(InvalidInputError) as caught:
        read_make_call(body, NOW_MS)
    assert caught.value.field


@given(st.sampled_from(sorted(document())), json_values)
def test_any_value_in_any_field_is_read_or_refused_by_name(name, value):
    try:
        read(document() | {name: value})
    except InvalidInputError as problem:
        assert problem.field.partition(".")[0] == name  # noqa: PT017 - some values are right

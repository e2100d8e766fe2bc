"""Answers to a Make Call request, and errors: every one of them ends in entries or in one error of the tree."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab import errors
from imilab.errors import PlatformError, RateLimitedError, UnexpectedBodyError
from imilab.wire import ResponseEntry, read_error, read_response
from imilab.wire.response import response_bytes

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
json_values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
KNOWN = {"requestTimestamp", "messageId", "correlationId", "status", "code", "message"}
entries = st.builds(
    ResponseEntry,
    message_id=texts.map("m{}".format),
    correlation_id=texts,
    status=st.sampled_from(["Queued", "Rejected", "Parked"]) | texts.map("s{}".format),
    code=st.sampled_from(["1000", "7003"]) | texts.map("c{}".format),
    message=texts,
    request_timestamp=texts,
    extra=st.dictionaries(texts.filter(lambda name: name not in KNOWN), json_values, max_size=3),
)


@given(st.lists(entries, min_size=1, max_size=5), st.sampled_from([200, 201, 206]))
def test_entries_survive_a_round_trip_with_unknown_fields_codes_and_statuses(several, http_status):
    told = read_response(http_status, {}, response_bytes(several))
    assert told == tuple(replace(one, http_status=http_status) for one in several)


@given(st.integers(200, 599), st.binary() | json_values.map(json.dumps).map(str.encode), st.dictionaries(texts, texts))
def test_any_answer_gives_entries_or_an_error_of_the_tree(http_status, body, headers):
    try:
        found = read_response(http_status, headers, body)
    except PlatformError as problem:
        assert problem.http_status == http_status  # noqa: PT017 - most answers are errors, some are not
    else:
        assert http_status in {200, 201, 206}
        assert all(entry.message_id or entry.status for entry in found)


@pytest.mark.parametrize(
    ("http_status", "kind"),
    [
        (400, errors.BadRequestError),
        (401, errors.UnauthorisedError),
        (403, errors.UnauthorisedError),
        (404, errors.NotFoundError),
        (405, errors.NotFoundError),
        (408, errors.ServerError),
        (409, errors.ConflictError),
        (413, errors.BadRequestError),
        (429, errors.RateLimitedError),
        (500, errors.ServerError),
        (503, errors.ServerError),
        (202, errors.UnexpectedBodyError),
        (204, errors.UnexpectedBodyError),
        (302, errors.UnexpectedBodyError),
    ],
)
@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'"text"', b"<html>", b'{"message": "no"}'])
def test_the_status_decides_the_kind_whatever_the_body(http_status, kind, body):
    with pytest.raises(PlatformError) as caught:
        read_error(http_status, {}, body)
    assert type(caught.value) is kind


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b"7", b'{"ok": true}', b"[1]", b'[{"messageId": "m"}, {}]'])
def test_a_success_without_entries_is_an_unexpected_body(body):
    with pytest.raises(UnexpectedBodyError, match="without messageId and status"):
        read_response(200, {}, body)


@pytest.mark.parametrize(
    ("description", "field"),
    [
        ("to.msisdn: not E.164", "msisdn"),
        ("Invalid MSISDN", "msisdn"),
        ("content.text is too long", "text"),
        ("content.type: give one of media, TTS", "content"),
        ("to.correlationId: a value of type int", "correlationId"),
        ("from: a text of 5 characters, not E.164", "from"),
        ("Parameter 'to' is missing", "to"),
        ("unknown NotifyURL", "notifyUrl"),
        ("unable to process the token of this customer", None),
        ("a message from the gateway in context", None),
        ("", None),
    ],
)
def test_a_bad_request_names_the_field_that_its_description_names(description, field):
    with pytest.raises(errors.BadRequestError) as caught:
        read_error(400, {}, json.dumps({"message": description}).encode())
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("body", "description", "code"),
    [
        ({"message": "no", "fields": ["to"]}, "no", None),
        ({"errors": [{"code": 1, "message": "first"}, {"message": "second"}]}, "first", "1"),
        ({"error": {"code": "7003", "description": "nested"}}, "nested", "7003"),
        ({"error": "plain"}, "plain", None),
        ({"code": {"deep": 1}, "message": "odd code"}, "odd code", None),
        ({"code": True, "message": "odd code"}, "odd code", None),
        ([{"code": "7003", "message": "listed"}], "listed", "7003"),
        ({"message": "x" * 9000}, "x" * 500, None),
    ],
)
def test_the_platforms_words_are_found_where_it_puts_them(body, description, code):
    with pytest.raises(errors.BadRequestError) as caught:
        read_error(400, {}, json.dumps(body).encode())
    assert (caught.value.description, caught.value.code) == (description, code)


def test_numbers_in_the_platforms_words_are_masked():
    body = {"code": "12025550123", "message": "+12025550123 (202) 555-0123 12025550123 is unknown"}
    for http_status in (400, 429, 500):
        with pytest.raises(PlatformError) as caught:
            read_error(http_status, {}, json.dumps(body).encode())
        assert "5550123" not in str(caught.value)
        assert "555-0123" not in str(caught.value)
        assert "is unknown" in caught.value.description


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 1.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 30 "}, 30.0),
        ({"retry-after": "99999999999"}, 86400.0),
        ({"retry-after": "9" * 500}, 86400.0),
        ({"retry-after": "-5"}, 1.0),
        ({"retry-after": "soon"}, 1.0),
        ({"retry-after": "²"}, 1.0),
        ({"retry-after": "Mon, 02 Mar 2026 09:00:12 GMT"}, 1.0),
        ({"retry-after": "Mon, 02 Mar 2026 09:00:12 GMT", "date": "Mon, 02 Mar 2026 09:00:02 GMT"}, 10.0),
        ({"retry-after": "Mon, 02 Mar 2026 09:00:02 GMT", "date": "Mon, 02 Mar 2026 09:00:12 GMT"}, 0.0),
        ({"retry-after": "Mon, 02 Mar 2026 09:00:12", "date": "Mon, 02 Mar 2026 09:00:02 GMT"}, 1.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_one_second_where_unreadable(headers, seconds):
    with pytest.raises(RateLimitedError) as caught:
        read_error(429, headers, b"")
    assert caught.value.retry_after_seconds == seconds


def test_retry_after_is_found_in_the_clients_headers():
    with pytest.raises(RateLimitedError) as caught:
        read_error(429, httpx.Headers({"Retry-After": "12"}), b"")
    assert caught.value.retry_after_seconds == 12.0


@given(st.text(), st.text())
def test_no_retry_after_raises_anything_else(value, date):
    with pytest.raises(RateLimitedError) as caught:
        read_error(429, {"retry-after": value, "date": date}, b"")
    assert 0 <= caught.value.retry_after_seconds <= 86400


@pytest.mark.parametrize("http_status", [200, 201, 206, 400, 401, 500, 503])
def test_code_7020_means_rate_limited_whatever_the_status(http_status):
    for code in ("7020", 7020):
        body = json.dumps({"code": code, "status": "Rejected", "message": "maximum transaction limit reached"}).encode()
        with pytest.raises(RateLimitedError) as caught:
            read_response(http_status, {"retry-after": "2"}, body)
        assert caught.value.retry_after_seconds == 2.0


def test_entries_that_are_not_all_rate_limited_are_given_one_by_one():
    body = b'[{"messageId": "m1", "status": "Queued"}, {"status": "Rejected", "code": "7020"}]'
    first, second = read_response(201, {}, body)
    assert (first.queued, second.rejected, second.code) == (True, True, "7020")


def test_queued_without_a_message_id_is_neither_queued_nor_rejected():
    (entry,) = read_response(200, {}, b'{"status": "Queued", "correlationId": "c1"}')
    assert (entry.queued, entry.rejected) == (False, False)

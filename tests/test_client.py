"""The client against real sockets: what is proven not to have been sent, and what may have rung a phone."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from imilab import errors
from imilab.client import AsyncPlatformClient, PlatformClient
from imilab.errors import InvalidInputError, NoReplyError, NotSentError, PlatformError, UnexpectedBodyError
from imilab.terms import Voice
from imilab.wire import MakeCall
from tests.raw_server import RawServer, answer, full_backlog, hang_up, refused_port, reset, send, stall

KEY = SecretStr("service-key-1")
CALL = MakeCall(
    caller_id="+12025550100",
    msisdn="+12025550123",
    correlation_id="c1",
    content=Voice("en-GB-RyanNeural"),
    text="Time for lunch",
)
QUEUED = b'{"messageId": "m1", "correlationId": "c1", "status": "Queued"}'
STATUS = b'{"messageId": "m1", "status": "OFFERED"}'

Steps = Callable[[Any], Any]
Run = Callable[..., Any]


def in_order(url: str, *steps: Steps, **options: Any) -> list[Any]:
    """Run steps on a sync client, and give each one's result or platform error."""
    with PlatformClient(url, KEY, **options) as client:
        return [outcome_of(lambda step=step: step(client)) for step in steps]


def in_a_loop(url: str, *steps: Steps, **options: Any) -> list[Any]:
    """Run steps on an async client, one after another."""

    async def work() -> list[Any]:
        found = []
        async with AsyncPlatformClient(url, KEY, **options) as client:
            for step in steps:
                try:
                    result = step(client)
                    found.append(await result if asyncio.iscoroutine(result) else result)
                except PlatformError as problem:
                    found.append(problem)
        return found

    return asyncio.run(work())


def outcome_of(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except PlatformError as problem:
        return problem


@pytest.fixture(params=[in_order, in_a_loop], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Run:
    return request.param


def make(client: Any) -> Any:
    return client.make_call(CALL)


def ask(client: Any) -> Any:
    return client.call_status("m1")


def test_a_call_is_posted_as_documented(run):
    with RawServer(answer(QUEUED)) as server:
        (entry,) = run(server.url + "/base", make)
    (request,) = server.seen
    head, _, body = request.decode().partition("\r\n\r\n")
    line, *headers = head.lower().split("\r\n")
    assert line == "post /base/v2/messages http/1.1"
    assert {"key: service-key-1", "content-type: application/json"} <= set(headers)
    assert json.loads(body) == CALL.to_json()
    assert (entry.message_id, entry.queued) == ("m1", True)


def test_a_status_is_asked_for_by_its_quoted_message_id(run):
    with RawServer(answer(STATUS)) as server:
        (status,) = run(server.url, lambda client: client.call_status("a/b ?#ü"))
    assert server.seen[0].startswith(b"GET /v2/messages/a%2Fb%20%3F%23%C3%BC HTTP/1.1\r\n")
    assert status.status == "OFFERED"


def test_an_empty_message_id_is_refused_before_any_io():
    with RawServer(answer(STATUS)) as server, PlatformClient(server.url, KEY) as client:
        with pytest.raises(InvalidInputError, match="messageId"):
            client.call_status(" ")
        assert server.seen == []


@pytest.mark.parametrize("where", ["refused port", "unresolvable host", "full backlog", "no TLS", "odd scheme"])
def test_without_a_connection_nothing_was_sent(run, where):
    with ExitStack() as stack:
        server = stack.enter_context(RawServer(answer(QUEUED)))
        url = {
            "refused port": lambda: stack.enter_context(refused_port()),
            "unresolvable host": lambda: "https://no-such-host.invalid",
            "full backlog": lambda: stack.enter_context(full_backlog()),
            "no TLS": lambda: server.url.replace("http://", "https://"),
            "odd scheme": lambda: "ftp://127.0.0.1",
        }[where]()
        outcomes = run(url, make, ask, timeout_seconds=0.3)
        assert [type(outcome) for outcome in outcomes] == [NotSentError, NotSentError]
        assert server.seen == []


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(hang_up, id="closes"),
        pytest.param(reset, id="resets"),
        pytest.param(stall, id="stalls"),
        pytest.param(send(b"\x00\x01\xff nonsense\r\n\r\n"), id="garbage"),
        pytest.param(send(b"HTTP/9.9 abc\r\n\r\n"), id="garbage-status"),
        pytest.param(send(b"HTTP/1.1 200 O"), id="half-a-head"),
        pytest.param(send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + QUEUED), id="half-a-body"),
        pytest.param(
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + QUEUED, reset), id="half-a-body-and-reset"
        ),
        pytest.param(
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + QUEUED, stall), id="half-a-body-and-stall"
        ),
        pytest.param(send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), id="bad-chunk"),
        pytest.param(answer(QUEUED, headers=["Content-Encoding: gzip"]), id="not-gzip"),
    ],
)
def test_a_call_that_left_without_a_readable_answer_is_never_not_sent(run, act):
    with RawServer(act) as server:
        began = time.monotonic()
        (outcome,) = run(server.url, make, timeout_seconds=0.4)
        assert time.monotonic() - began < 5
    assert type(outcome) is NoReplyError
    assert len(server.seen) == 1


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"<html>", b"{}", b"[]", b'{"status": "Queued"', QUEUED[:-5]])
def test_an_unreadable_body_is_unexpected(run, body):
    with RawServer(answer(body)) as server:
        made, asked = run(server.url, make, ask)
    assert [type(made), type(asked)] == [UnexpectedBodyError, UnexpectedBodyError]


@pytest.mark.parametrize(
    ("http_status", "kind"),
    [
        ("400 Bad Request", errors.BadRequestError),
        ("401 Unauthorized", errors.UnauthorisedError),
        ("404 Not Found", errors.NotFoundError),
        ("405 Method Not Allowed", errors.NotFoundError),
        ("409 Conflict", errors.ConflictError),
        ("429 Too Many Requests", errors.RateLimitedError),
        ("500 Internal Server Error", errors.ServerError),
        ("503 Service Unavailable", errors.ServerError),
        ("302 Found", errors.UnexpectedBodyError),
        ("204 No Content", errors.UnexpectedBodyError),
    ],
)
def test_each_status_has_its_error_and_nothing_is_repeated_or_followed(run, http_status, kind):
    act = answer(b"" if http_status.startswith("204") else b'{"message": "no"}', http_status, ["Location: /elsewhere"])
    with RawServer(act) as server:
        made, asked = run(server.url, make, ask)
    assert [type(made), type(asked)] == [kind, kind]
    assert made.http_status == int(http_status[:3])
    assert [request.split(b" ")[0] for request in server.seen] == [b"POST", b"GET"]


def test_retry_after_is_told(run):
    with RawServer(answer(b'{"code": "7020"}', "200 OK", ["Retry-After: 4"])) as server:
        (outcome,) = run(server.url, make)
    assert (type(outcome), outcome.retry_after_seconds) == (errors.RateLimitedError, 4.0)


OTHER = b'{"correlationId": "c0", "status": "Rejected"}'
NAMELESS = b'{"messageId": "m1", "status": "Queued"}'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[%s, %s]" % (OTHER, QUEUED), None),
        (NAMELESS, None),
        (OTHER, UnexpectedBodyError),
        (b"[%s, %s]" % (NAMELESS, NAMELESS), UnexpectedBodyError),
    ],
)
def test_only_an_entry_about_this_call_is_taken_for_it(run, body, kind):
    with RawServer(answer(body)) as server:
        (outcome,) = run(server.url, make)
    assert type(outcome) is kind if kind else outcome.message_id == "m1"


def pause(client: Any) -> Any:
    return asyncio.sleep(0.1) if isinstance(client, AsyncPlatformClient) else time.sleep(0.1)


def test_a_connection_is_used_again(run):
    with RawServer(answer(QUEUED)) as server:
        outcomes = run(server.url, make, make)
        assert all(outcome.queued for outcome in outcomes)
        assert len(server._connections) == 1


def test_a_connection_closed_between_two_calls_repeats_nothing(run):
    """Whether the client notices in time or not: the platform sees each call once at the most."""
    with RawServer(answer(QUEUED)) as server:
        first, _, second = run(server.url, make, lambda _: server.drop_connections(), make)
    assert first.queued
    assert len(server.seen) == (2 if not isinstance(second, PlatformError) else 1)
    assert not isinstance(second, NotSentError)


def test_a_connection_closed_while_idle_is_not_used_again(run):
    with RawServer(answer(QUEUED)) as server:
        first, _, _, second = run(server.url, make, lambda _: server.drop_connections(), pause, make)
    assert first.queued
    assert second.queued
    assert len(server.seen) == 2


@pytest.mark.parametrize("act", [hang_up, reset], ids=["closes", "resets"])
def test_a_call_on_a_used_connection_that_dies_with_it_is_not_repeated(run, act):
    with RawServer(answer(QUEUED), act, answer(QUEUED)) as server:
        first, second = run(server.url, make, make)
    assert first.queued
    assert type(second) is NoReplyError
    assert len(server.seen) == 2


def test_many_calls_are_under_way_at_once():
    async def work(url: str) -> list[Any]:
        async with AsyncPlatformClient(url, KEY, connections=20) as client:
            return await asyncio.gather(*(client.make_call(CALL) for _ in range(60)))

    def slow(server: RawServer, connection: socket.socket) -> None:
        time.sleep(0.1)
        answer(QUEUED)(server, connection)

    with RawServer(slow) as server:
        began = time.monotonic()
        entries = asyncio.run(work(server.url))
        assert time.monotonic() - began < 3  # one after another they would take six
    assert len(entries) == len(server.seen) == 60


def test_a_wait_for_a_free_connection_that_times_out_was_not_sent():
    async def work(url: str) -> list[Any]:
        async with AsyncPlatformClient(url, KEY, connections=1, timeout_seconds=0.4) as client:
            return await asyncio.gather(*(client.make_call(CALL) for _ in range(2)), return_exceptions=True)

    with RawServer(stall) as server:
        kinds = [type(outcome) for outcome in asyncio.run(work(server.url))]
    assert sorted(kind.__name__ for kind in kinds) in (
        ["NoReplyError", "NotSentError"],
        ["NoReplyError", "NoReplyError"],
    )
    assert len(server.seen) == kinds.count(NoReplyError)


def test_the_core_takes_any_transport_of_httpx():
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=QUEUED))
    with PlatformClient("https://api.us.webexconnect.io", KEY, transport=transport) as client:
        assert client.make_call(CALL).queued


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_is_not_shown_the_key_on_the_way_to_this_machine(run, monkeypatch, name):
    with RawServer(answer(QUEUED)) as proxy, RawServer(answer(QUEUED)) as server:
        monkeypatch.setenv(name, proxy.url)
        (entry,) = run(server.url, make)
        assert entry.queued
        assert (len(proxy.seen), len(server.seen)) == (0, 1)


def test_a_proxy_is_used_on_the_way_out(run, monkeypatch):
    with RawServer(answer(b"", "403 Forbidden")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        (outcome,) = run("https://api.us.webexconnect.io", make, timeout_seconds=2)
    assert type(outcome) is NotSentError
    assert proxy.seen[0].startswith(b"CONNECT api.us.webexconnect.io:443")
    assert b"service-key-1" not in proxy.seen[0]

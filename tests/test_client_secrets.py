"""A planted key and planted numbers: in no repr, error, log or traceback, however verbose."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import pytest
from IPython.core.ultratb import VerboseTB
from pydantic import SecretStr

import imilab.client
from imilab.client import AsyncPlatformClient, PlatformClient
from imilab.errors import ImilabError
from imilab.terms import Voice
from imilab.wire import MakeCall
from tests.raw_server import Act, RawServer, answer, hang_up, refused_port, reset, send, stall

KEY = "CANARY-key-5d2a2dcd5a1b"
CALLED, CALLER = "+12025550187", "+12025550142"
CANARIES = (KEY, CALLED[2:], CALLER[2:], "555-0187")
ECHO = f'{{"code": "7003", "message": "{CALLED} and 1 (202) 555-0187 from {CALLER} are wrong"}}'.encode()
IMILAB = Path(imilab.client.__file__).parent
RYAN = Voice("en-GB-RyanNeural")


def call() -> MakeCall:
    return MakeCall(
        caller_id=CALLER,
        msisdn=CALLED,
        correlation_id="c1",
        content=RYAN,
        text=f"Ring {CALLED}",
        callback_data=CALLED,
        notify_url=f"https://lab.example.com/{CALLED}",
        contact_policy={"contactPolicyGroup": CALLED},
        extra={"note": CALLED},
    )


def below(trace: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of the test itself, which hold the canaries."""
    while trace and not trace.tb_frame.f_code.co_filename.startswith(str(IMILAB)):
        trace = trace.tb_next
    return trace


def shown(error: BaseException) -> str:
    """Everything that any tool could print about an error."""
    trace = below(error.__traceback__)
    assert trace is not None
    assert error.__context__ is None
    assert error.__cause__ is None
    verbose = VerboseTB(theme_name="nocolor", include_vars=True).text(type(error), error, trace)
    assert "self" in verbose or "failure" in verbose  # it does show local variables
    everything = [repr(error), str(error), repr(vars(error)), verbose, *traceback.format_exception(error)]
    for frame, _ in traceback.walk_tb(trace):
        everything.extend(repr(value) for value in frame.f_locals.values())
    return "\n".join(everything)


def leaks(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


@pytest.fixture
def logs(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "aiohttp", "asyncio", "imilab", "uvicorn"):
        caplog.set_level(logging.DEBUG, name)
    yield caplog
    assert leaks("\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)) == []


def fail_in_order(url: str) -> BaseException:
    with PlatformClient(url, SecretStr(KEY), timeout_seconds=0.5) as client:
        try:
            client.make_call(call())
        except ImilabError as problem:
            return problem
    raise AssertionError("no error")


def fail_in_a_loop(url: str) -> BaseException:
    async def work() -> BaseException:
        async with AsyncPlatformClient(url, SecretStr(KEY), timeout_seconds=0.5) as client:
            try:
                await client.make_call(call())
            except ImilabError as problem:
                return problem
        raise AssertionError("no error")

    return asyncio.run(work())


ACTS: dict[str, Act] = {
    "400": answer(ECHO, "400 Bad Request"),
    "401": answer(ECHO, "401 Unauthorized"),
    "429": answer(ECHO, "429 Too Many Requests"),
    "500": answer(ECHO, "500 Internal Server Error"),
    "not-json": answer(ECHO[:-1]),
    "not-entries": answer(b'{"note": "%s"}' % CALLED.encode()),
    "other-entry": answer(
        b'{"messageId": "m1", "status": "Queued", "correlationId": "c2", "to": "%s"}' % CALLED.encode()
    ),
    "closes": hang_up,
    "resets": reset,
    "stalls": stall,
    "garbage": send(b"garbage\r\n\r\n"),
    "half-a-body": send(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + ECHO),
}


@pytest.mark.parametrize("fail", [fail_in_order, fail_in_a_loop], ids=["sync", "async"])
@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS.keys())
def test_no_error_of_the_client_leads_to_key_or_numbers(fail, act, logs):
    with RawServer(act) as server:
        error = fail(server.url)
        assert KEY.encode() in server.seen[0]  # it was there to leak
        assert CALLED.encode() in server.seen[0]
    assert leaks(shown(error)) == []


@pytest.mark.parametrize("fail", [fail_in_order, fail_in_a_loop], ids=["sync", "async"])
def test_no_error_without_a_connection_does_either(fail, logs):
    with refused_port() as url:
        assert leaks(shown(fail(url))) == []


def test_an_interrupted_call_shows_no_frame_that_holds_the_key(logs):
    def interrupt(request: httpx.Request) -> httpx.Response:
        assert request.headers["key"] == KEY
        raise KeyboardInterrupt

    with PlatformClient("https://h.example", SecretStr(KEY), transport=httpx.MockTransport(interrupt)) as client:
        with pytest.raises(KeyboardInterrupt) as caught:
            client.make_call(call())
        files = {frame.f_code.co_filename for frame, _ in traceback.walk_tb(below(caught.value.__traceback__))}
    assert files == {imilab.client.__file__}
    assert leaks(shown(caught.value)) == []


def test_a_cancelled_call_shows_no_frame_that_holds_the_key(logs):
    async def work(url: str) -> BaseException:
        async with AsyncPlatformClient(url, SecretStr(KEY)) as client:
            task = asyncio.create_task(client.make_call(call()))
            while not server.seen:
                await asyncio.sleep(0.01)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError as problem:
                return problem
            raise AssertionError("it was not cancelled")

    with RawServer(stall) as server:
        error = asyncio.run(work(server.url))
    assert leaks(shown(error)) == []


@pytest.mark.parametrize("body", [b'{"messageId": "m1", "correlationId": "c1", "status": "Queued"}'])
def test_nothing_that_works_prints_them(body, logs):
    with RawServer(answer(body)) as server, PlatformClient(server.url, SecretStr(KEY)) as client:
        request = call()
        entry = client.make_call(request)
        client.call_status("m1")
        things: list[Any] = [client, vars(client), request, entry, client._make_call(request), AsyncPlatformClient]
        assert leaks("\n".join(f"{thing!r} {thing}" for thing in things)) == []
    assert any("HTTP Request" in record.getMessage() for record in logs.records)  # httpx did log


def test_the_async_clients_repr_shows_where_it_speaks_to_and_no_key():
    async def work() -> str:
        async with AsyncPlatformClient("https://api.us.webexconnect.io", SecretStr(KEY)) as client:
            return f"{client!r} {client} {vars(client)}"

    text = asyncio.run(work())
    assert text.startswith("AsyncPlatformClient('https://api.us.webexconnect.io')")
    assert leaks(text) == []


@pytest.mark.parametrize(
    "change",
    [
        {"text": ""},
        {"priority": 9},
        {"notify_url": f"http://{CALLED}"},
        {"caller_id": CALLER[1:]},
        {"extra": {"to": CALLED}},
    ],
)
def test_a_refused_request_shows_no_numbers(change):
    fields: dict[str, Any] = {
        "caller_id": CALLER,
        "msisdn": CALLED,
        "correlation_id": "c",
        "content": RYAN,
        "text": "x",
    }
    with pytest.raises(ImilabError) as caught:
        MakeCall(**(fields | change))
    assert leaks(shown(caught.value)) == []

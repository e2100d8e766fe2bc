"""A departure, over real sockets: a request is kept back at the last moment, or ends with proof of whether it left."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from imilab.client import AsyncPlatformClient
from imilab.departure import Departure
from imilab.errors import NoReplyError, NotSentError, PlatformError
from imilab.terms import Voice
from imilab.wire import MakeCall
from tests.late_platform import LatePlatform
from tests.raw_server import RawServer, answer, full_backlog

KEY = SecretStr("service-key-1")
QUEUED = b'{"messageId": "m1", "correlationId": "c1", "status": "Queued"}'
CALL = MakeCall(
    caller_id="+12025550100",
    msisdn="+12025550123",
    correlation_id="c1",
    content=Voice("en-GB-RyanNeural"),
    text="Time for lunch",
)


class NightError(Exception):
    pass


def forbid() -> None:
    raise NightError("it is night")


def test_a_call_that_is_kept_back_sends_no_byte_and_raises_what_kept_it():
    async def work(url: str) -> None:
        async with AsyncPlatformClient(url, KEY) as client:
            with pytest.raises(NightError, match="it is night"):
                await client.make_call(CALL, on_leaving=forbid)
            assert (await client.make_call(CALL)).queued
            with pytest.raises(NightError):
                await client.make_call(CALL, on_leaving=forbid)  # on the connection of the call before
            assert (await client.make_call(CALL)).queued

    with RawServer(answer(QUEUED)) as server:
        asyncio.run(work(server.url))
        assert len(server.seen) == 2


def test_a_call_that_is_kept_back_sends_not_even_a_part_of_it():
    async def work(url: str) -> None:
        async with AsyncPlatformClient(url, KEY) as client:
            with pytest.raises(NightError):
                await client.make_call(CALL, on_leaving=forbid)

    with LatePlatform() as platform:
        platform.open()
        asyncio.run(work(platform.url))
        until = time.monotonic() + 5
        while not platform.came and time.monotonic() < until:
            time.sleep(0.01)
        assert platform.came == [b""]


def trickle(server: RawServer, connection: socket.socket) -> None:
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(QUEUED)}\r\n\r\n".encode())
    for byte in QUEUED:
        if server.closing.wait(0.1):
            return
        connection.sendall(bytes([byte]))


def outcome(url: str, ask: Any, **options: Any) -> tuple[Any, float]:
    async def work() -> Any:
        async with AsyncPlatformClient(url, KEY, **options) as client:
            try:
                return await ask(client)
            except PlatformError as problem:
                return problem

    began = time.monotonic()
    return asyncio.run(work()), time.monotonic() - began


@pytest.mark.parametrize(
    "ask", [lambda client: client.make_call(CALL), lambda client: client.call_status("m1")], ids=["call", "status"]
)
def test_an_answer_that_trickles_in_is_waited_for_no_longer_than_one_request_may_take(ask):
    with RawServer(trickle) as server:
        problem, seconds = outcome(server.url, ask, timeout_seconds=0.5)

    assert type(problem) is NoReplyError
    assert "TimeoutError" in str(problem)
    assert 0.4 < seconds < 2


def test_a_call_without_a_connection_in_time_is_proven_not_sent():
    with full_backlog() as url:
        problem, seconds = outcome(url, lambda client: client.make_call(CALL), timeout_seconds=0.3)

    assert (type(problem), seconds < 2) == (NotSentError, True)


def test_of_another_transport_nothing_is_known_so_what_ends_without_an_answer_may_have_left():
    async def stall(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(5)
        raise AssertionError

    problem, _ = outcome(
        "https://api.us.webexconnect.io",
        lambda client: client.make_call(CALL),
        timeout_seconds=0.1,
        transport=httpx.MockTransport(stall),
    )
    assert type(problem) is NoReplyError


def test_a_request_that_nobody_waits_for_any_more_may_not_leave():
    told: list[str] = []
    with Departure(lambda: told.append("left")) as departure:
        pass
    with pytest.raises(NotSentError):
        departure.leave()

    assert (departure.left, told) == (False, [])

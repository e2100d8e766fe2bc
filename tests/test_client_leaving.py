"""The client tells when a request's first byte leaves, and reads the certificate authorities once."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import certifi
import pytest
from pydantic import SecretStr

from imilab import client as client_module
from imilab.client import AsyncPlatformClient
from imilab.errors import NotSentError
from imilab.terms import Voice
from imilab.wire import MakeCall
from tests.raw_server import RawServer, answer, refused_port

KEY = SecretStr("service-key-1")
QUEUED = b'{"messageId": "m1", "correlationId": "c1", "status": "Queued"}'
CALL = MakeCall(
    caller_id="+12025550100",
    msisdn="+12025550123",
    correlation_id="c1",
    content=Voice("en-GB-RyanNeural"),
    text="Time for lunch",
)


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened, in its order: connections, and requests' first bytes."""
    happened: list[str] = []
    real = socket.socket.send

    def spying(self: socket.socket, data: Any, *flags: int) -> int:
        if bytes(data[:5]) == b"POST ":
            happened.append("first byte")
        return real(self, data, *flags)

    monkeypatch.setattr(socket.socket, "send", spying)
    return happened


def test_each_call_is_told_to_leave_right_before_its_first_byte(order: list[str]):
    async def work(url: str) -> None:
        async with AsyncPlatformClient(url, KEY) as client:
            for place in range(3):
                await client.make_call(CALL, on_leaving=lambda place=place: order.append(f"call {place} leaves"))
            await client.make_call(CALL)

    with RawServer(answer(QUEUED)) as server:
        asyncio.run(work(server.url))

    told = [one for place in range(3) for one in (f"call {place} leaves", "first byte")]
    assert order == [*told, "first byte"]


def test_of_calls_side_by_side_each_is_told_for_itself(order: list[str]):
    told: list[int] = []

    async def work(url: str) -> None:
        async with AsyncPlatformClient(url, KEY) as client:
            await asyncio.gather(
                *(client.make_call(CALL, on_leaving=lambda place=place: told.append(place)) for place in range(20))
            )

    with RawServer(answer(QUEUED)) as server:
        asyncio.run(work(server.url))

    assert sorted(told) == list(range(20))


def test_a_call_that_finds_no_connection_is_not_told_to_leave():
    told: list[str] = []

    async def work(url: str) -> None:
        async with AsyncPlatformClient(url, KEY) as client:
            await client.make_call(CALL, on_leaving=lambda: told.append("left"))

    with refused_port() as url, pytest.raises(NotSentError):
        asyncio.run(work(url))
    assert told == []


def test_authorities_are_read_once_unless_the_environment_names_others(monkeypatch: pytest.MonkeyPatch):
    first = client_module._ssl_context(trust_env=True)

    assert client_module._ssl_context(trust_env=True) is first
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert client_module._ssl_context(trust_env=True) is not first

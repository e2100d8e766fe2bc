"""A server on its own thread: starts, serves, stops, and says why it cannot."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from imilab.errors import ConfigError
from imilab.serving import BackgroundServer, bind


def make_app(steps: list[str]) -> Starlette:
    async def hello(_: Request) -> Response:
        return PlainTextResponse(threading.current_thread().name)

    async def slow(_: Request) -> Response:
        steps.append("asked")
        await asyncio.sleep(0.3)
        steps.append("answered")
        return PlainTextResponse("done")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        steps.append("up")
        yield
        steps.append("down")

    return Starlette(routes=[Route("/", hello), Route("/slow", slow)], lifespan=lifespan)


def test_it_serves_from_another_thread_between_start_and_stop():
    steps: list[str] = []
    with BackgroundServer(make_app(steps)) as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert steps == ["up"]
        response = httpx.get(server.url, trust_env=False)
        assert response.text == f"imilab-server-{server.port}"
        assert "server" not in response.headers
    assert steps == ["up", "down"]
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url, trust_env=False)
    assert f"imilab-server-{server.port}" not in {thread.name for thread in threading.enumerate()}
    server.stop()


def test_stopping_lets_a_request_under_way_finish():
    steps: list[str] = []
    server = BackgroundServer(make_app(steps)).start()
    answers: list[str] = []
    asker = threading.Thread(target=lambda: answers.append(httpx.get(f"{server.url}/slow", trust_env=False).text))
    asker.start()
    while "asked" not in steps:
        time.sleep(0.01)
    server.stop()
    asker.join()
    assert answers == ["done"]
    assert steps == ["up", "asked", "answered", "down"]


def test_a_connection_outlives_the_clients_patience():
    """A server that hangs up first makes a client doubt whether its request was read."""
    with BackgroundServer(make_app([])) as server:
        with httpx.Client(trust_env=False) as client:
            client.get(server.url)
        assert server.connections.limits.idle_seconds > 15


def test_two_servers_run_side_by_side():
    with BackgroundServer(make_app([])) as one, BackgroundServer(make_app([])) as other:
        texts = {httpx.get(server.url, trust_env=False).text for server in (one, other)}
    assert len(texts) == 2


def test_an_app_that_does_not_start_is_told():
    @contextlib.asynccontextmanager
    async def broken(_: Starlette) -> AsyncIterator[None]:
        raise RuntimeError("no start today")
        yield

    server = BackgroundServer(Starlette(lifespan=broken))
    began = time.monotonic()
    with pytest.raises(ConfigError, match="did not start; see the log"):
        server.start()
    assert time.monotonic() - began < 5
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_a_server_that_was_never_started_can_be_stopped():
    server = BackgroundServer(make_app([]))
    server.stop()
    with bind("127.0.0.1", server.port) as again:
        assert again.getsockname()[1] == server.port


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 70000), ("127.0.0.1", -1), ("192.0.2.1", 0), ("no-such-host.invalid", 0)]
)
def test_an_address_that_cannot_be_had_is_named(host, port):
    with pytest.raises(ConfigError, match=f"cannot listen on {host} port {port}") as caught:
        bind(host, port)
    assert caught.value.field == "port"


def test_a_taken_port_is_named():
    with bind("127.0.0.1", 0) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port}: Address already in use; choose another"):
            bind("127.0.0.1", port)


def test_ipv6_addresses_are_bracketed_in_the_url():
    try:
        bind("::1", 0).close()
    except ConfigError:
        pytest.skip("this machine has no IPv6 loopback")
    with BackgroundServer(make_app([]), "::1") as server:
        assert server.url == f"http://[::1]:{server.port}"
        assert httpx.get(server.url, trust_env=False).status_code == 200

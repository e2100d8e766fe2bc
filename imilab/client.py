"""The only HTTP client of the platform, sync and async from one core.

Nothing here repeats a request: a POST whose outcome is unknown may have made a phone ring.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import lru_cache
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from pydantic import SecretStr

from imilab.departure import Departure, failure_of, trace_of_departures
from imilab.errors import UnexpectedBodyError
from imilab.wire import CallStatus, MakeCall, ResponseEntry, read_response, read_status
from imilab.wire.rules import is_loopback, required_text

__all__ = ["AsyncPlatformClient", "PlatformClient"]

T = TypeVar("T")

_IDLE_SECONDS = 15.0  # below the minute after which servers and what stands before them hang up


@dataclass(frozen=True)
class _Exchange(Generic[T]):
    """One request, and how to read its answer."""

    method: str
    path: str
    read: Callable[[int, Mapping[str, str], bytes], T] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


class _KeyAuth(httpx.Auth):
    """Adds the key at the last moment, so that no object of imilab's holds it in the clear."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Set the platform's header."""
        request.headers["key"] = self._key.get_secret_value()
        yield request


class _Core:
    """What both clients share: exchanges, options, reading."""

    def __init__(self, base_url: str, zone: tzinfo | None) -> None:
        self._base_url = base_url
        self._zone = zone

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._base_url!r})"

    def _make_call(self, call: MakeCall) -> _Exchange[ResponseEntry]:
        def read(http_status: int, headers: Mapping[str, str], body: bytes) -> ResponseEntry:
            return _own_entry(read_response(http_status, headers, body), call.correlation_id, http_status)

        return _Exchange("POST", "/v2/messages", read, call.to_bytes())

    def _call_status(self, message_id: str) -> _Exchange[CallStatus]:
        def read(http_status: int, headers: Mapping[str, str], body: bytes) -> CallStatus:
            return read_status(http_status, headers, body, self._zone)

        return _Exchange("GET", f"/v2/messages/{quote(required_text(message_id, 'messageId'), safe='')}", read)


def _own_entry(entries: tuple[ResponseEntry, ...], correlation_id: str, http_status: int) -> ResponseEntry:
    for entry in entries:
        if entry.correlation_id == correlation_id or (len(entries) == 1 and not entry.correlation_id):
            return entry
    raise UnexpectedBodyError("an answer about another correlationId", http_status=http_status)


def _options(key: SecretStr, base_url: str, timeout_seconds: float) -> dict[str, Any]:
    return {
        "base_url": base_url,
        "auth": _KeyAuth(key),
        "timeout": httpx.Timeout(timeout_seconds),
        "follow_redirects": False,
        "trust_env": _uses_proxies(base_url),
        "headers": {"content-type": "application/json", "accept": "application/json", "user-agent": "imilab"},
    }


def _uses_proxies(base_url: str) -> bool:
    # HTTPS_PROXY and its like count, except on the way to this machine, where a proxy could only read the key.
    return not is_loopback(urlsplit(base_url).hostname or "")


def _ssl_context(*, trust_env: bool) -> ssl.SSLContext:
    """Return what HTTPS is checked with. Reading the authorities takes 25 ms, so they are read once."""
    return _ssl_context_of(trust_env, *(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")))


@lru_cache(maxsize=4)
def _ssl_context_of(trust_env: bool, *_: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=trust_env)


def _make_session(base_url: str, connections: int) -> aiohttp.ClientSession:
    trust_env = _uses_proxies(base_url)
    connector = aiohttp.TCPConnector(
        limit=connections, keepalive_timeout=_IDLE_SECONDS, ssl=_ssl_context(trust_env=trust_env)
    )
    return aiohttp.ClientSession(connector=connector, trust_env=trust_env, trace_configs=[trace_of_departures()])


class PlatformClient(_Core):
    """The platform, one request at a time.

    Parameters
    ----------
    base_url : str
        ``https://api.<region>.webexconnect.io``.
    key : SecretStr
        The service key or a JWT.
    timeout_seconds : float
        For connecting, for sending, and for each wait for the next part of the answer.
    zone : tzinfo or None
        The tenant's zone, for time stamps without one.
    transport : httpx.BaseTransport, optional
        Another way to the network, for tests.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        *,
        timeout_seconds: float = 30.0,
        zone: tzinfo | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(base_url, zone)
        limits = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)
        options = _options(key, base_url, timeout_seconds)
        verify = _ssl_context(trust_env=options["trust_env"])
        self._http = httpx.Client(transport=transport, limits=limits, verify=verify, **options)

    def make_call(self, call: MakeCall) -> ResponseEntry:
        """Ask the platform to place one call.

        Returns
        -------
        ResponseEntry
            Queued or rejected.

        Raises
        ------
        PlatformError
            `NotSentError` proves that nothing left; `RateLimitedError`, `BadRequestError`, `UnauthorisedError`,
            `NotFoundError` and `ConflictError` are refusals; after any other the call may have been placed.
        """
        return self._run(self._make_call(call))

    def call_status(self, message_id: str) -> CallStatus:
        """Ask how a call stands.

        Raises
        ------
        InvalidInputError
            The message id is empty.
        PlatformError
            `NotFoundError` for a message id that the platform does not know.
        """
        return self._run(self._call_status(message_id))

    def _run(self, exchange: _Exchange[T]) -> T:
        try:
            response = self._http.request(exchange.method, exchange.path, content=exchange.body)
            return exchange.read(response.status_code, response.headers, response.content)
        except BaseException as problem:  # noqa: BLE001 - an interrupt's frames hold the key as well
            failure = failure_of(problem)
        raise failure

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncPlatformClient(_Core):
    """The platform, many requests at a time, over aiohttp's connections.

    Parameters
    ----------
    base_url, key, zone
        As for `PlatformClient`.
    timeout_seconds : float
        For one request as a whole, from waiting for a connection to the last byte of the answer.
    connections : int
        Requests under way at the most; others wait.
    transport : httpx.AsyncBaseTransport, optional
        Another way to the network, for tests.

    Attributes
    ----------
    tells_leaving : bool
        Whether `on_leaving` is called; where it is and was not, nothing has left. Another `transport` does not call it.
    """

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        *,
        timeout_seconds: float = 30.0,
        zone: tzinfo | None = None,
        connections: int = 512,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(base_url, zone)
        self._timeout_seconds = timeout_seconds
        self.tells_leaving = transport is None
        verify = _ssl_context(trust_env=_uses_proxies(base_url))
        transport = transport or AiohttpTransport(verify, client=lambda: _make_session(base_url, connections))
        self._http = httpx.AsyncClient(transport=transport, **_options(key, base_url, timeout_seconds))

    async def make_call(self, call: MakeCall, *, on_leaving: Callable[[], object] | None = None) -> ResponseEntry:
        """Ask the platform to place one call; see `PlatformClient.make_call`.

        `on_leaving` is called right before the first byte leaves on a connection. Where it raises, no byte leaves, and
        this raises the same.
        """
        return await self._run(self._make_call(call), on_leaving)

    async def call_status(self, message_id: str, *, on_leaving: Callable[[], object] | None = None) -> CallStatus:
        """Ask how a call stands; see `PlatformClient.call_status`, and `make_call` for `on_leaving`."""
        return await self._run(self._call_status(message_id), on_leaving)

    async def _run(self, exchange: _Exchange[T], on_leaving: Callable[[], object] | None = None) -> T:
        with Departure(on_leaving, watched=self.tells_leaving) as departure:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    response = await self._http.request(exchange.method, exchange.path, content=exchange.body)
                return exchange.read(response.status_code, response.headers, response.content)
            except BaseException as problem:  # noqa: BLE001 - a cancelled task's frames hold the key as well
                failure = failure_of(problem, departure)
        raise failure

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

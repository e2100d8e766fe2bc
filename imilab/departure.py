"""A request's departure: whether it may leave, asked right before its first byte, and whether a failed one had left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

import aiohttp
import httpx

from imilab.errors import NoReplyError, NotSentError, without_frames

__all__ = ["Departure", "failure_of", "trace_of_departures"]

_NOT_SENT = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError),
    *(httpx.UnsupportedProtocol, httpx.InvalidURL),
)
_NOT_SENT_AIOHTTP = (
    *(aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientHttpProxyError),
    *(aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError),
)
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)


class Departure:
    """One request on its way to its first byte; a context around it.

    Parameters
    ----------
    on_leaving : callable, optional
        Called right before the first byte. Where it raises, nothing leaves.
    watched : bool
        Whether the request goes over a session with `trace_of_departures`; of another one, nothing is known.

    Attributes
    ----------
    left : bool
        Whether anything may have left; False is proof that nothing has and nothing will.
    refusal : Exception or None
        What `on_leaving` raised.
    """

    def __init__(self, on_leaving: Callable[[], object] | None = None, *, watched: bool = True) -> None:
        self._on_leaving = on_leaving
        self._over = False
        self._token: Token[Departure | None] | None = None
        self.left = not watched
        self.refusal: Exception | None = None

    def leave(self) -> None:
        """Let the request leave now, or raise."""
        if self._over:  # aiohttp writes in a task of its own, which might outlive what waits for the answer
            raise NotSentError("nobody waits for the answer any more")
        if self._on_leaving:
            try:
                self._on_leaving()
            except Exception as problem:
                self.refusal = problem
                raise
        self.left = True

    def __enter__(self) -> Self:
        self._token = _departure.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        if self._token:
            _departure.reset(self._token)


_departure: ContextVar[Departure | None] = ContextVar("imilab_departure", default=None)


def trace_of_departures() -> aiohttp.TraceConfig:
    """Return what makes an aiohttp session ask each request's `Departure`."""
    trace = aiohttp.TraceConfig()
    trace.on_request_headers_sent.append(_before_the_head)
    trace.on_request_chunk_sent.append(_before_the_body)
    return trace


async def _before_the_head(_: object, __: object, sent: aiohttp.TraceRequestHeadersSentParams) -> None:
    if sent.method == "GET" and (departure := _departure.get()):  # it has no body
        departure.leave()


async def _before_the_body(*_: object) -> None:
    # aiohttp holds the head back and writes it together with the body's first part, right after it has told this.
    if departure := _departure.get():
        departure.leave()


def failure_of(problem: BaseException, departure: Departure | None = None) -> BaseException:
    """Return what to raise instead: an error of imilab's, and nothing that leads to frames with the key or a body."""
    if departure and departure.refusal and not isinstance(problem, asyncio.CancelledError):
        return without_frames(departure.refusal)
    if not isinstance(problem, _FAILURES):
        return without_frames(problem)
    ours = isinstance(problem, TimeoutError)  # its cause is only how it ended the waiting
    kind = type(problem if ours else problem.__cause__ or problem).__name__
    if _proven_not_sent(problem) or (departure and not departure.left):
        return NotSentError(f"no connection to the platform ({kind})")
    return NoReplyError(f"the connection failed after the request had left ({kind})")


def _proven_not_sent(problem: BaseException) -> bool:
    # The aiohttp transport reports a server that hangs up on a sent request as httpx.ConnectTimeout. Only aiohttp's
    # own exception, the cause, tells whether the connection was ever made.
    cause = problem.__cause__ if isinstance(problem.__cause__, aiohttp.ClientError) else problem
    return isinstance(cause, _NOT_SENT_AIOHTTP if isinstance(cause, aiohttp.ClientError) else _NOT_SENT)

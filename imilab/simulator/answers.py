"""What the platform answers: entries, errors in JSON, and the ways of not answering that magic numbers ask for."""

from __future__ import annotations

import asyncio
import contextlib

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from imilab.wire.response import RATE_LIMIT_CODE

__all__ = ["RAW_SEND", "HungUp", "Slow", "error", "json_answer", "rate_limited"]

RAW_SEND = "imilab.simulator.send"
"""Where the app keeps the server's own `send` in the scope, before any middleware wraps it."""


def json_answer(body: bytes, http_status: int = 200) -> Response:
    """Return an answer with a JSON body."""
    return Response(body, http_status, media_type="application/json")


def error(http_status: int, code: str, message: str) -> Response:
    """Return an error as the platform describes it; `code` is the HTTP status where no code is documented."""
    answer = json_answer(orjson.dumps({"code": code or str(http_status), "message": message}), http_status)
    if http_status == 429:
        answer.headers["retry-after"] = "1"
    return answer


def rate_limited() -> Response:
    """Return the answer to a transaction beyond the tenant's limit."""
    return error(429, RATE_LIMIT_CODE, "maximum transaction limit reached")


class Slow(Response):
    """Another answer, after so many seconds of real time, or not at all if the caller hangs up first."""

    def __init__(self, answer: Response, seconds: float) -> None:
        super().__init__()
        self._answer = answer
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait, then answer."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._seconds):
                await _caller_gone(receive)
                return
        await self._answer(scope, receive, send)


class HungUp(Response):
    """No answer: the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection."""
        transport = getattr(getattr(scope.get(RAW_SEND), "__self__", None), "transport", None)
        if transport is not None:
            # uvicorn's: ASGI itself has no word for this.
            transport.close()
            await _caller_gone(receive)
            return
        # Another server: announce a body that never comes; the server then has to close the connection.
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})


async def _caller_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

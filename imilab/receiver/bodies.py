"""Reading a request's body, within bounds for one and for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["MAX_BODY_BYTES", "BodyReader", "BodyTooLargeError", "BrokenOffError"]

MAX_BODY_BYTES = 256 * 1024
"""A receipt is about 500 bytes; nothing this long is one."""

_ROOM_BYTES = 64 * 1024 * 1024
_FREE_BYTES = 16 * 1024
"""Of each body; a receipt fits in, so that large bodies of others never stand in its way."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class BodyTooLargeError(Exception):
    """The body is longer than `MAX_BODY_BYTES`, or there is no room for a body of its length now."""


class BrokenOffError(Exception):
    """The sender went away in the middle."""


class BodyReader:
    """Reads bodies; all that are being read take a bounded amount of memory."""

    def __init__(self) -> None:
        self._taken_bytes = 0

    async def read(self, receive: Receive) -> bytes:
        """Return the whole body.

        Raises
        ------
        BodyTooLargeError
            The rest of it is not read.
        BrokenOffError
            The connection ended before it.
        """
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            body: bytes = message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                raise BodyTooLargeError
            return body
        return await self._read_on(message, receive)

    async def _read_on(self, message: MutableMapping[str, Any], receive: Receive) -> bytes:
        body, taken = bytearray(), 0
        try:
            while True:
                if message["type"] == "http.disconnect":
                    raise BrokenOffError
                body += message.get("body", b"")
                more = max(0, len(body) - _FREE_BYTES) - taken
                if len(body) > MAX_BODY_BYTES or self._taken_bytes + more > _ROOM_BYTES:
                    raise BodyTooLargeError
                taken += more
                self._taken_bytes += more
                if not message.get("more_body"):
                    return bytes(body)
                message = await receive()
        finally:
            self._taken_bytes -= taken

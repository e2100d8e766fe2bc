"""What the receiver answers.

The platform does not try again after 202-208, 226, 300-308, 400, 402, 404-411, 414-416, 418 and 505. A POST that may be
a receipt and is not stored gets none of these: 401, 413, 421, 431, 501 and 503 are tried again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = [
    "CHECKED",
    "CODED",
    "FORGED",
    "HEALTHY",
    "NOT_FOUND",
    "NOT_HERE",
    "STORED",
    "TOO_LARGE",
    "UNHEALTHY",
    "UNSTORED",
    "WRONG_METHOD",
    "Answer",
    "Send",
]

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TEXT = b"text/plain; charset=utf-8"


class Answer:
    """One response, made once and sent often.

    Parameters
    ----------
    status : int
        Of HTTP.
    body : bytes
        What it says.
    content_type : bytes
        Of the body.

    Attributes
    ----------
    status : int
    body : bytes
        As given.
    """

    def __init__(self, status: int, body: bytes, content_type: bytes = _TEXT) -> None:
        self.status, self.body = status, body
        headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body))]
        self._start = {"type": "http.response.start", "status": status, "headers": headers}
        self._end = {"type": "http.response.body", "body": body}

    async def send(self, send: Send) -> None:
        """Send it."""
        await send(self._start)
        await send(self._end)


STORED = Answer(200, b"stored")
CHECKED = Answer(200, b"imilab receives receipts here")
HEALTHY = Answer(200, b"ok")
FORGED = Answer(401, b"signature or token refused")
NOT_FOUND = Answer(404, b"nothing here")
WRONG_METHOD = Answer(405, b"POST receipts here")
TOO_LARGE = Answer(413, b"too large for a receipt")
NOT_HERE = Answer(421, b"no receipts here; check the URL's path")
CODED = Answer(501, b"send receipts as they are, without compression")
UNSTORED = Answer(503, b"cannot store now, try again")
UNHEALTHY = Answer(503, b"the store does not write")

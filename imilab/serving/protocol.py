"""uvicorn's HTTP protocol with what it lacks: deadlines for headers and bodies, and bounds on both.

What is refused here was no whole request. It is refused with a status that the platform tries again: in doubt, what was
cut off was a receipt (408 and 400 would be the usual words, and the platform takes both for an answer).
"""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from imilab.serving.connections import Connections

__all__ = ["BoundedProtocol"]

_MOST_AT_ONCE = 32
"""Requests that one connection may send ahead of their answers; uvicorn reads on for ever."""

_SLOW = b"the request took too long"
_MALFORMED = b"not HTTP"
_UPGRADE = b"HTTP/1.1 only; leave out the header Upgrade"
_LONG = b"too long for a request"


class _OverError(Exception):
    """The server hung up in the middle of what it read: the parser leaves the rest alone."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection.

    Parameters
    ----------
    book : Connections
        The server's connections.
    options
        uvicorn's own.
    """

    def __init__(self, book: Connections, **options: Any) -> None:
        super().__init__(**options)
        self.access_log = False  # it tells paths, and a path may hold a token
        self._book = book
        self._limits = book.limits
        self._since = self.loop.time()
        self._receiving = self._in_headers = self._asked = self._ended = False
        self._bytes = self._read = self._before = 0

    @property
    def is_over(self) -> bool:
        """Whether the server hung up."""
        return self._ended

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Take the connection in."""
        super().connection_made(transport)
        self._book.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._book.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, within bounds."""
        if self._ended:
            return
        self._read = len(data)
        self._bytes += self._read
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return
        except httptools.HttpParserError:
            if not self.is_over:  # as it is after `_OverError`
                self._book.counts["malformed"] += 1
                self._refuse(503, _MALFORMED)
            return
        in_headers = self._in_headers or not self._receiving
        if self._bytes > (self._limits.header_bytes if in_headers else self._limits.request_bytes):
            self._book.counts["too_large"] += 1
            self._refuse(431 if in_headers else 413, _LONG)

    def on_message_begin(self) -> None:
        """Start the clock of a request."""
        super().on_message_begin()
        self._receiving = self._in_headers = self._asked = True
        self._waits()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what trails a body is left out, as there may be any number."""
        if self._in_headers:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        most = self._limits.header_bytes
        if self._bytes + self._before > most and self._head_bytes() > most:  # counted only where they can be too long
            self._book.counts["too_large"] += 1
            self._refuse(431, _LONG)
            raise _OverError
        self._in_headers = False
        if self.parser.should_upgrade():  # the parser would take the body for the other protocol's, and lose it
            self._book.counts["malformed"] += 1
            self._refuse(501, _UPGRADE)
            return
        super().on_headers_complete()
        if len(self.pipeline) > _MOST_AT_ONCE:
            self._book.counts["turned_away"] += 1
            self._end()
            raise _OverError

    def on_body(self, body: bytes) -> None:
        """Pass on a part of the body."""
        if not self._ended:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop the clock of the request and start that of the answer."""
        if self._ended:
            return
        self._receiving, self._bytes, self._before = False, 0, self._read
        self._since = self.loop.time()
        if not self.cycle.response_complete and not self.flow.write_paused:
            self._book.works(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._unset_keepalive_if_required()  # `expire` sees to it, without a timer a request
        if not self._receiving and self.cycle.response_complete:
            self._waits()

    def pause_writing(self) -> None:
        """Note that the client does not take its answers: it may be hung up on to make room."""
        super().pause_writing()
        self._book.waits(self)

    def resume_writing(self) -> None:
        """Note that it does again."""
        super().resume_writing()
        if not self._receiving and self._cycle is not None and not self._cycle.response_complete:
            self._book.works(self)

    def expire(self, now: float) -> None:
        """End the connection where its time is up."""
        limits, waited, cycle = self._limits, now - self._since, self._cycle
        if self._ended:
            if waited > limits.header_seconds:  # the client does not take its answer
                self.transport.abort()
        elif self._receiving:
            if waited > (limits.header_seconds if self._in_headers else limits.request_seconds):
                self._book.counts["slow"] += 1
                self._refuse(503, _SLOW)
        elif cycle is not None and not cycle.response_complete:
            if waited > limits.answer_seconds:
                self.transport.abort()
        elif waited > (limits.idle_seconds if self._asked else limits.header_seconds):
            self._end()

    def turn_away(self) -> None:
        """End the connection to make room: an unfinished request is told to come again, an idle client nothing."""
        self._book.discard(self)
        if self._receiving:
            self._refuse(503, _SLOW)
        else:
            self._end()
        if self.transport.get_write_buffer_size():  # it takes no answer
            self.transport.abort()

    def _head_bytes(self) -> int:
        """Count the first line and headers, which may have come in one read with the end of another request."""
        return len(self.url) + sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)

    def _waits(self) -> None:
        self._since = self.loop.time()
        self._book.waits(self)

    def _refuse(self, status: int, reason: bytes) -> None:
        """Answer for the application, unless it answered already, and hang up."""
        if self._can_answer:
            self.transport.write(
                b"HTTP/1.1 %d \r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
                % (status, len(reason), reason)
            )
        self._end()

    @property
    def _cycle(self) -> RequestResponseCycle | None:
        """The newest request whose headers are complete."""
        return self.cycle  # uvicorn's type leaves None out

    @property
    def _can_answer(self) -> bool:
        cycle = self._cycle
        if cycle is None or not cycle.response_started:
            return True
        in_body = self._receiving and not self._in_headers  # then its answer is that of this very request
        return cycle.response_complete and not in_body

    def _end(self) -> None:
        self._ended = True
        self._since = self.loop.time()
        self._book.works(self)
        self.transport.close()

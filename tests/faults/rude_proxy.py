"""A proxy before the platform that breaks one request in one of many ways."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

__all__ = ["RUDENESS", "RudeProxy"]

RUDENESS = (
    *("reset_at_first_byte", "reset_in_body", "closed_before_forwarding", "reset_before_forwarding"),
    *("lost_reply_closed", "lost_reply_reset", "reply_cut_in_head", "reply_cut_in_body", "garbage"),
    *("time_out_before_forwarding", "time_out_after_forwarding", "late_reply"),
)
"""What it can do to a request."""

_LINGER_NOT = struct.pack("ii", 1, 0)


class _RudeError(Exception):
    """The connection ends here; `reset` says how."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


@dataclass(frozen=True)
class _Line:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    far_reader: asyncio.StreamReader
    far_writer: asyncio.StreamWriter


class RudeProxy:
    """Stands before `url`; a context manager. `arm` says what happens to which request.

    Attributes
    ----------
    url : str
        Its own address.
    broken : int
        How many requests it has broken.
    """

    def __init__(self, url: str, late_seconds: float) -> None:
        self._port = urlsplit(url).port
        self._late_seconds = late_seconds
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._armed: tuple[str, int] | None = None
        self._seen = 0
        self.broken = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="rude-proxy", daemon=True)

    def arm(self, rudeness: str, request: int) -> None:
        """Break the n-th request from now, counted from 1."""
        self._armed, self._seen, self.broken = (rudeness, request), 0, 0

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, sock=self._listener))
        self._loop.run_forever()
        self._server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        line = _Line(reader, writer, far_reader, far_writer)
        reset = False
        try:
            while first := await reader.read(1):
                await self._pass_on(line, first)
        except _RudeError as end:
            reset = end.reset
        except (OSError, asyncio.IncompleteReadError):
            reset = True
        finally:
            for one in (far_writer, writer):
                if reset:
                    one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
                one.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _pass_on(self, line: _Line, first: bytes) -> None:
        self._seen += 1
        rudeness = ""
        if self._armed and self._armed[1] == self._seen:
            rudeness, self.broken = self._armed[0], self.broken + 1
        if rudeness == "reset_at_first_byte":
            raise _RudeError(reset=True)
        head, body = await _read_message(line.reader, first)
        await self._forward(line, rudeness, head, body)
        reply_head, reply_body = await _read_message(line.far_reader, b"")
        await self._answer(line, rudeness, reply_head, reply_body)

    async def _forward(self, line: _Line, rudeness: str, head: bytes, body: bytes) -> None:
        if rudeness in {"closed_before_forwarding", "reset_before_forwarding"}:
            raise _RudeError(reset=rudeness.startswith("reset"))
        if rudeness == "time_out_before_forwarding":
            await _hold(line)
        if rudeness == "reset_in_body":
            line.far_writer.write(head + body[: len(body) // 2])
            await line.far_writer.drain()
            raise _RudeError(reset=True)
        line.far_writer.write(head + body)
        await line.far_writer.drain()

    async def _answer(self, line: _Line, rudeness: str, head: bytes, body: bytes) -> None:
        if rudeness.startswith("lost_reply"):
            raise _RudeError(reset=rudeness.endswith("reset"))
        if rudeness == "time_out_after_forwarding":
            await _hold(line)
        if rudeness == "late_reply":
            await asyncio.sleep(self._late_seconds)
        changed: dict[str, Callable[[], bytes]] = {
            "reply_cut_in_head": lambda: head[:20],
            "reply_cut_in_body": lambda: head + body[: len(body) // 2],
            "garbage": lambda: b"\x00\xff no protocol at all \r\n\r\n",
        }
        line.writer.write(changed[rudeness]() if rudeness in changed else head + body)
        await line.writer.drain()
        if rudeness in changed:
            raise _RudeError(reset=False)


async def _hold(line: _Line) -> None:
    """Say nothing until the other side gives up."""
    await line.reader.read(1)
    raise _RudeError(reset=True)


async def _read_message(reader: asyncio.StreamReader, first: bytes) -> tuple[bytes, bytes]:
    head = first + await reader.readuntil(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    return head, await reader.readexactly(int(lengths[0]) if lengths else 0)

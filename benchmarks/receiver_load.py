"""The load: connections that post one receipt after another, each as soon as the last is answered."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers
import uvloop

from imilab.wire import Receipt, sign

__all__ = ["Run", "bodies", "load"]

_EVENTS = (("OFFERED", "7407"), ("ACCEPTED", "7408"), ("ANSWERED", "7519"), ("RELEASED", ""))


@dataclass(frozen=True)
class Run:
    """What one run brought."""

    seconds: float
    answered: int
    refused: int
    latencies: list[float]
    cpu_seconds: float = 0.0

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds

    def quantile(self, share: float) -> float:
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


def bodies(count: int) -> Iterator[bytes]:
    """Give receipts: four events a call, calls to 1,000 people in turn."""
    areas = [code for code in range(201, 1000) if _is_area(code)][:10]
    for number in range(count):
        call, event = divmod(number, len(_EVENTS))
        status, code = _EVENTS[event]
        yield Receipt(
            message_id=f"{call:08d}-52c4-4f0e-9a3b-000000000000",
            correlation_id=f"{call:032x}",
            status=status,
            code=code,
            description=f"Call {status.lower()}",
            event_at_raw=f"2026-03-02T09:{call // 60 % 60:02d}:{call % 60:02d}.{event}00Z",
            msisdn=f"+1{areas[call // 100 % len(areas)]}555{100 + call % 100:04d}",
        ).to_bytes()


def _is_area(code: int) -> bool:
    return bool(phonenumbers.region_code_for_number(phonenumbers.parse(f"+1{code}5550100")))


class _Client(asyncio.Protocol):
    def __init__(self, requests: Iterator[bytes], until: float, ended: asyncio.Future[None]) -> None:
        self._requests = requests
        self._until = until
        self._ended = ended
        self.answered = self.refused = 0
        self.latencies: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]):
            return
        self.latencies.append(time.perf_counter() - self._sent)
        if self._data.startswith(b"HTTP/1.1 200"):
            self.answered += 1
        else:
            self.refused += 1
        self._next()

    def connection_lost(self, _: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def _next(self) -> None:
        self._data = b""
        self._sent = time.perf_counter()
        request = next(self._requests, None) if self._sent < self._until else None
        if request is None:
            self._transport.close()
        else:
            self._transport.write(request)  # type: ignore[attr-defined]  # a TCP connection's can write


def load(port: int, requests: Iterator[bytes], *, connections: int, seconds: float) -> Run:
    """Post requests for so many seconds, or until there are no more."""
    return uvloop.run(_load(port, requests, connections, seconds))


async def _load(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Run:
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    clients, ends = [], []
    for _ in range(connections):
        ended = loop.create_future()
        _, client = await loop.create_connection(
            lambda ended=ended: _Client(requests, began + seconds, ended), "127.0.0.1", port
        )
        clients.append(client)
        ends.append(ended)
    await asyncio.gather(*ends)
    took = time.perf_counter() - began
    return Run(
        took,
        sum(client.answered for client in clients),
        sum(client.refused for client in clients),
        [one for client in clients for one in client.latencies],
    )


def request(body: bytes, secret: bytes) -> bytes:
    """Return a whole signed request."""
    signature = sign(body, secret)
    return (
        f"POST /receipts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nx-hub-signature: {signature}\r\n\r\n"
    ).encode() + body


if __name__ == "__main__":
    sys.exit("run bench_receiver.py")

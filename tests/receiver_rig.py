"""A store, a receiver on it, a server for both, and raw sockets to be rude with."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any, Self

from imilab.receiver import Receiver
from imilab.serving import BackgroundServer, ConnectionLimits
from imilab.store import Store
from imilab.wire import Receipt

__all__ = ["NOT_RETRIED", "NUMBER", "ReceiverRig", "body", "post", "read_answer"]

NUMBER = "+12025550187"
NOT_RETRIED = {*range(202, 209), 226, *range(300, 309), 400, 402, *range(404, 412), 414, 415, 416, 418, 505}
"""The statuses after which the platform does not try again."""


def body(number: int = 1, **facts: Any) -> bytes:
    """A receipt."""
    fields = {"status": "OFFERED", "code": "7407", "event_at_raw": "2026-03-02T09:00:00Z", "msisdn": NUMBER} | facts
    return Receipt(message_id=f"m{number}", correlation_id=f"c{number}", **fields).to_bytes()


def post(content: bytes, *headers: str, path: str = "/receipts", length: int | None = None) -> bytes:
    """A whole request, or the beginning of one that says it is longer."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(content) if length is None else length}",
    ]
    return "\r\n".join([*lines, *headers]).encode("latin-1") + b"\r\n\r\n" + content


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Read one answer: status, 0 where the server hung up without one, and body."""
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            part = b""
        if not part:
            return 0, data
        data += part
    head, _, content = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(content) < length:
        content += connection.recv(65536)
    return int(head.split()[1]), content


class ReceiverRig:
    """A context manager."""

    def __init__(self, folder: Path, *, limits: ConnectionLimits | None = None, **options: Any) -> None:
        self.store = Store(folder / "lab.sqlite")
        self.receiver = Receiver(self.store, **options)
        self.server = BackgroundServer(self.receiver, limits=limits)
        self.receiver.watch(self.server.connections)

    def connect(self, timeout: float = 10) -> socket.socket:
        """A new connection."""
        return socket.create_connection(("127.0.0.1", self.server.port), timeout)

    def ask(self, request: bytes, timeout: float = 10) -> tuple[int, bytes]:
        """Send bytes on a new connection and give the answer."""
        with self.connect(timeout) as connection:
            connection.sendall(request)
            return read_answer(connection)

    def raws(self) -> list[bytes]:
        return [raw for (raw,) in self.store.rows("SELECT raw FROM receipts ORDER BY receipt_id")]

    def quarantined(self) -> list[tuple[bytes, str]]:
        return self.store.rows("SELECT raw, reason FROM quarantine ORDER BY quarantine_id")

    def counted(self) -> dict[str, int]:
        return {name: count for name, count in self.receiver.counts.items() if count}

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        self.store.close()

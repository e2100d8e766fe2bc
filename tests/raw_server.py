"""A bare TCP server that reads whole HTTP requests and then does whatever a test tells it to, however rude."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

__all__ = ["Act", "RawServer", "answer", "full_backlog", "hang_up", "refused_port", "reset", "send", "stall"]

Act = Callable[["RawServer", socket.socket], None]


def answer(body: bytes, status: str = "200 OK", headers: Sequence[str] = ()) -> Act:
    """Answer properly and keep the connection."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return lambda _, connection: connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def hang_up(_: RawServer, connection: socket.socket) -> None:
    """Close in order, without a word."""
    connection.shutdown(socket.SHUT_RDWR)


def reset(_: RawServer, connection: socket.socket) -> None:
    """Close with a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def stall(server: RawServer, _: socket.socket) -> None:
    """Say nothing until the server is closed."""
    server.closing.wait(30)


def send(data: bytes, then: Act = hang_up) -> Act:
    """Send these bytes, whatever they are, and go on."""

    def act(server: RawServer, connection: socket.socket) -> None:
        connection.sendall(data)
        then(server, connection)

    return act


class RawServer:
    """Serves on loopback; the n-th request it has read gets the n-th act, the last one over and over.

    Attributes
    ----------
    seen : list of bytes
        Every complete request, head and body.
    """

    def __init__(self, *acts: Act) -> None:
        self.acts = acts
        self.seen: list[bytes] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def drop_connections(self) -> None:
        """Hang up on whoever is connected, between two requests."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            while request := _read_request(connection):
                with self._lock:
                    act = self.acts[min(len(self.seen), len(self.acts) - 1)]
                    self.seen.append(request)
                act(self, connection)

    def __enter__(self) -> RawServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        for thread in self._threads:
            thread.join(5)


def _read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)^content-length: *(\d+)", head, re.MULTILINE)
    while len(body) < int(length[1] if length else 0):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def refused_port() -> Iterator[str]:
    """Give a URL on which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"


@contextmanager
def full_backlog() -> Iterator[str]:
    """Give a URL on which a connection is never accepted and times out."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"

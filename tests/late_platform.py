"""A platform that takes its time to accept connections: until `open` a client waits, then each call is accepted."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

import orjson

__all__ = ["LatePlatform"]


class LatePlatform:
    """Listens on loopback with a full backlog, so that connections are made only once it is open.

    Attributes
    ----------
    came : list of bytes
        What came on each connection, b"" where it was closed without a byte.
    """

    def __init__(self) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._filler = socket.create_connection(self._listener.getsockname())
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.came: list[bytes] = []

    def open(self) -> None:
        """Accept what waits; the kernel asks again a second after the first time."""
        self._filler.close()
        self._thread.start()

    def _accept(self) -> None:
        self._listener.accept()[0].close()  # the filler's
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            request = connection.recv(65536)
            self.came.append(request)
            if request:
                recipient = orjson.loads(request.partition(b"\r\n\r\n")[2])["to"][0]
                entry = {"correlationId": recipient["correlationId"], "messageId": "m1", "status": "Queued"}
                body = orjson.dumps({"response": [entry]})
                head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._filler.close()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

"""``imilab receive`` in a process of its own, and requests to it."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.command_line import clean_environment
from tests.receiver_rig import read_answer

__all__ = ["PATIENCE_SECONDS", "Service", "service"]

PATIENCE_SECONDS = 20


class Service:
    """One process; `before` holds what it logged before it said where it listens."""

    def __init__(self, folder: Path, *words: str, **settings: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "imilab", "receive", "--port", "0", *words],
            cwd=folder,
            env=clean_environment(settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stderr
        told = self.process.stderr if "json" in words else self.process.stdout
        self.before: list[str] = []
        while not (found := re.search(r"http://[^/]*:(\d+)(\S*)", line := told.readline())):
            assert line, self.before
            self.before.append(line)
        self.first = line
        self.port, self.path = int(found[1]), found[2]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)

    def ask(self, request: bytes) -> int:
        with self.connect() as connection:
            connection.sendall(request)
            return read_answer(connection)[0]

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str, str]:
        """Wait for its end; give exit code, and what it said since the first line."""
        code = self.process.wait(PATIENCE_SECONDS)
        assert self.process.stdout
        assert self.process.stderr
        return code, self.process.stdout.read(), self.process.stderr.read()  # communicate would miss what is buffered


@contextlib.contextmanager
def service(folder: Path, *words: str, **settings: str) -> Iterator[Service]:
    one = Service(folder, *words, **settings)
    try:
        yield one
    finally:
        one.process.kill()
        one.process.communicate()

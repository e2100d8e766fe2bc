"""Receivers that are quick to start and can be killed: a server that has imported everything forks one for each fault.

``python -m tests.faults.receiver_process`` reads orders as JSON lines: ``{"start": {...}}`` tells process and port,
``{"wait": process}`` tells its exit code.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import logging
import os
import resource
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from imilab.receiver import Receiver
from imilab.receiver.intake import Intake, Waiting
from imilab.serving import bind, make_server
from imilab.store import Store
from tests.faults.kill_points import KillPoint, install

__all__ = ["Receivers", "Start"]

_ROOT = Path(__file__).parents[2]
_ANY_TRACER = (0x59616D61, ctypes.c_ulong(-1 & (2**64 - 1)), 0, 0, 0)  # prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)


@dataclass(frozen=True)
class Start:
    """What receiver to start.

    Attributes
    ----------
    store : str
        Its store.
    kill : (kind, when, moment) or None
        A step of the database at which it kills itself.
    file_bytes : int or None
        How long its files may become.
    hasty : bool
        Whether it answers before the commit, as imilab's never does: to see whether the suite notices.
    """

    store: str
    kill: tuple[str, int, str] | None = None
    file_bytes: int | None = None
    hasty: bool = False


class Receivers:
    """The server, as its users see it; a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.receiver_process"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={name: value for name, value in os.environ.items() if not name.startswith("IMILAB_")},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process as process:
            assert process.stdin
            process.stdin.close()
            process.wait(30)

    def start(self, start: Start) -> tuple[int, int]:
        """Start a receiver; return its process and its port."""
        process, port = self._ask({"start": asdict(start)})
        return process, port

    def wait(self, process: int) -> int:
        """Wait for the end of a receiver; return its exit code, negative for a signal."""
        return int(self._ask({"wait": process}))

    def _ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the server of receivers died; its standard error says why")
        return json.loads(answer)


class _Hasty(Intake):
    async def keep(self, waiting: Waiting) -> Any:
        self._under_way = asyncio.ensure_future(super().keep(waiting))
        return "stored"


def _obey() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            answer: Any = os.waitstatus_to_exitcode(status)
        else:
            answer = _fork(Start(**order["start"]))
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _fork(start: Start) -> tuple[int, int]:
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(0)  # the server's orders are not for this process
            os.close(told)
            _receive(start, tell)
        finally:
            os._exit(1)
    os.close(tell)
    with os.fdopen(told) as pipe:
        return child, int(pipe.readline() or 0)


def _receive(start: Start, tell: int) -> None:
    ctypes.CDLL(None).prctl(*_ANY_TRACER)
    logging.disable()  # it tells of each fault
    with Store(Path(start.store), b"k" * 32, free_space_floor_bytes=0) as opened:
        place = opened.path
    if start.kill:
        install(KillPoint(start.kill[0], start.kill[1], start.kill[2]))
    with Store(place, b"k" * 32, free_space_floor_bytes=0) as store:
        if start.file_bytes is not None:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (start.file_bytes, hard))
        listener = bind("127.0.0.1", 0)
        os.write(tell, b"%d\n" % listener.getsockname()[1])
        os.close(tell)
        receiver = Receiver(store)
        if start.hasty:
            receiver._intake = _Hasty(store)
        make_server(receiver, grace_seconds=2).run(sockets=[listener])
    os._exit(0)


if __name__ == "__main__":
    import uvicorn.protocols.http.httptools_impl  # noqa: F401 - what a receiver would import
    import uvloop  # noqa: F401 - likewise

    from imilab.numbers import describe_number

    describe_number("+12025550123")
    _obey()

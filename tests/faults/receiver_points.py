"""Faults of a receiver: killed at a step or a system call, refused by the disk, or short of space."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imilab.store import Store
from imilab.wire import Receipt
from tests.faults.receiver_process import Receivers, Start

__all__ = ["Point", "bodies", "inside_points", "space_points", "syscall_points", "timed_points", "try_point"]

_AT_ONCE = 8
_RECEIPTS = 80
_ODD = 6
_TRIES = 3
_PATIENCE_SECONDS = 20.0
_DETACH_SECONDS = 3.0

_INSIDE = {"begin": 8, "write": 16, "commit": 8}
_KILLED_AT = {"pwrite64": 16, "fdatasync": 6, "write": 8, "read": 8, "epoll_pwait": 4}
_FAILING = {
    ("pwrite64", "EIO"): (*range(1, 13), "2+", "9+"),
    ("pwrite64", "ENOSPC"): (*range(1, 9), "3+", "12+"),
    ("fdatasync", "EIO"): (*range(1, 7), "1+", "3+"),
    ("fdatasync", "ENOSPC"): (1, 2, "2+"),
}
_FILE_BYTES = (50_000, 70_000, 90_000, 120_000, 160_000, 220_000)
_TIMED = 12


@dataclass(frozen=True)
class Point:
    """One fault.

    Attributes
    ----------
    layer : {"inside", "killed", "failing", "space", "timed"}
        Who causes it.
    what : str
        Kind of step, system call, or resource.
    when : str
        Which one, from 1; with a plus, that one and all later ones; bytes of space; milliseconds.
    how : str
        The moment of a kill, or the error.
    """

    layer: str
    what: str
    when: str
    how: str = ""

    def __str__(self) -> str:
        return f"{self.layer}: {self.what} {self.when} {self.how}".rstrip()


def inside_points() -> Iterator[Point]:
    """Give steps of the database, before and after each."""
    for kind, count in _INSIDE.items():
        for when in range(1, count + 1):
            yield from (Point("inside", kind, str(when), moment) for moment in ("before", "after"))


def syscall_points() -> Iterator[Point]:
    """Give system calls at which the receiver is killed, or that fail."""
    for name, count in _KILLED_AT.items():
        yield from (Point("killed", name, str(when)) for when in range(1, count + 1))
    for (name, error), several in _FAILING.items():
        yield from (Point("failing", name, str(when), error) for when in several)


def space_points() -> Iterator[Point]:
    """Give amounts of space that do not suffice."""
    yield from (Point("space", "file", str(size)) for size in _FILE_BYTES)
    yield from (Point("space", "disk", str(size)) for size in (0, 40_000, 150_000))


def timed_points() -> Iterator[Point]:
    """Give kills after a time."""
    yield from (Point("timed", "ms", str(5 + 12 * number)) for number in range(_TIMED))


def bodies() -> list[bytes]:
    """Receipts and bodies that cannot be read, all different."""
    good = [
        Receipt(
            message_id=f"m{number // 2}",
            status=("OFFERED", "RELEASED")[number % 2],
            code=("7407", "")[number % 2],
            event_at_raw=f"2026-03-02T09:00:{number % 60:02d}Z",
            msisdn=f"+1202555{100 + number:04d}",
        ).to_bytes()
        for number in range(_RECEIPTS)
    ]
    mixed = good + [b"odd %d" % number for number in range(_ODD)]
    random.Random(7).shuffle(mixed)
    return mixed


def try_point(receivers: Receivers, folder: Path, point: Point, *, hasty: bool = False) -> tuple[bool, list[str]]:
    """Cause one fault under load, start again, and look; `hasty` breaks the receiver, to see whether that is noticed.

    Returns
    -------
    reached : bool
        Whether the fault happened.
    findings : list of str
        What was wrong: an acknowledged body that is not there, above all.
    """
    folder.mkdir()
    with _Disk(folder, point) as disk:
        trial = _Trial(receivers, folder, point, disk, hasty)
        trial.run()
    shutil.rmtree(folder)
    return trial.reached, trial.findings


class _Trial:
    def __init__(self, receivers: Receivers, folder: Path, point: Point, disk: _Disk, hasty: bool) -> None:
        self._receivers, self._point, self._disk, self._hasty = receivers, point, disk, hasty
        self._store = folder / "lab.sqlite"
        self._trace = folder.with_suffix(".trace")
        self.reached = False
        self.findings: list[str] = []

    def run(self) -> None:
        point, all_ = self._point, bodies()
        process, port = self._receivers.start(
            Start(
                str(self._store),
                kill=(point.what, int(point.when), point.how) if point.layer == "inside" else None,
                file_bytes=int(point.when) if (point.layer, point.what) == ("space", "file") else None,
                hasty=self._hasty,
            )
        )
        tracer = self._attach(process) if point.layer in {"killed", "failing"} else None
        self._disk.fill()
        acknowledged, refused = asyncio.run(self._load(process, port, all_))
        self._detach(tracer)
        survives = point.layer in {"failing", "space"}
        if survives:
            self.reached = refused > 0 or self._injected()
            self._recover(process, port, all_)
        self._end(process, survives=survives)
        self._look(acknowledged, "after the fault")
        process, port = self._receivers.start(Start(str(self._store)))
        self._recover(process, port, all_)
        self._end(process, survives=True)
        self._look(set(all_), "after all were sent again", exactly=True)

    def _end(self, process: int, *, survives: bool) -> None:
        try:
            os.kill(process, signal.SIGTERM)  # a process that died is a zombie until it is waited for
        except ProcessLookupError:
            self.findings.append("the process is gone")
        code = self._receivers.wait(process)
        if survives and code != 0:
            self.findings.append(f"the receiver ended with {code}")
        if not survives:
            self.reached = code == -signal.SIGKILL
            if code not in {0, -signal.SIGKILL}:
                self.findings.append(f"the receiver ended with {code}")

    def _recover(self, process: int, port: int, all_: Sequence[bytes]) -> None:
        """With the fault gone, everything is taken."""
        if self._point.layer == "space" and self._point.what == "file":
            resource.prlimit(process, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        self._disk.empty()
        acknowledged, _ = asyncio.run(self._load(0, port, all_))
        if missing := len(all_) - len(acknowledged):
            self.findings.append(f"{missing} bodies were not taken once the fault was gone")

    def _look(self, expected: set[bytes], when: str, *, exactly: bool = False) -> None:
        with Store(self._store, b"k" * 32, free_space_floor_bytes=0) as store:
            kept = [raw for (raw,) in store.rows("SELECT raw FROM receipts UNION ALL SELECT raw FROM quarantine")]
            if store.rows("PRAGMA integrity_check") != [("ok",)]:
                self.findings.append(f"the database is damaged {when}")
        if lost := len(expected - set(kept)):
            self.findings.append(f"{lost} acknowledged bodies are lost {when}")
        if len(kept) != len(set(kept)) or (exactly and set(kept) != expected):
            self.findings.append(f"{len(kept)} rows for {len(expected)} bodies {when}")

    async def _load(self, process: int, port: int, all_: Sequence[bytes]) -> tuple[set[bytes], int]:
        """Post all bodies, again where they are refused; return those acknowledged and the number of refusals."""
        waiting, acknowledged, refused = iter(all_), set[bytes](), 0

        async def work() -> None:
            nonlocal refused
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                for body in waiting:
                    for _ in range(_TRIES):
                        status = await asyncio.wait_for(_post(reader, writer, body), _PATIENCE_SECONDS)
                        if status == 200:
                            acknowledged.add(body)
                            break
                        refused += 1
                        if status != 503:
                            self.findings.append(f"a body was answered {status}")
            finally:
                writer.close()

        async def kill() -> None:
            if self._point.layer == "timed" and process:
                await asyncio.sleep(int(self._point.when) / 1000)
                os.kill(process, signal.SIGKILL)

        ends = await asyncio.gather(kill(), *(work() for _ in range(_AT_ONCE)), return_exceptions=True)
        self.findings += [
            f"a connection ended with {type(end).__name__}"
            for end in ends
            if isinstance(end, BaseException) and not isinstance(end, ConnectionError | asyncio.IncompleteReadError)
        ]
        return acknowledged, refused

    def _attach(self, process: int) -> subprocess.Popen[bytes]:
        point = self._point
        effect = "signal=KILL" if point.layer == "killed" else f"error={point.how}"
        strace = subprocess.Popen(
            [
                *("strace", "-f", "-qq", "-p", str(process), "-o", str(self._trace), "-e", f"trace={point.what}"),
                *("-e", f"inject={point.what}:{effect}:when={point.when}"),
            ],
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _PATIENCE_SECONDS
        while not _is_traced(process) and strace.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        return strace

    def _detach(self, tracer: subprocess.Popen[bytes] | None) -> None:
        if not tracer:
            return
        tracer.terminate()
        try:
            tracer.wait(_DETACH_SECONDS)
        except subprocess.TimeoutExpired:  # it may wait for ever for a process that is dead
            tracer.kill()
            tracer.wait(_PATIENCE_SECONDS)

    def _injected(self) -> bool:
        return self._trace.exists() and "(INJECTED)" in self._trace.read_text(errors="replace")


def _is_traced(process: int) -> bool:
    threads = Path(f"/proc/{process}/task").iterdir()
    return all("TracerPid:\t0\n" not in (thread / "status").read_text() for thread in threads)


async def _post(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
    writer.write(b"POST /receipts HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    return int(head.split()[1])


class _Disk:
    """A small file system of its own for a store, where the point wants one."""

    def __init__(self, folder: Path, point: Point) -> None:
        self._folder = folder if (point.layer, point.what) == ("space", "disk") else None
        self._left = int(point.when) if self._folder else 0

    def __enter__(self) -> _Disk:
        if self._folder:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(self._folder)], check=True)
        return self

    def fill(self) -> None:
        """Leave so many bytes free."""
        if self._folder:
            free = shutil.disk_usage(self._folder).free
            (self._folder / "filler").write_bytes(b"x" * max(0, free - self._left))

    def empty(self) -> None:
        """Free the space again."""
        if self._folder:
            (self._folder / "filler").unlink(missing_ok=True)

    def __exit__(self, *_: object) -> None:
        if self._folder:
            subprocess.run(["umount", str(self._folder)], check=True)

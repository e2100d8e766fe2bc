"""Processes that are quick to start: a server that has imported everything forks one for each job.

``python -m tests.faults.fork_server`` reads lists of jobs as JSON lines, runs each list side by side, and answers with
a line of their ends.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.faults.sending_job import Job, run_job

__all__ = ["Ended", "ForkServer", "why_no_strace"]

_ROOT = Path(__file__).parents[2]
_ANY_TRACER = (0x59616D61, ctypes.c_ulong(-1 & (2**64 - 1)), 0, 0, 0)  # prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY)
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a job's process ended: its exit code, negative for a signal, and what it told before."""

    exit_code: int
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.exit_code == -9


class ForkServer:
    """The server, as its users see it; a context manager."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fork_server"],
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
            process.wait(_PATIENCE_SECONDS)

    def run(self, *jobs: Job) -> list[Ended]:
        """Run jobs side by side, each in a process of its own, and wait for all."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([asdict(job) for job in jobs]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the fork server died; its standard error says why")
        return [Ended(**one) for one in json.loads(answer)]


def why_no_strace() -> str | None:
    """Return why system calls cannot be traced here, or None where they can."""
    if not sys.platform.startswith("linux"):
        return "strace is a tool of Linux"
    if shutil.which("strace") is None:
        return "strace is not installed (Debian and Ubuntu: apt-get install strace)"
    probe = subprocess.run(
        [
            "strace",
            "-qq",
            "-e",
            "inject=getcwd:signal=KILL:when=1",
            "-e",
            "trace=getcwd",
            "-o",
            os.devnull,
            "pwd",
            "-P",
        ],
        capture_output=True,
        check=False,
    )
    return None if probe.returncode in {-9, 137} else "strace may not trace or inject here"


def _serve() -> None:
    for line in sys.stdin:
        jobs = [_read(one) for one in json.loads(line)]
        running = [_start(job) for job in jobs]
        sys.stdout.write(json.dumps([_wait(*one) for one in running]) + "\n")
        sys.stdout.flush()


def _read(one: dict[str, Any]) -> Job:
    return Job(**{name: tuple(value) if isinstance(value, list) else value for name, value in one.items()})


def _start(job: Job) -> tuple[int, int, subprocess.Popen[bytes] | None]:
    told, tell = os.pipe()
    wait, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.close(go)
        _live(job, wait, tell)
    os.close(tell)
    os.close(wait)
    strace = _trace(child, job.syscall) if job.syscall else None
    os.close(go)
    return child, told, strace


def _live(job: Job, wait: int, tell: int) -> None:
    """Be the child: wait until the tracer is there, run, tell, and leave without the server's own clean-up."""
    try:
        os.close(0)  # the server's orders are not for this process
        if job.syscall:
            ctypes.CDLL(None).prctl(*_ANY_TRACER)
        os.read(wait, 1)
        os.write(tell, json.dumps(run_job(job)).encode())
    except BaseException as problem:
        os.write(tell, json.dumps({"error": type(problem).__name__, "message": str(problem)}).encode())
        raise
    finally:
        os._exit(0)


def _trace(process: int, syscall: tuple[str, int]) -> subprocess.Popen[bytes]:
    name, when = syscall
    strace = subprocess.Popen(
        [
            *("strace", "-f", "-qq", "-p", str(process), "-o", os.devnull, "-e", f"trace={name}"),
            *("-e", f"inject={name}:signal=KILL:when={when}"),
        ],
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + _PATIENCE_SECONDS
    status = Path(f"/proc/{process}/status")
    while "TracerPid:\t0\n" in status.read_text() and strace.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    return strace


def _wait(process: int, told: int, strace: subprocess.Popen[bytes] | None) -> dict[str, Any]:
    with os.fdopen(told, "rb") as pipe:
        words = pipe.read()
    _, status = os.waitpid(process, 0)
    if strace:
        strace.wait(_PATIENCE_SECONDS)
    return {"exit_code": os.waitstatus_to_exitcode(status), "told": json.loads(words or b"{}")}


if __name__ == "__main__":
    import anyio._backends._asyncio  # noqa: F401 - what the first send would import
    import httpx_aiohttp  # noqa: F401 - likewise
    import phonenumbers  # noqa: F401 - likewise

    from imilab.numbers import describe_number

    describe_number("+12025550123")
    _serve()

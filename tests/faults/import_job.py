"""An import in a process of its own, which dies or meets an error at a step that it is told."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from imilab.archive import Archive
from imilab.logs import ImportOptions, import_files, importer
from imilab.logs.number_facts import decisive_length
from imilab.numbers import describe_number

__all__ = ["KINDS", "Fault", "options", "run_import"]

KINDS = ("open", "mkdir", "fsync", "rename", "replace", "unlink", "chmod", "rmdir", "query", "read")
"""Steps of the process: calls of the operating system, queries of the engine, and reads of the log."""

# What the first import of a process would load; forked ones have it.
decisive_length("+1202555")
describe_number("+12025550123")

_ERRORS = {"kill": None, "full": errno.ENOSPC, "broken": errno.EIO}


@dataclass(frozen=True)
class Fault:
    """What happens at the `when`-th step of a kind, from 1: `how` is "kill", "full" (disk) or "broken" (disk)."""

    kind: str
    when: int
    how: str
    after: bool = False


def options() -> ImportOptions:
    return ImportOptions(number_key=b"k" * 32, zone=ZoneInfo("UTC"), now_ms=1_790_000_000_000, progress=False)


class _Steps:
    """Counts steps, and does what the fault says at its one."""

    def __init__(self, fault: Fault | None) -> None:
        self.counts: Counter[str] = Counter()
        self._fault = fault

    def step(self, kind: str, work: Callable[[], Any]) -> Any:
        self.counts[kind] += 1
        fault = self._fault
        if fault is None or (fault.kind, fault.when) != (kind, self.counts[kind]):
            return work()
        if fault.after:
            work()
        if fault.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "query":
            raise duckdb.IOException("IO Error: injected")
        number = _ERRORS[fault.how]
        raise OSError(number, os.strerror(number or 0))


def _install(steps: _Steps) -> None:
    for name in ("open", "mkdir", "fsync", "rename", "replace", "unlink", "chmod", "rmdir"):
        real = getattr(os, name)
        setattr(os, name, _counted(real, name, steps))
    real_engine = importer._engine

    @contextlib.contextmanager
    def engine(folder: Path, memory_bytes: int) -> Iterator[Any]:
        with real_engine(folder, memory_bytes) as connection:
            yield _Queries(connection, steps)

    importer._engine = engine  # type: ignore[assignment]  # the same, counted
    real_batches = importer.LogReader.batches

    def batches(self: Any) -> Iterator[Any]:
        found = real_batches(self)
        while (rows := steps.step("read", lambda: next(found, None))) is not None:
            yield rows

    importer.LogReader.batches = batches  # type: ignore[method-assign]  # the same, counted


def _counted(real: Any, kind: str, steps: _Steps) -> Any:
    def call(*values: Any, **named: Any) -> Any:
        return steps.step(kind, lambda: real(*values, **named))

    return call


class _Queries:
    """A connection whose queries are steps."""

    def __init__(self, connection: Any, steps: _Steps) -> None:
        self._connection, self._steps = connection, steps

    def execute(self, *values: Any) -> Any:
        return self._steps.step("query", lambda: self._connection.execute(*values))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


def run_import(log: str, folder: str, fault: Fault | None, told: Any) -> None:
    """Import a log, and tell through a pipe what came of it and which steps there were."""
    steps = _Steps(fault)
    _install(steps)
    try:
        summary = import_files(log, Archive(folder), options())
        told.send({"kept": summary.kept, "counts": dict(steps.counts)})
    except Exception as problem:  # noqa: BLE001 - any error is an answer
        told.send({"error": type(problem).__name__, "message": str(problem)})

"""One run of the sender: a lab on a store that is there already sends one plan to its end and tells what it did."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from imilab.clock import ScaledClock
from imilab.config import Settings
from imilab.errors import ImilabError
from imilab.lab import Lab
from imilab.send import tenant_limit
from imilab.simulator import SIMULATOR_KEY
from imilab.stop_file import StopFile
from imilab.store.sqlite import SqliteBackend
from imilab.terms import Voice
from tests.faults.kill_points import KillPoint, install

__all__ = ["CALLER", "OFFICE_HOURS", "TEXT", "Job", "lab_on", "run_job"]

CALLER = "+12025550100"
OFFICE_HOURS = datetime(2026, 3, 2, 20, tzinfo=UTC)
"""A Monday, by day in every zone from New York to Honolulu."""
TEXT = "Time for lunch"


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a process of its own is to send, and where it dies, if at all.

    Attributes
    ----------
    notify_url : str
        '' where no receipts are asked for.
    campaign : str
        Its name.
    caps : mapping of str to int
        Settings of caps.
    locked : bool
        Whether the lock of the one sender holds; without it, only the claims' transactions stand between racers.
    kill : (kind, when, moment) or None
        The fields of a `KillPoint`.
    syscall : (name, when) or None
        At which system call strace kills it.
    stop_after : int or None
        After so many requests have left, the stop file is put there: what is claimed by then has to go back.
    """

    store: str
    base_url: str
    notify_url: str
    numbers: tuple[str, ...]
    calls_per_second: float = 200.0
    timeout_seconds: float = 10.0
    campaign: str = "lunch"
    caps: Mapping[str, int] = field(default_factory=dict)
    locked: bool = True
    kill: tuple[str, int, str] | None = None
    syscall: tuple[str, int] | None = None
    stop_after: int | None = None


def lab_on(settings: Settings) -> Lab:
    """Return a lab that speaks to a platform on loopback, on which no phone rings, and so needs no go-live."""
    lab = Lab(settings, clock=ScaledClock(OFFICE_HOURS, 1.0))
    lab._equip(settings, simulated=True)
    return lab


def unlock() -> None:
    """Let every process send at once, and none take another's calls for a dead sender's."""
    SqliteBackend.sender_lock = lambda _: nullcontext()  # type: ignore[assignment,method-assign,return-value]  # no lock
    tenant_limit.recover = lambda _: 0  # type: ignore[assignment]  # stands in for it


def run_job(job: Job) -> dict[str, Any]:
    """Send the job's plan in this process.

    Returns
    -------
    dict
        `sent`, `stopped`, `states`; or `error`, the name of what was raised; and `steps`, what was counted.
    """
    steps = install(KillPoint(*job.kill) if job.kill else None)
    settings = Settings(
        base_url=job.base_url,
        key=SecretStr(SIMULATOR_KEY),
        caller_id=CALLER,
        notify_url=job.notify_url or None,
        tenant_zone="UTC",
        calls_per_second=job.calls_per_second,
        request_timeout_seconds=job.timeout_seconds,
        store=Path(job.store),
        **job.caps,
    )
    if not job.locked:
        unlock()
    if job.stop_after:
        stop_file = StopFile.beside(settings.store, settings.stop_file)
        threading.Thread(target=_stop_after, args=(job.stop_after, steps, stop_file), daemon=True).start()
    try:
        with lab_on(settings) as lab:
            plan = lab.plan(job.numbers, {"ryan": Voice("en-GB-RyanNeural")}, TEXT, seed=1, campaign=job.campaign)
            summary = lab.send(plan, progress=False)
    except ImilabError as problem:
        return {"error": type(problem).__name__, "message": str(problem), "steps": dict(steps)}
    return {
        "sent": summary.sent,
        "stopped": summary.stopped,
        "states": dict(summary.states),
        "text": str(summary),
        "steps": dict(steps),
    }


def _stop_after(requests: int, steps: Counter[str], stop_file: StopFile) -> None:
    while steps["send"] < requests:
        time.sleep(0.001)
    stop_file.path.touch()

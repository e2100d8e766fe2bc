"""One run of the sender: a lab on a store that is there already sends one plan to its end and tells what it did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from imilab.clock import ScaledClock
from imilab.config import Settings
from imilab.errors import ImilabError
from imilab.lab import Lab
from imilab.simulator import SIMULATOR_KEY
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
    kill : (kind, when, moment) or None
        The fields of a `KillPoint`.
    syscall : (name, when) or None
        At which system call strace kills it.
    """

    store: str
    base_url: str
    notify_url: str
    numbers: tuple[str, ...]
    calls_per_second: float = 200.0
    timeout_seconds: float = 10.0
    kill: tuple[str, int, str] | None = None
    syscall: tuple[str, int] | None = None


def lab_on(settings: Settings) -> Lab:
    """Return a lab that speaks to a platform on loopback, on which no phone rings, and so needs no go-live."""
    lab = Lab(settings, clock=ScaledClock(OFFICE_HOURS, 1.0))
    lab._equip(settings, simulated=True)
    return lab


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
        notify_url=job.notify_url,
        tenant_zone="UTC",
        calls_per_second=job.calls_per_second,
        request_timeout_seconds=job.timeout_seconds,
        store=Path(job.store),
    )
    try:
        with lab_on(settings) as lab:
            plan = lab.plan(job.numbers, {"ryan": Voice("en-GB-RyanNeural")}, TEXT, seed=1, campaign="lunch")
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

"""The points of the suite: where a sender is killed, and how one of its requests is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.faults.fault_rig import REQUEST_SECONDS, FaultRig
from tests.faults.kill_points import KINDS, MOMENTS
from tests.faults.rude_proxy import RUDENESS

__all__ = ["CALLS", "Point", "inside_points", "proxy_points", "stopped_points", "strace_points", "try_point"]

CALLS = 4
"""Calls of each plan: as many are under way at once as the platform's delay allows."""

_SYSCALLS = {"connect": 4, "sendto": 10, "recvfrom": 12, "pwrite64": 36, "fdatasync": 6}
"""How often each is looked for; a thread counts its own. Those that a run does not reach do not count as points."""


_STOPPED: dict[str, Any] = {"stop_after": 1, "calls_per_second": 20.0}
"""Two to four calls are claimed then when the first has left."""


@dataclass(frozen=True)
class Point:
    """One fault.

    Attributes
    ----------
    layer : {"inside", "stopped", "strace", "proxy"}
        Who causes it; "stopped" is inside of a sender that is stopped at the same time.
    what : str
        Kind of step, system call, or rudeness.
    when : int
        Which one, from 1.
    moment : {"before", "after"}
        Strace kills before a system call; a proxy breaks what has begun.
    """

    layer: str
    what: str
    when: int
    moment: str = "before"

    def __str__(self) -> str:
        return f"{self.layer}: {self.moment} {self.what} {self.when}"


def inside_points(rig: FaultRig) -> Iterator[Point]:
    """Give each step of the sender, before and after; runs without a fault tell how many there are."""
    yield from _steps_of("inside", [_run_through(rig) for _ in range(3)], KINDS)


def stopped_points(rig: FaultRig) -> Iterator[Point]:
    """Give each write of a sender that is stopped while calls are claimed and have not left."""
    yield from _steps_of("stopped", [_run_through(rig, **_STOPPED) for _ in range(3)], ("begin", "write", "commit"))


def _run_through(rig: FaultRig, **changes: Any) -> dict[str, int]:
    plot = rig.plot(CALLS, **changes)
    steps: dict[str, int] = rig.run(plot).told["steps"]
    rig.finish(plot)
    return steps


def _steps_of(layer: str, runs: Sequence[dict[str, int]], kinds: Sequence[str]) -> Iterator[Point]:
    # Writes that wait at the same moment share a commit, so there are now more of them and now fewer.
    for kind in kinds:
        for when in range(1, min(steps[kind] for steps in runs) + 1):
            yield from (Point(layer, kind, when, moment) for moment in MOMENTS)


def strace_points() -> Iterator[Point]:
    """Give the system calls of network and disk."""
    for name, count in _SYSCALLS.items():
        yield from (Point("strace", name, when) for when in range(1, count + 1))


def proxy_points() -> Iterator[Point]:
    """Give each rudeness to each request."""
    for rudeness in RUDENESS:
        yield from (Point("proxy", rudeness, when) for when in range(1, CALLS + 1))


def try_point(rig: FaultRig, point: Point) -> tuple[bool, list[str]]:
    """Cause one fault, send the plan again, and look.

    Returns
    -------
    reached : bool
        Whether the fault happened.
    findings : list of str
        What was wrong afterwards.
    """
    plot = rig.plot(CALLS)
    if point.layer == "proxy":
        rig.proxy.arm(point.what, point.when)
        ended = rig.run(plot, base_url=rig.proxy.url, timeout_seconds=REQUEST_SECONDS)
        reached = rig.proxy.broken == 1
    else:
        traced = point.layer == "strace"
        kill = None if traced else (point.what, point.when, point.moment)
        syscall = (point.what, point.when) if traced else None
        stopped = _STOPPED if point.layer == "stopped" else {}
        plot = replace(plot, job=replace(plot.job, kill=kill, syscall=syscall, **stopped))
        ended = rig.run(plot)
        reached = ended.killed
    if not ended.killed and (ended.exit_code or "error" in ended.told):
        plot.findings.append(f"the broken run ended with {ended}")
    rig.finish(plot)
    return reached, plot.findings

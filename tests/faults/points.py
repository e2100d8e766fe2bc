"""The points of the suite: where a sender is killed, and how one of its requests is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.faults.fault_rig import REQUEST_SECONDS, FaultRig
from tests.faults.kill_points import KINDS, MOMENTS
from tests.faults.rude_proxy import RUDENESS

__all__ = ["CALLS", "Point", "inside_points", "proxy_points", "strace_points", "try_point"]

CALLS = 4
"""Calls of each plan: as many are under way at once as the platform's delay allows."""

_SYSCALLS = {"connect": 4, "sendto": 10, "recvfrom": 12, "pwrite64": 36, "fdatasync": 6}
"""How often each is looked for; a thread counts its own. Those that a run does not reach do not count as points."""


@dataclass(frozen=True)
class Point:
    """One fault.

    Attributes
    ----------
    layer : {"inside", "strace", "proxy"}
        Who causes it.
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
    """Give each step of the sender, before and after; a run without a fault tells how many there are."""
    plot = rig.plot(CALLS)
    steps = rig.run(plot).told["steps"]
    rig.finish(plot)
    for kind in KINDS:
        for when in range(1, steps[kind] + 1):
            yield from (Point("inside", kind, when, moment) for moment in MOMENTS)


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
        kill = (point.what, point.when, point.moment) if point.layer == "inside" else None
        syscall = (point.what, point.when) if point.layer == "strace" else None
        plot = replace(plot, job=replace(plot.job, kill=kill, syscall=syscall))
        ended = rig.run(plot)
        reached = ended.killed
    if not ended.killed and (ended.exit_code or "error" in ended.told):
        plot.findings.append(f"the broken run ended with {ended}")
    rig.finish(plot)
    return reached, plot.findings

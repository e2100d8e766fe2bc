"""Eight senders on one plan at the same moment."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from tests.faults.fault_rig import FaultRig

__all__ = ["RACERS", "race"]

RACERS = 8


def race(rig: FaultRig, *, calls: int = 40, killed: int = 0, seed: int = 0) -> tuple[Sequence[int], list[str]]:
    """Let eight processes send one plan, some of which die on the way; then one more finishes.

    Returns
    -------
    sent : sequence of int
        How many calls each of those that ended by themselves sent.
    findings : list of str
        What was wrong.
    """
    plot = rig.plot(calls)
    draws = random.Random(seed)
    points = [("send", draws.randint(1, calls // 4), draws.choice(("before", "after"))) for _ in range(killed)]
    jobs = [replace(plot.job, kill=point) for point in (*points, *[None] * (RACERS - killed))]
    ends = rig.processes.run(*jobs)
    for end in ends:
        if not end.killed and end.told.get("error") not in {None, "StoreLockedError"}:
            plot.findings.append(f"a racer ended with {end}")
    last = rig.finish(plot)
    sent = [end.told["sent"] for end in (*ends, last) if "sent" in end.told]
    called = sum(rig.simulator.calls_placed(number) > 0 for number in plot.job.numbers)
    if not killed and not sum(sent) == called == calls:
        plot.findings.append(f"{sum(sent)} calls were sent and {called} numbers called, and the plan has {calls}")
    return sent, plot.findings

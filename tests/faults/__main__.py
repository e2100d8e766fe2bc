"""``python -m tests.faults``: the whole fault suite. Its last line counts the points and the double calls."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.allow_list_fuzz import call_the_uncallable, fuzz
from tests.faults.cap_races import CAP_RACES, race_for_a_cap
from tests.faults.fault_rig import FaultRig
from tests.faults.fork_server import why_no_strace
from tests.faults.points import Point, inside_points, proxy_points, stopped_points, strace_points, try_point
from tests.faults.races import RACERS, race

__all__ = ["main"]

_FEWEST_POINTS = 150
_RACES = 6
_FUZZED = 100_000


def main() -> int:
    """Run everything; return the exit code."""
    started = time.monotonic()
    reached: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="imilab-faults-") as folder, FaultRig(Path(folder)) as rig:
        for point in _points(rig):
            happened, findings = try_point(rig, point)
            reached[point.layer] += happened
            wrong += [f"{point}: {finding}" for finding in findings]
        for number in range(_RACES):
            sent, findings = race(rig, killed=number % 3, seed=number)
            wrong += [f"race {number}: {finding}" for finding in findings]
            _say(f"race {number}: {RACERS} processes, {number % 3} of them killed; the others sent {sent}")
        for name, one in CAP_RACES.items():
            placed, findings = race_for_a_cap(rig, one)
            wrong += [f"cap {name}: {finding}" for finding in findings]
            _say(f"cap {name}: {RACERS} processes without a lock, {one.killed} of them killed; {placed} calls placed")
        doubles = rig.doubles
    left, strangers = fuzz(_FUZZED, seed=1)
    _say(f"fuzz: {_FUZZED:,} numbers tried, {left} calls left, {strangers} of them to numbers off the allow-list")
    tried, rang = call_the_uncallable()
    _say(f"uncallable: {tried:,} premium, short, emergency and worldwide numbers on an allow-list tried, {rang} rang")
    wrong += [f"uncallable: {rang} calls left"] * bool(rang)
    wrong += [f"fuzz: {strangers} calls left to numbers off the allow-list"] * bool(strangers)
    total = sum(reached.values())
    if total < _FEWEST_POINTS:
        wrong.append(f"only {total} points were reached, and {_FEWEST_POINTS} are wanted")
    for one in wrong:
        _say(f"WRONG  {one}")
    layers = ", ".join(f"{count} {layer}" for layer, count in reached.items())
    _say(f"{total} points ({layers}), {doubles} numbers called twice, {len(wrong)} findings", end="; ")
    _say(f"{time.monotonic() - started:.0f} s")
    return 1 if wrong else 0


def _points(rig: FaultRig) -> itertools.chain[Point]:
    reason = why_no_strace()
    if reason:
        _say(f"skipped the layer of system calls: {reason}")
    traced = iter(()) if reason else strace_points()
    return itertools.chain(inside_points(rig), stopped_points(rig), traced, proxy_points())


def _say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""``python -m tests.faults.receiver_sweep``: every fault of the receiver. Its last line counts points and losses."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.faults.fork_server import why_no_strace
from tests.faults.receiver_points import (
    Point,
    inside_points,
    space_points,
    syscall_points,
    timed_points,
    try_point,
)
from tests.faults.receiver_process import Receivers

__all__ = ["all_points", "main", "why_no_mount"]

_FEWEST_POINTS = 130


def main() -> int:
    """Try every point; return the exit code."""
    started = time.monotonic()
    reached: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="imilab-faults-") as folder, Receivers() as receivers:
        for number, point in enumerate(all_points(say=_say)):
            happened, findings = try_point(receivers, Path(folder) / f"p{number}", point)
            reached[point.layer] += happened
            wrong += [f"{point}: {finding}" for finding in findings]
    total = sum(reached.values())
    if total < _FEWEST_POINTS:
        wrong.append(f"only {total} points were reached, and {_FEWEST_POINTS} are wanted")
    for one in wrong:
        _say(f"WRONG  {one}")
    lost = sum("lost" in one for one in wrong)
    layers = ", ".join(f"{count} {layer}" for layer, count in reached.items())
    seconds = time.monotonic() - started
    _say(f"{total} points ({layers}), {lost} of them with a loss, {len(wrong)} findings; {seconds:.0f} s")
    return 1 if wrong else 0


def all_points(say: object = None) -> Iterator[Point]:
    """Give every point that this machine lets be tried."""
    tell = say if callable(say) else lambda _: None
    yield from inside_points()
    yield from timed_points()
    if reason := why_no_strace():
        tell(f"skipped the system calls: {reason}")
    else:
        yield from syscall_points()
    no_mount = why_no_mount()
    if no_mount:
        tell(f"skipped the full disk: {no_mount}")
    yield from (point for point in space_points() if point.what != "disk" or not no_mount)


def why_no_mount() -> str | None:
    """Return why no file system can be mounted here, or None where one can."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "only root may mount a small file system, on Linux"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, check=False
        )
        if done.returncode:
            return "this machine lets nobody mount"
        subprocess.run(["umount", folder], check=True)
    return None


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

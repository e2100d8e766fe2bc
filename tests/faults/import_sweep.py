"""``python -m tests.faults.import_sweep``: kills and breaks an import at every step, and imports again.

Its last line counts the points and what was found; ``tests/test_logs_faults.py`` runs a seeded sample.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.faults.import_rig import ImportRig

__all__ = ["main"]

_FEWEST_POINTS = 130
_SIDE_BY_SIDE = 4


def main() -> int:
    """Run every point; return the exit code."""
    started = time.monotonic()
    reached: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="imilab-import-faults-") as folder, ExitStack() as stack:
        rig = ImportRig(Path(folder))
        points = rig.points()
        workers = stack.enter_context(ThreadPoolExecutor(_SIDE_BY_SIDE))
        for point, (happened, findings) in zip(points, workers.map(rig.try_point, points), strict=True):
            kind = point.fault.how if point.fault else "kill at a moment"
            reached[kind] += happened
            wrong += [f"{point}: {finding}" for finding in findings]
            if reached.total() % 25 == 0:
                _say(f"{reached.total()} points so far, {len(wrong)} findings")
    total = reached.total()
    if total < _FEWEST_POINTS:
        wrong.append(f"only {total} points were reached, and {_FEWEST_POINTS} are wanted")
    for one in wrong:
        _say(f"WRONG  {one}")
    kinds = ", ".join(f"{count} {kind}" for kind, count in reached.items())
    _say(f"{total} points ({kinds}), {len(wrong)} findings; {time.monotonic() - started:.0f} s")
    return 1 if wrong else 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

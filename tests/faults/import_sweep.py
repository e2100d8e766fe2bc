"""``python -m tests.faults.import_sweep``: kills and breaks an import at every step, and imports again.

Its last line counts the points and what was found; ``tests/test_logs_faults.py`` runs a seeded sample.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.faults.import_rig import ImportRig

__all__ = ["main"]

_FEWEST_POINTS = 130


def main() -> int:
    """Run every point; return the exit code."""
    started = time.monotonic()
    reached: Counter[str] = Counter()
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="imilab-import-faults-") as folder:
        rig = ImportRig(Path(folder))
        for point in rig.points():
            happened, findings = rig.try_point(point)
            kind = point.fault.how if point.fault else "kill at a moment"
            reached[kind] += happened
            wrong += [f"{point}: {finding}" for finding in findings]
    total = reached.total()
    if total < _FEWEST_POINTS:
        wrong.append(f"only {total} points were reached, and {_FEWEST_POINTS} are wanted")
    for one in wrong:
        sys.stdout.write(f"WRONG  {one}\n")
    kinds = ", ".join(f"{count} {kind}" for kind, count in reached.items())
    sys.stdout.write(f"{total} points ({kinds}), {len(wrong)} findings; {time.monotonic() - started:.0f} s\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

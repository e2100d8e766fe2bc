"""How long rates and compare take beside a bare group-by of the same columns, in the same run, as ratios.

Run with ``make bench`` or ``python benchmarks/bench_statistics.py [calls]``.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

import imilab

LIMIT = 1.5
REPEATS = 5
BY = ["arm", "country", "voice"]


def make_calls(calls: int, numbers: int, arms: int = 5, *, seed: int = 1) -> pd.DataFrame:
    """Make calls to so many numbers, each of which keeps its arm."""
    rng = np.random.default_rng(seed)
    number = rng.permutation(calls) % numbers
    arm = rng.integers(0, arms, numbers)[number]
    keys = [hashlib.sha256(str(index).encode()).hexdigest() for index in range(numbers)]

    def texts(values: list[str], codes: np.ndarray) -> pd.Series:
        return pd.Series(np.array(values, dtype=object)[codes]).astype("str")

    outcomes = rng.choice(5, calls, p=[0.55, 0.15, 0.2, 0.08, 0.02])
    return pd.DataFrame(
        {
            "number_key": texts(keys, number),
            "arm": texts([f"arm {index}" for index in range(arms)], arm),
            "voice": texts([f"en-GB-Voice{index}Neural" for index in range(8)], rng.integers(0, 8, calls)),
            "country": texts(["GB", "US", "IN"], rng.integers(0, 3, calls)),
            "caller_id": texts(["+1•••••100"], np.zeros(calls, dtype=int)),
            "campaign": texts(["lunch"], np.zeros(calls, dtype=int)),
            "design": texts(["blocked"], np.zeros(calls, dtype=int)),
            "outcome": texts(["answered", "busy", "no_answer", "rejected", "pending"], outcomes),
            "end_reason": texts(["released", "disconnected"], rng.integers(0, 2, calls)),
            "talk_seconds": rng.exponential(9, calls),
            "answer_inferred": np.zeros(calls, dtype=bool),
        }
    )


def seconds(works: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Time several works in turn, so that all meet the same machine; the best of the repeats."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(REPEATS):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def main() -> int:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{calls:,} calls, 5 arms; bare: pandas groupby(columns + number_key).size(); best of {REPEATS}, seconds")
    print(f"{'numbers':>10}  {'work':<28} {'seconds':>8} {'bare':>8} {'ratio':>6}  {'bare, unsorted':>14} {'ratio':>6}")
    slow = 0
    for numbers in (calls, calls // 5, calls // 50):
        frame = make_calls(calls, numbers)
        found = seconds(
            {
                "bare by 3": lambda frame=frame: frame.groupby([*BY, "number_key"]).size(),
                "bare by 3, unsorted": lambda frame=frame: frame.groupby([*BY, "number_key"], sort=False).size(),
                "rates by 3": lambda frame=frame: imilab.rates(frame, by=BY),
                "bare by arm": lambda frame=frame: frame.groupby(["arm", "number_key"]).size(),
                "bare by arm, unsorted": lambda frame=frame: frame.groupby(["arm", "number_key"], sort=False).size(),
                "compare answered": lambda frame=frame: imilab.compare(frame),
                "compare completed": lambda frame=frame: imilab.compare(frame, outcome="completed"),
            }
        )
        for work in ("rates by 3", "compare answered", "compare completed"):
            bare = "bare by 3" if work == "rates by 3" else "bare by arm"
            ratio, unsorted = found[work] / found[bare], found[work] / found[f"{bare}, unsorted"]
            slow += ratio > LIMIT
            print(
                f"{numbers:>10,}  {work:<28} {found[work]:8.3f} {found[bare]:8.3f} {ratio:6.2f}  "
                f"{found[f'{bare}, unsorted']:14.3f} {unsorted:6.2f}"
            )
    print(f"statsmodels loaded: {'statsmodels' in sys.modules}")
    print(f"above {LIMIT} times the bare group-by: {slow}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

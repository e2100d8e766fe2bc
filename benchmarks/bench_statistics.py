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


def mixed(frame: pd.DataFrame) -> pd.DataFrame:
    """Draw the arm anew for each call, so that numbers meet several arms."""
    arms = frame["arm"].sample(frac=1, random_state=1).to_numpy()
    return frame.assign(arm=arms, design=pd.Series("crossover", index=frame.index, dtype="str"))


def seconds(works: dict[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
    """Time several works in turn, so that all meet the same machine; the best of the repeats, real and processor."""
    real, processor = dict.fromkeys(works, float("inf")), dict.fromkeys(works, float("inf"))
    for _ in range(REPEATS):
        for name, work in works.items():
            start, cpu = time.perf_counter(), time.process_time()
            work()
            real[name] = min(real[name], time.perf_counter() - start)
            processor[name] = min(processor[name], time.process_time() - cpu)
    return {name: (real[name], processor[name]) for name in works}


def measure(frame: pd.DataFrame, label: str) -> int:
    """Print one line for each work on these calls; return how many take more than `LIMIT` times the bare group-by."""
    found = seconds(
        {
            "bare by 3": lambda: frame.groupby([*BY, "number_key"]).size(),
            "rates by 3": lambda: imilab.rates(frame, by=BY),
            "bare by arm": lambda: frame.groupby(["arm", "number_key"]).size(),
            "compare answered": lambda: imilab.compare(frame),
            "compare completed": lambda: imilab.compare(frame, outcome="completed"),
        }
    )
    slow = 0
    for work in ("rates by 3", "compare answered", "compare completed"):
        bare = found["bare by 3" if work == "rates by 3" else "bare by arm"]
        ratio, cpu = (own / base for own, base in zip(found[work], bare, strict=True))
        slow += ratio > LIMIT
        print(f"{label:<34} {work:<20} {found[work][0]:8.3f} {bare[0]:8.3f} {ratio:6.2f} {cpu:15.2f}", flush=True)
    return slow


def main() -> int:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{calls:,} calls; bare: pandas groupby(columns + number_key).size(); best of {REPEATS} in turn, seconds")
    print(f"{'numbers, arms':<34} {'work':<20} {'seconds':>8} {'bare':>8} {'ratio':>6} {'processor ratio':>15}")
    slow = 0
    for numbers in (calls, calls // 5, calls // 50):
        frame = make_calls(calls, numbers)
        slow += measure(frame, f"{numbers:,}, 5, one a number")
        if numbers < calls:
            slow += measure(mixed(frame), f"{numbers:,}, 5, mixed in numbers")
    slow += measure(make_calls(calls, calls // 5, 2), f"{calls // 5:,}, 2, one a number")
    print(f"statsmodels loaded: {'statsmodels' in sys.modules}")
    print(f"above {LIMIT} times the bare group-by: {slow}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

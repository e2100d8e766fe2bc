"""Pace: 20, 100 and 400 calls per second against a platform that answers in 250 ms, beside a plain httpx loop.

``python benchmarks/bench_pace.py [--quick] [--seconds N] [--rates 20,100,400]``; 30 s each, 10 s with ``--quick``.
Sender and platform are processes of their own; both note the moment of each request on one monotonic clock.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

__all__ = ["Pace", "main", "measure"]

_HERE = Path(__file__).parent
_RUNS = (("imilab", "imilab"), ("httpx", "plain httpx loop"))


@dataclass(frozen=True)
class Pace:
    """What came out of one run.

    Attributes
    ----------
    rate : float
        Calls per second, from the first to the last that left.
    fullest_left, fullest_arrived : int
        Most calls in any window of one second, at the sender's socket and at the platform.
    late_ms : float
        99th percentile of how far calls left behind an even schedule at the achieved rate.
    cores : float
        Processor time of the sender over real time.
    """

    rate: float
    fullest_left: int
    fullest_arrived: int
    late_ms: float
    cores: float
    cpu_ms_a_call: float
    said: str


def measure(left_ns: list[int], arrived_ns: list[int], told: dict[str, Any]) -> Pace:
    """Reduce the moments of one run."""
    left, arrived = np.sort(np.array(left_ns)) / 1e9, np.sort(np.array(arrived_ns)) / 1e9
    gap = (left[-1] - left[0]) / (len(left) - 1)
    behind = left - gap * np.arange(len(left))
    return Pace(
        rate=1 / gap,
        fullest_left=_fullest_second(left),
        fullest_arrived=_fullest_second(arrived),
        late_ms=float(np.quantile(behind - behind.min(), 0.99)) * 1000,
        cores=told["cpu_seconds"] / told["seconds"],
        cpu_ms_a_call=1000 * told["cpu_seconds"] / len(left),
        said=told["said"],
    )


def _fullest_second(moments: Any) -> int:
    """Most moments in any window [t, t + 1 s)."""
    return int((np.searchsorted(moments, moments + 1.0, side="left") - np.arange(len(moments))).max())


def main() -> None:
    """Run all, print a row a run and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=int, default=None)
    parser.add_argument("--rates", default="20,100,400")
    options = parser.parse_args()
    seconds = options.seconds or (10 if options.quick else 30)
    print(f"{'':<28}{'achieved':>10}{'of limit':>10}{'fullest second':>22}{'late p99':>10}{'cores':>7}{'cpu/call':>10}")
    print(f"{'':<48}{'left / arrived':>22}")
    for rate in map(int, options.rates.split(",")):
        both = [_run(kind, rate, seconds) for kind, _ in _RUNS]
        for (_, name), pace in zip(_RUNS, both, strict=True):
            print(
                f"{rate:>4}/s {name:<21}{pace.rate:>8.1f}/s{pace.rate / rate:>10.1%}"
                f"{f'{pace.fullest_left} / {pace.fullest_arrived}':>22}{pace.late_ms:>7.0f} ms{pace.cores:>7.2f}"
                f"{pace.cpu_ms_a_call:>7.2f} ms   {pace.said}"
            )
        ours, plain = both
        print(
            f"       imilab : plain      rate {ours.rate / plain.rate:.2f}, cpu a call"
            f" {ours.cpu_ms_a_call / plain.cpu_ms_a_call:.2f}, late p99 {ours.late_ms / max(plain.late_ms, 0.1):.2f}",
            flush=True,
        )


def _run(kind: str, rate: int, seconds: int) -> Pace:
    """Run one sender against a platform of its own."""
    command = [sys.executable, str(_HERE / "pace_platform.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as platform:
        url = _line(platform.stdout)
        words = [sys.executable, str(_HERE / "pace_sender.py"), kind, url, str(rate), str(seconds)]
        told = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
        assert platform.stdin
        platform.stdin.write("\n")
        platform.stdin.flush()
        arrived = json.loads(_line(platform.stdout))
        platform.stdin.close()
    return measure(told["left"], arrived, told)


def _line(stream: IO[str] | None) -> str:
    assert stream
    return stream.readline().strip()


if __name__ == "__main__":
    main()

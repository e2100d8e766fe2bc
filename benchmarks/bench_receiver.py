"""How fast receipts become durable: imilab's receiver beside the same without a store, and with a commit each.

``python benchmarks/bench_receiver.py [--quick] [--rounds N] [--folder F]``. The receiver runs in a process of its own;
this one is the load, over 64 kept connections. The variants take turns, so that what else the machine does meets all
of them. The disk is tried first: on a busy one, a commit each is slow, and so is every p99.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from receiver_load import Run, bodies, load, request
from receiver_server import SECRET

from imilab.store import Store

CONNECTIONS = 64
VARIANTS = ("unstored", "durable", "single")
TARGETS = {"of unstored": 0.55, "of single": 3.5, "p99": 0.020}


def one_run(variant: str, seconds: float, requests: list[bytes], where: str | None) -> Run:
    """Serve in a new process and load it; check that what was acknowledged is there."""
    with tempfile.TemporaryDirectory(prefix="imilab-bench-", dir=where) as folder:
        command = [sys.executable, str(Path(__file__).with_name("receiver_server.py")), variant, folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            port = int(server.stdout.readline())
            started = _cpu_seconds(server.pid)
            run = load(port, iter(requests), connections=CONNECTIONS, seconds=seconds)
            run = replace(run, cpu_seconds=_cpu_seconds(server.pid) - started)
            server.terminate()
            server.wait(20)
        if variant != "unstored":
            with Store(Path(folder) / f"{variant}.sqlite") as store:
                ((stored,),) = store.rows("SELECT count(*) FROM receipts")
            assert stored == run.answered, (stored, run.answered)
    assert run.refused == 0, run.refused
    return run


def synced_write_ms(where: str | None) -> float:
    """Return the median time of a 40 KiB write that reaches the disk."""
    times = []
    with tempfile.NamedTemporaryFile(dir=where) as file:
        for _ in range(100):
            file.write(b"x" * 40_960)
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000


def _cpu_seconds(process: int) -> float:
    """Return the processor time of a process so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure, print a table, and say whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 s a run instead of 5 s")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", help="where the stores go, by default where temporary files do")
    options = parser.parse_args()
    seconds = 2.0 if options.quick else 5.0
    requests = [request(body, SECRET) for body in bodies(int(seconds * 40_000))]
    print(
        f"Python {platform.python_version()}, {CONNECTIONS} connections, {seconds:.0f} s a run, {options.rounds} rounds"
    )
    print(f"a synced write takes {synced_write_ms(options.folder):.2f} ms")
    runs: dict[str, list[Run]] = {variant: [] for variant in VARIANTS}
    for _ in range(options.rounds):
        for variant in VARIANTS:
            runs[variant].append(one_run(variant, seconds, requests, options.folder))
    print("| receiver | receipts/s, median (all rounds) | p50 | p99 | processor a receipt |\n|---|---|---|---|---|")
    for variant, several in runs.items():
        middle = statistics.median(run.per_second for run in several)
        each = ", ".join(f"{run.per_second:,.0f}" for run in several)
        p50, p99 = (statistics.median(run.quantile(share) for run in several) * 1000 for share in (0.5, 0.99))
        cpu = statistics.median(run.cpu_seconds / run.answered for run in several) * 1e6
        print(f"| {variant} | {middle:,.0f} ({each}) | {p50:.1f} ms | {p99:.1f} ms | {cpu:.0f} µs |")
    found = {
        "of unstored": _ratio(runs, "unstored"),
        "of single": _ratio(runs, "single"),
        "p99": statistics.median(run.quantile(0.99) for run in runs["durable"]),
    }
    for name, value in found.items():
        met = value <= TARGETS[name] if name == "p99" else value >= TARGETS[name]
        print(f"durable, {name}: {value:.3f} (target {TARGETS[name]}): {'met' if met else 'NOT MET'}")
    return 0


def _ratio(runs: dict[str, list[Run]], other: str) -> float:
    """Median of the ratios within each round."""
    pairs = zip(runs["durable"], runs[other], strict=True)
    return statistics.median(durable.per_second / beside.per_second for durable, beside in pairs)


if __name__ == "__main__":
    sys.exit(main())

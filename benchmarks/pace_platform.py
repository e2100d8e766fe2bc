"""The other process of `bench_pace.py`: a simulated platform that answers in 250 ms and tells when requests arrived."""

from __future__ import annotations

import gc
import json
import sys
import time
from typing import Any

from imilab.serving import BackgroundServer
from imilab.simulator import Simulator, SimulatorSettings

__all__ = ["main"]


def main() -> None:
    """Print the URL; for each line read, print the arrivals since the last, nanoseconds of the monotonic clock."""
    simulator = Simulator(SimulatorSettings(transactions_per_second=100_000, response_delay_seconds=0.25))
    arrivals: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            arrivals.append(time.monotonic_ns())
        await simulator.app(scope, receive, send)

    gc.disable()  # a pause of this process would look like requests that travelled for longer
    with BackgroundServer(app) as server:
        print(server.url, flush=True)
        for _ in sys.stdin:
            print(json.dumps(arrivals), flush=True)
            arrivals.clear()


if __name__ == "__main__":
    main()

"""A simulated platform, a receiver for many stores, and a sender in processes of its own; what happened is counted."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import phonenumbers

from imilab.clock import ScaledClock
from imilab.receiver import RECEIPTS_PATH, Receiver
from imilab.serving import BackgroundServer
from imilab.simulator import SimulatedPlatform, SimulatorSettings
from imilab.store import STATES, Store
from tests.faults.fork_server import Ended, ForkServer
from tests.faults.rude_proxy import RudeProxy
from tests.faults.sending_job import Job

__all__ = ["REQUEST_SECONDS", "FaultRig", "Plot", "number"]

REQUEST_SECONDS = 0.4
"""How long a sender behind the rude proxy waits for an answer."""

_TIME_SCALE = 1000.0
_ANSWER_SECONDS = 0.03  # real; longer than the time between two calls, so that several are under way
_RECEIPT_SECONDS = 15.0


def number(index: int) -> str:
    """The index-th number reserved for fiction, in the area codes that exist."""
    return f"+1{_area_codes()[index // 100]}5550{100 + index % 100}"


@lru_cache(maxsize=1)
def _area_codes() -> tuple[int, ...]:
    fictitious = ((code, phonenumbers.parse(f"+1{code}5550100")) for code in range(201, 600))
    return tuple(code for code, one in fictitious if phonenumbers.region_code_for_number(one) == "US")


@dataclass
class Plot:
    """A store of its own and numbers that nobody else calls, for one fault.

    Attributes
    ----------
    findings : list of str
        What was wrong; empty where nothing was.
    """

    job: Job
    store: Store
    findings: list[str] = field(default_factory=list)

    def states(self) -> dict[str, str]:
        return dict(self.store.rows("SELECT msisdn, state FROM requests"))  # type: ignore[arg-type]  # rows are pairs


class FaultRig:
    """Everything that lives in the suite's process; a context manager.

    Attributes
    ----------
    doubles : int
        Calls beyond the first that numbers got, over all plots closed so far.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        tenant = SimulatorSettings(
            transactions_per_second=1_000_000, response_delay_seconds=_ANSWER_SECONDS * _TIME_SCALE
        )
        self.platform = SimulatedPlatform(tenant, ScaledClock(datetime(2026, 3, 2, 10, tzinfo=UTC), _TIME_SCALE))
        self.simulator = self.platform.simulator
        self._receivers: dict[str, Any] = {}

        async def receive_for_all(scope: Any, receive: Any, send: Any) -> None:
            await self._receive(scope, receive, send)

        self._receiving = BackgroundServer(receive_for_all)
        self.processes = ForkServer()
        self.proxy = RudeProxy(self.platform.url, late_seconds=2 * REQUEST_SECONDS)
        self._plots = 0
        self._numbers = 0
        self.doubles = 0
        self._end = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            # A killed sender hangs up in the middle of a request, and the server tells of each with a traceback.
            log = logging.getLogger("uvicorn.error")
            undo.callback(setattr, log, "disabled", log.disabled)
            log.disabled = True
            undo.enter_context(self.processes)
            undo.enter_context(self._receiving)
            undo.enter_context(self.platform)
            undo.enter_context(self.proxy)
            self._end = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()

    def plot(self, calls: int = 4, **changes: Any) -> Plot:
        """Return a plot for so many calls; close it with `finish`."""
        name = f"p{self._plots}"
        self._plots += 1
        folder = self._folder / name
        folder.mkdir()
        store = Store(folder / "lab.sqlite")
        self._receivers[name] = Receiver(store, zone=ZoneInfo("UTC"), clock=self.simulator.clock).app
        numbers = tuple(number(self._numbers + place) for place in range(calls))
        self._numbers += calls
        job = Job(
            store=str(store.path),
            base_url=self.platform.url,
            notify_url=f"{self._receiving.url}/{name}{RECEIPTS_PATH}",
            numbers=numbers,
        )
        return Plot(replace(job, **changes), store)

    def run(self, plot: Plot, **changes: Any) -> Ended:
        """Send the plot's plan in a new process."""
        return self.processes.run(replace(plot.job, **changes))[0]

    def finish(self, plot: Plot) -> Ended:
        """Send the plan again, in a fresh process without a fault, to its end, and look at every number."""
        plot.store.path.with_name(plot.store.path.name + ".stop").unlink(missing_ok=True)
        whole = {"kill": None, "syscall": None, "stop_after": None, "timeout_seconds": 10.0}
        last = self.run(plot, base_url=self.platform.url, **whole)
        if last.exit_code or "error" in last.told or last.told.get("stopped"):
            plot.findings.append(f"the plan sent again ended with {last}")
        self._wait_for_receipts(plot)
        states = plot.states()
        for msisdn in plot.job.numbers:
            calls, state = self.simulator.calls_placed(msisdn), states.get(msisdn, "missing")
            self.doubles += max(0, calls - 1)
            if calls > 1:
                plot.findings.append(f"a number was called {calls} times")
            if state not in STATES or state not in _RIGHT_STATES[min(calls, 1)]:
                plot.findings.append(f"a number called {calls} times is {state}")
        if len(states) != len(plot.job.numbers):
            plot.findings.append(f"{len(states)} requests for {len(plot.job.numbers)} recipients")
        self.close(plot)
        return last

    def _wait_for_receipts(self, plot: Plot) -> None:
        until = time.monotonic() + _RECEIPT_SECONDS
        while time.monotonic() < until:
            states = plot.states()
            if all(states.get(one) == "final" for one in plot.job.numbers if self.simulator.calls_placed(one)):
                return
            time.sleep(0.01)

    def close(self, plot: Plot) -> None:
        """Remove a plot."""
        name = plot.store.path.parent.name
        del self._receivers[name]
        plot.store.close()
        shutil.rmtree(plot.store.path.parent)

    async def _receive(self, scope: Any, receive: Any, send: Any) -> None:
        """Hand a webhook to the receiver of the store that its path names first."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        _, name, rest = scope["path"].split("/", 2)
        app = self._receivers.get(name, _gone)
        await app({**scope, "path": f"/{rest}", "raw_path": f"/{rest}".encode()}, receive, send)


_RIGHT_STATES: Sequence[set[str]] = ({"unknown"}, {"final"})
"""Of a number that was not called, and of one that was and whose receipts have all come."""


async def _gone(_: Any, __: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _lifespan(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": message["type"] + ".complete"})
    await send({"type": "lifespan.shutdown.complete"})

"""A store, a dispatcher and a simulated platform that sends its receipts back, all over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

import orjson
from pydantic import SecretStr

from imilab.clock import Clock, ScaledClock
from imilab.config import Settings
from imilab.receiver import RECEIPTS_PATH, Receiver
from imilab.send import Arm, Arming, Dispatcher, Plan, SendSummary, make_plan, read_recipients
from imilab.serving import BackgroundServer
from imilab.simulator import SIMULATOR_KEY, Simulator, SimulatorSettings
from imilab.store import Store
from imilab.terms import Media, Voice

__all__ = ["CALLER", "RYAN", "START", "TEXT", "FakeClock", "SendRig", "magic", "number", "numbers"]

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
AREAS = (202, 303, 404, 212, 213, 312, 415, 512, 617, 702)
RYAN = Voice("en-GB-RyanNeural")
CALLER = "+12025550100"
TEXT = "Time for lunch"


def magic(ending: str) -> str:
    """The magic number with these last two digits."""
    return f"+164655501{ending}"


def number(index: int) -> str:
    """The index-th number reserved for fiction."""
    return f"+1{AREAS[index // 100]}5550{100 + index % 100}"


def numbers(count: int) -> list[str]:
    return [number(index) for index in range(count)]


class FakeClock:
    """A clock that a test moves."""

    def __init__(self, time_scale: float = 1.0) -> None:
        self.time_scale = time_scale
        self.moment_ms = 1_772_442_000_000

    def now_ms(self) -> int:
        return self.moment_ms

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class SendRig:
    """The dispatcher of `store` sends to `simulator`, or to another `platform`.

    `arrivals` tells the number and the correlation id of each POST, and which state the journal's file held by then.
    """

    def __init__(
        self,
        folder: Path,
        *,
        tenant: SimulatorSettings | None = None,
        clock: Clock | None = None,
        time_scale: float = 1000.0,
        receives: bool = True,
        platform: Any = None,
        **settings: Any,
    ) -> None:
        self.clock = clock or ScaledClock(START, time_scale)
        self.store = Store(folder / "lab.sqlite")
        self.simulator = Simulator(tenant or SimulatorSettings(transactions_per_second=100_000), self.clock)
        self.platform = platform or self.simulator.app
        self.arrivals: list[tuple[str, str, str]] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            await self._spy(scope, receive, send)

        self._served = BackgroundServer(app)
        self._receiver = Receiver(self.store, zone=ZoneInfo("UTC"), clock=self.clock).serve()
        values: dict[str, Any] = {
            "base_url": self._served.url,
            "key": SecretStr(SIMULATOR_KEY),
            "caller_id": CALLER,
            "notify_url": self._receiver.url + RECEIPTS_PATH if receives else None,
            "tenant_zone": "UTC",
            "calls_per_second": 1000.0,
            "store": self.store.path,
            "quiet_hours": "off",
            **settings,
        }
        self.settings = Settings(**values)
        key = self.store.number_key
        self.arming = Arming(self.settings, simulated=not self.settings.live, clock=self.clock, number_key=key)
        self.dispatcher = self.another_dispatcher()

    def another_dispatcher(self, store: Store | None = None) -> Dispatcher:
        return Dispatcher(store or self.store, self.settings, self.arming, self.clock)

    def another_dispatcher_at(self, rate: float) -> Dispatcher:
        return Dispatcher(
            self.store, self.settings.model_copy(update={"calls_per_second": rate}), self.arming, self.clock
        )

    def plan(
        self,
        recipients: Sequence[str],
        arms: Mapping[str, Arm | Voice | Media] | None = None,
        *,
        campaign: str | None = "lunch",
        seed: int = 1,
    ) -> Plan:
        return make_plan(
            read_recipients(recipients),
            arms or {"ryan": RYAN},
            TEXT,
            seed=seed,
            design="blocked",
            campaign=campaign,
            key=self.store.number_key,
        )

    def send(self, plan: Plan, *, calls_per_second: float | None = None) -> SendSummary:
        return self.dispatcher.send(plan, calls_per_second=calls_per_second, progress=False)

    def states(self) -> dict[str, str]:
        return dict(self.store.rows("SELECT msisdn, state FROM requests"))  # type: ignore[arg-type]  # rows are pairs

    def count_states(self) -> Counter[str]:
        return Counter(self.states().values())

    def placed(self) -> dict[str, int]:
        return dict(self.simulator.placed)

    def wait_for(self, condition: Any, seconds: float = 10.0) -> bool:
        """Wait until something holds."""
        waited = threading.Event()
        for _ in range(int(seconds / 0.005)):
            if condition():
                return True
            waited.wait(0.005)
        return bool(condition())

    async def _spy(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            await self.platform(scope, receive, send)
            return
        message = await receive()
        recipient = orjson.loads(message["body"])["to"][0]
        with sqlite3.connect(self.store.path) as connection:
            query = "SELECT state FROM requests WHERE correlation_id = ?"
            ((state,),) = connection.execute(query, (recipient["correlationId"],)).fetchall()
        connection.close()
        self.arrivals.append((recipient["msisdn"][0], recipient["correlationId"], state))
        waiting = [message]

        async def replay() -> Any:
            return waiting.pop() if waiting else await receive()

        await self.platform(scope, replay, send)

    def __enter__(self) -> Self:
        self._receiver.start()
        self._served.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dispatcher.close()
        with ThreadPoolExecutor() as both:  # each waits a while for its connections; together they wait once
            both.submit(self._served.stop)
            both.submit(self._receiver.stop)
        self.store.close()

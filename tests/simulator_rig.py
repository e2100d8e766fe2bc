"""A simulated platform and a receiver, both over real HTTP on loopback."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from imilab.clock import Clock, ScaledClock
from imilab.serving import BackgroundServer
from imilab.simulator import SIMULATOR_KEY, SimulatedPlatform, SimulatorSettings
from imilab.terms import Voice
from imilab.wire import MakeCall, Receipt, read_receipt

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
RYAN = Voice("en-GB-RyanNeural")
CALLER = "+12025550100"
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Caught:
    """One webhook as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at_ms: int

    def receipt(self) -> Receipt:
        return read_receipt(self.body, None)


class Rig:
    """POST /hook/<answers>: the receiver answers each path with its statuses in turn, the last one for ever."""

    def __init__(
        self, settings: SimulatorSettings | None = None, clock: Clock | None = None, time_scale: float = 10_000
    ) -> None:
        # Tests of other things must not meet the rate limit; those of the limit set it.
        self.settings = settings or SimulatorSettings(transactions_per_second=100_000)
        self.clock = clock or ScaledClock(START, time_scale)
        self.caught: list[Caught] = []
        self._lock = threading.Lock()
        app = Starlette(routes=[Route("/hook/{answers:path}", self._catch, methods=["POST"])])
        self._receiver = BackgroundServer(app)
        self.platform = SimulatedPlatform(self.settings, self.clock)
        self.simulator = self.platform.simulator
        self.http = httpx.Client(base_url=self.platform.url, headers={"key": self.settings.key}, trust_env=False)

    def hook(self, answers: str = "200") -> str:
        return f"{self._receiver.url}/hook/{answers}"

    def request(self, msisdn: str, correlation_id: str = "c1", answers: str = "200", **fields: Any) -> MakeCall:
        values: dict[str, Any] = {"content": RYAN, "text": "Time for lunch", "notify_url": self.hook(answers), **fields}
        return MakeCall(caller_id=CALLER, msisdn=msisdn, correlation_id=correlation_id, **values)

    def post(self, body: bytes) -> httpx.Response:
        return self.http.post("/v2/messages", content=body, headers=JSON)

    def call(self, msisdn: str, correlation_id: str = "c1", answers: str = "200", **fields: Any) -> httpx.Response:
        return self.post(self.request(msisdn, correlation_id, answers, **fields).to_bytes())

    def drain(self) -> None:
        self.platform.drain(30)

    def receipts(self, correlation_id: str | None = None) -> list[Receipt]:
        """Every receipt so far, in the order it came."""
        found = [caught.receipt() for caught in self.caught]
        return [one for one in found if correlation_id is None or one.correlation_id == correlation_id]

    def statuses(self, correlation_id: str | None = None) -> list[str]:
        return [receipt.status for receipt in self.receipts(correlation_id)]

    async def _catch(self, request: Request) -> Response:
        body = await request.body()
        with self._lock:
            answers = request.path_params["answers"].split(",")
            tries = sum(one.path == request.url.path and one.body == body for one in self.caught)
            caught = Caught(request.url.path, dict(request.headers), body, self.clock.now_ms())
            self.caught.append(caught)
        status = int(answers[min(tries, len(answers) - 1)])
        return Response(status_code=status, headers={"location": "/elsewhere"} if 300 <= status < 400 else None)

    def __enter__(self) -> Self:
        self._receiver.start()
        self.platform.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()
        # Each waits a while for its connections; together they wait once.
        with ThreadPoolExecutor() as both:
            both.submit(self.platform.stop)
            both.submit(self._receiver.stop)


def number(index: int) -> str:
    """The index-th number reserved for fiction, up to 80,000 of them."""
    return f"+1{200 + index // 100}5550{100 + index % 100}"


def settings(**values: Any) -> SimulatorSettings:
    return replace(SimulatorSettings(transactions_per_second=100_000), **values)


__all__ = ["CALLER", "JSON", "RYAN", "SIMULATOR_KEY", "START", "Caught", "Rig", "number", "settings"]

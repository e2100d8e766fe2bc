"""The platform, emulated: an ASGI app with POST and GET of /v2/messages."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from imilab.clock import Clock, SystemClock
from imilab.errors import InvalidInputError
from imilab.simulator.answers import RAW_SEND, HungUp, Slow, error, json_answer, rate_limited
from imilab.simulator.draws import Draws
from imilab.simulator.magic import MAGIC, Reply
from imilab.simulator.people import People
from imilab.simulator.placed_call import PlacedCall
from imilab.simulator.rate_limit import RateLimit
from imilab.simulator.settings import SimulatorSettings
from imilab.simulator.switchboard import Switchboard
from imilab.simulator.webhooks import Webhooks
from imilab.wire import MakeCallBody, Recipient, read_make_call
from imilab.wire.response import response_bytes

__all__ = ["Simulator"]

_LARGEST_BODY = 1_000_000
_CUT_SHORT = 40
_JSON = "application/json"


class _App(Starlette):
    """Starlette that keeps the server's own `send`, for the answer that is none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[RAW_SEND] = send
        await super().__call__(scope, receive, send)


class Simulator:
    """The simulated tenant.

    Parameters
    ----------
    settings : SimulatorSettings, optional
        Seed, key, hub secret, limits, misbehaviour and people.
    clock : Clock, optional
        Whose time the tenant lives in; with `ScaledClock`, minutes pass in milliseconds.

    Attributes
    ----------
    app : ASGI application
        POST /v2/messages and GET /v2/messages/{messageId}. Its lifespan starts and stops the webhooks; without one, the
        first call starts them, and `stop` ends them.
    people : People
        The model, which also knows the true rates.
    """

    def __init__(self, settings: SimulatorSettings | None = None, clock: Clock | None = None) -> None:
        self.settings = settings or SimulatorSettings()
        self.clock: Clock = clock or SystemClock()
        draws = Draws(self.settings.seed)
        self.people = People(self.settings, draws)
        self._zone = self.settings.zone
        self._key = self.settings.key.encode()
        self._limit = RateLimit(self.settings.transactions_per_second, burst=self.settings.burst)
        self._webhooks = Webhooks(self.settings, self.clock)
        self._switchboard = Switchboard(self.settings, self.people, draws, self._webhooks)
        self._refused_once: set[tuple[str, str]] = set()
        self._running: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.app = _App(
            routes=[
                Route("/v2/messages", self._make_call, methods=["POST"]),
                Route("/v2/messages/{message_id}", self._call_status, methods=["GET"]),
            ],
            exception_handlers={HTTPException: _http_error},
            lifespan=self._lifespan,
        )

    def __repr__(self) -> str:
        return f"<Simulator seed={self.settings.seed} calls={len(self.journal)}>"

    @property
    def journal(self) -> list[PlacedCall]:
        """Every call that was placed, in order."""
        return self._switchboard.journal

    @property
    def placed(self) -> Mapping[str, int]:
        """How many calls each number got."""
        return MappingProxyType(self._switchboard.placed)

    @property
    def webhook_counts(self) -> Mapping[str, int]:
        """How many webhooks were attempted, delivered, repeated and given_up so far."""
        return MappingProxyType(self._webhooks.counts)

    def calls_placed(self, msisdn: str) -> int:
        """Return how many calls a number got."""
        return self._switchboard.placed[msisdn]

    async def start(self) -> None:
        """Start sending webhooks. Starting twice is harmless."""
        if self._running is None or self._running.done():
            self._loop = asyncio.get_running_loop()
            self._running = asyncio.create_task(self._webhooks.run())

    async def stop(self) -> None:
        """Stop sending webhooks; what is still due is not sent."""
        running, self._running = self._running, None
        self._loop = None
        if running is not None:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

    async def drain(self) -> None:
        """Wait until every receipt is delivered or given up, also those due much later on the clock."""
        if self._running is not None:
            await self._webhooks.drain()

    def drain_from_thread(self, timeout_seconds: float) -> None:
        """Do the same from another thread than the app's.

        Raises
        ------
        TimeoutError
            Some are still due after `timeout_seconds` of real time.
        """
        if self._loop is None:
            return
        waiting = asyncio.run_coroutine_threadsafe(self.drain(), self._loop)
        try:
            waiting.result(timeout_seconds)
        finally:
            waiting.cancel()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def _make_call(self, request: Request) -> Response:
        await self.start()
        refused = self._check_key(request)
        if refused:
            return refused
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
            return error(415, "", f"content-type: send {_JSON}")
        now_ms = self.clock.now_ms()
        if self._limit.wait_seconds(now_ms):
            return rate_limited()
        try:
            body = read_make_call(await _read_body(request), now_ms, self._zone)
        except InvalidInputError as problem:
            return error(400, "7000" if problem.field == "body" else "7003", str(problem))
        if self.settings.response_delay_seconds:
            await self.clock.sleep(self.settings.response_delay_seconds)
        return self._answer(body, now_ms)

    async def _call_status(self, request: Request) -> Response:
        refused = self._check_key(request)
        if refused:
            return refused
        call = self._switchboard.find(request.path_params["message_id"])
        if call is None:
            return error(404, "", "No such message")
        return json_answer(call.status(self.clock.now_ms(), self._zone).to_bytes())

    def _check_key(self, request: Request) -> Response | None:
        given = request.headers.get("key")
        if given is None:
            return error(401, "7002", "Service Key Missing")
        if not hmac.compare_digest(given.encode(), self._key):
            return error(401, "7001", "Authentication failed")
        return None

    def _answer(self, body: MakeCallBody, now_ms: int) -> Response:
        reply = next((found for recipient in body.recipients if (found := self._reply(recipient))), None)
        if reply and not reply.placed:
            return error(reply.http_status, reply.code, reply.message)
        entries = [self._switchboard.take(recipient, body, now_ms) for recipient in body.recipients]
        content = response_bytes(entries)
        answer = json_answer(content, 201 if any(entry.rejected for entry in entries) else 200)
        if reply is None:
            return answer
        if reply.kind == "unreadable":
            return json_answer(content[:_CUT_SHORT])
        if reply.kind == "closed":
            return HungUp()
        if reply.kind == "slow":
            return Slow(answer, self.settings.slow_answer_seconds)
        return error(reply.http_status, reply.code, reply.message)

    def _reply(self, recipient: Recipient) -> Reply | None:
        """Return how the whole request is answered because of this number, if not as usual."""
        magic = MAGIC.get(recipient.msisdn)
        if magic is None or magic.reply is None or magic.reply.kind == "rejected_entry":
            return None
        if magic.reply.once:
            request = (recipient.msisdn, recipient.correlation_id)
            if request in self._refused_once:
                self._refused_once.discard(request)
                return None
            self._refused_once.add(request)
        return magic.reply


async def _read_body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_BODY:
            raise InvalidInputError("body", f"more than {_LARGEST_BODY:,} bytes")
    return body


async def _http_error(_: Request, problem: Exception) -> Response:
    status, headers = (problem.status_code, problem.headers) if isinstance(problem, HTTPException) else (500, None)
    answer = error(status, "", {404: "No such resource", 405: "Method not allowed"}.get(status, "Request failed"))
    answer.headers.update(headers or {})
    return answer

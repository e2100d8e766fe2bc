"""Receipts on their way to the notify URL: planned, signed, sent, and repeated as the platform documents it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from imilab.clock import Clock
from imilab.simulator.draws import Draws
from imilab.simulator.placed_call import CallEvent, PlacedCall
from imilab.simulator.settings import SimulatorSettings
from imilab.simulator.timetable import Timetable
from imilab.wire import sign

__all__ = ["NOT_REPEATED", "Delivery", "Webhooks", "plan_deliveries"]

NOT_REPEATED = frozenset(
    {200, *range(202, 209), 226, *range(300, 309), 400, 402, *range(404, 412), *range(414, 417), 418, 505}
)
"""Answers after which the platform does not send a receipt again."""

_LONGEST_COPY_GAP_SECONDS = 20.0
# Below uvicorn's five seconds, so that no webhook meets a connection that the receiver is about to close.
_KEEPALIVE_SECONDS = 2.0
_FAILURES = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, TimeoutError, ValueError)


class Delivery(NamedTuple):
    """One receipt to send, not before `due_ms`."""

    due_ms: int
    event: CallEvent


def plan_deliveries(
    call: PlacedCall, draws: Draws, settings: SimulatorSettings, oddity: str = "normal"
) -> list[Delivery]:
    """Return what to send for a call, in the order of sending.

    Parameters
    ----------
    call : PlacedCall
        Its requested kinds of receipts are sent; all where it names none.
    draws : Draws
        Decides which receipts are lost, doubled or held back; by the call's number and id, not by the order of calls.
    settings : SimulatorSettings
        The shares.
    oddity : str
        How a magic number's receipts come, see `Magic.receipts`.
    """
    if oddity == "none":
        return []
    wanted = set(call.requested_receipts)
    events = [event for event in call.events if not wanted or event.status.lower() in wanted]
    if oddity == "no_answered":
        events = [event for event in events if event.status != "ANSWERED"]
    fates = {event: draws.uniforms("receipt", call.msisdn, call.correlation_id, event.status) for event in events}
    ordered: list[CallEvent] = []
    following: CallEvent | None = None
    for event in reversed(events):
        lost, _, held_back, *_ = fates[event]
        if lost >= settings.loss_share:
            behind = following is not None and held_back < settings.reorder_share
            ordered.insert(ordered.index(following) + 1 if behind and following else 0, event)
            following = event
    if oddity == "reversed":
        ordered.sort(key=lambda event: -event.at_ms)
    late_ms = round(settings.late_seconds * 1000) if oddity == "late" else 0
    plan: list[Delivery] = []
    due_ms = 0
    for event in ordered:
        due_ms = max(due_ms, event.at_ms + late_ms)
        plan.append(Delivery(due_ms, event))
        _, doubled, _, gap, *_ = fates[event]
        if doubled < settings.duplicate_share or oddity == "twice":
            plan.append(Delivery(due_ms + round(gap * _LONGEST_COPY_GAP_SECONDS * 1000), event))
    return sorted(plan, key=lambda delivery: delivery.due_ms)


@dataclass(frozen=True, slots=True)
class _Sending:
    """Where a call's deliveries stand; a repeated receipt travels alone."""

    call: PlacedCall
    deliveries: tuple[Delivery, ...]
    attempt: int = 0


class Webhooks:
    """Sends receipts when they are due: in order for each call, a few at a time for all.

    Parameters
    ----------
    settings : SimulatorSettings
        Secret, shares, retries and zone.
    clock : Clock
        Decides when a receipt is due.

    Attributes
    ----------
    counts : Counter
        attempted, delivered (answered 200), repeated, and given_up (no 200 in the end) so far.
    """

    def __init__(self, settings: SimulatorSettings, clock: Clock) -> None:
        self.counts: Counter[str] = Counter()
        self._settings = settings
        self._zone = settings.zone
        self._clock = clock
        self._due: asyncio.Queue[_Sending] = asyncio.Queue()
        self._timetable = Timetable[_Sending](clock, self._due.put_nowait)
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def add(self, call: PlacedCall, deliveries: Iterable[Delivery]) -> None:
        """Send these in their order, each when it is due."""
        planned = tuple(deliveries)
        if planned and call.notify_url:
            self._put(planned[0].due_ms, _Sending(call, planned))

    async def drain(self) -> None:
        """Wait until every receipt is delivered or given up, also those that are due much later."""
        await self._idle.wait()

    async def run(self) -> None:
        """Send until cancelled."""
        limits = httpx.Limits(max_connections=self._settings.concurrent_webhooks, keepalive_expiry=_KEEPALIVE_SECONDS)
        transport = AiohttpTransport(trust_env=False, limits=limits)
        timeout = self._settings.webhook_timeout_seconds
        async with httpx.AsyncClient(transport=transport, timeout=timeout) as client, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._timetable.run())
            for _ in range(self._settings.concurrent_webhooks):
                tasks.create_task(self._work(client))

    async def _work(self, client: httpx.AsyncClient) -> None:
        while True:
            sending = await self._due.get()
            again = await self._send(client, sending)
            if again:
                self._put(self._clock.now_ms() + round(self._settings.retry_seconds * 1000), again)
            following = sending.deliveries[1:]
            if following:
                self._put(following[0].due_ms, _Sending(sending.call, following))
            self._close()

    async def _send(self, client: httpx.AsyncClient, sending: _Sending) -> _Sending | None:
        """Send one receipt; return what to send again later, if anything."""
        receipt = sending.call.receipt(sending.deliveries[0].event, self._zone, self._settings.timestamp_style)
        status = await self._post(client, sending.call.notify_url, receipt.to_bytes())
        self.counts["attempted"] += 1
        if status == 200:
            self.counts["delivered"] += 1
        elif status in NOT_REPEATED or sending.attempt >= self._settings.retries:
            self.counts["given_up"] += 1
        else:
            self.counts["repeated"] += 1
            return replace(sending, deliveries=sending.deliveries[:1], attempt=sending.attempt + 1)
        return None

    async def _post(self, client: httpx.AsyncClient, url: str, body: bytes) -> int | None:
        headers = {"content-type": "application/json"}
        if self._settings.hub_secret is not None:
            secret = self._settings.hub_secret.encode()
            headers["x-hub-signature"] = sign(body, secret, self._settings.signature_algorithm)
        try:
            async with asyncio.timeout(self._settings.webhook_timeout_seconds):
                return (await client.post(url, content=body, headers=headers)).status_code
        except _FAILURES:
            return None

    def _put(self, due_ms: int, sending: _Sending) -> None:
        self._open += 1
        self._idle.clear()
        self._timetable.add(due_ms, sending)

    def _close(self) -> None:
        self._open -= 1
        if not self._open:
            self._idle.set()

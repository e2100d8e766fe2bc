"""The ASGI application: a plain callable, as a framework would cost half of the speed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from datetime import tzinfo
from typing import Any, Self

from imilab.clock import Clock, SystemClock
from imilab.config import Settings
from imilab.errors import ConfigError, SignatureError, StoreError, UnreadableReceiptError
from imilab.numbers import describe_number
from imilab.receiver.answers import (
    CHECKED,
    CODED,
    FORGED,
    HEALTHY,
    NOT_FOUND,
    NOT_HERE,
    STORED,
    TOO_LARGE,
    UNHEALTHY,
    UNSTORED,
    WRONG_METHOD,
    Answer,
    Send,
)
from imilab.receiver.bodies import BodyReader, BodyTooLargeError, BrokenOffError
from imilab.receiver.gate import Gate
from imilab.receiver.health import Health
from imilab.receiver.intake import Intake, Waiting
from imilab.receiver.late_store import LateStore
from imilab.receiver.metrics import CONTENT_TYPE, Family, exposition
from imilab.receiver.requests import RECEIPTS_PATH, RequestHead
from imilab.receiver.seldom import Seldom
from imilab.receiver.tally import Tally
from imilab.serving import BackgroundServer, Connections
from imilab.store import Store, StoredReceipt
from imilab.wire import read_receipt

__all__ = ["RECEIPTS_PATH", "Receiver"]

_ANY_NUMBER = "+12025550123"

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_log = logging.getLogger("imilab.receiver")


class Receiver:
    """Receives the platform's receipts into a store. It is an ASGI application.

    POST on ``/receipts``, or ``/receipts/<token>``, keeps a receipt; GET and HEAD answer the platform's check of the
    URL. ``/health`` and ``/metrics`` answer to this machine, and elsewhere to who sends the token as a bearer.

    Parameters
    ----------
    store : Store or LateStore
        Where receipts go.
    zone : tzinfo or None
        The tenant's zone, for time stamps without one; None keeps their text until the zone is known.
    secrets : sequence of bytes
        The live hub secrets; without any, signatures are not checked.
    token : str or None
        A secret last part of the path; without it and without secrets, listen on loopback only.
    path_prefix : str
        Where a proxy puts the receiver, such as ``/imilab``, if it leaves that in the path.
    clock : Clock
        Tells `received_at`.

    Attributes
    ----------
    counts : dict
        What became of the requests, see docs/receiving.md.

    Raises
    ------
    ConfigError
        The token is short, or cannot be part of a path.
    """

    def __init__(
        self,
        store: Store | LateStore,
        *,
        zone: tzinfo | None = None,
        secrets: tuple[bytes, ...] = (),
        token: str | None = None,
        path_prefix: str = "",
        clock: Clock | None = None,
    ) -> None:
        if path_prefix and not (path_prefix.startswith("/") and path_prefix.strip("/")):
            raise ConfigError("path_prefix", "no path; write it like /imilab")
        self._store = store
        self._zone = zone
        self._gate = Gate(secrets, token)
        self._prefix = path_prefix.rstrip("/")
        self._clock = clock or SystemClock()
        self._bodies = BodyReader()
        self.tally = Tally()
        self._intake = Intake(store, on_commit=self.tally.commit_seconds.observe)
        self._health = Health(store)
        self._connections: Connections | None = None
        self._seldom = Seldom(_log)
        self._logged = dict(self.counts)

    @classmethod
    def from_settings(
        cls, store: Store | LateStore, settings: Settings, *, path_prefix: str = "", clock: Clock | None = None
    ) -> Self:
        """Return a receiver with the settings' zone, hub secrets and token."""
        token = settings.receiver_token.get_secret_value() if settings.receiver_token else None
        return cls(
            store,
            zone=settings.zone,
            secrets=settings.hub_secrets,
            token=token,
            path_prefix=path_prefix,
            clock=clock,
        )

    @property
    def app(self) -> Receiver:
        """The ASGI application."""
        return self

    @property
    def counts(self) -> dict[str, int]:
        """What became of the requests."""
        return self.tally.counts

    @property
    def is_open(self) -> bool:
        """Whether it takes receipts from anyone who reaches it."""
        return self._gate.is_open

    def __repr__(self) -> str:
        return f"Receiver({self._store!r}, {self._gate!r})"

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> BackgroundServer:
        """Return a background server, not yet started.

        Raises
        ------
        ConfigError
            The address is taken, or would take anyone's receipts from the network.
        """
        self.check_address(host)
        server = BackgroundServer(self, host, port)
        self.watch(server.connections)
        return server

    def check_address(self, host: str) -> None:
        """Refuse to take anyone's receipts from the network.

        Raises
        ------
        ConfigError
            `host` is not this machine's own, and there is neither a hub secret nor a token.
        """
        self._gate.check_address(host)

    def watch(self, connections: Connections) -> None:
        """Show a server's connections among the metrics."""
        self._connections = connections

    def log_counts(self) -> None:
        """Log what became of the requests, where any came since the last time."""
        if self.counts != self._logged:
            self._logged = dict(self.counts)
            _log.info("so far", extra={"event": "counts", "counts": self._logged})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            head = RequestHead(scope, self._prefix)
            if head.method == "POST":
                began = time.perf_counter()
                await (await self._receive(head, receive)).send(send)
                self.tally.answer_seconds.observe(time.perf_counter() - began)
            else:
                await (await self._look(head)).send(send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)

    async def _receive(self, head: RequestHead, receive: Receive) -> Answer:
        """Keep a receipt. Nothing that may be one is answered with a status that the platform does not try again."""
        counts = self.tally.counts
        if not head.is_for_receipts:
            counts["misdirected"] += 1
            return NOT_HERE
        try:
            if self._gate.is_open:
                self._gate.check_origin(head.is_foreign)
            self._gate.check_token(self._gate.has_token and head.holds_token(self._gate))
            if head.is_coded:
                counts["coded"] += 1
                return CODED
            raw = await self._bodies.read(receive)
            self._gate.check_signature(raw, head.signature)
            counts[await self._keep(raw)] += 1
        except SignatureError as problem:
            counts["forged"] += 1
            self._seldom.warning("forged", "refused a webhook: %s", problem)
            return FORGED
        except BodyTooLargeError:
            counts["too_large"] += 1
            return TOO_LARGE
        except BrokenOffError:
            counts["broken_off"] += 1
            return UNSTORED  # nobody reads it
        except StoreError as problem:
            counts["refused"] += 1
            self._seldom.error("refused", "cannot store receipts, the platform will try again: %s", problem)
            return UNSTORED
        return STORED

    async def _keep(self, raw: bytes) -> str:
        """Store a body durably and say what it was."""
        now_ms = self._clock.now_ms()
        try:
            receipt = read_receipt(raw, self._zone)
        except UnreadableReceiptError as problem:
            return await self._intake.keep(Waiting(raw, now_ms, None, problem.reason))
        stored = StoredReceipt(receipt=receipt, raw=raw, source="webhook", received_at_ms=now_ms)
        return await self._intake.keep(Waiting(raw, now_ms, stored))

    async def _look(self, head: RequestHead) -> Answer:
        """Answer what does not store anything."""
        if head.is_for_receipts and (head.path_token is None or self._gate.knows(head.path_token)):
            if self._gate.is_open and head.is_foreign:
                return FORGED  # as its receipts would be: whoever saves this URL is told in time
            return CHECKED if head.method in {"GET", "HEAD"} else WRONG_METHOD
        shown = head.is_local or head.holds_token(self._gate)
        if head.method not in {"GET", "HEAD"} or not shown:
            return NOT_FOUND
        if head.path == "/health":
            return HEALTHY if await self._health.is_well() else UNHEALTHY
        if head.path == "/metrics":
            return Answer(200, exposition(self._families()).encode(), CONTENT_TYPE)
        return NOT_FOUND

    def _families(self) -> Iterator[Family]:
        free_bytes = None
        if self._store.place == str(self._store.path):  # no file on PostgreSQL
            with contextlib.suppress(OSError):
                free_bytes = shutil.disk_usage(self._store.path.parent).free
        return self.tally.families(depth=self._intake.depth, free_bytes=free_bytes, connections=self._connections)


async def _live(receive: Receive, send: Send) -> None:
    """Load what the first receipt would wait for; there is nothing to end."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await asyncio.to_thread(describe_number, _ANY_NUMBER)
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return

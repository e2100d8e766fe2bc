"""The webhook: verify, store raw, answer. 200 means that the receipt is on the disk."""

from __future__ import annotations

import asyncio
import logging
from datetime import tzinfo
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from imilab.clock import Clock, SystemClock
from imilab.errors import ConfigError, SignatureError, StoreError, UnreadableReceiptError
from imilab.serving import BackgroundServer
from imilab.store import Store, StoredReceipt
from imilab.store.receipts import add_quarantined, add_receipt
from imilab.wire import read_receipt, verify_signature
from imilab.wire.rules import is_loopback

__all__ = ["MAX_BODY_BYTES", "RECEIPTS_PATH", "Receiver"]

RECEIPTS_PATH = "/receipts"
MAX_BODY_BYTES = 256 * 1024
"""A receipt is about 500 bytes; nothing this long is one."""

_log = logging.getLogger(__name__)


class _BodyTooLargeError(Exception):
    """The body is longer than `MAX_BODY_BYTES`."""


class Receiver:
    """Receives the platform's receipts into a store.

    Parameters
    ----------
    store : Store
        Where they go.
    zone : tzinfo or None
        The tenant's zone, for time stamps without one; None keeps their text until the zone is known.
    secrets : sequence of bytes
        The live hub secrets; without any, nothing is verified, so listen on loopback only.
    clock : Clock
        Tells `received_at`.

    Attributes
    ----------
    app : Starlette
        The ASGI application: POST, GET and HEAD on ``/receipts``, GET on ``/health``.
    counts : dict
        Receipts stored, repeated, quarantined, and requests forged, refused (store failed), too large.
    """

    def __init__(
        self, store: Store, *, zone: tzinfo | None = None, secrets: tuple[bytes, ...] = (), clock: Clock | None = None
    ) -> None:
        self._store = store
        self._zone = zone
        self._secrets = secrets
        self._clock = clock or SystemClock()
        self.counts = dict.fromkeys(("stored", "repeated", "quarantined", "forged", "refused", "too_large"), 0)
        self.app = Starlette(
            routes=[
                Route(RECEIPTS_PATH, self._receive, methods=["POST"]),
                Route(RECEIPTS_PATH, self._check, methods=["GET"]),
                Route("/health", self._health, methods=["GET"]),
            ]
        )

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> BackgroundServer:
        """Return a background server for `app`, not yet started.

        Raises
        ------
        ConfigError
            The address is taken, or would take unsigned receipts from the network.
        """
        self.check_address(host)
        return BackgroundServer(self.app, host, port)

    def check_address(self, host: str) -> None:
        """Refuse to take unsigned receipts from the network.

        Raises
        ------
        ConfigError
            `host` is not this machine's own and there is no hub secret.
        """
        if not self._secrets and not is_loopback(host):
            raise ConfigError("hub_secret", "needed to listen beyond this machine, or anyone could send receipts")

    async def _receive(self, request: Request) -> Response:
        try:
            raw = await _read_body(request)
        except _BodyTooLargeError:
            self.counts["too_large"] += 1
            return PlainTextResponse("too large for a receipt", 413)
        except ClientDisconnect:
            return PlainTextResponse("incomplete", 400)
        try:
            if self._secrets:
                verify_signature(raw, request.headers.get("x-hub-signature"), self._secrets)
        except SignatureError as problem:
            self.counts["forged"] += 1
            _log.warning("refused a webhook: %s", problem)
            return PlainTextResponse("signature refused", 401)
        try:
            self.counts[await self._keep(raw)] += 1
        except StoreError as problem:
            self.counts["refused"] += 1
            _log.error("cannot store receipts, the platform will try again: %s", problem)
            return PlainTextResponse("cannot store now, try again", 503)
        return PlainTextResponse("stored")

    async def _keep(self, raw: bytes) -> str:
        """Store a body durably and say what it was."""
        now_ms = self._clock.now_ms()
        try:
            receipt = read_receipt(raw, self._zone)
        except UnreadableReceiptError as problem:
            reason = problem.reason
            new = await self._write(lambda connection: add_quarantined(connection, raw, reason, now_ms))
            return "quarantined" if new else "repeated"
        stored = StoredReceipt(receipt=receipt, raw=raw, source="webhook", received_at_ms=now_ms)
        number_key = self._store.number_key
        new = await self._write(lambda connection: add_receipt(connection, stored, number_key))
        return "stored" if new else "repeated"

    async def _write(self, work: Any) -> Any:
        return await asyncio.wrap_future(self._store.submit(work))

    async def _check(self, _: Request) -> Response:
        """Answer the platform's check of the URL."""
        return PlainTextResponse("imilab receives receipts here")

    async def _health(self, _: Request) -> Response:
        """Answer whether receipts can be stored now."""
        try:
            await self._write(lambda connection: connection.execute("SELECT 1").fetchone())
        except StoreError:
            return PlainTextResponse("the store does not write", 503)
        return PlainTextResponse("ok")


async def _read_body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _BodyTooLargeError
        parts.append(part)
    return b"".join(parts)

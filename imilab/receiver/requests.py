"""What the receiver needs to know of a request's first line and headers."""

from __future__ import annotations

from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

from imilab.receiver.gate import Gate
from imilab.wire.rules import is_loopback

__all__ = ["RECEIPTS_PATH", "RequestHead"]

RECEIPTS_PATH = "/receipts"

_BELOW = f"{RECEIPTS_PATH}/"
_PLAIN = (b"", b"identity")
_FORWARDED = frozenset({b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"origin"})


class RequestHead:
    """A request without its body.

    Parameters
    ----------
    scope : mapping
        ASGI's.
    prefix : str
        What a proxy may have left before the path.

    Attributes
    ----------
    method, path : str
        The path without the prefix.
    is_for_receipts : bool
        Whether it goes to ``/receipts`` or below.
    path_token : bytes or None
        What follows ``/receipts/``.
    signature : bytes or None
        ``x-hub-signature``.
    is_coded : bool
        Whether the body is compressed, or coded in another way.
    is_foreign : bool
        Whether it says itself that it was not made for this machine: a proxy passed it on, a web page sent it, or
        ``Host`` names another. What a request says is never trusted to open anything: it only closes.
    is_local : bool
        Whether it came to a loopback address, and is not foreign.
    """

    __slots__ = ("_tokens", "is_coded", "is_for_receipts", "method", "path", "path_token", "scope", "signature")

    def __init__(self, scope: MutableMapping[str, Any], prefix: str) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        path: str = scope["path"]
        self.path = path[len(prefix) :] if prefix and path.startswith(f"{prefix}/") else path
        self.path_token: bytes | None = None
        if self.path.startswith(_BELOW):
            self.path_token = self.path[len(_BELOW) :].encode("utf-8", "replace") or None
        self.is_for_receipts = self.path == RECEIPTS_PATH or self.path.startswith(_BELOW)
        self.signature: bytes | None = None
        self.is_coded = False
        self._tokens: list[tuple[bytes, bytes]] = []
        for name, value in scope["headers"]:
            if name == b"x-hub-signature":
                self.signature = self.signature or value
            elif name == b"content-encoding":
                self.is_coded |= value.strip().lower() not in _PLAIN
            elif name == b"transfer-encoding":
                self.is_coded |= value.strip().lower() != b"chunked"
            elif name in {b"authorization", b"x-imilab-token"}:
                self._tokens.append((name, value))

    def holds_token(self, gate: Gate) -> bool:
        """Say whether the path or a header holds the receiver's token."""
        if self.path_token is not None and gate.knows(self.path_token):
            return True
        return any(
            gate.knows_bearer(value) if name == b"authorization" else gate.knows(value.strip())
            for name, value in self._tokens
        )

    @property
    def is_foreign(self) -> bool:
        """Whether it says that it was made elsewhere, or for elsewhere."""
        return any(
            not _names_this_machine(value) if name == b"host" else name in _FORWARDED
            for name, value in self.scope["headers"]
        )

    @property
    def is_local(self) -> bool:
        """Whether the request was made on this machine, as far as one can see."""
        server = self.scope.get("server")
        return server is not None and is_loopback(server[0]) and not self.is_foreign


@lru_cache(64)
def _names_this_machine(host: bytes) -> bool:
    """Say whether a header ``Host`` names the loopback interface; its port may be missing."""
    name, colon, port = host.decode("latin-1").rpartition(":")
    if not colon or not port.isdecimal():
        name = host.decode("latin-1")
    return is_loopback(name.removeprefix("[").removesuffix("]").lower())

"""Who may send receipts: whoever signs them with a hub secret, or knows the token."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

from imilab.errors import ConfigError, SignatureError
from imilab.wire import verify_signature
from imilab.wire.rules import is_loopback

__all__ = ["Gate"]

_TOKEN = re.compile(r"[A-Za-z0-9._~-]{16,200}", re.ASCII)
_BEARER = b"bearer "


class Gate:
    """Checks signatures and the token; each that is set must fit.

    Parameters
    ----------
    secrets : sequence of bytes
        The live hub secrets.
    token : str or None
        The last part of the path, or the value of a header.

    Attributes
    ----------
    has_secrets, has_token : bool
        What is checked.
    is_open : bool
        Whether nothing at all is checked.

    Raises
    ------
    ConfigError
        The token is short, or cannot be part of a path.
    """

    def __init__(self, secrets: Sequence[bytes] = (), token: str | None = None) -> None:
        if token is not None and not _TOKEN.fullmatch(token):
            raise ConfigError("receiver_token", "not 16 to 200 letters, digits and . _ ~ -; make it long and random")
        self._secrets = tuple(secrets)
        self._token = token.encode() if token else b""
        self.has_secrets, self.has_token = bool(self._secrets), bool(self._token)
        self.is_open = not (self.has_secrets or self.has_token)

    def __repr__(self) -> str:
        return f"Gate(secrets={len(self._secrets)}, token={self.has_token})"

    def check_address(self, host: str) -> None:
        """Refuse to take anyone's receipts from the network.

        Raises
        ------
        ConfigError
            `host` is not this machine's own, and neither a secret nor a token is set.
        """
        if self.is_open and not is_loopback(host):
            raise ConfigError(
                "hub_secret",
                "it, or receiver_token, is needed to listen beyond this machine, or anyone could send receipts",
            )

    def check_origin(self, is_foreign: bool) -> None:
        """Check that a request was made on this machine, where nothing else is checked.

        Raises
        ------
        SignatureError
            A tunnel, a proxy or a web page leads here, and so would anyone.
        """
        if self.is_open and is_foreign:
            raise SignatureError(
                "it came by a proxy, a tunnel or a web page, as anyone's could; set a hub secret or a receiver token"
            )

    def knows(self, candidate: bytes) -> bool:
        """Say, in constant time, whether this is the token."""
        return self.has_token and hmac.compare_digest(candidate, self._token)

    def knows_bearer(self, authorization: bytes) -> bool:
        """Say whether an ``Authorization: Bearer`` header holds the token."""
        if authorization[: len(_BEARER)].lower() != _BEARER:
            return False
        return self.knows(authorization[len(_BEARER) :].strip())

    def check_signature(self, raw: bytes, signature: bytes | None) -> None:
        """Check who signed a body, where a hub secret is set.

        Raises
        ------
        SignatureError
            Nobody who knows a live secret.
        """
        if self._secrets:
            verify_signature(raw, signature.decode("latin-1") if signature else None, self._secrets)

    def check_token(self, known: bool) -> None:
        """Check that the token was there, where one is set.

        Raises
        ------
        SignatureError
            It was not, or another.
        """
        if self._token and not known:
            raise SignatureError("no receiver token, or another; put it at the end of the URL's path")

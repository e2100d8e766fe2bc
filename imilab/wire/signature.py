"""The platform's webhook signature: hex HMAC of the raw body (RFC 2104) in the header ``x-hub-signature``."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Literal

from imilab.errors import SignatureError

__all__ = ["sign", "verify_signature"]

_HEX_LENGTHS = {"sha256": 64, "sha512": 128}


def sign(body: bytes, secret: bytes, algorithm: Literal["sha256", "sha512"] = "sha256") -> str:
    """Return the header's value for a body, prefixed with the algorithm.

    Examples
    --------
    >>> sign(b"{}", b"secret")[:15]
    'sha256=77325902'
    """
    return f"{algorithm}={hmac.new(secret, body, algorithm).hexdigest()}"


def verify_signature(body: bytes, header: str | None, secrets: Sequence[bytes]) -> None:
    """Check that one of `secrets` signed the raw body.

    Parameters
    ----------
    body : bytes
        The body as it came, before any parsing.
    header : str or None
        A hex digest of SHA-256 or SHA-512, bare or prefixed with ``sha256=`` or ``sha512=``.
    secrets : sequence of bytes
        The live hub secrets; two while one replaces the other. All are tried, in constant time each; an empty one
        fits nothing.

    Raises
    ------
    SignatureError
        No header, another algorithm (SHA-1 among them), or none of the secrets fits.
    """
    if not header:
        raise SignatureError("no x-hub-signature header; set the hub secret on the platform's outbound webhook")
    prefix, separator, digest = header.strip().rpartition("=")
    digest = digest.lower()
    algorithm = prefix.lower() if separator else _algorithm_of(digest)
    if algorithm not in _HEX_LENGTHS or len(digest) != _HEX_LENGTHS[algorithm] or not digest.isascii():
        raise SignatureError("x-hub-signature is no SHA-256 or SHA-512 hex digest; choose one on the platform")
    matches = [
        hmac.compare_digest(hmac.new(secret, body, algorithm).hexdigest(), digest) for secret in secrets if secret
    ]
    if not any(matches):
        raise SignatureError("x-hub-signature does not fit the body; check that both sides hold the same hub secret")


def _algorithm_of(digest: str) -> str:
    return next((name for name, length in _HEX_LENGTHS.items() if len(digest) == length), "")

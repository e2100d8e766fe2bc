"""What makes a receipt the same receipt: a digest of its normalised content."""

from __future__ import annotations

import hashlib

from imilab.wire import Receipt

__all__ = ["digest", "receipt_identity"]


_BETWEEN = "\x1f"


def receipt_identity(receipt: Receipt) -> bytes:
    """Return the 16 bytes under which an event is known, whichever way and however often it came."""
    moment = receipt.event_at_raw if receipt.event_at_ms is None else str(receipt.event_at_ms)
    call = receipt.message_id or f"correlation:{receipt.correlation_id}"
    content = (call, receipt.status.upper(), receipt.code, moment, receipt.msisdn)
    joined = _BETWEEN.join(content)
    if joined.count(_BETWEEN) >= len(content):  # a text holds one, and "A?", "B" must not be the same as "A", "?B"
        joined = _BETWEEN.join(f"{len(text)}:{text}" for text in content)
    return digest(joined.encode())


def digest(content: bytes) -> bytes:
    """Return 16 bytes that stand for a content. Without a key: they hide nothing that can be guessed."""
    return hashlib.blake2b(content, digest_size=16).digest()

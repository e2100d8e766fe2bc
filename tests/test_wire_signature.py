"""The webhook's signature, against an independent HMAC."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imilab.errors import SignatureError
from imilab.wire import sign, verify_signature

BODY = b'{"deliveryTransInfo": "..."}'
SECRET = b"hub secret"


def rfc_2104(body: bytes, secret: bytes, digest: Callable[[bytes], Any]) -> str:
    """HMAC as RFC 2104 writes it down, for secrets of at most one block."""
    block = digest(b"").block_size
    key = secret.ljust(block, b"\0")
    inner = digest(bytes(byte ^ 0x36 for byte in key) + body).digest()
    return digest(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()


SHA256, SHA512 = rfc_2104(BODY, SECRET, hashlib.sha256), rfc_2104(BODY, SECRET, hashlib.sha512)


@pytest.mark.parametrize(
    "header",
    [SHA256, f"sha256={SHA256}", SHA512, f"sha512={SHA512}", f"SHA256={SHA256.upper()}", f"  sha512={SHA512} "],
)
def test_a_signature_is_accepted_bare_or_prefixed(header):
    verify_signature(BODY, header, [SECRET])


def test_signing_gives_what_the_platform_would_send():
    assert sign(BODY, SECRET) == f"sha256={SHA256}"
    assert sign(BODY, SECRET, "sha512") == f"sha512={SHA512}"


def test_either_of_two_live_secrets_fits():
    for secret in (b"new", b"old"):
        verify_signature(BODY, sign(BODY, secret), [b"new", b"old"])


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "sha256=",
        SHA256[:-1],
        f"sha512={SHA256}",
        f"sha256={SHA512}",
        f"md5={SHA256}",
        f"={SHA256}",
        hashlib.sha1(SECRET + BODY).hexdigest(),
        f"sha1={rfc_2104(BODY, SECRET, hashlib.sha1)}",
        rfc_2104(BODY, SECRET, hashlib.sha1),
        f"sha256={'é' * 64}",
        f"sha256={SHA256},sha256={SHA256}",
    ],
)
def test_other_headers_are_refused(header):
    with pytest.raises(SignatureError, match="x-hub-signature"):
        verify_signature(BODY, header, [SECRET])


@pytest.mark.parametrize("secrets", [[], [b"another"], [b""], [b"another", b""]])
def test_a_signature_by_none_of_the_secrets_is_refused(secrets):
    with pytest.raises(SignatureError, match="does not fit"):
        verify_signature(BODY, sign(BODY, SECRET), secrets)
    with pytest.raises(SignatureError, match="does not fit"):
        verify_signature(BODY, sign(BODY, b""), secrets)


@given(st.binary(max_size=200), st.binary(min_size=1, max_size=80), st.data())
def test_one_changed_byte_is_noticed(body, secret, data):
    header = sign(body, secret, data.draw(st.sampled_from(["sha256", "sha512"])))
    verify_signature(body, header, [secret])
    place = data.draw(st.integers(0, len(body)))
    changed = body[:place] + bytes([data.draw(st.integers(0, 255))]) + body[place:]
    with pytest.raises(SignatureError):
        verify_signature(changed, header, [secret])


@given(st.text(max_size=140))
def test_no_header_raises_anything_else(header):
    with pytest.raises(SignatureError):
        verify_signature(BODY, header, [SECRET])

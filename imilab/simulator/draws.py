"""Random numbers that depend on a seed and on words, not on the order in which they are asked for."""

from __future__ import annotations

import hmac
import struct
from statistics import NormalDist

__all__ = ["Draws"]

_NORMAL = NormalDist()


class Draws:
    """The source of all chance in the simulator.

    Parameters
    ----------
    seed : int
        From 0 to 2**63 - 1.

    Examples
    --------
    >>> Draws(7).uniforms("call", "c1") == Draws(7).uniforms("call", "c1")
    True
    >>> Draws(7).uniforms("call", "c1") == Draws(8).uniforms("call", "c1")
    False
    """

    def __init__(self, seed: int) -> None:
        self._key = seed.to_bytes(8, "big")

    def digest(self, *parts: str) -> bytes:
        """Return 64 bytes: HMAC-SHA512 of the words, keyed with the seed."""
        return hmac.digest(self._key, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha512")

    def uniforms(self, *parts: str) -> tuple[float, ...]:
        """Return eight numbers above 0 and below 1, evenly distributed and independent."""
        return tuple(((word >> 12) + 0.5) / 2**52 for word in struct.unpack(">8Q", self.digest(*parts)))

    def normal(self, *parts: str) -> float:
        """Return one number with mean 0 and standard deviation 1."""
        return _NORMAL.inv_cdf(self.uniforms(*parts)[0])

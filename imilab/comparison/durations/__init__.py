"""How long calls ring and talk: competing risks, restricted means, tests of whole curves, shifts."""

from __future__ import annotations

from imilab.comparison.durations.result import Durations
from imilab.comparison.durations.ring_and_talk import durations

__all__ = ["Durations", "durations"]

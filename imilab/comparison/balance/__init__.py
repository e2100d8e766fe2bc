"""Before and after a comparison: are the data sound, does the method hold its level on them, where did it move."""

from __future__ import annotations

from imilab.comparison.balance.aa_simulation import SimulatedAA, simulate_aa
from imilab.comparison.balance.breakdown_result import Breakdown
from imilab.comparison.balance.checkup import health
from imilab.comparison.balance.result import Health
from imilab.comparison.balance.segments import breakdown

__all__ = ["Breakdown", "Health", "SimulatedAA", "breakdown", "health", "simulate_aa"]

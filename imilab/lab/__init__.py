"""The façade that joins both halves: `Lab`, and the `Call` it returns."""

from __future__ import annotations

from imilab.lab.facade import SIMULATED_START, Lab
from imilab.lab_call import Call

__all__ = ["SIMULATED_START", "Call", "Lab"]

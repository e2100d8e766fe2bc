"""Planning a comparison: how many calls, what power, which difference, how much longer."""

from __future__ import annotations

from imilab.comparison.planning.design import Design
from imilab.comparison.planning.facts import Look
from imilab.comparison.planning.pace import Outlook
from imilab.comparison.planning.solve import power

__all__ = ["Design", "Look", "Outlook", "power"]

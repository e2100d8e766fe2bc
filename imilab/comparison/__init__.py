"""Comparing arms: rates side by side, differences with interval and test, and a sentence that says what was found."""

from __future__ import annotations

from imilab.comparison.differences import compare
from imilab.comparison.result import Comparison

__all__ = ["Comparison", "compare"]

"""Looking early without fooling oneself: planned looks with bounds, and e-values that may be looked at always."""

from __future__ import annotations

from imilab.comparison.sequential.blocks import block_e_values
from imilab.comparison.sequential.boundaries import Boundaries, group_sequential_bounds
from imilab.comparison.sequential.paired import always_valid_interval, paired_e_value
from imilab.comparison.sequential.result import Monitoring
from imilab.comparison.sequential.sample_ratio import sample_ratio_e_values
from imilab.comparison.sequential.shapes import haybittle_peto, wang_tsiatis
from imilab.comparison.sequential.watching import monitor

__all__ = [
    "Boundaries",
    "Monitoring",
    "always_valid_interval",
    "block_e_values",
    "group_sequential_bounds",
    "haybittle_peto",
    "monitor",
    "paired_e_value",
    "sample_ratio_e_values",
    "wang_tsiatis",
]

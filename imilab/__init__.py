"""imilab: test calls through Webex Connect, what became of them, and answers with an interval.

Everything is imported when it is first used, so that ``import imilab`` is quick and loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imilab import charts, widgets
    from imilab.buckets import TimeBucket, day, hour, hour_of_day, weekday
    from imilab.comparison import Comparison, compare
    from imilab.comparison.balance import breakdown, health, simulate_aa
    from imilab.comparison.durations import durations
    from imilab.comparison.planning import Design, power
    from imilab.comparison.sequential import monitor
    from imilab.config import Settings
    from imilab.errors import ImilabError
    from imilab.lab import Call, Lab
    from imilab.logs import Mapping
    from imilab.logs.inspection import inspect_logs
    from imilab.rate_table import RateTable, rates
    from imilab.reading import read_calls
    from imilab.reporting import report
    from imilab.samples import load_sample
    from imilab.send import Arm, Plan
    from imilab.terms import Media, Voice, codes, voices

__version__ = "0.1.0"

_HOMES = {
    "Arm": "imilab.send",
    "Call": "imilab.lab",
    "Comparison": "imilab.comparison",
    "Design": "imilab.comparison.planning",
    "ImilabError": "imilab.errors",
    "Lab": "imilab.lab",
    "Mapping": "imilab.logs",
    "Media": "imilab.terms",
    "Plan": "imilab.send",
    "RateTable": "imilab.rate_table",
    "Settings": "imilab.config",
    "TimeBucket": "imilab.buckets",
    "Voice": "imilab.terms",
    "breakdown": "imilab.comparison.balance",
    "charts": "imilab.charts",
    "codes": "imilab.terms",
    "compare": "imilab.comparison",
    "day": "imilab.buckets",
    "durations": "imilab.comparison.durations",
    "health": "imilab.comparison.balance",
    "hour": "imilab.buckets",
    "hour_of_day": "imilab.buckets",
    "inspect_logs": "imilab.logs.inspection",
    "load_sample": "imilab.samples",
    "monitor": "imilab.comparison.sequential",
    "power": "imilab.comparison.planning",
    "rates": "imilab.rate_table",
    "read_calls": "imilab.reading",
    "report": "imilab.reporting",
    "simulate_aa": "imilab.comparison.balance",
    "voices": "imilab.terms",
    "weekday": "imilab.buckets",
    "widgets": "imilab.widgets",
}

__all__ = [
    "Arm",
    "Call",
    "Comparison",
    "Design",
    "ImilabError",
    "Lab",
    "Mapping",
    "Media",
    "Plan",
    "RateTable",
    "Settings",
    "TimeBucket",
    "Voice",
    "__version__",
    "breakdown",
    "charts",
    "codes",
    "compare",
    "day",
    "durations",
    "health",
    "hour",
    "hour_of_day",
    "inspect_logs",
    "load_sample",
    "monitor",
    "power",
    "rates",
    "read_calls",
    "report",
    "simulate_aa",
    "voices",
    "weekday",
    "widgets",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'imilab' has no attribute {name!r}; there are {', '.join(sorted(_HOMES))}")
    home = import_module(_HOMES[name])
    value = home if _HOMES[name] == f"imilab.{name}" else getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

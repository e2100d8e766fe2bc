from __future__ import annotations

import inspect
import subprocess
import sys
import types

import pytest

import imilab

NAMES = [
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
HEAVY = ("pandas", "numpy", "scipy", "matplotlib", "duckdb", "httpx", "narwhals", "pyarrow", "ipywidgets", "pydantic")


def test_the_public_names_are_exactly_these():
    assert imilab.__all__ == NAMES
    assert dir(imilab) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_leads_to_a_thing_of_that_name_with_a_docstring(name: str):
    thing = getattr(imilab, name)
    if name == "__version__":
        assert thing == "0.1.0"
        return
    if isinstance(thing, types.ModuleType):
        assert thing.__name__ == f"imilab.{name}"
    else:
        assert (thing.__name__, thing.__module__.partition(".")[0]) == (name, "imilab")
    assert inspect.getdoc(thing)


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        ("Lab", "simulated go_live call plan send stop reconcile wait receive receipts requests calls close"),
        ("Call", "wait timeline state message_id correlation_id refusal over"),
        ("Plan", "table summary refused"),
    ],
)
def test_every_member_of_the_facade_is_there_and_says_what_it_does(kind: str, members: str):
    for member in members.split():
        if member == "correlation_id":  # an attribute, named in the class's own docstring
            assert member in (inspect.getdoc(imilab.Call) or "")
        else:
            assert inspect.getdoc(inspect.getattr_static(getattr(imilab, kind), member))


def test_a_name_that_is_none_says_which_there_are():
    with pytest.raises(AttributeError, match=r"has no attribute 'Laboratory'; there are Arm, Call, .*widgets"):
        _ = imilab.Laboratory


def test_importing_imilab_loads_nothing_heavy():
    program = f"import sys, imilab; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_star_import_gives_every_name():
    names: dict[str, object] = {}
    exec("from imilab import *", names)

    assert names.keys() - {"__builtins__"} == set(NAMES)

"""Our statistics against published tables and R: every row of the reference file whose method imilab offers.

IMILAB_REFERENCE names another file of the same columns.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

COMMITTED = Path(__file__).with_name("data") / "reference_statistics.csv"
REFERENCE = Path(os.environ.get("IMILAB_REFERENCE") or COMMITTED)
PARTS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("reference_methods_*.py")))

_WORDS = {"Inf": "inf", "-Inf": "-inf", "Infinity": "inf", "-Infinity": "-inf", "NaN": "nan", "NA": "nan"}

OFFERED: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {}
for part in PARTS:
    OFFERED |= import_module(f"tests.{part}").METHODS


def _rows() -> list[dict[str, str]]:
    with REFERENCE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _read(text: str) -> dict[str, Any]:
    """Read JSON in which infinity and what is not known are words."""
    found: dict[str, Any] = _numbers(json.loads(text))
    return found


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    return float(_WORDS[value]) if isinstance(value, str) and value in _WORDS else value


def _problem(row: dict[str, str]) -> str:
    try:
        OFFERED[row["method"]](_read(row["inputs"]), _read(row["expected"]))
    except AssertionError as failure:
        return f"{row['case_id']}: {failure}"
    except (ArithmeticError, LookupError, TypeError, ValueError) as failure:  # a row of a shape we do not read
        return f"{row['case_id']}: {type(failure).__name__} {failure}"
    return ""


def test_offered_methods_agree_with_every_reference_row(capsys: pytest.CaptureFixture[str]) -> None:
    passed, failed, absent, wrong = Counter[str](), Counter[str](), Counter[str](), []
    for row in _rows():
        method = row["method"]
        if method not in OFFERED:
            absent[method] += 1
            continue
        problem = _problem(row)
        wrong += [problem] if problem else []
        (failed if problem else passed)[method] += 1
    lines = [f"{method}: {passed[method]} passed, {failed[method]} failed" for method in OFFERED]
    lines.append(f"in all: {passed.total()} passed, {failed.total()} failed")
    lines.append(f"no counterpart in imilab: {absent.total()} rows of {len(absent)} methods: {dict(absent)}")
    with capsys.disabled():
        print(f"\n{REFERENCE.name}", *lines, sep="\n  ")  # noqa: T201  the summary is meant to be seen
    assert not wrong
    assert passed.total() > 0


@pytest.mark.skipif(REFERENCE != COMMITTED, reason="speaks of the committed file")
def test_every_offered_method_has_a_row_in_the_committed_file() -> None:
    assert set(OFFERED) - {row["method"] for row in _rows()} == set()


def test_a_wrong_value_is_found() -> None:
    row = next(row for row in _rows() if row["method"] == "ci1_wilson")
    expected = json.loads(row["expected"])
    assert _problem(row | {"expected": json.dumps(expected | {"upper": expected["upper"] + 0.01})})

"""Our statistics against published tables and R: every row of the reference file whose method imilab offers.

IMILAB_REFERENCE names another file of the same columns.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imilab.comparison.significance import holm, pooled_z
from imilab.intervals import newcombe, rate, wilson

COMMITTED = Path(__file__).with_name("data") / "reference_statistics.csv"
REFERENCE = Path(os.environ.get("IMILAB_REFERENCE") or COMMITTED)


def _wilson(inputs: dict[str, Any]) -> dict[str, Any]:
    low, high = wilson(inputs["x"], inputs["n"], inputs["level"])
    return {"est": rate(inputs["x"], inputs["n"]), "lower": low, "upper": high}


def _newcombe(inputs: dict[str, Any]) -> dict[str, Any]:
    counts = (inputs["x1"], inputs["n1"], inputs["x2"], inputs["n2"])
    low, high = newcombe(*counts, inputs["level"])
    return {"diff": counts[0] / counts[1] - counts[2] / counts[3], "lower": low, "upper": high}


def _pooled_z(inputs: dict[str, Any]) -> dict[str, Any]:
    z, p = pooled_z(inputs["x1"], inputs["n1"], inputs["x2"], inputs["n2"])
    return {"chisq": z**2, "p_value": p}


def _holm(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"p_adj": holm(inputs["p"])}


OFFERED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "ci1_wilson": _wilson,
    "ci_diff_newcombe": _newcombe,
    "ztest_pooled": _pooled_z,
    "p_adjust_holm": _holm,
}
# prop.test prints a Wald interval beside the test; imilab offers none.
NO_COUNTERPART = {"lower_wald", "upper_wald"}
TOLERANCES = {"abs_tol", "rel_tol"}


def _rows() -> list[dict[str, str]]:
    with REFERENCE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _numbers(value: Any) -> list[float]:
    return [float(each) for each in np.atleast_1d(value)]


def _differences(row: dict[str, str]) -> list[str]:
    expected = json.loads(row["expected"])
    tolerances = {name: expected.get(name, 0.0) for name in TOLERANCES}
    found = OFFERED[row["method"]](json.loads(row["inputs"]))
    wrong = []
    for name in expected.keys() - TOLERANCES - NO_COUNTERPART:
        pairs = zip(_numbers(found[name]), _numbers(expected[name]), strict=True)
        wrong += [f"{row['case_id']} {name}: {x} is not {y}" for x, y in pairs if not math.isclose(x, y, **tolerances)]
    return wrong


def test_offered_methods_agree_with_every_reference_row(capsys: pytest.CaptureFixture[str]) -> None:
    passed, failed, absent, wrong = Counter[str](), Counter[str](), Counter[str](), []
    for row in _rows():
        method = row["method"]
        if method not in OFFERED:
            absent[method] += 1
            continue
        problems = _differences(row)
        wrong += problems
        (failed if problems else passed)[method] += 1
    lines = [f"{method}: {passed[method]} passed, {failed[method]} failed" for method in OFFERED]
    lines.append(f"no counterpart: {absent.total()} rows of {len(absent)} methods: {dict(absent)}")
    with capsys.disabled():
        print(f"\n{REFERENCE.name}", *lines, sep="\n  ")  # noqa: T201  the summary is meant to be seen
    assert not wrong
    assert passed.total() > 0


@pytest.mark.skipif(REFERENCE != COMMITTED, reason="counts are those of the committed file")
def test_committed_file_holds_the_rows_that_guard_each_method() -> None:
    counts = Counter(row["method"] for row in _rows())
    assert {method: counts[method] for method in OFFERED} == {
        "ci1_wilson": 16,
        "ci_diff_newcombe": 13,
        "ztest_pooled": 7,
        "p_adjust_holm": 2,
    }

"""Our statistics against published tables, R and closed forms: every row whose method imilab offers.

IMILAB_REFERENCE names another file of the same columns.
"""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from functools import cache
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

from tests.reference_agreement import Method, outcome

DATA = Path(__file__).with_name("data")
COMMITTED = [DATA / "reference_statistics.csv", DATA / "reference_statistics_more.csv"]
GIVEN = os.environ.get("IMILAB_REFERENCE")
FILES = [Path(GIVEN)] if GIVEN else COMMITTED
PARTS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("reference_methods_*.py")))

OFFERED: dict[str, Method] = {}
for part in PARTS:
    OFFERED |= import_module(f"tests.{part}").METHODS


def _outcome(row: dict[str, str]) -> tuple[str, str]:
    return outcome(OFFERED[row["method"]], row) if row["method"] in OFFERED else ("absent", "")


@cache
def _rows(file: Path) -> list[tuple[dict[str, str], tuple[str, str]]]:
    """Return a file's rows, each with what came of it."""
    with file.open(encoding="utf-8-sig", newline="") as text:
        return [(row, _outcome(row)) for row in csv.DictReader(text)]


def _row(method: str, inputs: object, expected: object) -> dict[str, str]:
    return {"method": method, "inputs": json.dumps(inputs), "expected": json.dumps(expected)}


def test_offered_methods_agree_with_every_reference_row(capsys: pytest.CaptureFixture[str]) -> None:
    counts, wrong, lacking = Counter[tuple[str, str]](), [], []
    for row, (found, why) in chain.from_iterable(map(_rows, FILES)):
        counts[row["method"], found] += 1
        wrong += [f"{row['case_id']}: {why}"] if found == "failed" else []
        lacking += [f"  {row['case_id']}: {why}"] if found == "absent" and why else []
    totals = Counter(found for _, found in counts.elements())
    lines = [f"{name}: {counts[name, 'passed']} passed, {counts[name, 'failed']} failed" for name in OFFERED]
    lines.append(f"in all: {totals['passed']} passed, {totals['failed']} failed")
    absent = {method: count for (method, found), count in counts.items() if found == "absent"}
    lines.append(f"no counterpart in imilab: {totals['absent']} rows of {len(absent)} methods: {absent}")
    with capsys.disabled():
        print(f"\n{', '.join(file.name for file in FILES)}", *lines, *lacking, sep="\n  ")  # noqa: T201  the summary is meant to be seen
    assert not wrong
    assert totals["passed"] > 0


def test_every_offered_method_has_a_row_that_it_passes() -> None:
    rows = chain.from_iterable(map(_rows, COMMITTED))
    assert set(OFFERED) - {row["method"] for row, (found, _) in rows if found == "passed"} == set()


def test_every_row_of_ours_names_its_source_and_is_passed() -> None:
    rows = _rows(COMMITTED[1])
    assert all(row["source"] for row, _ in rows)
    assert [row["case_id"] for row, (found, _) in rows if found != "passed"] == []


@pytest.mark.parametrize("method", OFFERED)
def test_a_wrong_value_is_found(method: str) -> None:
    row = next(row for row, _ in chain.from_iterable(map(_rows, COMMITTED)) if row["method"] == method)
    expected = json.loads(row["expected"])
    for name, value in expected.items():
        if isinstance(value, (int, float)) and "tol" not in name and "wald" not in name:
            changed = json.dumps(expected | {name: value * 1.5 + 0.5})
            assert _outcome(row | {"expected": changed})[0] == "failed", name


def test_an_option_that_we_do_not_know_is_no_counterpart() -> None:
    assert _outcome(_row("g_test", {"x": [3, 5], "n": [9, 9], "correct": "williams"}, {"g": 1.0})) == (
        "absent",
        "g: 0.9080533494451899 is not 1.0 ['correct']",
    )
    weighted = _row("logrank", {"time1": [1, 2], "event1": [1, 1], "time2": [3], "event2": [1], "rho": 1}, {"df": 1})
    assert _outcome(weighted) == ("absent", "option rho")
    known = _row("ci1_wilson", {"x": 0, "n": 20, "note": "none"}, {"lower": 0, "upper": 0.161125158052819})
    assert _outcome(known)[0] == "passed"


@pytest.mark.parametrize(
    ("method", "inputs", "expected"),
    [
        ("ci1_wilson", {"x": 0, "n": 20, "conf.level": 0.9}, {"est": 0, "lwr.ci": 0, "upr.ci": 2.705543 / 22.705543}),
        ("mh_rd", {"ai": [17], "bi": [23], "ci": [9], "n2i": [35]}, {"estimate": 17 / 40 - 9 / 35}),
        ("kaplan_meier", {"time": [1, 2, 3], "status": [1, 1, 0], "times": [1, 2]}, {"surv": [2 / 3, 1 / 3]}),
        ("srm_chisq", {"x": [30, 10], "p": [0.5, 0.5]}, {"X2": 10, "parameter": 1}),
        ("power_two_prop_pooled", {"n": 50, "p1": 0.5, "p2": 0.75, "sig.level": 0.05}, {"power": 0.7401659}),
        ("group_sequential_bounds", {"typeOfDesign": "P", "kMax": 1, "alpha": 0.025}, {"criticalValues": 1.959964}),
        ("fisher_exact", {"table": [[3, 1], [1, 3]], "alternative": "g"}, {"p.value": 17 / 70}),
    ],
)
def test_rows_are_read_in_the_spellings_of_r(
    method: str, inputs: dict[str, object], expected: dict[str, object]
) -> None:
    assert _outcome(_row(method, inputs, expected | {"abs_tol": 1e-6})) == ("passed", "")


def test_a_value_that_we_do_not_give_is_no_counterpart_and_hides_no_wrong_one() -> None:
    inputs = {"x": [3, 5], "n": [9, 9]}
    assert _outcome(_row("g_test", inputs, {"df": 1, "phi": 0.2})) == ("absent", "value phi")
    assert _outcome(_row("g_test", inputs, {"df": 2, "phi": 0.2}))[0] == "failed"


def test_a_row_of_a_shape_that_we_do_not_read_does_not_hide_the_rows_after_it() -> None:
    for inputs in ({}, {"x": "three", "n": 9}, {"x": None, "n": None}, {"x": [[1]], "n": {}}):
        assert _outcome(_row("ci1_wilson", inputs, {"lower": 0.5}))[0] == "failed"


def test_a_row_without_tolerance_means_its_digits() -> None:
    inputs, expected = {"n": 500, "p1": 0.8, "p2": 0.85, "alpha": 0.05, "strict": True}, {"power": 0.548150056730047}
    assert _outcome(_row("power_two_prop_pooled", inputs, expected))[0] == "passed"
    assert _outcome(_row("power_two_prop_pooled", inputs, {"power": 0.54815}))[0] == "failed"
    assert _outcome(_row("power_two_prop_pooled", inputs, {"power": 0.54815, "power_abs_tol": 1e-6}))[0] == "passed"


def test_a_value_that_we_give_where_r_gives_none_must_be_the_documented_one() -> None:
    none = {"chisq": "NaN", "p_value": "NaN"}
    assert _outcome(_row("ztest_pooled", {"x1": 0, "n1": 9, "x2": 0, "n2": 9}, none))[0] == "passed"
    assert _outcome(_row("ztest_pooled", {"x1": 0, "n1": 9, "x2": 1, "n2": 9}, none))[0] == "failed"

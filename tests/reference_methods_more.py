"""The reference rows of functions beside `compare`: sandwich errors, exact and general association, every pair."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imilab.comparison import association, pairwise, robust
from imilab.comparison.correlation import Arm
from tests.reference_methods_core import agree

__all__ = ["METHODS"]

Row = dict[str, Any]
_ADJUSTMENTS = {"none": None, "BH": "benjamini_hochberg", "fdr": "benjamini_hochberg", "BY": "benjamini_yekutieli"}


def _robust(estimator: Callable[[Arm, Arm], robust.Robust]) -> Callable[[Row, Row], None]:
    def check(inputs: Row, expected: Row) -> None:
        names, calls, successes = (np.array(inputs[name]) for name in ("arm", "m", "y"))
        first, *others = dict.fromkeys(names.tolist())
        sides = [
            Arm(calls[names == name].astype(float), successes[names == name].astype(float))
            for name in (others[0], first)
        ]
        found = estimator(*sides)
        agree({"diff": found.estimate, "se": found.standard_error, "df": found.df, "p_value": found.p}, expected)

    return check


def _pairwise(inputs: Row, expected: Row) -> None:
    wanted = inputs.get("adjust", "holm")
    found = pairwise.pairwise_rates(
        inputs["x"], inputs["n"], _ADJUSTMENTS.get(wanted, wanted), continuity=inputs.get("correct", True)
    )
    agree({f"p{one + 1}{other + 1}": p for (one, other), p in found.items()}, expected)


def _association(inputs: Row, expected: Row) -> None:
    order = "F" if inputs.get("order", "column-major") == "column-major" else "C"
    tables = np.moveaxis(np.reshape(inputs["data"], inputs["dim"], order=order), -1, 0)
    statistic, df, p = association.cmh_association(tables)
    agree({"stat": statistic, "df": df, "p_value": p}, expected)


def _exact(inputs: Row, expected: Row) -> None:
    p, odds_ratio = association.cmh_exact(inputs["tables"])
    agree({"p_value": p}, {name: value for name, value in expected.items() if name != "or"})
    # R looks for the odds ratio, or for 1 by it, by uniroot, which stops within 1.2e-4; ours is checked in
    # test_association.py against whole-number arithmetic.
    if "or" in expected and 0 < odds_ratio < math.inf:
        agree({"or": odds_ratio}, {"or": expected["or"], "rel_tol": 1.2e-4 * max(odds_ratio, 1 / odds_ratio)})


METHODS: dict[str, Callable[[Row, Row], None]] = {
    "cluster_robust_diff_cr1": _robust(robust.cr1),
    "cluster_robust_diff_cr2": _robust(robust.cr2),
    "pairwise_prop_test": _pairwise,
    "cmh_generalized_rxc": _association,
    "cmh_exact": _exact,
}
"""Each takes a row's inputs and what is expected, and fails where they differ by more than the row's tolerances."""

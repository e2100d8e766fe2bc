"""The methods whose level `simulate_aa` can check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imilab.comparison.balance.rerandomise import Units
from imilab.comparison.clusters import FEWEST_NUMBERS, number_means_difference
from imilab.comparison.correlation import Arm
from imilab.comparison.exact import fisher_mid_p
from imilab.comparison.significance import pooled_z, score_test

__all__ = ["COUNT_METHODS", "NUMBERS", "count_p", "numbers_p"]

Floats = NDArray[np.float64]

NUMBERS = "numbers"


def count_p(units: Units, labels: Iterable[NDArray[np.int64]], test: Callable[..., Any]) -> Floats:
    """Return p of each deal for each arm but the baseline, shape (arms - 1, deals); `test` takes whole arrays."""
    sums = np.stack([units.sums(label) for label in labels], axis=-1)
    x, n = sums[0], sums[1]
    return np.stack([np.asarray(test(x[arm], n[arm], x[0], n[0]), dtype=np.float64) for arm in range(1, len(x))])


def numbers_p(units: Units, labels: Iterable[NDArray[np.int64]]) -> Floats:
    """Return p of each deal with the number as the unit, as `count_p` does; NaN below 5 numbers an arm."""
    called = units.n > 0
    found = []
    for label in labels:
        chosen = [called & (label == number) for number in range(len(units.arms))]
        base, *others = [Arm(units.n[some], units.success[some]) for some in chosen]
        found.append([_number_p(other, base) for other in others])
    return np.array(found).T


def _number_p(arm: Arm, base: Arm) -> float:
    enough = min(len(arm.calls), len(base.calls)) >= FEWEST_NUMBERS
    return number_means_difference(arm, base).p if enough else float("nan")


def _fisher(x1: Floats, n1: Floats, x0: Floats, n0: Floats) -> Floats:
    """Test each table that occurs once."""
    distinct, place = np.unique(np.stack([x1, n1, x0, n0], axis=1).astype(np.int64), axis=0, return_inverse=True)
    known = np.array([fisher_mid_p(*map(int, row)) if row[1] and row[3] else np.nan for row in distinct])
    return known[place.ravel()]


COUNT_METHODS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "score": lambda *counts: score_test(*counts)[2],
        "pooled_z": lambda *counts: pooled_z(*counts)[1],
        "fisher_mid_p": _fisher,
    }
)
"""By name: Miettinen and Nurminen's score test, the pooled z test, Fisher's mid-p; all take calls as independent."""

"""Which function of imilab answers which method of the reference rows: plans and looking early."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imilab.comparison.planning import non_inferiority, two_rates
from imilab.comparison.sequential import block_e_values, group_sequential_bounds, sample_ratio_e_values

__all__ = ["METHODS"]

Row = dict[str, Any]

_KINDS = {
    "obrien_fleming": "obrien_fleming_classical",
    "OF": "obrien_fleming_classical",
    "pocock": "pocock_classical",
    "P": "pocock_classical",
    "asOF": "obrien_fleming",
    "asP": "pocock",
}


def _close(expected: Row, **found: Any) -> None:
    """Compare every value that the row expects, within the row's tolerances."""
    tolerances = {name: expected.get(name, 0.0) for name in ("abs_tol", "rel_tol")}
    for name in expected.keys() - tolerances.keys():
        pairs = zip(np.atleast_1d(found[name]), np.atleast_1d(expected[name]), strict=True)
        for one, other in pairs:
            assert math.isclose(float(one), float(other), **tolerances), f"{name}: {one} is not {other}"


def _sides(inputs: Row) -> int:
    return 1 if "one" in str(inputs.get("alternative", "two.sided")) or inputs.get("sides") == 1 else 2


def _bounds(inputs: Row, expected: Row) -> None:
    two_sided = "alpha_two_sided" in inputs
    alpha = inputs["alpha_two_sided"] if two_sided else inputs["alpha_one_sided"]
    looks = inputs.get("K") or len(inputs["information"])
    information = inputs.get("information") or [(look + 1) / looks for look in range(looks)]
    found = group_sequential_bounds(_KINDS[inputs["type"]], information, alpha, two_sided=two_sided)
    _close(expected, c=found.z[-1], z=found.z, alpha_spent=found.alpha_spent)


def _power_pooled(inputs: Row, expected: Row) -> None:
    n = inputs["n"]
    sizes = (inputs.get("n1", n), inputs.get("n2", n), inputs["p1"], inputs["p2"])
    options = {"alpha": inputs["alpha"], "sides": _sides(inputs), "both_tails": inputs.get("strict", False)}
    _close(expected, power=two_rates.power_pooled(*sizes, **options))


def _mde_pooled(inputs: Row, expected: Row) -> None:
    direction = -1 if inputs.get("direction") == "less" else 1
    options = {"power": inputs["power"], "alpha": inputs["alpha"], "sides": _sides(inputs), "direction": direction}
    difference = two_rates.mde_pooled(inputs["n"], inputs["n"], inputs["p1"], **options)
    _close(expected, p2=inputs["p1"] + difference)


def _size(size: Callable[..., tuple[float, float]], *, whole: bool = False) -> Callable[[Row, Row], None]:
    def check(inputs: Row, expected: Row) -> None:
        ratio = inputs.get("ratio", 1)
        options = {"power": inputs["power"], "alpha": inputs["alpha"], "sides": _sides(inputs), "ratio": ratio}
        n1, n2 = size(inputs["p1"], inputs["p2"], **options)
        n1, n2 = (math.ceil(n1), math.ceil(n2)) if whole else (n1, n2)
        effect = 2 * math.asin(math.sqrt(inputs["p2"])) - 2 * math.asin(math.sqrt(inputs["p1"]))
        _close(expected, n_per_arm=n2, n1=n1, n2=n2, h=abs(effect))

    return check


def _size_non_inferiority(inputs: Row, expected: Row) -> None:
    options = {"power": inputs["power"], "alpha": inputs["alpha_one_sided"], "ratio": inputs.get("ratio_n1_n2", 1)}
    n1, n2 = non_inferiority.size_non_inferiority(inputs["p1"], inputs["p2"], inputs["margin"], **options)
    _close(expected, n1=n1, n2=n2)


def _blocks(inputs: Row, expected: Row) -> None:
    sizes = (inputs.get("na", 1), inputs.get("nb", 1))
    found = block_e_values(inputs["ya"], inputs["yb"], *sizes, prior=inputs.get("beta_prior", 0.18))
    _close(expected, e=found[-1])


def _sample_ratio(inputs: Row, expected: Row) -> None:
    e, p = sample_ratio_e_values(inputs["batches"], inputs["theta0"], concentration=inputs["k"])
    _close(expected, e=e, p_inv=p)


METHODS: dict[str, Callable[[Row, Row], None]] = {
    "e_value_2x2_turner_grunwald": _blocks,
    "group_sequential_bounds": _bounds,
    "mde_two_prop_pooled": _mde_pooled,
    "power_two_prop_pooled": _power_pooled,
    "samplesize_noninferiority_fm": _size_non_inferiority,
    "samplesize_two_prop_arcsine": _size(two_rates.size_arcsine),
    "samplesize_two_prop_pooled": _size(two_rates.size_pooled),
    "samplesize_two_prop_unpooled": _size(two_rates.size_unpooled, whole=True),
    "srm_sequential_multinomial": _sample_ratio,
}
"""Each asserts that imilab gives what a row expects."""

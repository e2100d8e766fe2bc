"""Which function of imilab answers which method of the reference rows: plans and looking early."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from imilab.comparison.planning import non_inferiority, two_rates
from imilab.comparison.sequential import block_e_values, group_sequential_bounds, sample_ratio_e_values
from imilab.comparison.sequential.boundaries import Boundaries, crossing_probabilities, planned_bounds
from imilab.comparison.sequential.shapes import haybittle_peto, wang_tsiatis
from tests.reference_agreement import Asked, Method, NoCounterpart, agree

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
# Spending functions that are no choice of `power`: `planned_bounds` takes any. Of the fraction and rpact's gammaA.
_SPENDING: dict[str, Callable[[Any, float], Any]] = {
    "asKD": lambda fraction, gamma: fraction**gamma,
    "asHSD": lambda fraction, gamma: np.expm1(-gamma * fraction) / math.expm1(-gamma) if gamma else fraction,
}


def _sides(asked: Asked) -> int:
    """Return how many sides a plan looks at; a greater or a lesser rate (pwr's words) is one."""
    one = asked.get("alternative", "two-sided") in {"one-sided", "greater", "less"}
    return 1 if one or asked.get("sides", asked.get("sided", 2)) == 1 else 2


def _level(asked: Asked) -> tuple[float, bool]:
    """Return the level and whether it is of two sides."""
    if "alpha_two_sided" in asked:
        return asked["alpha_two_sided"], True
    if "alpha_one_sided" in asked:
        return asked["alpha_one_sided"], False
    return asked["alpha"], asked.get("sided", 1) == 2


def _bounds(asked: Asked, expected: Row) -> None:
    alpha, two_sided = _level(asked)
    information = asked.get("information") or [(look + 1) / asked["K"] for look in range(asked["K"])]
    if asked.get("K", len(information)) != len(information):
        raise NoCounterpart(f"{len(information)} information fractions for {asked['K']} looks")
    found = _planned(asked, information, alpha, two_sided)
    agree({"c": found.z[-1], "z": found.z, "alpha_spent": found.alpha_spent}, expected)


def _planned(asked: Asked, information: list[float], alpha: float, two_sided: bool) -> Boundaries:
    kind = asked["type"]
    if kind in _KINDS:
        return group_sequential_bounds(_KINDS[kind], information, alpha, two_sided=two_sided)
    if kind in {"HP", "haybittle_peto"}:
        return haybittle_peto(information, alpha, early=asked.get("constantBoundsHP", 3.0), two_sided=two_sided)
    if kind in {"WT", "wang_tsiatis"}:
        delta = asked.get("deltaWT", asked.get("delta", 0.0))
        return wang_tsiatis(information, alpha, delta=delta, two_sided=two_sided)
    if kind not in _SPENDING or "gammaA" not in asked:
        raise NoCounterpart(f"bounds of the type {kind}, or its gammaA")
    spent = alpha / (1 + two_sided) * _SPENDING[kind](np.asarray(information), asked["gammaA"])
    bounds = planned_bounds(spent, information, two_sided=two_sided)
    crossed = np.cumsum(np.sum(crossing_probabilities(bounds, information, two_sided=two_sided), axis=0))
    return Boundaries(tuple(information), tuple(bounds.tolist()), tuple(crossed.tolist()), two_sided)


def _power_pooled(asked: Asked, expected: Row) -> None:
    n = asked.get("n", math.nan)
    sizes = (asked.get("n1", n), asked.get("n2", n), asked["p1"], asked["p2"])
    options = {"alpha": asked["alpha"], "sides": _sides(asked), "both_tails": asked.get("strict", False)}
    agree({"power": two_rates.power_pooled(*sizes, **options)}, expected)


def _mde_pooled(asked: Asked, expected: Row) -> None:
    direction = -1 if asked.get("direction") == "less" else 1
    options = {"power": asked["power"], "alpha": asked["alpha"], "sides": _sides(asked), "direction": direction}
    n, strict = asked.get("n", math.nan), asked.get("strict", False)
    # R's p1 and n1 are those that p2 is measured from.
    sizes = (asked.get("n2", n), asked.get("n1", n))
    difference = two_rates.mde_pooled(*sizes, asked["p1"], **options, both_tails=strict)
    agree({"p2": asked["p1"] + difference, "diff": difference}, expected)


def _size(size: Callable[..., tuple[float, float]], *, whole: bool = False, strict: bool = False) -> Method:
    def check(asked: Asked, expected: Row) -> None:
        options = {"power": asked["power"], "alpha": asked["alpha"], "sides": _sides(asked)}
        if strict:
            options["both_tails"] = asked.get("strict", False)
        n1, n2 = size(asked["p1"], asked["p2"], **options, ratio=asked.get("ratio", 1))
        n1, n2 = (math.ceil(n1), math.ceil(n2)) if whole else (n1, n2)
        effect = 2 * math.asin(math.sqrt(asked["p2"])) - 2 * math.asin(math.sqrt(asked["p1"]))
        agree({"n_per_arm": n2, "n": n2, "n1": n1, "n2": n2, "h": abs(effect)}, expected)

    return check


def _size_non_inferiority(asked: Asked, expected: Row) -> None:
    alpha, two_sided = _level(asked)
    margin = asked["margin"] if "margin" in asked else asked["thetaH0"]
    power = asked["power"] if "power" in asked else 1 - asked["beta"]
    options = {"power": power, "alpha": alpha / (1 + two_sided), "ratio": asked.get("ratio", 1)}
    # rpact plans for showing that the difference lies on its true side of the margin, whichever sign that has.
    upward = asked.get("directionUpper", asked["p1"] - asked["p2"] > margin)
    n1, n2 = non_inferiority.size_non_inferiority(asked["p1"], asked["p2"], margin, **options, upward=upward)
    agree({"n1": n1, "n2": n2, "n_per_arm": n2}, expected)


def _blocks(asked: Asked, expected: Row) -> None:
    priors = set(np.atleast_1d(asked.get("beta_prior", 0.18)).tolist())
    if len(priors) > 1:
        raise NoCounterpart("priors that differ between arms or results")
    sizes = (asked.get("na", 1), asked.get("nb", 1))
    found = block_e_values(asked["ya"], asked["yb"], *sizes, prior=priors.pop())
    agree({"e": found[-1]}, expected)


def _sample_ratio(asked: Asked, expected: Row) -> None:
    e, p = sample_ratio_e_values(asked["batches"], asked["theta0"], concentration=asked["k"])
    agree({"e": e, "p_inv": p}, expected)


METHODS: dict[str, Method] = {
    "e_value_2x2_turner_grunwald": _blocks,
    "group_sequential_bounds": _bounds,
    "mde_two_prop_pooled": _mde_pooled,
    "power_two_prop_pooled": _power_pooled,
    "samplesize_noninferiority_fm": _size_non_inferiority,
    "samplesize_two_prop_arcsine": _size(two_rates.size_arcsine),
    "samplesize_two_prop_pooled": _size(two_rates.size_pooled, strict=True),
    "samplesize_two_prop_unpooled": _size(two_rates.size_unpooled, whole=True),
    "srm_sequential_multinomial": _sample_ratio,
}
"""Each takes what a row asks and what it expects, and fails where they differ by more than the row's tolerances."""

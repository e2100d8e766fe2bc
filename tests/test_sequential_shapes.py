"""Bounds by their shape, against published tables and their own level."""

from __future__ import annotations

import pytest

from imilab.comparison.sequential import Boundaries, group_sequential_bounds, haybittle_peto, wang_tsiatis
from imilab.comparison.sequential.boundaries import crossing_probabilities
from imilab.errors import InvalidInputError


def _equal(looks: int) -> list[float]:
    return [(look + 1) / looks for look in range(looks)]


@pytest.mark.parametrize(("looks", "last"), [(2, 1.967), (3, 1.975), (4, 1.983), (5, 1.990), (10, 2.021)])
def test_the_last_bound_of_haybittle_and_peto_is_that_of_jennison_and_turnbull(looks: int, last: float) -> None:
    assert haybittle_peto(_equal(looks)).z[-1] == pytest.approx(last, abs=6e-4)


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize(("delta", "kind"), [(0.0, "obrien_fleming_classical"), (0.5, "pocock_classical")])
def test_the_family_of_wang_and_tsiatis_reaches_from_obrien_fleming_to_pocock(
    delta: float, kind: str, two_sided: bool
) -> None:
    information = [0.1, 0.5, 0.8, 1.0]
    found = wang_tsiatis(information, 0.03, delta=delta, two_sided=two_sided)
    assert found.z == pytest.approx(group_sequential_bounds(kind, information, 0.03, two_sided=two_sided).z)


@pytest.mark.parametrize(
    "found",
    [
        haybittle_peto([0.3, 0.9, 1.0], 0.01, early=3.5),
        haybittle_peto([0.5, 1.0], 0.025, two_sided=False),
        wang_tsiatis([0.2, 0.7, 1.0], 0.1, delta=0.3),
    ],
)
def test_bounds_by_shape_spend_exactly_the_level(found: Boundaries) -> None:
    above, below = crossing_probabilities(found.z, found.information, two_sided=found.two_sided)
    assert found.alpha_spent[-1] == pytest.approx(float(above.sum() + below.sum()))
    assert any(found.alpha_spent[-1] == pytest.approx(level, abs=1e-8) for level in (0.01, 0.025, 0.1))


def test_early_bounds_that_use_up_the_level_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="raise the early bound"):
        haybittle_peto(_equal(5), 0.05, early=1.5)
    with pytest.raises(InvalidInputError, match="alpha"):
        wang_tsiatis(_equal(5), 5)

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imilab.comparison.significance import holm, pooled_z


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_exactly_where_its_steps_do(p: list[float]) -> None:
    # Holm's own words: walk up the sorted p values, stop at the first above level / (comparisons left).
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for step, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
            if p[index] > alpha / (len(p) - step) + 1e-12:
                break
            rejected.add(index)
        assert {index for index, adjusted in enumerate(holm(p)) if adjusted <= alpha + 1e-9} >= rejected
        assert {index for index, adjusted in enumerate(holm(p)) if adjusted <= alpha - 1e-9} <= rejected


def test_holm_leaves_missing_p_values_out() -> None:
    np.testing.assert_allclose(holm([0.01, float("nan"), 0.04]), [0.02, np.nan, 0.04])
    assert holm([]).tolist() == []


def test_pooled_z_of_nothing_and_of_all_or_none() -> None:
    z, p = pooled_z([0, 0, 5], [0, 4, 5], [1, 0, 3], [2, 4, 3])
    np.testing.assert_array_equal(z, [np.nan, 0, 0])
    np.testing.assert_array_equal(p, [np.nan, 1, 1])

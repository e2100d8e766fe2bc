"""Tests of a difference, and their adjustment for several comparisons; each names its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.intervals import rate

__all__ = ["REFERENCES", "holm", "pooled_z"]

Floats = NDArray[np.float64]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "pooled_z": "pooled score z test, two-sided (Pearson's chi-square without continuity correction)",
        "holm": "Holm (1979), step-down",
    }
)
_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def pooled_z(x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike) -> tuple[Floats, Floats]:
    """Test whether two rates differ: the score test with pooled variance, two-sided.

    Its square is Pearson's chi-square of the 2 x 2 table, without continuity correction: Pearson K (1900),
    Philosophical Magazine 50, 157-175.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int
        Successes and trials of the arm (1) and of the baseline (0); they broadcast against each other.

    Returns
    -------
    z, p : numpy.ndarray
        Where all calls or none are successes, z is 0 and p is 1; where an `n` is 0, both are NaN.

    Raises
    ------
    InvalidInputError
        A count is negative or above its `n`.

    Examples
    --------
    >>> z, p = pooled_z(56, 70, 48, 80)
    >>> round(float(z) ** 2, 4), round(float(p), 5)
    (7.0234, 0.00805)
    """
    difference = rate(x1, n1) - rate(x0, n0)
    trials1, trials0 = np.asarray(n1, dtype=np.float64), np.asarray(n0, dtype=np.float64)
    pooled = rate(np.asarray(x1) + np.asarray(x0), trials1 + trials0)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(pooled * (1 - pooled) * (1 / trials1 + 1 / trials0))
        z = np.where((error == 0) & ~np.isnan(difference), 0.0, difference / error)
    return z, _erfc(np.abs(z) / math.sqrt(2))


def holm(p: ArrayLike) -> Floats:
    """Adjust p values for several comparisons, so that the chance of any false finding stays at the level.

    Holm S (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
    65-70.

    Parameters
    ----------
    p : array_like
        One dimension. A missing value (NaN) stays missing and counts as no comparison.

    Returns
    -------
    numpy.ndarray
        Adjusted p values in the same order, at most 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(10).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    steps = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * steps), 1.0)
    return adjusted

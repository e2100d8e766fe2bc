"""The e-value of two rates over blocks of any make-up: for arms of unequal size, and where equal calls bet too."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError

__all__ = ["block_e_values"]

Floats = NDArray[np.float64]


def block_e_values(x1: ArrayLike, x0: ArrayLike, n1: int = 1, n0: int = 1, *, prior: float = 0.18) -> Floats:
    """Return the e-value against equal rates after each block of `n1` calls of one arm and `n0` of the other.

    Turner RJ, Ly A, Grünwald PD (2024), "Generic E-variables for exact sequential k-sample tests that allow for
    optional stopping", Journal of Statistical Planning and Inference 230, 106116: each block bets the rates learnt from
    the blocks before it against their weighted mean. Under equal rates the chance that it ever exceeds ``1 / alpha`` is
    at most alpha.

    Parameters
    ----------
    x1, x0 : array_like of int
        Successes of each block, in the order of allocation.
    n1, n0 : int
        Calls of each arm in every block.
    prior : float
        Both parameters of the Beta prior on each rate.

    Returns
    -------
    numpy.ndarray
        One e-value a block.

    Raises
    ------
    InvalidInputError
        Successes that do not fit a block, or a prior that is not above 0.

    Examples
    --------
    >>> block_e_values([0, 0, 1], [1, 1, 1]).round(4).tolist()
    [1.0, 3.0112, 0.8486]
    """
    ones, zeros = np.asarray(x1, dtype=np.float64), np.asarray(x0, dtype=np.float64)
    if ones.shape != zeros.shape or ones.ndim != 1:
        raise InvalidInputError("x1", "give both arms' successes for the same blocks")
    if not (np.all((ones >= 0) & (ones <= n1)) and np.all((zeros >= 0) & (zeros <= n0)) and min(n1, n0) > 0):
        raise InvalidInputError("x1", "a block's successes are negative or above its calls")
    if not prior > 0:
        raise InvalidInputError("prior", f"{prior!r} is not above 0")
    before = np.arange(len(ones))
    rate1 = (np.cumsum(ones) - ones + prior) / (before * n1 + 2 * prior)
    rate0 = (np.cumsum(zeros) - zeros + prior) / (before * n0 + 2 * prior)
    mean = (n1 * rate1 + n0 * rate0) / (n1 + n0)
    with np.errstate(over="ignore"):
        return np.exp(np.cumsum(_bet(ones, n1, rate1, mean) + _bet(zeros, n0, rate0, mean)))


def _bet(successes: Floats, n: int, learnt: Floats, mean: Floats) -> Floats:
    return successes * np.log(learnt / mean) + (n - successes) * np.log((1 - learnt) / (1 - mean))

"""The root of a monotone function, for many problems at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "falling_root"]

Floats = NDArray[np.float64]


def falling_root(function: Callable[[Floats], Floats], low: Floats, high: Floats, *, steps: int = 56) -> Floats:
    """Find by bisection where a function falls through zero, element by element.

    Parameters
    ----------
    function : callable
        Falls (or stays) as its argument grows; gives an array of the same shape.
    low, high : numpy.ndarray
        Bounds of each root.
    steps : int
        Each halves what is left: 56 bring an interval of length 2 down to 3e-17.

    Returns
    -------
    numpy.ndarray
        `low` where the function is negative throughout, `high` where it is positive throughout.

    Examples
    --------
    >>> falling_root(lambda x: 2 - x * x, np.zeros(1), np.full(1, 2.0)).round(9).tolist()
    [1.414213562]
    """
    low, high = low.copy(), high.copy()
    for _ in range(steps):
        middle = (low + high) / 2
        above = function(middle) > 0
        np.copyto(low, middle, where=above)
        np.copyto(high, middle, where=~above)
    return (low + high) / 2

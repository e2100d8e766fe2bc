"""How much of the level may be used up by a look: Lan and DeMets' spending functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError

__all__ = ["SPENDING", "check_spending", "obrien_fleming", "pocock"]

Floats = NDArray[np.float64]
_upper_tail = np.vectorize(lambda z: 0.5 * math.erfc(z / math.sqrt(2)), otypes=[np.float64])


def obrien_fleming(fraction: ArrayLike, alpha: float) -> Floats:
    """Return the level spent up to each information fraction, O'Brien-Fleming type: almost nothing early.

    Lan KKG, DeMets DL (1983), "Discrete sequential boundaries for clinical trials", Biometrika 70, 659-663.

    Parameters
    ----------
    fraction : array_like
        Information so far as a share of the planned information; above 1 counts as 1.
    alpha : float
        The level of one side.

    Examples
    --------
    >>> obrien_fleming([0.2, 1.0], 0.025).round(6).tolist()
    [1e-06, 0.025]
    """
    root = np.sqrt(np.clip(np.asarray(fraction, dtype=np.float64), 1e-12, 1.0))
    return 2 * np.asarray(_upper_tail(NormalDist().inv_cdf(1 - alpha / 2) / root))


def pocock(fraction: ArrayLike, alpha: float) -> Floats:
    """Return the level spent up to each information fraction, Pocock type: about the same at every look.

    Lan KKG, DeMets DL (1983), Biometrika 70, 659-663.

    Parameters
    ----------
    fraction : array_like
        Information so far as a share of the planned information; above 1 counts as 1.
    alpha : float
        The level of one side.

    Examples
    --------
    >>> pocock([0.5, 1.0], 0.025).round(6).tolist()
    [0.015503, 0.025]
    """
    return alpha * np.log1p((math.e - 1) * np.clip(np.asarray(fraction, dtype=np.float64), 0.0, 1.0))


SPENDING: Mapping[str, Callable[[ArrayLike, float], Floats]] = MappingProxyType(
    {"obrien_fleming": obrien_fleming, "pocock": pocock}
)
"""The spending functions by name."""


def check_spending(spending: object) -> str:
    """Return `spending` if there is such a function.

    Raises
    ------
    InvalidInputError
        There is none.
    """
    if not isinstance(spending, str) or spending not in SPENDING:
        raise InvalidInputError("spending", f"{spending!r} is none of {', '.join(map(repr, SPENDING))}")
    return spending

"""Adjusting p values for several comparisons; a missing p (NaN) stays missing and counts as no comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError

__all__ = [
    "ADJUSTMENTS",
    "REFERENCES",
    "adjust",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "bonferroni",
    "hochberg",
    "holm",
    "hommel",
]

Floats = NDArray[np.float64]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "holm": "Holm (1979), step-down",
        "hochberg": "Hochberg (1988), step-up",
        "hommel": "Hommel (1988), closed test of Simes (1986)",
        "bonferroni": "Bonferroni (1936)",
        "benjamini_hochberg": "Benjamini and Hochberg (1995), false discovery rate",
        "benjamini_yekutieli": "Benjamini and Yekutieli (2001), false discovery rate under any dependence",
    }
)


def adjust(p: ArrayLike, method: str = "holm") -> Floats:
    """Adjust p values by a method's name, one of `ADJUSTMENTS`.

    Raises
    ------
    InvalidInputError
        There is no such method.

    Examples
    --------
    >>> adjust([0.01, 0.02], "bonferroni").tolist()
    [0.02, 0.04]
    """
    if method not in ADJUSTMENTS:
        raise InvalidInputError("method", f"{method!r} is none of {', '.join(ADJUSTMENTS)}")
    return ADJUSTMENTS[method](p)


def holm(p: ArrayLike) -> Floats:
    """Adjust p values so that the chance of any false finding stays at the level.

    Holm S (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
    65-70.

    Parameters
    ----------
    p : array_like
        One dimension.

    Returns
    -------
    numpy.ndarray
        Adjusted p values in the same order, at most 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).round(10).tolist()
    [0.03, 0.06, 0.06]
    """
    return _stepped(p, lambda ordered: np.maximum.accumulate(ordered * np.arange(len(ordered), 0, -1)))


def hochberg(p: ArrayLike) -> Floats:
    """Adjust as `holm` does with a little more power, for p values that are independent or rise and fall together.

    Hochberg Y (1988), "A sharper Bonferroni procedure for multiple tests of significance", Biometrika 75, 800-802.

    Examples
    --------
    >>> hochberg([0.01, 0.04, 0.03]).round(10).tolist()
    [0.03, 0.04, 0.04]
    """
    return _stepped(p, lambda ordered: _fallen(ordered * np.arange(len(ordered), 0, -1)))


def hommel(p: ArrayLike) -> Floats:
    """Adjust as `hochberg` does, under the same condition, with a little more power again.

    Hommel G (1988), "A stagewise rejective multiple test procedure based on a modified Bonferroni test", Biometrika 75,
    383-386, in the form of Wright SP (1992), "Adjusted p-values for simultaneous inference", Biometrics 48, 1005-1013.

    Examples
    --------
    >>> hommel([0.01, 0.02, 0.022, 0.09]).round(10).tolist()
    [0.03, 0.04, 0.044, 0.09]
    """
    return _stepped(p, _closed_by_simes)


def bonferroni(p: ArrayLike) -> Floats:
    """Multiply each p with the number of comparisons, at most 1.

    Bonferroni CE (1936), "Teoria statistica delle classi e calcolo delle probabilità".

    Examples
    --------
    >>> bonferroni([0.01, 0.6]).tolist()
    [0.02, 1.0]
    """
    return _stepped(p, lambda ordered: ordered * len(ordered))


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjust p values so that the expected share of false findings among the findings stays at the level.

    For exploring many segments, and only where it is marked as that. Benjamini Y, Hochberg Y (1995), "Controlling the
    false discovery rate", Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.5, 0.01, 0.03, 0.02]).round(10).tolist()
    [0.5, 0.04, 0.04, 0.04]
    """
    return _stepped(p, _step_up)


def benjamini_yekutieli(p: ArrayLike) -> Floats:
    """Adjust as `benjamini_hochberg` does, for p values that depend on each other in any way.

    Benjamini Y, Yekutieli D (2001), "The control of the false discovery rate in multiple testing under dependency",
    Annals of Statistics 29, 1165-1188.

    Examples
    --------
    >>> benjamini_yekutieli([0.01, 0.02]).round(10).tolist()
    [0.03, 0.03]
    """
    return _stepped(p, lambda ordered: _step_up(ordered) * np.sum(1 / np.arange(1, len(ordered) + 1)))


def _step_up(ordered: Floats) -> Floats:
    factors = len(ordered) / np.arange(1, len(ordered) + 1)
    return _fallen(ordered * factors)


def _fallen(values: Floats) -> Floats:
    """Return the least of each value and all after it."""
    fallen: Floats = np.minimum.accumulate(values[::-1])[::-1]
    return fallen


def _closed_by_simes(ordered: Floats) -> Floats:
    """Return for each p the largest p of Simes' test among all sets of hypotheses that hold it."""
    adjusted = ordered.copy()
    for size in range(2, len(ordered) + 1):
        first = len(ordered) - size + 1  # a set's other p values matter most where they are the largest
        among_largest = float(np.min(size * ordered[first:] / np.arange(2, size + 1)))
        simes = np.minimum(size * ordered, among_largest)
        simes[first:] = simes[first - 1]
        adjusted = np.maximum(adjusted, simes)
    return adjusted


def _stepped(p: ArrayLike, steps: Callable[[Floats], Floats]) -> Floats:
    """Apply `steps` to the known p values in rising order."""
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    adjusted[order] = np.minimum(steps(values[order]), 1.0)
    return adjusted


_METHODS = (holm, hochberg, hommel, bonferroni, benjamini_hochberg, benjamini_yekutieli)
ADJUSTMENTS: Mapping[str, Callable[[ArrayLike], Floats]] = MappingProxyType({one.__name__: one for one in _METHODS})
"""The adjustments by name."""

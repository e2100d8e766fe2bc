"""Bounds of planned looks by their shape: equal early bounds, or a family between O'Brien-Fleming and Pocock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.comparison.sequential.boundaries import Boundaries, check_information, crossing_probabilities
from imilab.errors import InvalidInputError

__all__ = ["haybittle_peto", "wang_tsiatis"]

Floats = NDArray[np.float64]
_FARTHEST = 9.0  # standard deviations that no trial reaches


def haybittle_peto(
    information: ArrayLike, alpha: float = 0.05, *, early: float = 3.0, two_sided: bool = True
) -> Boundaries:
    """Return the same high bound for all looks but the last, which takes what is left of the level.

    Haybittle JL (1971), "Repeated assessment of results in clinical trials of cancer treatment", British Journal of
    Radiology 44, 793-797; Peto R et al. (1976), British Journal of Cancer 34, 585-612.

    Parameters
    ----------
    information : array_like
        Rising information fractions; the looks must be planned, as their number decides the last bound.
    alpha : float
        Level of both sides together, or of the one side.
    early : float
        The bound of the statistic before the last look.
    two_sided : bool
        Whether there are bounds on both sides.

    Returns
    -------
    Boundaries

    Raises
    ------
    InvalidInputError
        The early looks alone use up the level, or fractions do not rise.

    Examples
    --------
    >>> [round(z, 3) for z in haybittle_peto([0.2, 0.4, 0.6, 0.8, 1.0]).z]
    [3.0, 3.0, 3.0, 3.0, 1.99]
    """
    fractions = check_information(information)
    bounds = np.full(len(fractions), early)

    def with_last(last: float) -> Floats:
        return np.append(bounds[:-1], last)

    return _at_level(with_last, fractions, alpha, two_sided=two_sided)


def wang_tsiatis(
    information: ArrayLike, alpha: float = 0.05, *, delta: float = 0.25, two_sided: bool = True
) -> Boundaries:
    """Return bounds that fall with the information to the power `delta` - 1/2.

    Wang SK, Tsiatis AA (1987), "Approximately optimal one-parameter boundaries for group sequential trials", Biometrics
    43, 193-199.

    Parameters
    ----------
    information : array_like
        Rising information fractions; the looks must be planned.
    alpha : float
        Level of both sides together, or of the one side.
    delta : float
        0 gives O'Brien and Fleming's bounds, 0.5 gives Pocock's.
    two_sided : bool
        Whether there are bounds on both sides.

    Returns
    -------
    Boundaries

    Raises
    ------
    InvalidInputError
        Fractions do not rise.

    Examples
    --------
    >>> [round(z, 3) for z in wang_tsiatis([0.2, 0.4, 0.6, 0.8, 1.0]).z]
    [3.194, 2.686, 2.427, 2.259, 2.136]
    """
    fractions = check_information(information)
    shape = (fractions / fractions[-1]) ** (delta - 0.5)

    def scaled(last: float) -> Floats:
        found: Floats = last * shape
        return found

    return _at_level(scaled, fractions, alpha, two_sided=two_sided)


def _at_level(bounds_by: Callable[[float], Floats], fractions: Floats, alpha: float, *, two_sided: bool) -> Boundaries:
    """Return the bounds, by the last of them, that use up the level."""
    from scipy.optimize import brentq

    if not 0 < alpha < 1:
        raise InvalidInputError("alpha", f"{alpha!r} is not between 0 and 1")
    side = alpha / 2 if two_sided else alpha

    def excess(last: float) -> float:
        return float(crossing_probabilities(bounds_by(last), fractions, two_sided=two_sided)[0].sum()) - side

    if excess(_FARTHEST) >= 0:
        raise InvalidInputError("alpha", f"the looks before the last use up {alpha:g}; raise the early bound")
    bounds = bounds_by(float(brentq(excess, 0.0, _FARTHEST, xtol=1e-11, rtol=1e-12)))
    above, below = crossing_probabilities(bounds, fractions, two_sided=two_sided)
    return Boundaries(
        tuple(fractions.tolist()), tuple(bounds.tolist()), tuple(np.cumsum(above + below).tolist()), two_sided
    )

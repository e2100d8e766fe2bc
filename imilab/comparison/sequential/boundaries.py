"""Bounds for planned looks: exact crossing probabilities by recursive integration, and the bounds that keep a level.

Armitage P, McPherson CK, Rowe BC (1969), "Repeated significance tests on accumulating data", JRSS A 132, 235-244;
Jennison C, Turnbull BW (2000), Group Sequential Methods with Applications to Clinical Trials, chapter 19. The density
of the statistic among trials that go on is carried from look to look by Gauss-Legendre quadrature in small panels.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.comparison.sequential.spending import SPENDING
from imilab.errors import InvalidInputError

__all__ = ["Boundaries", "check_information", "crossing_probabilities", "group_sequential_bounds", "planned_bounds"]

Floats = NDArray[np.float64]

_REACH = 8.5  # standard deviations beyond which nothing is left to integrate
_NEVER = 9.0  # a bound that no trial reaches
_CLOSEST = 1e-4  # looks nearer to each other than this share of the information are one look
_PANEL = 3.0  # standard deviations of the narrowest feature in one panel of 16 nodes
_MOST_PANELS = 400
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True)
class Boundaries:
    """Bounds on a standardised statistic at each look.

    Attributes
    ----------
    information : tuple of float
        Information fractions of the looks.
    z : tuple of float
        The statistic stops the trial from here on; infinite where a look can spend nothing.
    alpha_spent : tuple of float
        Cumulative level, of both sides where the test has two.
    two_sided : bool
        Whether the bounds lie on both sides.
    """

    information: tuple[float, ...]
    z: tuple[float, ...]
    alpha_spent: tuple[float, ...]
    two_sided: bool


class _Trial:
    """The trials that have not stopped: nodes of the statistic with the probability at each."""

    def __init__(self, information: Floats, drift: float, *, two_sided: bool) -> None:
        self.information, self.drift, self.two_sided = information, drift, two_sided
        self.look = 0
        self.nodes, self.mass = np.zeros(1), np.ones(1)

    def _step(self) -> tuple[float, float, float]:
        """Return the information before, at and between this look and the last."""
        now = float(self.information[self.look])
        before = float(self.information[self.look - 1]) if self.look else 0.0
        return before, now, now - before

    def _standardised(self, bound: float) -> Floats:
        before, now, step = self._step()
        moved: Floats = bound * math.sqrt(now) - self.nodes * math.sqrt(before) - self.drift * step
        return moved / math.sqrt(step)

    def above(self, bound: float) -> float:
        """Return the probability of stopping at this look at or above `bound`."""
        from scipy.special import ndtr

        return float(self.mass @ ndtr(-self._standardised(bound)))

    def below(self, bound: float) -> float:
        """Return the probability of stopping at this look at or below `bound`."""
        from scipy.special import ndtr

        return float(self.mass @ ndtr(self._standardised(bound)))

    def go_on(self, bound: float) -> None:
        """Keep the trials within the bound and turn to the next look."""
        before, now, step = self._step()
        centre = self.drift * math.sqrt(now)
        high = min(bound, centre + _REACH)
        low = max(-bound, centre - _REACH) if self.two_sided else centre - _REACH
        low = min(low, high - 1e-9)
        after = float(self.information[self.look + 1]) - now
        narrowest = min(math.sqrt(step / now), math.sqrt(after / now), 1.0)
        nodes, widths = _panels(low, high, narrowest)
        away = (nodes[:, None] * math.sqrt(now) - self.nodes * math.sqrt(before) - self.drift * step) / math.sqrt(step)
        kernel = np.exp(-0.5 * away**2) * math.sqrt(now / (2 * math.pi * step))
        self.nodes, self.mass = nodes, widths * (kernel @ self.mass)
        self.look += 1


def _panels(low: float, high: float, narrowest: float) -> tuple[Floats, Floats]:
    count = min(max(math.ceil((high - low) / (_PANEL * narrowest)), 1), _MOST_PANELS)
    edges = np.linspace(low, high, count + 1)
    half = (edges[1:] - edges[:-1])[:, None] / 2
    middle = (edges[1:] + edges[:-1])[:, None] / 2
    return (middle + half * _NODES).ravel(), (half * _WEIGHTS).ravel()


def check_information(information: ArrayLike) -> Floats:
    """Return information fractions if they rise from above 0.

    Raises
    ------
    InvalidInputError
        They do not, or two looks are all but one.
    """
    fractions = np.atleast_1d(np.asarray(information, dtype=np.float64))
    steps = np.diff(fractions, prepend=0.0)
    if fractions.ndim != 1 or not len(fractions) or not np.all(np.isfinite(fractions)) or steps.min() < _CLOSEST:
        raise InvalidInputError(
            "looks", f"information fractions must rise from above 0, by {_CLOSEST:g} at least; got {fractions.tolist()}"
        )
    return fractions


def crossing_probabilities(
    bounds: ArrayLike, information: ArrayLike, *, drift: float = 0.0, two_sided: bool = True
) -> tuple[Floats, Floats]:
    """Return the chance of stopping at each look, above and below.

    Parameters
    ----------
    bounds : array_like
        The statistic stops the trial at or above them, and with two sides at or below their negatives.
    information : array_like
        Rising information fractions.
    drift : float
        Mean of the statistic at information 1.
    two_sided : bool
        Whether there are bounds on both sides.

    Returns
    -------
    above, below : numpy.ndarray
        Probabilities of stopping first at each look; below is 0 for one side.

    Examples
    --------
    >>> above, below = crossing_probabilities([2.413] * 5, [0.2, 0.4, 0.6, 0.8, 1.0])
    >>> round(float(above.sum() + below.sum()), 3)
    0.05
    """
    fractions, limits = check_information(information), np.atleast_1d(np.asarray(bounds, dtype=np.float64))
    trial = _Trial(fractions, drift, two_sided=two_sided)
    above, below = np.zeros(len(fractions)), np.zeros(len(fractions))
    for look, limit in enumerate(limits):
        above[look] = trial.above(limit) if math.isfinite(limit) else 0.0
        below[look] = trial.below(-limit) if two_sided and math.isfinite(limit) else 0.0
        if look + 1 < len(limits):
            trial.go_on(limit)
    return above, below


def planned_bounds(spent: ArrayLike, information: ArrayLike, *, two_sided: bool = True) -> Floats:
    """Return the bounds that spend given levels.

    Parameters
    ----------
    spent : array_like
        Cumulative level of one side at each look.
    information : array_like
        Rising information fractions.
    two_sided : bool
        Whether the same is spent on the other side.

    Returns
    -------
    numpy.ndarray
        Bounds of the standardised statistic; infinite where a look spends nothing.
    """
    fractions = check_information(information)
    steps = np.diff(np.asarray(spent, dtype=np.float64), prepend=0.0)
    trial = _Trial(fractions, 0.0, two_sided=two_sided)
    bounds = np.full(len(fractions), np.inf)
    for look, step in enumerate(steps):
        if step > trial.above(_NEVER):
            bounds[look] = _root(lambda z, step=step: trial.above(z) - step, -_NEVER, _NEVER)  # type: ignore[misc]  # mypy infers no lambda with a default
        if look + 1 < len(steps):
            trial.go_on(bounds[look])
    return bounds


def group_sequential_bounds(
    kind: str, information: ArrayLike, alpha: float = 0.05, *, two_sided: bool = True
) -> Boundaries:
    """Return the bounds of a plan with looks.

    ``obrien_fleming`` and ``pocock`` spend the level after Lan and DeMets (1983), at any information fractions.
    ``obrien_fleming_classical`` (O'Brien and Fleming 1979, Biometrics 35, 549-556: bounds falling with the root of the
    information) and ``pocock_classical`` (Pocock 1977, Biometrika 64, 191-199: equal bounds) need the looks in advance.

    Parameters
    ----------
    kind : str
        One of the four.
    information : array_like
        Rising information fractions; the last one spends the whole level.
    alpha : float
        Level of both sides together, or of the one side.
    two_sided : bool
        Whether there are bounds on both sides.

    Returns
    -------
    Boundaries

    Raises
    ------
    InvalidInputError
        Unknown kind, or fractions that do not rise.

    Examples
    --------
    >>> [round(z, 3) for z in group_sequential_bounds("obrien_fleming_classical", [0.2, 0.4, 0.6, 0.8, 1.0]).z]
    [4.562, 3.226, 2.634, 2.281, 2.04]
    """
    fractions, side = check_information(information), alpha / 2 if two_sided else alpha
    if kind in SPENDING:
        share = fractions.copy()
        share[-1] = 1.0  # the last look may use all that is left
        bounds = planned_bounds(SPENDING[kind](share, side), fractions, two_sided=two_sided)
    elif kind in _CLASSICAL:
        shape = _CLASSICAL[kind](fractions / fractions[-1])

        def excess(scale: float) -> float:
            return float(crossing_probabilities(scale * shape, fractions, two_sided=two_sided)[0].sum()) - side

        bounds = _root(excess, 0.0, _NEVER) * shape
    else:
        raise InvalidInputError("kind", f"{kind!r} is none of {', '.join((*SPENDING, *_CLASSICAL))}")
    above, below = crossing_probabilities(bounds, fractions, two_sided=two_sided)
    return Boundaries(
        tuple(fractions.tolist()), tuple(bounds.tolist()), tuple(np.cumsum(above + below).tolist()), two_sided
    )


_CLASSICAL: dict[str, Callable[[Floats], Floats]] = {
    "obrien_fleming_classical": lambda fractions: 1 / np.sqrt(fractions),
    "pocock_classical": np.ones_like,
}


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=1e-11, rtol=1e-12))

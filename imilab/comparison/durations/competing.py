"""How long something lasts when it can end in several ways: cumulative incidence and restricted means by cause."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from imilab.comparison.durations.risk_table import Floats, RiskTable, risk_table, steps_at, tie_factor

__all__ = ["Incidence", "cumulative_incidence", "incidence_of"]


@dataclass(frozen=True)
class Incidence:
    """Cumulative incidence of every cause; made by `cumulative_incidence`.

    Attributes
    ----------
    table : RiskTable
        Who was at risk and what happened.
    survival : numpy.ndarray
        The chance that nothing has happened by each of ``table.times``, shape (T,).
    incidence : numpy.ndarray
        The chance of each cause by each time, shape (T, causes). With `survival` it sums to 1.
    variance : numpy.ndarray
        Of `incidence`, same shape.
    """

    table: RiskTable
    survival: Floats
    incidence: Floats
    variance: Floats

    def at(self, cause: int, seconds: ArrayLike) -> Floats:
        """Return the incidence of a cause (1, 2, ...) by some times."""
        return steps_at(self.table.times, self.incidence[:, cause - 1], seconds, before=0.0)

    def variance_at(self, cause: int, seconds: ArrayLike) -> Floats:
        """Return the variance of the incidence of a cause by some times."""
        return steps_at(self.table.times, self.variance[:, cause - 1], seconds, before=0.0)

    def survival_at(self, seconds: ArrayLike) -> Floats:
        """Return the chance that nothing has happened by some times."""
        return steps_at(self.table.times, self.survival, seconds, before=1.0)

    def time_in(self, cause: int, horizon: float) -> tuple[float, float]:
        """Return the mean time, up to a horizon, that has passed since a cause ended it, and its standard error.

        It is the area under the cause's cumulative incidence: Andersen PK (2013), "Decomposition of number of life
        years lost according to causes of death", Statistics in Medicine 32, 5278-5285. The horizon less it is the
        mean wait for that cause, where who ends of another cause waits to the horizon.
        """
        inside = self.table.times <= horizon
        times, incidence = self.table.times[inside], self.incidence[inside, cause - 1]
        survival = self.survival[inside]
        edges = np.concatenate([times, [horizon]])
        areas = np.diff(edges) * incidence
        after = np.cumsum(areas[::-1])[::-1]  # the area from each time to the horizon
        beyond = after - incidence * (horizon - times)
        share = np.divide(beyond, survival, out=np.zeros_like(beyond), where=survival > 0)
        own, others = _noise(self.table, self.survival, cause - 1)
        variance = np.sum((horizon - times - share) ** 2 * own[inside] + share**2 * others[inside])
        return float(areas.sum()), float(np.sqrt(variance))


def cumulative_incidence(time: ArrayLike, cause: ArrayLike, *, causes: int | None = None) -> Incidence:
    """Estimate the chance that something has ended of each cause by each time.

    The estimator is that of Aalen OO, Johansen S (1978), "An empirical transition matrix for non-homogeneous Markov
    chains based on censored observations", Scandinavian Journal of Statistics 5, 141-150. Its variance is the delta
    method's with a correction for ties, as in Gray's cmprsk: Aalen OO (1978), Annals of Statistics 6, 534-545.

    Parameters
    ----------
    time : array_like of float
        Until the end or the censoring.
    cause : array_like of int
        0 where censored, else 1, 2, ...
    causes : int, optional
        How many causes there are.

    Returns
    -------
    Incidence

    Raises
    ------
    InvalidInputError
        A time is negative or missing, a cause is negative, or the lengths differ.

    Examples
    --------
    >>> curves = cumulative_incidence([5, 8, 8, 12, 20], [1, 2, 1, 0, 1])
    >>> curves.at(1, [5, 8, 30]).round(10).tolist(), curves.survival_at([8, 30]).round(10).tolist()
    ([0.2, 0.4, 0.8], [0.4, 0.0])
    """
    return incidence_of(risk_table(time, cause, causes=causes))


def incidence_of(table: RiskTable) -> Incidence:
    """Return the incidence of calls that are counted already, as by `risk_table`; someone is at risk at every time."""
    survival = table.survival
    before = _just_before(survival)
    incidence = np.cumsum((before / table.at_risk)[:, None] * table.failed, axis=0)
    variance = np.empty_like(incidence)
    for index in range(incidence.shape[1]):
        variance[:, index] = _variance(table, survival, incidence[:, index], index)
    return Incidence(table, survival, incidence, variance)


def _just_before(survival: Floats) -> Floats:
    return np.concatenate([[1.0], survival[:-1]]) if len(survival) else survival


def _noise(table: RiskTable, survival: Floats, index: int) -> tuple[Floats, Floats]:
    """Return, at each time, the variance that ends of one cause and of all others bring in."""
    scale = (_just_before(survival) / table.at_risk) ** 2
    own = table.failed[:, index]
    others = table.events - own
    # Once everyone has ended, an end of another cause no longer moves this one's curve.
    moved = np.where(survival > 0, others, 0.0)
    return scale * own * tie_factor(own, table.at_risk), scale * moved * tie_factor(others, table.at_risk)


def _variance(table: RiskTable, survival: Floats, incidence: Floats, index: int) -> Floats:
    """Sum ``(w(s) - F(t) / S(s))^2`` times the noise at s over all s up to t, w being the weight at s."""
    own, others = _noise(table, survival, index)
    inverse = np.divide(1.0, survival, out=np.zeros_like(survival), where=survival > 0)
    weight = incidence * inverse
    squares = np.cumsum((1 + weight) ** 2 * own + weight**2 * others)
    products = np.cumsum(inverse * ((1 + weight) * own + weight * others))
    inverses = np.cumsum(inverse**2 * (own + others))
    return np.maximum(squares + incidence**2 * inverses - 2 * incidence * products, 0.0)

"""What it costs to look early: planned looks and looks after every pair, each as a factor on the calls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from imilab.comparison.planning.formulas import quantile, root
from imilab.comparison.sequential.boundaries import Boundaries, crossing_probabilities, group_sequential_bounds
from imilab.comparison.sequential.crossing import crossing_chance, discordance
from imilab.comparison.sequential.paired import tuned_mixture

__all__ = ["PlannedLooks", "pairs_power", "pairs_size"]

_LIKELIEST = 1 - 1e-9


@dataclass(frozen=True)
class PlannedLooks:
    """Looks at given information fractions.

    Attributes
    ----------
    boundaries : Boundaries
        Of one comparison.
    alpha : float
        Its level, of both sides together.
    """

    boundaries: Boundaries
    alpha: float

    @classmethod
    def of(cls, spending: str, information: tuple[float, ...], alpha: float, *, one_sided: bool) -> PlannedLooks:
        """Plan looks; one side takes half of the level."""
        level = alpha / 2 if one_sided else alpha
        return cls(group_sequential_bounds(spending, information, level, two_sided=not one_sided), alpha)

    def stops(self, drift: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return the chance of stopping at each look in the direction of the drift."""
        two_sided = self.boundaries.two_sided
        fractions = np.asarray(self.boundaries.information)
        return crossing_probabilities(self.boundaries.z, fractions, drift=drift, two_sided=two_sided)[0]

    def drift(self, power: float) -> float:
        """Return the mean of the last statistic that gives a power."""
        limit = quantile(1 - self.alpha / 2) + quantile(power) + 2.0
        return root(lambda drift: float(self.stops(drift).sum()) - power, 0.0, max(limit, 3.0) * 2)

    def inflation(self, power: float) -> float:
        """Return how many times the calls of one look are needed for the same power.

        Jennison and Turnbull (2000), section 2.3.
        """
        if len(self.boundaries.z) == 1:
            return 1.0
        return (self.drift(power) / (quantile(1 - self.alpha / 2) + quantile(power))) ** 2

    def power(self, fixed_drift: float) -> float:
        """Return the power of as many calls as give one look this drift."""
        return float(self.stops(fixed_drift).sum())


def pairs_power(arm: float, baseline: float, pairs: float, alpha: float) -> float:
    """Return the power of the paired e-value, looked at after every pair, with the mixture tuned to the plan.

    Exact for whole pairs; counts stopping in the right direction only.
    """
    mixture = tuned_mixture(pairs * discordance(arm, baseline).share, alpha)
    chances = crossing_chance(arm, baseline, int(pairs), mixture, 1 / alpha)
    return chances[0] if arm >= baseline else chances[1]


def pairs_size(arm: float, baseline: float, start: float, *, power: float, alpha: float) -> int:
    """Return the fewest pairs that give the paired e-value a power, searched from a guess upwards."""
    low = high = max(int(start), 1)
    while pairs_power(arm, baseline, high, alpha) < power:
        low, high = high, math.ceil(high * 1.4)
    while high - low > max(1, high // 2000):
        middle = (low + high) // 2
        low, high = (low, middle) if pairs_power(arm, baseline, middle, alpha) >= power else (middle, high)
    return high

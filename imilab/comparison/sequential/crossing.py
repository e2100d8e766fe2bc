"""How soon the paired e-value gets there: its exact power and stopping times, without simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imilab.comparison.sequential.paired import log_e_value

__all__ = ["Discordance", "crossing_by_discordant", "crossing_chance", "discordance"]

Floats = NDArray[np.float64]
_TINY = 1e-15


@dataclass(frozen=True)
class Discordance:
    """What pairs of independent calls look like at two rates.

    Attributes
    ----------
    share : float
        Chance that a pair ends differently.
    win : float
        Chance that the arm's call is the success of such a pair; a half where no pair ends differently.
    """

    share: float
    win: float


def discordance(arm: float, baseline: float) -> Discordance:
    """Return how often pairs differ at two rates.

    Examples
    --------
    >>> discordance(0.6, 0.5)
    Discordance(share=0.5, win=0.6)
    """
    won, lost = arm * (1 - baseline), baseline * (1 - arm)
    return Discordance(won + lost, won / (won + lost) if won + lost else 0.5)


def crossing_by_discordant(win: float, most: int, mixture: float, threshold: float) -> tuple[Floats, Floats]:
    """Return the chance that the e-value has reached the threshold by each number of discordant pairs.

    Exact: the walk of wins is followed pair by pair, and what crosses is taken out.

    Parameters
    ----------
    win : float
        Chance that the arm's call is the success of a discordant pair.
    most : int
        Discordant pairs to follow.
    mixture : float
        See `tuned_mixture`.
    threshold : float
        The e-value that stops.

    Returns
    -------
    for_arm, for_baseline : numpy.ndarray
        Cumulative chances of stopping for either arm, after 0 to `most` discordant pairs.
    """
    needed = _needed_wins(most, mixture, threshold)
    for_arm, for_baseline = np.zeros(most + 1), np.zeros(most + 1)
    alive, first = np.ones(1), 0  # chance of each number of wins, from `first` on
    for pairs in range(1, most + 1):
        stepped = np.zeros(len(alive) + 1)
        stepped[1:] = alive * win
        stepped[:-1] += alive * (1 - win)
        wins_to_stop, losses_to_stop = needed[pairs], pairs - needed[pairs]
        over = max(first + len(stepped) - wins_to_stop, 0)
        under = max(losses_to_stop - first + 1, 0)
        for_arm[pairs] = for_arm[pairs - 1] + stepped[len(stepped) - over :].sum()
        for_baseline[pairs] = for_baseline[pairs - 1] + stepped[:under].sum()
        alive, first = stepped[under : len(stepped) - over], first + under
        while len(alive) > 1 and alive[0] < _TINY / most:
            alive, first = alive[1:], first + 1
        while len(alive) > 1 and alive[-1] < _TINY / most:
            alive = alive[:-1]
        if not len(alive):
            for_arm[pairs:], for_baseline[pairs:] = for_arm[pairs], for_baseline[pairs]
            break
    return for_arm, for_baseline


def _needed_wins(most: int, mixture: float, threshold: float) -> NDArray[np.int64]:
    """Return the fewest wins of each number of discordant pairs whose e-value stops; one more than it where none."""
    pairs = np.arange(most + 1)
    low, high = pairs // 2, pairs + 1  # `low` does not stop, `high` does
    while np.any(high - low > 1):
        middle = (low + high) // 2
        stops = log_e_value(middle, pairs - middle, mixture) >= np.log(threshold)
        low, high = np.where(stops, low, middle), np.where(stops, middle, high)
    return high.astype(np.int64)


def crossing_chance(arm: float, baseline: float, pairs: int, mixture: float, threshold: float) -> tuple[float, float]:
    """Return the chance that the e-value reaches the threshold within so many pairs.

    Parameters
    ----------
    arm, baseline : float
        The true rates.
    pairs : int
        How many pairs there are at most; it is looked at after every one.
    mixture, threshold : float
        See `crossing_by_discordant`.

    Returns
    -------
    for_arm, for_baseline : float

    Examples
    --------
    >>> [round(chance, 4) for chance in crossing_chance(0.5, 0.5, 5000, 30.0, 20.0)]
    [0.0161, 0.0161]
    """
    from scipy.special import gammaln, xlogy

    both = discordance(arm, baseline)
    spread = 8 * np.sqrt(pairs * both.share * (1 - both.share)) + 1
    low, high = max(int(pairs * both.share - spread), 0), min(int(pairs * both.share + spread) + 1, pairs)
    counts = np.arange(low, high + 1)
    logs = gammaln(pairs + 1) - gammaln(counts + 1) - gammaln(pairs - counts + 1)
    chances = np.exp(logs + xlogy(counts, both.share) + xlogy(pairs - counts, 1 - both.share))
    found = crossing_by_discordant(both.win, high, mixture, threshold)
    return float(chances @ found[0][counts]), float(chances @ found[1][counts])

"""Every arm against every other, for looking around; `imilab.compare` sets each against one baseline."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc

from imilab.comparison.adjustment import adjust
from imilab.errors import InvalidInputError

__all__ = ["pairwise_rates"]

Floats = NDArray[np.float64]


def pairwise_rates(
    x: ArrayLike, n: ArrayLike, adjustment: str | None = "holm", *, continuity: bool = False
) -> dict[tuple[int, int], float]:
    """Test every two of several rates, by Pearson's chi-square, and adjust p for all of them.

    Parameters
    ----------
    x, n : array_like of int, shape (arms,)
        Successes and trials.
    adjustment : str or None
        One of `imilab.comparison.adjustment.ADJUSTMENTS`; None for p as they are.
    continuity : bool
        Whether half a call is taken off as Yates (1934) did, which makes the test more careful than its level.

    Returns
    -------
    dict of (int, int) to float
        p by the two arms' places; NaN where all or none of both arms' calls are successes.

    Raises
    ------
    InvalidInputError
        Fewer than two arms, a count that is negative or above its `n`, or no such adjustment.

    Examples
    --------
    >>> found = pairwise_rates([83, 90, 129, 70], [86, 93, 136, 82])
    >>> [(pair, round(p, 4)) for pair, p in found.items() if p < 0.1]
    [((0, 3), 0.0566), ((1, 3), 0.0428), ((2, 3), 0.0646)]
    """
    successes, trials = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if successes.ndim != 1 or successes.shape != trials.shape or len(trials) < 2:
        raise InvalidInputError("x", "give successes and trials of two arms or more")
    if not np.all((successes >= 0) & (successes <= trials)):
        raise InvalidInputError("x", "a count is negative or above its n")
    pairs = list(combinations(range(len(trials)), 2))
    one, other = np.array(pairs).T
    p = _p(successes[one], trials[one], successes[other], trials[other], continuity=continuity)
    shown = p if adjustment is None else adjust(p, adjustment)
    return dict(zip(pairs, shown.tolist(), strict=True))


def _p(x1: Floats, n1: Floats, x0: Floats, n0: Floats, *, continuity: bool) -> Floats:
    total, reached = n1 + n0, x1 + x0
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.abs(x1 * n0 - x0 * n1) / total
        spread = n1 * n0 * reached * (total - reached) / total**3
        statistic = (gap - (np.minimum(0.5, gap) if continuity else 0.0)) ** 2 / spread
    found: Floats = np.asarray(chdtrc(1, statistic), dtype=np.float64)
    return found

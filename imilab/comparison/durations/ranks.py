"""Whether one group's values are greater than another's: the Mann-Whitney test and the Hodges-Lehmann shift.

Both follow R's wilcox.test: exact below 50 values a group where no two values are equal, else the normal approximation
with corrections for ties and continuity.
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from imilab.comparison.durations.risk_table import Floats
from imilab.errors import InvalidInputError
from imilab.intervals import check_confidence

__all__ = ["MannWhitney", "Shift", "hodges_lehmann", "mann_whitney"]

_EXACT_BELOW = 50
_ALL_PAIRS = 4_000_000


class MannWhitney(NamedTuple):
    """The result of `mann_whitney`: W, in how many pairs the first group's value is greater, and p."""

    w: float
    p: float
    exact: bool


class Shift(NamedTuple):
    """The result of `hodges_lehmann`, in the unit of the values."""

    estimate: float
    low: float
    high: float
    exact: bool


def mann_whitney(
    first: ArrayLike,
    second: ArrayLike,
    *,
    alternative: Literal["two-sided", "greater", "less"] = "two-sided",
    exact: bool | None = None,
    continuity: bool = True,
) -> MannWhitney:
    """Test whether values of one group tend to be greater than those of another.

    Mann HB, Whitney DR (1947), "On a test of whether one of two random variables is stochastically larger than the
    other", Annals of Mathematical Statistics 18, 50-60.

    Parameters
    ----------
    first, second : array_like of float
        The groups' values.
    alternative : {"two-sided", "greater", "less"}
        Greater: values of the first group tend to be greater.
    exact : bool, optional
        Whether p is exact; by default below 50 values a group where no two are equal.
    continuity : bool
        Whether half a pair is taken off where p is not exact.

    Returns
    -------
    MannWhitney

    Raises
    ------
    InvalidInputError
        A group is empty or holds a missing value, or `exact` is asked for with equal values.

    Examples
    --------
    >>> found = mann_whitney([1.1, 2.2, 3.3], [4.4, 5.5, 6.6])
    >>> found.w, round(found.p, 10)
    (0.0, 0.1)
    """
    x, y = _values(first), _values(second)
    w = _pairs_won(x, y)
    pairs = len(x) * len(y)
    used_exact = _is_exact(x, y, exact)
    if used_exact:
        chances = _null_distribution(len(x), len(y))
        greater, less = float(chances[int(w) :].sum()), float(chances[: int(w) + 1].sum())
    else:
        error = _standard_error(np.concatenate([x, y]), len(x), len(y))
        half = 0.5 if continuity else 0.0
        greater, less = (_tail(side * (w - pairs / 2) - half, error) for side in (1, -1))
    p = {"greater": greater, "less": less}.get(alternative, 2 * min(greater, less))
    return MannWhitney(w, min(p, 1.0), used_exact)


def hodges_lehmann(
    first: ArrayLike, second: ArrayLike, confidence: float = 0.95, *, exact: bool | None = None
) -> Shift:
    """Return by how much one group's values are shifted against another's: the median of all differences of pairs.

    Hodges JL, Lehmann EL (1963), "Estimates of location based on rank tests", Annals of Mathematical Statistics 34,
    598-611; the interval holds the shifts that the Mann-Whitney test does not reject: Bauer DF (1972), JASA 67,
    687-690.

    Parameters
    ----------
    first, second : array_like of float
        The groups' values; the shift is first less second.
    confidence : float
        Coverage of the interval.
    exact : bool, optional
        As for `mann_whitney`.

    Returns
    -------
    Shift

    Raises
    ------
    InvalidInputError
        A group is empty or holds a missing value.

    Examples
    --------
    >>> found = hodges_lehmann([10.5, 12.1, 13.3, 19.2], [9.1, 9.9, 12.7, 13.8])
    >>> round(found.estimate, 10), round(found.low, 10), round(found.high, 10)
    (1.8, -3.3, 10.1)
    """
    level = check_confidence(confidence)
    x, y = _values(first), _values(second)
    pairs = len(x) * len(y)
    used_exact = _is_exact(x, y, exact)
    if used_exact:
        below = np.cumsum(_null_distribution(len(x), len(y)))
        # The smallest count whose chance, with all below it, reaches half of what the interval may miss.
        rank = max(int(np.searchsorted(below, (1 - level) / 2 * (1 - 1e-12))), 1)
    else:
        error = _standard_error(np.concatenate([x, y]), len(x), len(y), within=(x, y))
        reach = NormalDist().inv_cdf(0.5 + level / 2) * error
        rank = pairs - min(math.floor(pairs / 2 + 0.5 + reach + 1e-9), pairs - 1)
    middle = (pairs + 1) // 2, pairs // 2 + 1
    found = _ordered_differences(x, y, (rank, *middle, pairs + 1 - rank))
    return Shift((found[1] + found[2]) / 2, found[0], found[3], used_exact)


def _values(values: ArrayLike) -> Floats:
    found = np.sort(np.asarray(values, dtype=np.float64))
    if found.ndim != 1 or not len(found) or not np.all(np.isfinite(found)):
        raise InvalidInputError("values", "a group is empty or holds a value that is missing")
    return found


def _is_exact(x: Floats, y: Floats, asked: bool | None) -> bool:
    distinct = len(np.unique(np.concatenate([x, y]))) == len(x) + len(y)
    if asked and not distinct:
        raise InvalidInputError("exact", "some values are equal; the exact distribution is for distinct values")
    return (distinct and max(len(x), len(y)) < _EXACT_BELOW) if asked is None else asked


def _tail(distance: float, error: float) -> float:
    """Return the chance of lying as far above the mean; 1 where all values are equal."""
    return math.erfc(distance / error / math.sqrt(2)) / 2 if error else 1.0


def _pairs_won(x: Floats, y: Floats) -> float:
    below = np.searchsorted(y, x, "left").sum()
    return float(below + 0.5 * (np.searchsorted(y, x, "right").sum() - below))


def _standard_error(together: Floats, m: int, n: int, within: tuple[Floats, Floats] | None = None) -> float:
    """Return that of W; of the interval's limits, only values equal within a group count as ties."""
    total = m + n
    ties = sum(_cubes(group) for group in (within or (together,)))
    variance = m * n / 12 * (total + 1 - ties / (total * (total - 1))) if total > 1 else 0.0
    return math.sqrt(max(variance, 0.0))


def _cubes(values: Floats) -> float:
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    return float((counts**3 - counts).sum())


@cache
def _null_distribution(m: int, n: int) -> Floats:
    """Return the chance of each W from 0 to m n when both groups are alike and no two values are equal.

    The number of ways is the Gaussian binomial coefficient: the product over i of (1 - q^(n+i)) / (1 - q^i), in whole
    numbers.
    """
    ways = np.zeros(m * n + 1, dtype=object)
    ways[0] = 1
    for index in range(1, m + 1):
        step = n + index
        if step <= m * n:
            ways[step:] = ways[step:] - ways[:-step]
        for start in range(index):
            ways[start::index] = np.cumsum(ways[start::index])
    total = math.comb(m + n, m)
    return np.array([one / total for one in ways], dtype=np.float64)


def _ordered_differences(x: Floats, y: Floats, ranks: tuple[int, ...]) -> list[float]:
    """Return the differences x - y of some ranks (from 1), without making all pairs where these are many."""
    if len(x) * len(y) <= _ALL_PAIRS:
        every = (x[:, None] - y[None, :]).ravel()
        every.partition([rank - 1 for rank in set(ranks)])
        return [float(every[rank - 1]) for rank in ranks]
    return [_difference_of_rank(x, y, rank) for rank in ranks]


def _difference_of_rank(x: Floats, y: Floats, rank: int) -> float:
    """Halve the range until it is tiny, then take the first difference in it. Equal values are counted once."""
    ys, of_each = np.unique(y, return_counts=True)
    from_here = len(y) - np.concatenate([[0], np.cumsum(of_each)])
    xs, times = np.unique(x, return_counts=True)
    low, high = float(xs[0] - ys[-1]), float(xs[-1] - ys[0])
    tiny = 1e-9 * max(abs(low), abs(high))
    while high - low > tiny:
        middle = low + (high - low) / 2
        if times @ from_here[np.searchsorted(ys, xs - middle, "left")] >= rank:
            high = middle
        else:
            low = middle
    places = np.searchsorted(ys, xs - low + tiny, "right") - 1
    found = (xs - ys[places])[places >= 0]
    return float(found[found >= low - tiny].min())

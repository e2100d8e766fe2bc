"""Who was at risk and what happened, at every time at which something happened: the ground of every duration method."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError

__all__ = ["Floats", "RiskTable", "chi_square_p", "read_times", "risk_table", "steps_at", "tie_factor"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class RiskTable:
    """What happened in one group.

    Attributes
    ----------
    times : numpy.ndarray
        The distinct times, in order, shape (T,).
    at_risk : numpy.ndarray
        How many were still under observation just before each, shape (T,).
    failed : numpy.ndarray
        How many ended at each of each cause 1, 2, ..., shape (T, causes).
    """

    times: Floats
    at_risk: Floats
    failed: Floats

    @property
    def events(self) -> Floats:
        """How many ended at each time, of any cause."""
        total: Floats = self.failed.sum(axis=1)
        return total

    @property
    def survival(self) -> Floats:
        """The chance of lasting beyond each time: Kaplan and Meier's product of what each time leaves."""
        left: Floats = np.asarray(np.cumprod(1 - self.events / self.at_risk), dtype=np.float64)
        return left


def risk_table(
    time: ArrayLike, cause: ArrayLike, *, causes: int | None = None, grid: Floats | None = None
) -> RiskTable:
    """Count those at risk and those that ended, at every time with an end.

    Who is censored at a time is still at risk of what happens at that time.

    Parameters
    ----------
    time : array_like of float
        Until the end or the censoring; not negative.
    cause : array_like of int
        0 for censored, else 1, 2, ...; same length.
    causes : int, optional
        How many causes there are; the greatest one met, if not given.
    grid : numpy.ndarray, optional
        The times to count at, sorted, which must hold every time with an end; those of the data if not given.

    Raises
    ------
    InvalidInputError
        See `read_times`.
    """
    seconds, causes_met = read_times(time, cause)
    width = max(int(causes_met.max(initial=0)), 1) if causes is None else causes
    times = np.unique(seconds[causes_met > 0]) if grid is None else grid
    ordered = np.sort(seconds)
    at_risk = len(ordered) - np.searchsorted(ordered, times, side="left").astype(np.float64)
    failed = np.zeros((len(times), width))
    for number in range(1, width + 1):
        ended = np.sort(seconds[causes_met == number])
        failed[:, number - 1] = np.searchsorted(ended, times, "right") - np.searchsorted(ended, times, "left")
    return RiskTable(times, at_risk, failed)


def read_times(time: ArrayLike, cause: ArrayLike) -> tuple[Floats, Integers]:
    """Check times and causes.

    Raises
    ------
    InvalidInputError
        Their lengths differ, a time is negative or missing, or a cause is negative.
    """
    seconds = np.asarray(time, dtype=np.float64)
    causes: NDArray[Any] = np.asarray(cause).astype(np.int64)
    if seconds.ndim != 1 or seconds.shape != causes.shape:
        raise InvalidInputError("time", f"shapes {seconds.shape} and {causes.shape} of times and causes do not match")
    if not np.all((seconds >= 0) & np.isfinite(seconds)) or np.any(causes < 0):
        raise InvalidInputError("time", "a time is negative or missing, or a cause is negative")
    return seconds, causes


def steps_at(times: Floats, values: Floats, at: ArrayLike, *, before: float) -> Floats:
    """Read a right-continuous step function: `before` until the first of its times, then the value of each.

    Examples
    --------
    >>> steps_at(np.array([1.0, 2.0]), np.array([0.5, 0.2]), [0, 1, 1.9, 5], before=1.0).tolist()
    [1.0, 0.5, 0.5, 0.2]
    """
    place = np.searchsorted(times, np.asarray(at, dtype=np.float64), side="right")
    read: Floats = np.concatenate([[before], values])[place]
    return read


def tie_factor(failed: Floats, at_risk: Floats) -> Floats:
    """Return the share of the variance that ties leave: ``(n - d) / (n - 1)`` where d of n end at once, else 1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(failed > 1, 1 - (failed - 1) / (at_risk - 1), 1.0)


def chi_square_p(statistic: float, df: float) -> float:
    """Return the upper tail of the chi-square distribution."""
    from scipy.special import chdtrc

    return float(chdtrc(df, statistic)) if df > 0 and not math.isnan(statistic) else float("nan")

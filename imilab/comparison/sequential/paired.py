"""The exact paired e-value, which may be looked at after every pair, and the interval that goes with it.

Of two calls that ended differently, which arm's was the success? Under equal rates each such pair is a fair coin,
whatever the rates are. A beta mixture bets on the coins. The same bets against other differences give the interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError

__all__ = ["always_valid_interval", "log_e_value", "log_e_value_of", "paired_e_value", "tuned_mixture"]

Floats = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(201)
_DEPTH = 40.0  # the integrand ends where it is exp(-40) of its top
_STEPS = 24
_HALVINGS = 48
_EDGE = 1e-12


def tuned_mixture(discordant: float, alpha: float = 0.05) -> float:
    """Return the mixture's parameter that reaches ``1 / alpha`` with the least excess at a planned number of pairs.

    Howard SR, Ramdas A, McAuliffe J, Sekhon J (2021), "Time-uniform, nonparametric, nonasymptotic confidence
    sequences", Annals of Statistics 49, 1055-1080, section 3.5: the two-sided normal mixture's boundary is lowest at
    the planned size `m` where ``m / rho = log((1 + m / rho) / alpha**2)``; the symmetric beta with parameter
    ``(rho - 1) / 2`` has the same variance.

    Parameters
    ----------
    discordant : float
        Pairs that are expected to end differently, over the whole plan.
    alpha : float
        The level.

    Returns
    -------
    float
        At least 1.

    Examples
    --------
    >>> round(tuned_mixture(500), 1), tuned_mixture(3)
    (29.9, 1.0)
    """
    ratio = 8.0
    for _ in range(50):
        ratio = math.log((1 + ratio) / alpha**2)
    return max((discordant / ratio - 1) / 2, 1.0)


def log_e_value(wins: ArrayLike, losses: ArrayLike, mixture: float) -> Floats:
    """Return the logarithm of the paired e-value against equal rates, exactly.

    Robbins H (1970), "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical
    Statistics 41, 1397-1409: a beta mixture of likelihood ratios of coins against the fair coin.

    Parameters
    ----------
    wins, losses : array_like of int
        Discordant pairs in which the arm's, or the baseline's call was the success.
    mixture : float
        Both parameters of the beta mixture; see `tuned_mixture`.

    Examples
    --------
    >>> log_e_value([0, 5], [0, 5], 1.0).round(4).tolist()
    [0.0, -0.9959]
    """
    from scipy.special import betaln

    won, lost = np.asarray(wins, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    logs: Floats = (won + lost) * math.log(2) + betaln(mixture + won, mixture + lost) - betaln(mixture, mixture)
    return logs


def paired_e_value(arm: ArrayLike, baseline: ArrayLike, mixture: float = 1.0) -> Floats:
    """Return the e-value against equal rates after each pair.

    Under equal rates the chance that it ever exceeds ``1 / alpha`` is at most alpha: Ville J (1939), Étude critique de
    la notion de collectif. The method is that of `log_e_value`.

    Parameters
    ----------
    arm, baseline : array_like of bool
        Whether the calls of each pair were successes, in the order of allocation.
    mixture : float
        Both parameters of the beta mixture, fixed before the first pair; see `tuned_mixture`.

    Returns
    -------
    numpy.ndarray
        One e-value a pair; infinite where it exceeds what a float holds.

    Raises
    ------
    InvalidInputError
        The arms have different numbers of calls, or the mixture is below 1.

    Examples
    --------
    >>> paired_e_value([1, 1, 0, 1], [0, 0, 0, 0]).round(4).tolist()
    [1.0, 1.3333, 1.3333, 2.0]
    """
    one, zero = np.asarray(arm, dtype=bool), np.asarray(baseline, dtype=bool)
    if one.shape != zero.shape or one.ndim != 1:
        raise InvalidInputError("arm", "give both calls of every pair")
    _check_mixture(mixture)
    with np.errstate(over="ignore"):
        return np.exp(log_e_value(np.cumsum(one & ~zero), np.cumsum(zero & ~one), mixture))


def log_e_value_of(
    difference: ArrayLike, wins: ArrayLike, losses: ArrayLike, ties: ArrayLike, mixture: float
) -> Floats:
    """Return the logarithm of the e-value against any difference of the rates.

    Waudby-Smith I, Ramdas A (2024), "Estimating means of bounded random variables by betting", JRSS B 86, 1-27: each
    pair's score (1, 0 or -1) is bet on with a stake between the two at which one pair could ruin; stakes are mixed by a
    beta distribution. Against difference 0 it is `log_e_value`.

    Parameters
    ----------
    difference : array_like
        Arm less baseline; strictly between -1 and 1.
    wins, losses, ties : array_like of int
        Pairs by their score.
    mixture : float
        See `tuned_mixture`.

    Examples
    --------
    >>> float(log_e_value_of(0.0, 60, 30, 200, 8.0).round(6)) == float(log_e_value(60, 30, 8.0).round(6))
    True
    """
    from scipy.special import betaln

    shift, won, lost, same = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (difference, wins, losses, ties))
    )
    # The beta's parameters: mean stake none, and nowhere below 1, which would pile bets up at ruin.
    up, down = np.maximum(mixture * (1 + shift), 1.0), np.maximum(mixture * (1 - shift), 1.0)
    bets = _Bets(up + won - 1, down + lost - 1, same, (1 + shift) / 2, 2 * shift / (1 - shift**2))
    low, peak, high = bets.reach()
    top = bets.log(peak)
    u = (low + high)[..., None] / 2 + (high - low)[..., None] / 2 * _NODES
    area = (np.exp(bets.spread().log(u) - top[..., None]) * _WEIGHTS).sum(axis=-1) * (high - low) / 2
    constant = won * np.log(2 / (1 + shift)) + lost * np.log(2 / (1 - shift)) - betaln(up, down)
    result: Floats = top + np.log(area) + constant
    return result


@dataclass(frozen=True)
class _Bets:
    """The worth of each stake so far, up to a constant: ``u**up * (1 - u)**down * (1 - gain * (u - none))**same``.

    The stake is ``(2 u - 1 - difference) / (1 - difference**2)``, so that `none` is the `u` of no stake. The logarithm
    is concave in `u`.
    """

    up: Floats
    down: Floats
    same: Floats
    none: Floats
    gain: Floats

    def log(self, u: Floats) -> Floats:
        logs: Floats = self.up * np.log(u) + self.down * np.log1p(-u)
        return logs + self.same * np.log1p(-self.gain * (u - self.none))

    def spread(self) -> _Bets:
        """Add an axis for several `u` each."""
        return _Bets(*(part[..., None] for part in (self.up, self.down, self.same, self.none, self.gain)))

    def reach(self) -> tuple[Floats, Floats, Floats]:
        """Return where the logarithm is at its top, and below and above it where nothing is left to integrate."""
        first, last = np.full(self.up.shape, _EDGE), np.full(self.up.shape, 1 - _EDGE)
        low, high = first, last
        for _ in range(_HALVINGS):
            u = (low + high) / 2
            slope = self.up / u - self.down / (1 - u) - self.same * self.gain / (1 - self.gain * (u - self.none))
            low, high = np.where(slope > 0, u, low), np.where(slope > 0, high, u)
        peak = (low + high) / 2
        floor = self.log(peak) - _DEPTH
        return self._crossing(peak, first, floor), peak, self._crossing(peak, last, floor)

    def _crossing(self, inside: Floats, outside: Floats, floor: Floats) -> Floats:
        for _ in range(_STEPS):
            middle = (inside + outside) / 2
            above = self.log(middle) > floor
            inside, outside = np.where(above, middle, inside), np.where(above, outside, middle)
        return outside


def always_valid_interval(
    wins: ArrayLike, losses: ArrayLike, ties: ArrayLike, mixture: float, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return the differences that no look has ruled out; they hold the true one at every look at once.

    The differences whose e-value (`log_e_value_of`) is below ``1 / (1 - confidence)``. Zero is outside exactly where
    the paired e-value reaches it.

    Parameters
    ----------
    wins, losses, ties : array_like of int
        Pairs in which the arm's call, the baseline's, or both or neither were successes.
    mixture : float
        See `tuned_mixture`; fixed before the first pair.
    confidence : float
        Chance that the interval holds the true difference at all looks together.

    Returns
    -------
    low, high : numpy.ndarray
        Between -1 and 1.

    Examples
    --------
    >>> low, high = always_valid_interval(120, 70, 310, 15.0)
    >>> round(float(low), 3), round(float(high), 3)
    (0.017, 0.183)
    """
    _check_mixture(mixture)
    won, lost, same = np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in (wins, losses, ties)))
    pairs = won + lost + same
    estimate = np.divide(won - lost, pairs, out=np.zeros(pairs.shape), where=pairs > 0)
    limit = -math.log(1 - confidence)
    edges = []
    for end in (-1.0, 1.0):
        inside, outside = estimate, np.full(estimate.shape, end)
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            near = np.clip(middle, -1 + 1e-7, 1 - 1e-7)
            holds = log_e_value_of(near, won, lost, same, mixture) < limit
            inside, outside = np.where(holds, middle, inside), np.where(holds, outside, middle)
        edges.append(np.where(np.abs(outside - end) < 1e-6, end, outside))
    return edges[0], edges[1]


def _check_mixture(mixture: float) -> None:
    if not mixture >= 1:
        raise InvalidInputError("mixture", f"{mixture!r} is below 1")

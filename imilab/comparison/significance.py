"""Large-sample tests of two rates or more; each names its source. The exact ones are in `exact`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, ndtr, xlogy

from imilab.errors import InvalidInputError
from imilab.intervals import score_z

__all__ = [
    "REFERENCES",
    "chi_square",
    "cochran_armitage",
    "g_test",
    "inverted_p",
    "pooled_z",
    "score_test",
    "two_sided_p",
]

Floats = NDArray[np.float64]

REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "pooled_z": "Pearson (1900), chi-square without continuity correction",
        "score_test": "Miettinen and Nurminen (1985), score test, two-sided",
        "chi_square": "Pearson (1900), chi-square of several rates",
        "g_test": "Wilks (1938), likelihood ratio",
        "cochran_armitage": "Armitage (1955), trend in rates",
        "inverted_p": "p inverts the interval: it is 1 less the confidence at which a limit reaches 0",
    }
)


def two_sided_p(z: ArrayLike) -> Floats:
    """Return the chance that a standard normal value lies at least as far from 0 as `z`."""
    p: Floats = 2 * ndtr(-np.abs(np.asarray(z, dtype=np.float64)))
    return p


def pooled_z(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, *, continuity: bool = False
) -> tuple[Floats, Floats]:
    """Test whether two rates differ: the score test with pooled variance, two-sided; it agrees with `mee`.

    Its square is Pearson's chi-square of the 2 x 2 table: Pearson K (1900), Philosophical Magazine 50, 157-175.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int
        Successes and trials of the arm (1) and of the baseline (0); they broadcast against each other.
    continuity : bool
        Whether half a call is taken off, as Yates F (1934), "Contingency tables involving small numbers", Supplement
        to the JRSS 1, 217-235, which makes the test more careful than its level.

    Returns
    -------
    z, p : numpy.ndarray
        Where all calls or none are successes, z is 0 and p is 1; where an `n` is 0, both are NaN.

    Raises
    ------
    InvalidInputError
        A count is negative or above its `n`.

    Examples
    --------
    >>> z, p = pooled_z(56, 70, 48, 80)
    >>> round(float(z) ** 2, 4), round(float(p), 5)
    (7.0234, 0.00805)
    """
    z = score_z(x1, n1, x0, n0, corrected=False)
    if continuity:
        a, m, b, n = (np.asarray(each, dtype=np.float64) for each in (x1, n1, x0, n0))
        gap = np.abs(a * n - b * m) / np.maximum(m + n, 1)
        z = z * (1 - np.minimum(0.5, gap) / np.where(gap > 0, gap, 1.0))
    return z, two_sided_p(z)


def score_test(
    x1: ArrayLike, n1: ArrayLike, x0: ArrayLike, n0: ArrayLike, margin: ArrayLike = 0.0, *, corrected: bool = True
) -> tuple[Floats, Floats, Floats]:
    """Test whether the difference of two rates is `margin`; it agrees with the interval `miettinen_nurminen`.

    Miettinen O, Nurminen M (1985), "Comparative analysis of two rates", Statistics in Medicine 4, 213-226.

    Parameters
    ----------
    x1, n1, x0, n0 : array_like of int
        Successes and trials of the arm (1) and of the baseline (0).
    margin : array_like of float
        The supposed difference, between -1 and 1: 0 asks whether the rates differ; -0.05 with `p_greater` whether
        the arm is less than 5 points worse (non-inferiority).
    corrected : bool
        Whether the variance is multiplied with N / (N - 1); without, it agrees with the interval `mee`.

    Returns
    -------
    z, p_greater, p_two_sided : numpy.ndarray
        The statistic, p against a greater difference (against a smaller one it is 1 less that), and p against any
        other. NaN where an `n` is 0.

    Examples
    --------
    >>> z, greater, _ = score_test(84, 101, 89, 105, margin=-0.1)
    >>> round(float(z), 6), round(float(greater), 6)
    (1.608521, 0.053861)
    """
    z = score_z(x1, n1, x0, n0, margin, corrected=corrected)
    return z, np.asarray(ndtr(-z)), two_sided_p(z)


def inverted_p(limits: Callable[..., Any], counts: tuple[ArrayLike, ...], margin: float = 0.0) -> tuple[Floats, Floats]:
    """Turn an interval into its test: find the confidence at which one of its limits reaches `margin`.

    Parameters
    ----------
    limits : callable
        One of `imilab.intervals.DIFFERENCE_METHODS`.
    counts : tuple of array_like
        What it takes: ``x1, n1, x0, n0``.
    margin : float
        The supposed difference.

    Returns
    -------
    p_greater, p_two_sided : numpy.ndarray
        The interval at confidence 1 - `p_two_sided` just touches the margin; `p_greater` is the one-sided p against a
        greater difference.

    Examples
    --------
    >>> from imilab.intervals import mee
    >>> _, p = inverted_p(mee, (56, 70, 48, 80))
    >>> round(float(p), 5)  # Pearson's chi-square
    0.00805
    """
    estimate = np.asarray(limits(*counts, 1e-9)).mean(axis=0)
    above = estimate >= margin
    low_z, high_z = np.zeros(estimate.shape), np.full(estimate.shape, 8.2)
    for _ in range(50):
        z = (low_z + high_z) / 2
        reached = np.empty(estimate.shape)
        for place in np.ndindex(estimate.shape):
            level = min(max(1 - float(two_sided_p(z[place])), 1e-12), 1 - 1e-16)
            low, high = limits(*(np.broadcast_to(np.asarray(each), estimate.shape)[place] for each in counts), level)
            reached[place] = low <= margin if above[place] else high >= margin
        low_z, high_z = np.where(reached, low_z, z), np.where(reached, z, high_z)
    signed = np.where(above, high_z, -high_z)
    return np.asarray(ndtr(-signed)), two_sided_p(signed)


def chi_square(x: ArrayLike, n: ArrayLike) -> tuple[float, int, float]:
    """Test whether several rates are the same: Pearson's chi-square without continuity correction.

    Pearson K (1900), Philosophical Magazine 50, 157-175; Fleiss JL (1981), "Statistical Methods for Rates and
    Proportions", chapter 9.

    Parameters
    ----------
    x, n : array_like of int, shape (arms,)
        Successes and trials; arms without trials are left out.

    Returns
    -------
    statistic, df, p
        0 and 1 where all calls or none are successes; NaN with fewer than two arms.

    Examples
    --------
    >>> statistic, df, p = chi_square([83, 90, 129, 70], [86, 93, 136, 82])
    >>> round(statistic, 4), df, round(p, 6)
    (12.6004, 3, 0.005585)
    """
    successes, trials = _arms(x, n)
    df = len(trials) - 1
    if df < 1:
        return float("nan"), 0, float("nan")
    pooled = successes.sum() / trials.sum()
    if pooled in {0.0, 1.0}:
        return 0.0, df, 1.0
    statistic = float(np.sum((successes - trials * pooled) ** 2 / (trials * pooled * (1 - pooled))))
    return statistic, df, float(chdtrc(df, statistic))


def g_test(x: ArrayLike, n: ArrayLike) -> tuple[float, int, float]:
    """Test whether several rates are the same by the likelihood ratio; arguments and results as in `chi_square`.

    Wilks SS (1938), "The large-sample distribution of the likelihood ratio", Annals of Mathematical Statistics 9,
    60-62; Sokal RR, Rohlf FJ (1981), "Biometry".

    Examples
    --------
    >>> statistic, _, p = g_test([74, 43], [105, 75])
    >>> round(statistic, 5), round(p, 5)
    (3.30505, 0.06907)
    """
    successes, trials = _arms(x, n)
    df = len(trials) - 1
    if df < 1:
        return float("nan"), 0, float("nan")
    cells = np.stack([successes, trials - successes])
    expected = cells.sum(axis=1, keepdims=True) * trials / trials.sum()
    share = np.divide(cells, expected, out=np.ones_like(cells), where=cells > 0)
    statistic = max(2 * float(np.sum(xlogy(cells, share))), 0.0)
    return statistic, df, float(chdtrc(df, statistic))


def cochran_armitage(x: ArrayLike, n: ArrayLike, scores: ArrayLike | None = None) -> tuple[float, float]:
    """Test whether rates rise or fall along the arms.

    Armitage P (1955), "Tests for linear trends in proportions and frequencies", Biometrics 11, 375-386; Cochran WG
    (1954), Biometrics 10, 417-451.

    Parameters
    ----------
    x, n : array_like of int, shape (arms,)
        Successes and trials.
    scores : array_like of float, optional
        The arms' places, such as speaking rates; 1, 2, 3, ... if not given.

    Returns
    -------
    statistic, p
        Chi-square with one degree of freedom.

    Examples
    --------
    >>> statistic, p = cochran_armitage([83, 90, 129, 70], [86, 93, 136, 82])
    >>> round(statistic, 4), round(p, 6)
    (8.2249, 0.004132)
    """
    successes, trials = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
    places = np.arange(1.0, len(trials) + 1) if scores is None else np.asarray(scores, dtype=np.float64)
    if places.shape != trials.shape:
        raise InvalidInputError("scores", f"{len(places)} scores for {len(trials)} arms; give one each")
    total = trials.sum()
    pooled = successes.sum() / total
    spread = float(np.sum(trials * places**2) - np.sum(trials * places) ** 2 / total)
    variance = pooled * (1 - pooled) * spread
    if variance == 0:
        return 0.0, 1.0
    statistic = float(np.sum(places * (successes - trials * pooled)) ** 2 / variance)
    return statistic, float(chdtrc(1, statistic))


def _arms(x: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    successes, trials = np.asarray(x, dtype=np.float64), np.asarray(n, dtype=np.float64)
    return successes[trials > 0], trials[trials > 0]

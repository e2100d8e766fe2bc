"""Whether the arms have the shares they were meant to have: a mismatch says that calls were lost or steered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from imilab import tables
from imilab.comparison.adjustment import holm
from imilab.comparison.balance.result import OK, STOP, Check
from imilab.comparison.exact import binomial_test
from imilab.errors import InvalidInputError

__all__ = [
    "ALPHA",
    "check_shares",
    "sample_ratio_by",
    "sample_ratio_chi_square",
    "sample_ratio_p",
    "sample_ratio_whole",
]

Floats = NDArray[np.float64]

ALPHA = 0.001
"""The level: low, as the check is repeated with every campaign and a mismatch is grave."""
_EXACT_BELOW = 10_000
_FEWEST_EXPECTED = 5


def sample_ratio_chi_square(observed: ArrayLike, ratios: ArrayLike) -> tuple[float, float]:
    """Test whether counts have the given ratios.

    Pearson's chi-square of goodness of fit, as in Fabijan A et al. (2019), "Diagnosing sample ratio mismatch in online
    controlled experiments", KDD '19, 2156-2164.

    Parameters
    ----------
    observed : array_like of int
        The arms' counts.
    ratios : array_like of float
        The arms' shares, up to a common factor.

    Returns
    -------
    chi_square, p : float
        NaN where nothing was counted.

    Raises
    ------
    InvalidInputError
        Fewer than two arms, lengths that differ, a negative count or a ratio that is not above 0.

    Examples
    --------
    >>> chi_square, p = sample_ratio_chi_square([600, 400], [0.5, 0.5])
    >>> round(chi_square, 10), p < 0.001
    (40.0, True)
    """
    counts, shares = _read(observed, ratios)
    total = counts.sum()
    if not total:
        return float("nan"), float("nan")
    from scipy.special import chdtrc

    expected = shares * total
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(len(counts) - 1, statistic))


def sample_ratio_p(observed: ArrayLike, ratios: ArrayLike) -> float:
    """Return p of the sample-ratio test: exact binomial for two arms below 10,000 counts, else chi-square.

    Examples
    --------
    >>> round(sample_ratio_p([510, 490], [1, 1]), 4)
    0.548
    """
    counts, shares = _read(observed, ratios)
    total = int(counts.sum())
    if len(counts) == 2 and 0 < total < _EXACT_BELOW:
        return float(binomial_test(int(counts[0]), total, float(shares[0])))
    return sample_ratio_chi_square(counts, shares)[1]


def sample_ratio_whole(codes: NDArray[np.int64], names: Sequence[str], shares: Floats, unit: str) -> Check:
    """Check the whole table."""
    counts = np.bincount(codes, minlength=len(names))
    p = sample_ratio_p(counts, shares)
    failed = p < ALPHA
    said = ", ".join(
        f"{name} {tables.count(count)} ({tables.percent(count / max(counts.sum(), 1))}, meant {tables.percent(share)})"
        for name, count, share in zip(names, counts, shares, strict=True)
    )
    verdict = f"The arms do not have the shares they were meant to have: {unit} of" if failed else f"{unit.title()} of"
    value = sample_ratio_chi_square(counts, shares)[0]
    return Check("sample ratio", STOP if failed else OK, f"{verdict} {said}.", value, p)


def sample_ratio_by(
    codes: NDArray[np.int64], groups: pd.Series[Any], names: Sequence[str], shares: Floats, what: str
) -> Check | None:
    """Check every group of a column, with Holm's adjustment; groups with few calls are passed over."""
    crossed = pd.crosstab(groups.to_numpy(), codes).reindex(columns=range(len(names)), fill_value=0)
    counts = crossed.to_numpy()
    enough = counts.sum(axis=1) * shares.min() >= _FEWEST_EXPECTED
    if not enough.any():
        return None
    labels, counts = crossed.index[enough], counts[enough]
    p = holm([sample_ratio_p(row, shares) for row in counts])
    worst = int(np.argmin(p))
    failed = int((p < ALPHA).sum())
    seen = ", ".join(f"{name} {tables.count(count)}" for name, count in zip(names, counts[worst], strict=True))
    if failed:
        sentence = (
            f"The shares are off in {failed} of {len(p)} groups by {what}, most in "
            f"{tables.name(labels[worst])}: {seen}."
        )
    else:
        sentence = f"The shares hold in all {len(p)} groups by {what} with {_FEWEST_EXPECTED} or more expected."
    return Check(f"sample ratio by {what}", STOP if failed else OK, sentence, float(failed), float(p[worst]))


def check_shares(names: Sequence[Any], shares: Mapping[Any, float] | None) -> Floats:
    """Return the arms' shares, which sum to 1; equal ones if none are given.

    Raises
    ------
    InvalidInputError
        The names differ from the arms, or a share is not above 0.
    """
    if shares is None:
        return np.full(len(names), 1 / len(names))
    if set(shares) != set(names):
        listed = ", ".join(map(repr, names))
        raise InvalidInputError("shares", f"names {', '.join(map(repr, shares))}; the arms are {listed}")
    return _read(np.zeros(len(names)), [shares[name] for name in names])[1]


def _read(observed: ArrayLike, ratios: ArrayLike) -> tuple[Floats, Floats]:
    counts, shares = np.asarray(observed, dtype=np.float64), np.asarray(ratios, dtype=np.float64)
    if counts.shape != shares.shape or counts.ndim != 1 or len(counts) < 2:
        raise InvalidInputError("shares", f"{counts.shape} counts and {shares.shape} shares; give two or more of each")
    if not np.all(counts >= 0) or not np.all((shares > 0) & np.isfinite(shares)):
        raise InvalidInputError("shares", "a count is negative or a share is not above 0")
    return counts, shares / shares.sum()

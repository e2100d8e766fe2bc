"""Watching the split between arms after every batch: the Dirichlet-multinomial e-value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.errors import InvalidInputError

__all__ = ["sample_ratio_e_values"]

Floats = NDArray[np.float64]


def sample_ratio_e_values(
    counts: ArrayLike, shares: Sequence[float], *, concentration: float = 1.0
) -> tuple[Floats, Floats]:
    """Return how strongly the counts of arms speak against the planned split, valid at every look.

    Lindon M, Malek A (2022), "Anytime-valid inference for multinomial count data", NeurIPS 35, arXiv:2011.03567: the
    Bayes factor of a Dirichlet mixture, centred on the planned split, against that split. Under the planned split the
    chance that it ever exceeds ``1 / alpha`` is at most alpha.

    Parameters
    ----------
    counts : array_like of int
        How many calls fell to each arm in each batch: one row a batch, one column an arm.
    shares : sequence of float
        The planned split; scaled to sum to 1.
    concentration : float
        The Dirichlet parameters are `concentration` times the shares: a larger one bets on a smaller deviation.

    Returns
    -------
    e_values, p_values : numpy.ndarray
        After each batch: the e-value (infinite where it exceeds what a float holds), and the smallest ``1 / e`` so far,
        at most 1.

    Raises
    ------
    InvalidInputError
        Counts below 0, shares that are not above 0, or not one share for each arm.

    Examples
    --------
    >>> e, p = sample_ratio_e_values([[500, 500], [600, 400]], [0.5, 0.5])
    >>> e.round(4).tolist(), p.round(4).tolist()
    ([0.0252, 399.5605], [1.0, 0.0025])
    """
    from scipy.special import gammaln

    batches, split = np.atleast_2d(np.asarray(counts, dtype=np.float64)), np.asarray(shares, dtype=np.float64)
    if split.ndim != 1 or len(split) < 2 or not np.all(split > 0) or batches.shape[1] != len(split):
        raise InvalidInputError("shares", "give one share above 0 for each column of counts, two at least")
    if not np.all(batches >= 0):
        raise InvalidInputError("counts", "a count is negative or missing")
    if not concentration > 0:
        raise InvalidInputError("concentration", f"{concentration!r} is not above 0")
    split = split / split.sum()
    prior, sums = concentration * split, np.cumsum(batches, axis=0)
    logs = (gammaln(prior + sums) - gammaln(prior) - sums * np.log(split)).sum(axis=1)
    logs += gammaln(concentration) - gammaln(concentration + sums.sum(axis=1))
    with np.errstate(over="ignore"):
        e_values = np.exp(logs)
    return e_values, np.minimum(np.exp(-np.maximum.accumulate(np.append(0.0, logs))[1:]), 1.0)

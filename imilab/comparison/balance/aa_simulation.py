"""`simulate_aa`: how often a method finds a difference between arms that the dice alone have made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from imilab import tables
from imilab.comparison.balance.aa_methods import COUNT_METHODS, NUMBERS, count_p, numbers_p
from imilab.comparison.balance.rerandomise import Units, read_units
from imilab.errors import InvalidInputError
from imilab.intervals import clopper_pearson
from imilab.metrics import metric

__all__ = ["SimulatedAA", "simulate_aa"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class SimulatedAA(tables.Table):
    """How a method behaves where there is nothing to find; made by `simulate_aa`.

    Attributes
    ----------
    method, outcome, arm : str
        What was simulated.
    alpha : float
        The level that the method claims.
    runs, found : int
        How often the arms were dealt out anew, and in how many of these p was at most `alpha`.
    rate, low, high : float
        The false-positive rate with its 95 % interval (Clopper-Pearson).
    p_values : numpy.ndarray
        p of every run; of several arms the smallest, Holm-adjusted. NaN where the method refuses.
    observed_p : float
        p of the arms as they were.
    randomisation_p : float
        The share of deals, the real one among them, with a p as small: valid whatever the method's level is.
    kind, within : str
        What was dealt: the arms of ``numbers`` or of ``calls``, within ``block``, ``number`` or ``all``.
    """

    method: str
    outcome: str
    arm: str
    alpha: float
    runs: int
    found: int
    rate: float
    low: float
    high: float
    p_values: Floats
    observed_p: float
    randomisation_p: float
    kind: str
    within: str

    @property
    def verdict(self) -> str:
        """Whether the method holds its level on these calls."""
        said = (
            f"Where the arms do nothing, {self.method} finds a difference at level {self.alpha:g} in "
            f"{tables.percent(self.rate)} of {self.runs:,} deals (95 % interval "
            f"{tables.percent_range(self.low, self.high)})"
        )
        if self.low > self.alpha:
            return f"{said}: too often. Do not trust its p on these calls."
        if self.high < self.alpha:
            return f"{said}: less often than it claims. It is cautious on these calls."
        return f"{said}: what it claims."

    @property
    def caption(self) -> str:
        """The verdict."""
        return self.verdict

    @property
    def notes(self) -> tuple[str, ...]:
        """What was dealt, and what the observed p is worth."""
        place = {"block": " within each block", "number": " within each number", "all": ""}[self.within]
        dealt = f"The arms of {self.kind} were dealt out anew{place}; calls and outcomes stayed as they were."
        notes = [f"{dealt} Edgington and Onghena (2007), Randomization Tests."]
        if np.isnan(self.p_values).any():
            refused = int(np.isnan(self.p_values).sum())
            notes.append(f"The method refused {refused:,} deals; they count as nothing found.")
        return tuple(notes)

    def to_pandas(self) -> pd.DataFrame:
        """Return one row: ``method, outcome, alpha, runs, found, rate, low, high, observed_p, randomisation_p``."""
        names = ("method", "outcome", "alpha", "runs", "found", "rate", "low", "high", "observed_p", "randomisation_p")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown; see `Table`."""
        return [
            {
                "method": self.method,
                "level": f"{self.alpha:g}",
                "deals": tables.count(self.runs),
                "false positives": tables.count(self.found),
                "rate": tables.percent(self.rate),
                "95 % interval": tables.percent_range(self.low, self.high),
                "p of the real arms": tables.p_value(self.observed_p),
                "randomisation p": tables.p_value(self.randomisation_p),
            }
        ]

    def __repr__(self) -> str:
        return f"SimulatedAA({self.method!r}, {self.found} of {self.runs} at {self.alpha:g})"


def simulate_aa(
    calls: IntoFrame,
    *,
    arm: str = "arm",
    baseline: object = None,
    outcome: str = "answered",
    runs: int = 1000,
    seed: int = 0,
    method: str | Callable[..., Any] = "auto",
    alpha: float = 0.05,
    within: str = "auto",
    early_hangup_seconds: float = 5.0,
) -> SimulatedAA:
    """Deal the arms out anew over the user's own calls and count how often a method finds a difference.

    Parameters
    ----------
    calls : DataFrame
        A calls table: pandas, or anything that narwhals reads.
    arm : str
        The column that tells the arms apart.
    baseline : optional
        The arm that the others are set against; the first in sorted order if not given.
    outcome : str
        An outcome, ``completed`` or ``early_hangup``, counted over resolved calls.
    runs : int
        How many deals.
    seed : int
        The same seed gives the same deals.
    method : str or callable
        ``score``, ``pooled_z``, ``fisher_mid_p``, ``numbers`` (delta method, the number is the unit); ``auto`` is
        ``numbers`` where each number met one arm and some were called several times, else ``score``. Or a function
        that takes arrays ``x1, n1, x0, n0`` and returns p.
    alpha : float
        The level that the method claims.
    within : str
        Deal within each ``block``, each ``number`` or over ``all``; ``auto`` is ``block`` where every call has one
        and nearly all blocks hold the arms equally, else ``all``.
    early_hangup_seconds : float
        An answered person who hangs up within so many seconds hangs up early.

    Returns
    -------
    SimulatedAA

    Raises
    ------
    InvalidInputError
        A column, outcome, method or arm that is not there, or no run.

    Examples
    --------
    >>> calls = pd.DataFrame({"arm": ["a", "b"] * 100, "outcome": ["answered", "busy", "busy"] * 66 + ["busy"] * 2})
    >>> found = simulate_aa(calls, runs=200, seed=1)
    >>> found.method, found.low < 0.05 < found.high
    ('score', True)
    """
    one = metric(outcome)
    if runs < 1 or runs != int(runs):
        raise InvalidInputError("runs", f"{runs!r} is not a whole number above 0")
    if not 0 < alpha < 1:
        raise InvalidInputError("alpha", f"{alpha!r} is not between 0 and 1")
    units = read_units(calls, arm, baseline, one, within=within, early_hangup_seconds=early_hangup_seconds)
    name = _name(method, units)
    labels = chain([units.label], units.deals(runs, np.random.default_rng(seed)))
    if name == NUMBERS:
        p = _smallest(numbers_p(units, labels))
    else:
        p = _smallest(count_p(units, labels, method if callable(method) else COUNT_METHODS[name]))
    real, simulated = float(p[0]), p[1:]
    found = int((simulated <= alpha).sum())
    low, high = clopper_pearson(found, runs)
    as_small = int((simulated <= real * (1 + 1e-9)).sum())
    return SimulatedAA(
        method=name,
        outcome=one.name,
        arm=arm,
        alpha=alpha,
        runs=runs,
        found=found,
        rate=found / runs,
        low=float(low),
        high=float(high),
        p_values=simulated,
        observed_p=real,
        randomisation_p=float("nan") if np.isnan(real) else (1 + as_small) / (1 + runs),
        kind=units.kind,
        within=units.within,
    )


def _name(method: str | Callable[..., Any], units: Units) -> str:
    if callable(method):
        return str(getattr(method, "__name__", "the given test"))
    name = (NUMBERS if units.kind == "numbers" and units.repeated else "score") if method == "auto" else method
    if name != NUMBERS and name not in COUNT_METHODS:
        raise InvalidInputError("method", f"{method!r} is none of auto, {NUMBERS}, {', '.join(COUNT_METHODS)}")
    if name == NUMBERS and units.kind != "numbers":
        raise InvalidInputError("method", "numbers needs each number known and in one arm only")
    return name


def _smallest(p: Floats) -> Floats:
    """Return the smallest p of several arms, Holm-adjusted; `p` has shape (arms - 1, deals)."""
    known = (~np.isnan(p)).sum(axis=0)
    smallest = np.where(np.isnan(p), 1.0, p).min(axis=0)
    return np.where(known > 0, np.minimum(smallest * len(p), 1.0), np.nan)

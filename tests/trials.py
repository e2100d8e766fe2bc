"""Whole trials as calls tables: assigned by the project's own assignment, answered at given rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from imilab.assign import assign

__all__ = ["trial"]


def trial(
    n: int,
    rates: Mapping[str, float],
    *,
    seed: int = 0,
    design: str = "blocked",
    pending: Sequence[int] = (),
    not_placed: Sequence[int] = (),
    numbers: Sequence[int] | None = None,
    gap_seconds: float = 1.0,
) -> pd.DataFrame:
    """Make the calls of one plan, in the order of positions, one every `gap_seconds`.

    Parameters
    ----------
    n, rates, seed, design
        How many calls, each arm's chance of an answer, the seed of everything, the assignment's design.
    pending, not_placed : sequence of int
        Positions of calls with these outcomes.
    numbers : sequence of int, optional
        Each call's phone number; a number each if not given.
    gap_seconds : float
        Between two requests.
    """
    drawn = assign(n, list(rates), seed=seed, design=design)
    arm = np.array([one.arm for one in drawn])
    answered = np.random.default_rng(seed).random(n) < np.array([rates[name] for name in arm])
    outcome = np.where(answered, "answered", "busy").astype(object)
    outcome[list(pending)] = "pending"
    outcome[list(not_placed)] = "not_placed"
    start = pd.Timestamp("2026-11-02T09:00Z")
    return pd.DataFrame(
        {
            "call_id": [f"call-{index:06d}" for index in range(n)],
            "arm": arm,
            "outcome": outcome,
            "plan_id": "plan",
            "block": pd.array([one.block for one in drawn], "Int64"),
            "position": pd.array([one.position for one in drawn], "Int64"),
            "number_key": [f"number-{index}" for index in (range(n) if numbers is None else numbers)],
            "requested_at": start + pd.to_timedelta(np.arange(n) * gap_seconds, unit="s"),
            "end_reason": np.where(answered, "released", None),
            "talk_seconds": np.where(answered, 12.0, np.nan),
        }
    )

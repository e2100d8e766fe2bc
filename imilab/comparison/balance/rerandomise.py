"""Dealing the arms out again: the user's own calls as an experiment in which the arms do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from imilab.comparison.balance.arm_column import check_arm, order_arms
from imilab.counting import check_columns, collect, read_frame
from imilab.errors import InvalidInputError
from imilab.metrics import Metric, end_of_call

__all__ = ["WITHIN", "Units", "read_units"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WITHIN = ("auto", "block", "number", "all")
_BALANCED_SHARE = 0.8
_BLOCK = ("plan_id", "stratum", "block")  # blocks are numbered in each stratum of a plan by itself
_OPTIONAL = ("number_key", *_BLOCK, "requested_at")


@dataclass(frozen=True, eq=False)
class Units:
    """What is assigned, each unit with its arm.

    Attributes
    ----------
    arms : tuple
        The arms, the baseline first.
    label : numpy.ndarray
        Each unit's arm, as index into `arms`.
    success, n : numpy.ndarray
        Each unit's successes and counted calls.
    stratum : numpy.ndarray
        Labels change places within a stratum only.
    kind : str
        ``numbers`` or ``calls``.
    within : str
        What the strata are: ``block``, ``number`` or ``all``.
    repeated : bool
        Whether a number has several calls.
    """

    arms: tuple[Any, ...]
    label: Integers
    success: Floats
    n: Floats
    stratum: Integers
    kind: str
    within: str
    repeated: bool

    def deals(self, runs: int, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield the labels dealt out anew, each stratum's among its own units, every order as likely as any."""
        order = np.argsort(self.stratum, kind="stable")
        sizes = np.bincount(np.unique(self.stratum, return_inverse=True)[1])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        tables = [
            order[starts[sizes == size][:, None] + np.arange(size)] for size in np.unique(sizes)
        ]  # one row a stratum of this size
        for _ in range(runs):
            dealt = self.label.copy()
            for places in tables:
                labels = self.label[places]
                if len(places) == 1:
                    dealt[places[0]] = rng.permutation(labels[0])
                elif places.shape[1] > 1:
                    shuffle = np.argsort(rng.random(places.shape), axis=1)
                    dealt[places] = np.take_along_axis(labels, shuffle, axis=1)
            yield dealt

    def sums(self, label: Integers) -> Floats:
        """Sum successes and counted calls over each arm's units, shape (2, arms)."""
        return np.stack([np.bincount(label, each, len(self.arms)) for each in (self.success, self.n)])


def read_units(
    calls: IntoFrame, arm: str, baseline: object, one: Metric, *, within: str, early_hangup_seconds: float
) -> Units:
    """Read what was assigned off the calls.

    Numbers are the units where every number is known and met one arm only, else calls are. Strata are the plans'
    blocks where every call has one and nearly all hold the arms equally, unless `within` asks for others.

    Raises
    ------
    InvalidInputError
        A column is not there, fewer than two arms, or strata that cannot be had.
    """
    if within not in WITHIN:
        raise InvalidInputError("within", f"{within!r} is none of {', '.join(WITHIN)}")
    read = _read(calls, arm, one, early_hangup_seconds)
    arms = tuple(order_arms(read["arm"].unique(), arm, baseline))
    read["label"] = pd.Index(arms).get_indexer(pd.Index(read["arm"]))
    keys = read["number_key"]
    known = bool(keys.notna().all())
    repeated = bool(keys.dropna().duplicated().any())
    own = known and bool((read.groupby(keys.to_numpy())["label"].nunique() == 1).all())  # noqa: PD101 - one count a group
    if within == "number" and (own or not known):
        raise InvalidInputError("within", "arms change places within a number only where numbers met several arms")
    numbers = own and within != "number"
    if numbers:
        read = read.groupby("number_key", sort=False, as_index=False).agg(
            {"label": "first", "success": "sum", "counted": "sum", **dict.fromkeys(_BLOCK, "first")}
        )
    chosen = _strata_of(read, within)
    strata = {
        "block": lambda: read.groupby(list(_BLOCK), dropna=False, sort=False).ngroup(),
        "number": lambda: read.groupby("number_key", sort=False).ngroup(),
        "all": lambda: pd.Series(0, index=read.index),
    }[chosen]()
    return Units(
        arms,
        read["label"].to_numpy(dtype=np.int64),
        read["success"].to_numpy(dtype=np.float64),
        read["counted"].to_numpy(dtype=np.float64),
        np.asarray(strata, dtype=np.int64),
        "numbers" if numbers else "calls",
        chosen,
        repeated,
    )


def _strata_of(read: pd.DataFrame, within: str) -> str:
    blocked = bool(read["block"].notna().all())
    if within == "block" and not blocked:
        raise InvalidInputError("within", "some calls have no block")
    if within != "auto":
        return within
    if not blocked or len(read[list(_BLOCK)].drop_duplicates()) == 1:
        return "all"
    blocks = read.groupby(list(_BLOCK), dropna=False, sort=False).ngroup()
    counts = pd.crosstab(blocks, read["label"])
    # Blocks that the design balanced differ by what was not sent only; others are no blocks to deal within.
    balanced = counts.max(axis=1) - counts.min(axis=1) <= 1
    return "block" if balanced.mean() >= _BALANCED_SHARE else "all"


def _read(calls: IntoFrame, arm: str, one: Metric, early_hangup_seconds: float) -> pd.DataFrame:
    frame = read_frame(calls)
    check_arm(arm)
    check_columns(frame, [arm, *one.columns])
    known = frame.collect_schema().names()
    extra = [name for name in _OPTIONAL if name in known and name != arm]
    if one.heard:
        frame = frame.with_columns(end_of_call(early_hangup_seconds).alias("end"))
    flags = (one.success() & one.counted("resolved")).alias("success"), one.counted("resolved").alias("counted")
    kept = frame.filter(~nw.col(arm).is_null()).select(nw.col(arm).alias("arm"), *extra, *flags)
    read = collect(kept).reindex(columns=["arm", "success", "counted", *_OPTIONAL])
    placed = read.astype({"success": "float64", "counted": "float64"})
    return placed.sort_values("requested_at", kind="stable", ignore_index=True)

"""Counts of every segment in every arm, the ground of `breakdown`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from imilab.buckets import Frame, TimeBucket
from imilab.comparison.balance.arm_column import check_arm, order_arms
from imilab.counting import RESULT_COLUMNS, check_columns, collect, count_calls, read_frame
from imilab.errors import InvalidInputError
from imilab.metrics import Metric, end_of_call

__all__ = ["By", "Segments", "read_by", "read_segments"]

By = str | TimeBucket
_ENDINGS = RESULT_COLUMNS | {"outcome"}


@dataclass(frozen=True, eq=False)
class Segments:
    """Counts by segment (rows) and arm (columns), the baseline first.

    Attributes
    ----------
    arms : list
        The arms' values.
    by : tuple of str
        The columns of `labels`.
    labels : DataFrame
        What each segment is.
    count, n : numpy.ndarray
        Of a segment of what was known before the call: its successes and its counted calls. Of one of what became of
        it: its counted calls that are no success, and all counted calls of the arm.
    endings : bool
        Whether the segments say what became of the calls.
    success, total : numpy.ndarray
        The arms' successes and counted calls.
    repeated, without_arm : int
        Counted calls to a number that was called before; calls that have no arm.
    """

    arms: list[Any]
    by: tuple[str, ...]
    labels: pd.DataFrame
    count: NDArray[np.float64]
    n: NDArray[np.float64]
    endings: bool
    success: NDArray[np.float64]
    total: NDArray[np.float64]
    repeated: int
    without_arm: int


def read_by(by: By | Sequence[By]) -> dict[str, By]:
    """Name what the segments are.

    Raises
    ------
    InvalidInputError
        Nothing is named, something twice, or what became of calls is crossed with what was known before.
    """
    keys = [by] if isinstance(by, str | TimeBucket) else list(by)
    named = {key.kind if isinstance(key, TimeBucket) else key: key for key in keys}
    if not keys or len(named) < len(keys):
        raise InvalidInputError("by", "give one column or time bucket, or several different ones")
    endings = [name for name in named if name in _ENDINGS]
    if endings and len(endings) < len(named):
        raise InvalidInputError("by", f"{endings[0]!r} says what became of a call; break down by it alone")
    return named


def read_segments(
    calls: IntoFrame,
    by: Mapping[str, By],
    arm: str,
    baseline: object,
    one: Metric,
    *,
    denominator: str,
    early_hangup_seconds: float,
) -> Segments:
    """Count every segment in every arm.

    Raises
    ------
    InvalidInputError
        A column is not there, or fewer than two arms have a counted call.
    """
    frame = read_frame(calls)
    check_arm(arm)
    if arm in by:
        raise InvalidInputError("by", f"{arm!r} tells the arms apart; break down by something else")
    check_columns(frame, [arm, *(key for key in by.values() if isinstance(key, str)), *one.columns])
    keys = [key for key in by.values() if key != "outcome"]
    counts = count_calls(frame, [arm, *keys], ends=one.heard, early_hangup_seconds=early_hangup_seconds)
    names = [f"by{index + 1}" for index in range(len(keys))]
    if "outcome" in by:
        names = [*names, "outcome"]
    flags = nw.from_native(counts, eager_only=True).select(
        success=one.success() & one.counted(denominator), counted=one.counted(denominator)
    )
    success, counted = (flags[name].to_numpy() for name in ("success", "counted"))
    weights = counts["calls"].to_numpy(dtype=np.float64)
    known = counts["by0"].notna().to_numpy()
    arms = order_arms(counts.loc[known & counted, "by0"].unique(), arm, baseline)
    place = pd.Index(arms).get_indexer(pd.Index(counts["by0"]))
    kept = counted & (place >= 0)
    endings = bool(_ENDINGS & set(by))
    used = kept & ~success if endings else kept
    group = np.full(len(counts), -1)
    group[used] = counts[used].groupby(names, dropna=False, sort=True).ngroup().to_numpy()
    first = counts[used].drop_duplicates(names).assign(group=lambda rows: group[rows.index]).sort_values("group")
    shape = (len(first), len(arms))
    total, wins = np.zeros(len(arms)), np.zeros(len(arms))
    np.add.at(total, place[kept], weights[kept])
    np.add.at(wins, place[kept & success], weights[kept & success])
    n = np.zeros(shape)
    np.add.at(n, (group[used], place[used]), weights[used])
    count = n.copy()
    if endings:
        n = np.broadcast_to(total, shape).copy()
    else:
        count = np.zeros(shape)
        np.add.at(count, (group[kept & success], place[kept & success]), weights[kept & success])
    labels = pd.DataFrame({name: _labels(first[alias], by[name]) for name, alias in zip(by, names, strict=True)})
    repeated = _repeated(frame, arm, one, denominator, early_hangup_seconds)
    without = int(weights[~known].sum())
    return Segments(arms, tuple(by), labels, count, n, endings, wins, total, repeated, without)


def _labels(values: pd.Series[Any], key: By) -> pd.Series[Any]:
    values = values.reset_index(drop=True)
    if isinstance(key, TimeBucket):
        return values.map(lambda value: key.label(int(value)), na_action="ignore")
    return values


def _repeated(frame: Frame, arm: str, one: Metric, denominator: str, early_hangup_seconds: float) -> int:
    if one.heard:
        frame = frame.with_columns(end_of_call(early_hangup_seconds).alias("end"))
    if "number_key" not in frame.collect_schema():
        return 0
    key = nw.col("number_key")
    keyed = frame.filter(one.counted(denominator) & ~nw.col(arm).is_null() & ~key.is_null())
    found = collect(keyed.select(nw.len().alias("calls"), key.n_unique().alias("numbers")))
    return int(found["calls"].iloc[0]) - int(found.fillna(0)["numbers"].iloc[0])  # DuckDB: none of nothing is missing

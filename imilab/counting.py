"""Counting calls: one group-by on whatever engine holds them, then every metric read off the small table of counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
from narwhals.typing import IntoFrame

from imilab.buckets import Frame, TimeBucket
from imilab.errors import InvalidInputError
from imilab.intervals import rate
from imilab.metrics import METRICS, End, Metric, end_of_call, near
from imilab.terms import OUTCOMES

__all__ = [
    "RESULT_COLUMNS",
    "check_columns",
    "coarse_talk",
    "collect",
    "count_calls",
    "kind_masks",
    "read_frame",
    "tabulate",
]

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

RESULT_COLUMNS = frozenset({"error_code", "error_reason", "end_reason"})
"""Columns that say what became of a call: grouping by one splits the counts, not the denominator."""


_PARTS = ("success", "pending", "counted")


def read_frame(calls: IntoFrame) -> Frame:
    """Wrap a table of any engine for narwhals.

    Raises
    ------
    InvalidInputError
        It is no table.
    """
    try:
        return nw.from_native(calls)
    except TypeError:
        kind = type(calls).__name__
        raise InvalidInputError("calls", f"{kind} is no table; give a DataFrame or a DuckDB relation") from None


def check_columns(frame: Frame, columns: Iterable[str]) -> None:
    """Raise if a column is not there.

    Raises
    ------
    InvalidInputError
        Names the first such column and the near ones that are there.
    """
    known = frame.collect_schema().names()
    for column in columns:
        if column not in known:
            raise InvalidInputError(column, f"no such column; {near(column, known)}")


def collect(frame: Frame) -> pd.DataFrame:
    """Bring a small result into pandas."""
    return (frame.collect() if isinstance(frame, nw.LazyFrame) else frame).to_pandas()


def count_calls(
    frame: Frame, keys: Sequence[str | TimeBucket], *, ends: bool, early_hangup_seconds: float
) -> pd.DataFrame:
    """Count calls by group, outcome and kind of end.

    Parameters
    ----------
    frame : narwhals frame
        The calls.
    keys : sequence of str or TimeBucket
        The groups.
    ends : bool
        Whether the kinds of end are told apart, which needs ``end_reason`` and ``talk_seconds``.
    early_hangup_seconds : float
        See `end_of_call`.

    Returns
    -------
    DataFrame
        Columns ``by0``, ``by1``, ... (one for each key), ``outcome``, ``end``, ``calls``, ``inferred``; in no order,
        and a group, outcome and end may have several rows.

    Raises
    ------
    InvalidInputError
        A call's outcome is missing or is none of the outcomes.
    """
    names = [f"by{index}" for index in range(len(keys))]
    known = frame.collect_schema().names()
    columns = [nw.col(key).alias(name) for key, name in zip(keys, names, strict=True) if isinstance(key, str)]
    for key, name in zip(keys, names, strict=True):
        if isinstance(key, TimeBucket):
            unused = max(known, key=len) + name  # longer than every name there, so none of them
            frame = key.add_to(frame, unused)
            columns.append(nw.col(unused).alias(name))
    inferred = nw.col("answer_inferred").cast(nw.Int64) if "answer_inferred" in known else nw.lit(0)
    ending = [nw.col("end_reason"), coarse_talk(early_hangup_seconds)] if ends else []
    selected = frame.select(*columns, nw.col("outcome"), *ending, inferred.alias("inferred"))
    keyed = [*names, "outcome", *(["end_reason", "talk_seconds"] if ends else [])]
    grouped = selected.group_by(keyed, drop_null_keys=False)
    counts = collect(grouped.agg(nw.len().alias("calls"), nw.col("inferred").sum()))
    unknown = sorted({str(value) for value in counts["outcome"]} - set(OUTCOMES))
    if unknown:
        raise InvalidInputError("outcome", f"some calls have {', '.join(unknown)}; outcomes are {', '.join(OUTCOMES)}")
    end = end_of_call(early_hangup_seconds) if ends else nw.lit(int(End.NOT_KNOWN))
    counts = nw.from_native(counts, eager_only=True).with_columns(end.alias("end")).to_native()
    return counts.astype({"calls": "int64", "end": "int64", "inferred": "int64"})


def coarse_talk(limit: float) -> nw.Expr:
    """Reduce talk times to two, within the limit and beyond it: few enough to group by, yet read by `end_of_call`."""
    talk = nw.col("talk_seconds").cast(nw.Float64)
    within = nw.when(talk <= limit).then(nw.lit(float(limit)))
    return within.when((talk > limit) & ~talk.is_nan()).then(nw.lit(limit + 1.0)).otherwise(None).alias("talk_seconds")


def tabulate(
    counts: pd.DataFrame, keys: Mapping[str, str | TimeBucket], metrics: Sequence[Metric], denominator: str
) -> pd.DataFrame:
    """Read every metric of every group off the counts.

    Returns
    -------
    DataFrame
        One row for each group (in order, missing last) and metric: the groups' columns under their own names,
        ``outcome``, ``count``, ``n``, ``rate``, ``pending``, ``pending_share``.
    """
    aliases = [f"by{index}" for index in range(len(keys))]
    context = [alias for alias, key in zip(aliases, keys.values(), strict=True) if key not in RESULT_COLUMNS]
    own, around = _numbers(counts, aliases), _numbers(counts, context)
    groups = counts.loc[~pd.Series(own).duplicated().to_numpy(), aliases].set_axis(list(keys), axis=1)
    groups = groups.iloc[np.argsort(pd.unique(own))].reset_index(drop=True) if keys else pd.DataFrame(index=[0])
    around_of = np.zeros(len(groups), dtype=np.int64)
    around_of[own] = around
    sums = _Sums(counts["calls"].to_numpy(), own, around, around_of)
    masks = _masks(counts, metrics, denominator)
    measured = [_measured(one.name, sums, masks) for one in metrics]
    measures = pd.concat(measured).rename_axis("group").sort_index(kind="stable")
    if len(context) < len(aliases):
        measures = _occurred(measures, around_of)
    return groups.loc[measures.index].reset_index(drop=True).join(measures.reset_index(drop=True))


@dataclass(frozen=True)
class _Sums:
    """For each row of counts its calls, its group and the wider group of its denominator; for each group the wider."""

    calls: Numbers
    own: Numbers
    around: Numbers
    around_of: Numbers

    def own_total(self, mask: Mask) -> Numbers:
        """Sum the calls of each group."""
        return self._total(self.own, mask)

    def around_total(self, mask: Mask) -> Numbers:
        """Sum, for each group, the calls of its wider group."""
        return self._total(self.around, mask)[self.around_of]

    def _total(self, numbers: Numbers, mask: Mask) -> Numbers:
        return np.bincount(numbers[mask], self.calls[mask], minlength=len(self.around_of)).astype(np.int64)


def _masks(counts: pd.DataFrame, metrics: Sequence[Metric], denominator: str) -> dict[str, Mask]:
    """Ask each row of counts whether it was placed, and for each metric whether it is success, pending, counted."""
    places = {outcome: place for place, outcome in enumerate(OUTCOMES)}
    outcome = np.array([places[name] for name in counts["outcome"]], dtype=np.int64)
    kind = outcome * len(End) + counts["end"].to_numpy(dtype=np.int64)
    asked = {"placed": kind_masks(METRICS["answered"], "placed")["counted"][kind]}
    for one in metrics:
        asked |= {f"{one.name} {part}": mask[kind] for part, mask in kind_masks(one, denominator).items()}
    return asked


@cache
def kind_masks(one: Metric, denominator: str) -> Mapping[str, Mask]:
    """Say of each kind of call, an outcome and an end, whether it is success, pending and counted for a metric.

    Returns
    -------
    mapping of str to numpy.ndarray of bool
        By ``success``, ``pending``, ``counted``; the kind of outcome i (as in `OUTCOMES`) and end j is number
        ``i * len(End) + j``.
    """
    ends = [int(end) for end in End]
    kinds = pd.DataFrame({"outcome": np.repeat(list(OUTCOMES), len(ends)), "end": np.tile(ends, len(OUTCOMES))})
    asked = dict(zip(_PARTS, (one.success(), one.pending(), one.counted(denominator)), strict=True))
    found = nw.from_native(kinds, eager_only=True).select(**asked)
    return MappingProxyType({part: np.asarray(found[part].to_numpy(), dtype=np.bool_) for part in _PARTS})


def _numbers(counts: pd.DataFrame, aliases: list[str]) -> Numbers:
    """Give each row of counts its group's number, from 0 in the order of the values, missing ones last."""
    if not aliases:
        return np.zeros(len(counts), dtype=np.int64)
    return np.asarray(counts.groupby(aliases, dropna=False, sort=True, observed=True).ngroup(), dtype=np.int64)


def _measured(name: str, sums: _Sums, masks: Mapping[str, Mask]) -> pd.DataFrame:
    success, pending, counted = (masks[f"{name} {part}"] for part in _PARTS)
    count, n, waiting = sums.own_total(success), sums.around_total(counted), sums.around_total(pending)
    return pd.DataFrame(
        {
            "outcome": name,
            "count": count,
            "n": n,
            "rate": rate(count, n),
            "pending": waiting,
            "pending_share": rate(waiting, sums.around_total(masks["placed"])),
        }
    )


def _occurred(measures: pd.DataFrame, around_of: Numbers) -> pd.DataFrame:
    """Keep what occurred; where nothing did, one row says so (of the missing value, which comes last)."""
    group = measures.index.to_series()
    around = pd.Series(around_of[group], index=measures.index)
    occurred = measures["count"] > 0
    silent = ~occurred.groupby(around.to_numpy()).transform("any") & ~group.duplicated()
    last = group == group.groupby(around.to_numpy()).transform("max")
    return measures[occurred | (silent & last)]

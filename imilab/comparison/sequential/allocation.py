"""Calls in the order in which they were allocated to arms, each decided, set aside or still awaited.

The order is fixed before anything is known of a call: plans in the order in which they began, in each plan the position
that the assignment gave. Only calls without a position follow the order in which they were requested.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from imilab import tables
from imilab.counting import RESULT_COLUMNS, check_columns, collect, read_frame
from imilab.errors import InvalidInputError
from imilab.metrics import METRICS, Metric, end_of_call
from imilab.terms import OUTCOMES

__all__ = ["AWAITED", "DECIDED", "SET_ASIDE", "Allocation", "read_allocation"]

DECIDED, SET_ASIDE, AWAITED = 0, 1, 2
"""The states of a call: it counts; it never will; it may."""

_TIMES = ("requested_at", "offered_at", "accepted_at", "answered_at", "ended_at")
_RUN = 20
"""Calls of each arm that one run of a design without blocks should hold."""
_NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, eq=False)
class Allocation:
    """The calls of the arms in the order of their allocation.

    Attributes
    ----------
    arms : tuple
        The arms' values, the baseline first; fewer than two while calls of others have not come.
    arm : numpy.ndarray
        Each call's arm, as index into `arms`.
    state : numpy.ndarray
        `DECIDED`, `SET_ASIDE` (not placed, or given up) or `AWAITED`.
    success : numpy.ndarray
        Whether a decided call is a success.
    block : numpy.ndarray
        Calls of one plan and block have the same number; a block of more than 20 calls an arm is cut into runs.
    number : numpy.ndarray
        Calls to one phone number have the same number; -1 where it is not known.
    requested_ms : numpy.ndarray
        When the call was requested, else offered; the smallest integer where that is not known.
    as_of_ms : int
        The moment at which the calls are looked at.
    positioned : bool
        Whether every call has a position.
    plans : int
        How many plans they come from.
    given_up : int
        Calls set aside because what decides them has not come for too long.
    without_arm : int
        Calls left out because they have no arm.
    """

    arms: tuple[Any, ...]
    arm: NDArray[np.int64]
    state: NDArray[np.int64]
    success: NDArray[np.bool_]
    block: NDArray[np.int64]
    number: NDArray[np.int64]
    requested_ms: NDArray[np.int64]
    as_of_ms: int
    positioned: bool
    plans: int
    given_up: int
    without_arm: int

    @property
    def settled(self) -> int:
        """How many calls come before the first awaited one."""
        awaited = np.flatnonzero(self.state == AWAITED)
        return int(awaited[0]) if len(awaited) else len(self.state)

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """Whether an earlier call went to the same number."""
        return np.asarray(pd.Series(self.number).duplicated().to_numpy() & (self.number >= 0), dtype=bool)


def read_allocation(
    calls: IntoFrame,
    arm: str,
    baseline: object,
    one: Metric,
    *,
    early_hangup_seconds: float = 5.0,
    give_up_minutes: float = 30.0,
    as_of_ms: int | None = None,
) -> Allocation:
    """Read a calls table in the order of allocation.

    Parameters
    ----------
    calls : DataFrame
        A calls table of any engine.
    arm : str
        The column that tells the arms apart; calls without a value are left out.
    baseline : object
        The arm that comes first; None for the first in sorted order.
    one : Metric
        What a success is; its pending calls are awaited.
    early_hangup_seconds : float
        See `imilab.metrics.end_of_call`.
    give_up_minutes : float
        An awaited call requested longer ago than this is set aside.
    as_of_ms : int, optional
        Now; the newest time in the table if not given.

    Raises
    ------
    InvalidInputError
        A column, arm or outcome that is not there.
    """
    if arm in RESULT_COLUMNS or arm == "outcome":
        raise InvalidInputError("arm", f"{arm!r} is what became of a call; compare by something chosen before it")
    if not one.fits("resolved"):
        raise InvalidInputError("outcome", f"{one.name} calls are not among resolved calls")
    rows = _read(calls, arm, one, early_hangup_seconds)
    without_arm = int(rows["arm"].isna().sum())
    rows = rows[rows["arm"].notna()]
    names = _arms(rows["arm"], arm, baseline)
    times = [_milliseconds(rows, name) for name in _TIMES]
    requested = np.where(times[0] == _NEVER, times[1], times[0])
    now = max(int(each.max(initial=_NEVER)) for each in times) if as_of_ms is None else as_of_ms
    rows = rows.assign(requested=requested, plan=_plans(rows, requested))
    state = np.select([rows["pending"], ~rows["placed"]], [AWAITED, SET_ASIDE], DECIDED)
    too_old = (state == AWAITED) & (requested != _NEVER) & (requested < now - give_up_minutes * 60_000)
    rows["state"] = np.where(too_old, SET_ASIDE, state)
    rows = rows.sort_values(["plan", "position", "requested", "call_id"], kind="stable", na_position="last")
    return Allocation(
        arms=names,
        arm=pd.Categorical(rows["arm"], categories=list(names)).codes.astype(np.int64),
        state=rows["state"].to_numpy(dtype=np.int64),
        success=rows["success"].to_numpy(dtype=bool),
        block=_blocks(rows, _RUN * len(names)),
        number=pd.factorize(rows["number_key"])[0].astype(np.int64),
        requested_ms=rows["requested"].to_numpy(dtype=np.int64),
        as_of_ms=now,
        positioned=bool(rows["position"].notna().all()),
        plans=int(rows["plan"].nunique()),
        given_up=int(too_old.sum()),
        without_arm=without_arm,
    )


def _read(calls: IntoFrame, arm: str, one: Metric, early_hangup_seconds: float) -> pd.DataFrame:
    frame = read_frame(calls)
    check_columns(frame, [arm, *one.columns])
    known = frame.collect_schema().names()
    there = [name for name in ("plan_id", "block", "position", "number_key", "call_id", *_TIMES) if name in known]
    needed = list(dict.fromkeys(("outcome", *one.columns)))
    frame = frame.select(nw.col(arm).alias("arm"), *needed, *there)
    if one.heard:
        frame = frame.with_columns(end_of_call(early_hangup_seconds).alias("end"))
    expressions = (one.success().alias("success"), one.pending().alias("pending"))
    placed = METRICS["answered"].counted("placed").alias("placed")
    rows = collect(frame.select("arm", "outcome", *there, *expressions, placed)).reset_index(drop=True)
    unknown = sorted({str(value) for value in rows["outcome"].unique()} - set(OUTCOMES))
    if unknown:
        raise InvalidInputError("outcome", f"some calls have {', '.join(unknown)}; outcomes are {', '.join(OUTCOMES)}")
    for name in ("plan_id", "block", "position", "number_key", "call_id"):
        if name not in rows:
            rows[name] = None
    flags = ("success", "pending", "placed")
    return rows.assign(**{name: rows[name].astype(bool) for name in flags})


def _arms(values: pd.Series[Any], arm: str, baseline: object) -> tuple[Any, ...]:
    names = sorted(values.unique())
    if baseline is None or len(names) < 2:
        return tuple(names)
    if baseline not in names:
        listed = ", ".join(tables.name(name) for name in names)
        raise InvalidInputError("baseline", f"{baseline!r} is no arm; in {arm!r} there is: {listed}")
    return (baseline, *(name for name in names if name != baseline))


def _milliseconds(rows: pd.DataFrame, column: str) -> NDArray[np.int64]:
    """Return times as integers, the smallest one where a time is missing."""
    if column not in rows:
        return np.full(len(rows), _NEVER)
    moments = pd.to_datetime(rows[column], utc=True).astype("datetime64[ms, UTC]")
    return np.where(moments.notna(), moments.astype("int64"), _NEVER)


def _blocks(rows: pd.DataFrame, longest: int) -> NDArray[np.int64]:
    """Give each block its number; cut long ones (a design without blocks is one) into runs of neighbours."""
    run = rows.groupby(["plan", "block"], dropna=False, sort=False).cumcount() // longest
    keys = [rows["plan"], rows["block"], run]
    return np.asarray(rows.groupby(keys, dropna=False, sort=False).ngroup(), dtype=np.int64)


def _plans(rows: pd.DataFrame, requested: NDArray[np.int64]) -> pd.Series[Any]:
    """Give each plan its rank, in the order in which they began; calls of no plan are one."""
    plan = rows["plan_id"].fillna("")
    known = pd.Series(np.where(requested == _NEVER, np.iinfo(np.int64).max, requested), rows.index)
    began = known.groupby(plan, sort=True).min().sort_values(kind="stable")
    return plan.map({name: rank for rank, name in enumerate(began.index)}).astype("int64")

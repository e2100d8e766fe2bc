"""`health`: the checks that come before any comparison."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame
from numpy.typing import NDArray

from imilab import tables
from imilab.comparison.balance import receipts
from imilab.comparison.balance.arm_column import check_arm, sorted_values
from imilab.comparison.balance.assignment import PlanLike, check_assignment
from imilab.comparison.balance.drift import check_time_drift, drift_table, shares_table, time_slices
from imilab.comparison.balance.result import Check, Health
from imilab.comparison.balance.sample_ratio import ALPHA, check_shares, sample_ratio_by, sample_ratio_whole
from imilab.counting import check_columns, collect, read_frame
from imilab.errors import InvalidInputError
from imilab.terms import Outcome

__all__ = ["health"]

_TEXTS = ("call_id", "message_id", "correlation_id", "plan_id", "number_key", "number_type")
_OPTIONAL = (*_TEXTS, "requested_at", "offered_at", "answer_inferred")


def health(
    calls: IntoFrame, plan: PlanLike | None = None, *, arm: str = "arm", shares: Mapping[Any, float] | None = None
) -> Health:
    """Check whether the calls can be compared at all.

    The sample ratio over the whole table, then by hour and by number type; the assignment against the plan's seed; the
    arms' shares over time; duplicates; inferred answers; pending and lost shares by arm. Every call with an arm counts
    for the sample ratio, whatever became of it. Where each number met one arm only, numbers are counted, not calls:
    how often a number is called again can depend on its arm.

    Parameters
    ----------
    calls : DataFrame
        A calls table: pandas, or anything that narwhals reads.
    plan : optional
        What was meant, as made by `Lab.plan`.
    arm : str
        The column that tells the arms apart.
    shares : mapping of arm to float, optional
        The shares that the arms were meant to have; by default the plan's, else equal ones.

    Returns
    -------
    Health

    Raises
    ------
    InvalidInputError
        A column is not there, there are fewer than two arms, or the shares name other arms.

    Examples
    --------
    >>> calls = pd.DataFrame({"arm": ["a"] * 600 + ["b"] * 400, "outcome": "busy"})
    >>> found = health(calls)
    >>> found.verdict, found.checks["check"].iloc[0]
    ('stop', 'sample ratio')
    """
    read, without = _read(calls, arm)
    values = _arms(read, plan, arm, shares)
    names = [tables.name(value) for value in values]
    codes = pd.Index(values).get_indexer(pd.Index(read["arm"])).astype(np.int64)
    meant = check_shares(values, shares or _planned_shares(values, plan, arm))
    unit, kept = _units(read, codes)
    rows, own = read[kept], codes[kept]
    slices = time_slices(own, rows["moment_ms"].to_numpy(dtype=np.float64), len(names))
    found: list[Check | None] = [
        sample_ratio_whole(own, names, meant, unit),
        sample_ratio_by(own, _hours(rows), names, meant, "hour of day (UTC)"),
        sample_ratio_by(own, rows["number_type"], names, meant, "number type"),
        check_assignment(read, plan) if plan is not None and arm == "arm" else None,
        check_time_drift(slices),
        receipts.check_duplicates(read),
        receipts.check_numbers(read, codes),
        receipts.check_inferred(read, codes, names),
        receipts.check_share(read, codes, names, Outcome.PENDING),
        receipts.check_share(read, codes, names, Outcome.LOST),
    ]
    checks = [check for check in found if check is not None]
    table = pd.DataFrame(
        [(one.name, one.verdict, one.value, one.p, one.sentence) for one in checks],
        columns=["check", "verdict", "value", "p", "sentence"],
    )
    return Health(
        checks=table,
        shares=shares_table(own, values, meant),
        drift=drift_table(slices, values),
        unit=unit,
        arm=arm,
        footnotes=_footnotes(unit, without, arm, planned=plan is not None and arm == "arm"),
    )


def _read(calls: IntoFrame, arm: str) -> tuple[pd.DataFrame, int]:
    """Return the calls with an arm, as pandas, and how many have none."""
    frame = read_frame(calls)
    check_arm(arm)
    check_columns(frame, [arm, "outcome"])
    known = frame.collect_schema().names()
    extra = [name for name in _OPTIONAL if name in known and name != arm]
    whole = collect(frame.select(nw.col(arm).alias("arm"), "outcome", *extra))
    read = whole.reindex(columns=["arm", "outcome", *_OPTIONAL])
    moment = pd.to_datetime(read["requested_at"], utc=True).fillna(pd.to_datetime(read["offered_at"], utc=True))
    milliseconds = (moment - pd.Timestamp(0, unit="ms", tz="UTC")) / pd.Timedelta(milliseconds=1)
    inferred = read["answer_inferred"].astype("boolean").fillna(value=False).astype(bool)
    read = read.assign(moment_ms=milliseconds.astype("float64"), answer_inferred=inferred)
    armed = read["arm"].notna()
    return read[armed].reset_index(drop=True), int((~armed).sum())


def _arms(read: pd.DataFrame, plan: PlanLike | None, arm: str, shares: Mapping[Any, float] | None) -> list[Any]:
    """List the arms, with those that were meant but have no call."""
    met = set(read["arm"].unique())
    if plan is not None and arm == "arm":
        met |= set(plan.arms)
    if shares is not None:
        met |= set(shares)
    values = sorted_values(met)
    if len(values) < 2:
        listed = ", ".join(map(repr, values)) or "none"
        raise InvalidInputError("arm", f"the checks need two arms or more; in {arm!r} there is: {listed}")
    return values


def _planned_shares(values: list[Any], plan: PlanLike | None, arm: str) -> Mapping[Any, float] | None:
    """Return the plan's shares, where its arms are those of the calls."""
    if plan is None or arm != "arm" or plan.shares is None or set(plan.shares) != set(values):
        return None
    return plan.shares


def _units(read: pd.DataFrame, codes: NDArray[np.int64]) -> tuple[str, NDArray[np.bool_]]:
    """Choose what was assigned: the numbers, where every number is known and met one arm, else the calls."""
    keys = read["number_key"]
    if keys.notna().all() and len(keys):
        met = pd.Series(codes).groupby(keys.to_numpy()).nunique()
        if (met == 1).all():
            order = read["moment_ms"].fillna(np.inf).argsort(kind="stable").to_numpy()
            first = np.zeros(len(read), dtype=bool)
            first[order[~keys.iloc[order].duplicated().to_numpy()]] = True
            return "numbers", first
    return "calls", np.ones(len(read), dtype=bool)


def _hours(rows: pd.DataFrame) -> pd.Series[Any]:
    hours = (rows["moment_ms"] // 3_600_000) % 24
    return hours.map(lambda hour: f"{int(hour):02d}:00", na_action="ignore")


def _footnotes(unit: str, without: int, arm: str, *, planned: bool) -> tuple[str, ...]:
    method = (
        f"Level of the checks by test: {ALPHA}. Sample ratio of {unit}: exact binomial (two arms, below 10,000) or "
        "chi-square, Fabijan et al. (2019); by hour and number type adjusted by Holm (1979). A blocked assignment "
        "keeps the shares closer than chance, so there the check finds what calls were lost or steered, not bad luck."
    )
    notes = [method, "Time drift: chi-square of arms over up to 20 slices of time with equally many calls."]
    if not planned:
        notes.append("The assignment is not checked, as no plan was given: health(calls, plan).")
    if without:
        notes.append(f"Calls without {arm}, left out: {without:,}.")
    return tuple(notes)

"""Whether every call got the arm that the plan's seed gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import pandas as pd

from imilab.comparison.balance.result import LOOK, OK, STOP, Check

__all__ = ["PlanLike", "PlannedCallLike", "check_assignment"]


class PlannedCallLike(Protocol):
    """What is read of one planned call."""

    @property
    def correlation_id(self) -> str: ...
    @property
    def arm(self) -> str | None: ...


class Verified(Protocol):
    """What a plan says of its own arms."""

    @property
    def ok(self) -> bool: ...
    @property
    def sentence(self) -> str: ...


class PlanLike(Protocol):
    """What is read of a plan, such as `imilab.Lab.plan` makes."""

    @property
    def plan_id(self) -> str: ...
    @property
    def arms(self) -> Mapping[str, object]: ...
    @property
    def shares(self) -> Mapping[str, float] | None: ...
    @property
    def seed(self) -> int: ...
    @property
    def design(self) -> str: ...
    @property
    def calls(self) -> Sequence[PlannedCallLike]: ...
    def verify(self) -> Verified: ...


def check_assignment(calls: pd.DataFrame, plan: PlanLike) -> Check:
    """Check the plan against its seed, and the calls against the plan.

    Parameters
    ----------
    calls : DataFrame
        ``arm, correlation_id, plan_id``.
    plan : PlanLike
        What was meant.

    Returns
    -------
    Check
        ``stop`` where an arm is not the one that the seed gives, ``look`` where calls name the plan that are not in it
        or none of its calls is there.
    """
    name = "assignment"
    drawn = plan.verify()
    if not drawn.ok:
        return Check(name, STOP, drawn.sentence)
    meant = pd.Series({one.correlation_id: one.arm for one in plan.calls}, dtype="object")
    mine = calls[calls["correlation_id"].isin(meant.index) | (calls["plan_id"] == plan.plan_id)]
    expected = mine["correlation_id"].map(meant)
    strange = int(expected.isna().sum())
    wrong = int(((expected != mine["arm"]) & expected.notna()).sum())
    found = int(mine["correlation_id"].nunique())
    if wrong:
        sentence = f"{wrong:,} of {len(mine):,} calls have another arm than the plan gave them."
        return Check(name, STOP, sentence, float(wrong))
    if strange:
        sentence = f"{strange:,} of {len(mine):,} calls name this plan but are not in it."
        return Check(name, LOOK, sentence, float(strange))
    if not found:
        return Check(name, LOOK, "None of the plan's calls is in the table.", 0.0)
    return Check(
        name,
        OK,
        f"Every call has the arm that seed {plan.seed} gives ({plan.design}); {found:,} of {len(plan.calls):,} planned "
        "calls are in the table.",
        0.0,
    )

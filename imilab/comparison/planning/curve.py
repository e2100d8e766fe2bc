"""How the power of a plan moves with its calls, or with the difference that is looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from imilab.comparison.planning.facts import Facts
from imilab.comparison.planning.looking import PlannedLooks
from imilab.comparison.planning.question import Question
from imilab.comparison.planning.solved import Solved, at_any_time, at_planned_looks
from imilab.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["power_curve"]

_POINTS = 41
_FEWEST, _MOST = 0.05, 2.0


def power_curve(plan: Facts, over: str = "n") -> pd.DataFrame:
    """Return the power of a plan with other numbers of calls, or for other differences; the plan's own is one row.

    Parameters
    ----------
    plan : Facts
        The plan.
    over : {"n", "mde"}
        What moves: resolved calls of all arms, from a twentieth of the plan's to twice as many, or the difference,
        as far from 0 (from the margin, where there is one).

    Returns
    -------
    DataFrame
        ``n`` (float, not rounded to whole arms), ``mde``, ``power``, in rising order of what moves.

    Raises
    ------
    InvalidInputError
        `over` is neither.
    """
    import pandas as pd

    if over not in ("n", "mde"):
        raise InvalidInputError("over", f"{over!r} is neither 'n' nor 'mde'")
    split = tuple(n / plan.n for n in plan.n_per_arm)
    question = Question(plan.baseline, plan.margin, plan.alpha_each, min(split[1:]), split[0])
    looks = None
    if not plan.any_time:
        information, one_sided = tuple(look.information for look in plan.looks), plan.margin is not None
        looks = PlannedLooks.of(plan.spending, information, question.alpha, one_sided=one_sided)

    def solved(n: float, mde: float) -> Solved:
        if looks is None:
            arms = len(split)
            return at_any_time(question, (1 / arms,) * arms, mde, None, round(n), 1, clustered=False)
        return at_planned_looks(question, looks, plan.design_effect, mde, None, round(n), 1)

    grid = _calls(plan) if over == "n" else _differences(plan)
    rows = [(n, mde, plan.power if (n, mde) == (plan.n, plan.mde) else solved(n, mde).power) for n, mde in grid]
    return pd.DataFrame(rows, columns=["n", "mde", "power"])


def _calls(plan: Facts) -> list[tuple[float, float]]:
    least = max(plan.n * _FEWEST, 2.0 * len(plan.n_per_arm))
    found = np.unique(np.append(np.linspace(least, plan.n * _MOST, _POINTS), plan.n))
    return [(float(n), plan.mde) for n in found]


def _differences(plan: Facts) -> list[tuple[float, float]]:
    start = plan.margin or 0.0
    reach = plan.mde - start
    parts = np.unique(np.append(np.linspace(_FEWEST, _MOST, _POINTS), 1.0))
    found = [plan.mde if part == 1 else start + float(part) * reach for part in parts]
    return sorted((float(plan.n), mde) for mde in found if mde and 1e-6 < plan.baseline + mde < 1 - 1e-6)

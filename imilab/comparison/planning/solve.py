"""Make a plan: of calls, power and difference, two are given and the third is calculated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from imilab.comparison.planning.design import Design
from imilab.comparison.planning.facts import Look
from imilab.comparison.planning.formulas import check_level, check_rate
from imilab.comparison.planning.looking import PlannedLooks
from imilab.comparison.planning.question import Question
from imilab.comparison.planning.solved import Solved, at_any_time, at_planned_looks
from imilab.comparison.sequential.boundaries import check_information
from imilab.comparison.sequential.spending import check_spending
from imilab.errors import InvalidInputError

__all__ = ["power"]

_MOST_LOOKS = 100


def power(
    *,
    baseline: float,
    mde: float | None = None,
    power: float | None = None,
    n: int | None = None,
    alpha: float = 0.05,
    arms: int = 2,
    shares: Sequence[float] | None = None,
    margin: float | None = None,
    direction: str = "greater",
    icc: float = 0.0,
    calls_per_number: float = 1.0,
    looks: int | Sequence[float] | str = 1,
    spending: str = "obrien_fleming",
) -> Design:
    """Plan a comparison of rates: how many calls, with what power, for which difference.

    Give two of `mde`, `power` and `n`; the third is calculated. `power` is 0.8 if it and another one are missing. The
    test is the pooled z test (Fleiss, Levin and Paik 2003), with a margin that of Farrington and Manning
    (1990). Repeated numbers multiply the calls by the design effect (Kish 1965), planned looks by the factor that keeps
    the power (Jennison and Turnbull 2000).

    Parameters
    ----------
    baseline : float
        The baseline's rate, between 0 and 1.
    mde : float, optional
        The smallest difference worth finding, arm less baseline: 0.05 is 5 points more. With a `margin` it is the true
        difference, 0 if not given.
    power : float, optional
        Chance of finding it, in each comparison.
    n : int, optional
        Resolved calls of all arms together.
    alpha : float
        Two-sided level, of all comparisons together; a margin is tested one-sided at half of it.
    arms : int
        How many there are, with the baseline. Each is set against the baseline at ``alpha / (arms - 1)``.
    shares : sequence of float, optional
        How the calls are split, the baseline first; equally if not given.
    margin : float, optional
        Rule this difference out instead: -0.05 where the arm must not be 5 points lower, 0.05 where it must not be
        5 points higher (for ``early_hangup``).
    direction : {"greater", "less"}
        Whether a calculated `mde` is above or below 0.
    icc : float
        Correlation of the calls to one number, from 0 to 1.
    calls_per_number : float
        Calls to each number, at least 1; each number belongs to one arm.
    looks : int, sequence of float or "any"
        1: looked at once, at the end. 5: at five equal parts. ``(0.3, 0.6, 1)``: at these parts. ``"any"``: after every
        pair, with the exact paired e-value.
    spending : {"obrien_fleming", "pocock"}
        How planned looks use up the level: late, or evenly.

    Returns
    -------
    Design

    Raises
    ------
    InvalidInputError
        A value outside its range, all three or only one of the three given, or too few calls for any difference.

    Examples
    --------
    >>> design = power(baseline=0.55, mde=0.05, power=0.8)
    >>> design.n_per_arm, design.n
    ((1534, 1534), 3068)
    >>> power(baseline=0.55, n=3068).mde.__round__(4)
    0.05
    """
    split = _split(arms, shares)
    if margin is not None and mde is None and n is None:
        mde = 0.0
    mde, power, n = _two_of(mde, power, n, margin)
    question = Question(
        check_rate("baseline", baseline), margin, check_level("alpha", alpha) / (arms - 1), min(split[1:]), split[0]
    )
    effect = _design_effect(icc, calls_per_number)
    information = _information(looks)
    if information is None:
        solved = at_any_time(question, split, mde, power, n, _sign(direction, margin), clustered=effect > 1)
        planned = None
    else:
        planned = PlannedLooks.of(check_spending(spending), information, question.alpha, one_sided=margin is not None)
        solved = at_planned_looks(question, planned, effect, mde, power, n, _sign(direction, margin))
    sizes = _whole(solved.n, split, pairs=information is None)
    return Design(
        baseline=question.baseline,
        mde=solved.mde,
        power=solved.power,
        alpha=alpha,
        n=sum(sizes) if n is None else n,
        n_per_arm=sizes,
        solved_for="n" if n is None else "mde" if mde is None else "power",
        margin=margin,
        icc=float(icc),
        calls_per_number=float(calls_per_number),
        any_time=information is None,
        spending=spending,
        looks=_looks(planned, solved, sum(sizes)),
        inflation=solved.inflation,
    )


def _two_of(
    mde: float | None, power: float | None, n: int | None, margin: float | None
) -> tuple[float | None, float | None, int | None]:
    """Check what is given, and fill the power in."""
    if power is None and (mde is None or n is None):
        power = 0.8
    if (mde is None) + (power is None) + (n is None) != 1:
        given = "all three" if mde is not None and n is not None else "too few"
        raise InvalidInputError("mde", f"of mde, power and n {given} are given; give two, and the third is calculated")
    if power is not None:
        check_level("power", power)
    if n is not None and (isinstance(n, bool) or n != int(n) or n < 2):
        raise InvalidInputError("n", f"{n!r} is no number of calls from 2 on")
    if mde is not None and (isinstance(mde, bool) or not -1 <= mde <= 1 or (mde == 0 and margin is None)):
        raise InvalidInputError("mde", f"{mde!r} is no difference of two rates; for 5 points give 0.05")
    return mde, power, None if n is None else int(n)


def _split(arms: int, shares: Sequence[float] | None) -> tuple[float, ...]:
    if isinstance(arms, bool) or arms < 2 or arms != int(arms):
        raise InvalidInputError("arms", f"{arms!r} is no number of arms from 2 on, the baseline counted")
    listed = [1.0] * arms if shares is None else [float(share) for share in shares]
    if len(listed) != arms or not all(0 < share < math.inf for share in listed):
        raise InvalidInputError("shares", f"give one share above 0 for each of {arms} arms, the baseline first")
    return tuple(share / sum(listed) for share in listed)


def _design_effect(icc: float, calls_per_number: float) -> float:
    if not 0 <= icc <= 1:
        raise InvalidInputError("icc", f"{icc!r} is not between 0 and 1")
    if not 1 <= calls_per_number < math.inf:
        raise InvalidInputError("calls_per_number", f"{calls_per_number!r} is below 1")
    if icc > 0 and calls_per_number == 1:
        raise InvalidInputError("calls_per_number", "with icc, say how many calls go to each number")
    return 1 + (calls_per_number - 1) * icc


def _information(looks: int | Sequence[float] | str) -> tuple[float, ...] | None:
    """Return the information fractions of the looks; None for looks at any time."""
    if isinstance(looks, str):
        if looks != "any":
            raise InvalidInputError("looks", f"{looks!r} is neither a number of looks nor 'any'")
        return None
    if isinstance(looks, int):
        if isinstance(looks, bool) or not 1 <= looks <= _MOST_LOOKS:
            raise InvalidInputError("looks", f"{looks!r} is no number of looks from 1 to {_MOST_LOOKS}")
        return tuple((look + 1) / looks for look in range(looks))
    fractions = check_information(list(looks))
    if abs(fractions[-1] - 1) > 1e-9:
        raise InvalidInputError("looks", f"the last look must be at 1, where the plan ends; it is at {fractions[-1]:g}")
    return tuple(fractions.tolist())


def _sign(direction: str, margin: float | None) -> int:
    if direction not in ("greater", "less"):
        raise InvalidInputError("direction", f"{direction!r} is neither 'greater' nor 'less'")
    if margin is not None:
        return 1 if margin < 0 else -1
    return 1 if direction == "greater" else -1


def _whole(n: float, split: tuple[float, ...], *, pairs: bool) -> tuple[int, ...]:
    """Round every arm's calls up, but not above a total that was asked for."""
    if isinstance(n, int) and not pairs:
        sizes = [math.floor(n * share + 1e-9) for share in split]
        return tuple(size + (index < n - sum(sizes)) for index, size in enumerate(sizes))
    return tuple(math.ceil(n * share - 1e-6) for share in split)


def _looks(planned: PlannedLooks | None, solved: Solved, n: int) -> tuple[Look, ...]:
    if planned is None:
        return ()
    bounds, sides = planned.boundaries, 2 if planned.boundaries.two_sided else 1
    stopped = planned.stops(planned.drift(solved.power)).cumsum()
    return tuple(
        Look(fraction, math.ceil(fraction * n - 1e-9), z, sides * NormalDist().cdf(-z), spent, float(reached))
        for fraction, z, spent, reached in zip(bounds.information, bounds.z, bounds.alpha_spent, stopped, strict=True)
    )

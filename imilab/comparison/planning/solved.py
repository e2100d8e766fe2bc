"""Of calls, power and difference, the third from the other two: at planned looks, and at any time."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from imilab.comparison.planning.formulas import quantile, root
from imilab.comparison.planning.looking import PlannedLooks, pairs_power, pairs_size
from imilab.comparison.planning.question import Question
from imilab.errors import InvalidInputError

__all__ = ["Solved", "at_any_time", "at_planned_looks"]

_LIKELIEST = 1 - 1e-9


@dataclass(frozen=True)
class Solved:
    """All three, and what looking early costs.

    Attributes
    ----------
    mde, power : float
        The difference and the chance of finding it.
    n : float
        Resolved calls of all arms, not rounded.
    inflation : float
        Times as many calls as a test that is looked at once.
    """

    mde: float
    power: float
    n: float
    inflation: float


def at_planned_looks(
    question: Question,
    planned: PlannedLooks,
    effect: float,
    mde: float | None,
    power: float | None,
    n: int | None,
    sign: int,
) -> Solved:
    """Solve for the one of `mde`, `power` and `n` that is None, with planned looks and a design effect."""
    if n is None:
        assert mde is not None and power is not None  # noqa: PT018, S101 - power() saw to it
        factor = planned.inflation(power)
        return Solved(mde, power, question.size(power, mde) * factor * effect, factor)
    if mde is None:
        assert power is not None  # noqa: S101 - power() saw to it
        factor = planned.inflation(power)
        return Solved(question.mde(n / factor / effect, power, sign), power, n, factor)

    def lacking(score: float) -> float:
        """Compare the power that the calls would need with the one they have, as normal scores."""
        asked = NormalDist().cdf(score)
        fixed = question.power(n / planned.inflation(asked) / effect, mde)
        return score - quantile(min(max(fixed, 1e-12), _LIKELIEST))

    if len(planned.boundaries.z) == 1:
        return Solved(mde, question.power(n / effect, mde), n, 1.0)
    found = NormalDist().cdf(root(lacking, quantile(question.alpha / 2) + 1e-3, 5.9))
    return Solved(mde, found, n, planned.inflation(found))


def at_any_time(
    question: Question,
    split: tuple[float, ...],
    mde: float | None,
    power: float | None,
    n: int | None,
    sign: int,
    *,
    clustered: bool,
) -> Solved:
    """Solve for the one of `mde`, `power` and `n` that is None, with the paired e-value after every pair.

    Raises
    ------
    InvalidInputError
        A margin, repeated numbers or unequal shares, for which there are no pairs; or too few calls.
    """
    if question.margin is not None or clustered:
        raise InvalidInputError(
            "looks", "'any' plans for equal rates and one call to each number; with a margin or icc, plan looks=5"
        )
    if max(split) - min(split) > 1e-9:
        raise InvalidInputError("looks", "'any' pairs one call of each arm: leave shares out, or plan looks=5")
    level, base, arms = question.alpha, question.baseline, len(split)
    if n is None:
        assert mde is not None and power is not None  # noqa: PT018, S101 - power() saw to it
        fixed = question.size(power, mde)
        pairs = pairs_size(question.rate(mde), base, fixed / arms, power=power, alpha=level)
        return Solved(mde, power, pairs * arms, pairs * arms / fixed)
    pairs = n // arms
    if mde is None:
        assert power is not None  # noqa: S101 - power() saw to it
        start, end = question.mde(n, power, sign), (1 - base if sign > 0 else -base)
        if pairs_power(base + end, base, pairs, level) < power:
            raise InvalidInputError("n", f"{n:,} calls are too few: even the largest difference would be missed")
        for _ in range(20):
            middle = (start + end) / 2
            enough = pairs_power(base + middle, base, pairs, level) >= power
            start, end = (start, middle) if enough else (middle, end)
        return Solved(end, power, n, n / question.size(power, end))
    found = pairs_power(question.rate(mde), base, pairs, level)
    once = question.size(min(max(found, 1e-6), _LIKELIEST), mde)
    return Solved(mde, found, n, n / once if once else float("inf"))  # any size has more power than next to none

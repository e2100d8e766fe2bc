"""Ring times of numbers that were called repeatedly: errors between numbers, by leaving out groups of them in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, stdtrit

from imilab.comparison.durations.competing import Incidence, incidence_of
from imilab.comparison.durations.group_tests import GroupTest, gray_score, logrank_score
from imilab.comparison.durations.reading import RingTimes
from imilab.comparison.durations.risk_table import Floats, RiskTable, risk_table

__all__ = ["FEWEST_NUMBERS", "REFERENCE", "NumberErrors", "number_errors"]

Integers = NDArray[np.int64]
Score = tuple[str, int, tuple[int, ...]]
"""A test's name, its cause and the arms between which it is made."""

FEWEST_NUMBERS = 5
"""With fewer numbers in an arm, nothing can be said of how numbers differ."""
_GROUPS = 50
REFERENCE = (
    "Numbers were called repeatedly: errors are taken between numbers, by a jackknife over at most 50 groups of them "
    "(Lipsitz, Dear and Zhao 1994; Kott 2001), with t and F"
)


@dataclass(frozen=True, eq=False)
class NumberErrors:
    """Errors between numbers, of everything that is estimated of ring times; made by `number_errors`.

    Attributes
    ----------
    held : numpy.ndarray of bool, shape (groups, arms)
        Which groups of numbers hold calls of which arm.
    enough : tuple of bool
        Whether an arm has numbers enough.
    curves : tuple of numpy.ndarray, shape (groups, times, causes)
        Of each arm the incidences without each group, at the times asked for.
    means : mapping of str to numpy.ndarray, shape (groups, arms)
        The restricted means without each group.
    scores : mapping to numpy.ndarray, shape (groups, arms)
        The tests' scores by call, without each group; and with all, in the last row.
    """

    held: NDArray[np.bool_]
    enough: tuple[bool, ...]
    curves: tuple[Floats, ...]
    means: dict[str, Floats]
    scores: dict[Score, Floats]

    def freedom(self, arm: int) -> float:
        """Degrees of freedom of an arm's errors."""
        return float(self.held[:, arm].sum() - 1) if self.enough[arm] else float("nan")

    def as_normal(self, arm: int, confidence: float) -> float:
        """By how much a normal interval is to be widened to be that of t."""
        tail = (1 + confidence) / 2
        return float(stdtrit(self.freedom(arm), tail) / stdtrit(np.inf, tail)) if self.enough[arm] else float("nan")

    def curve_variance(self, arm: int, cause: int) -> Floats:
        """Variance of the incidence of a cause at the times asked for."""
        without = self.curves[arm][:, :, cause - 1]
        if not self.enough[arm]:
            return np.full(without.shape[1], np.nan)
        variance: Floats = np.sum(self._moves(without, arm) ** 2, axis=0)
        return variance

    def mean_error(self, quantity: str, arm: int) -> float:
        """Return the standard error of a restricted mean."""
        if not self.enough[arm]:
            return float("nan")
        return float(np.sqrt(np.sum(self._moves(self.means[quantity][:, arm], arm) ** 2)))

    def gap_error(self, quantity: str, arm: int) -> tuple[float, float]:
        """Return the standard error of an arm's restricted mean less the baseline's, and its degrees of freedom.

        These are the fewer of the two arms': more would trust a small arm's own spread too much.
        """
        if not (self.enough[arm] and self.enough[0]):
            return float("nan"), float("nan")
        moves = [self._moves(self.means[quantity][:, each], each) for each in (arm, 0)]
        return float(np.sqrt(np.sum((moves[0] - moves[1]) ** 2))), min(self.freedom(arm), self.freedom(0))

    def test(self, name: str, cause: int, arms: Sequence[int]) -> GroupTest:
        """Test whether arms differ: the scores' quadratic form with their covariance between numbers, against F."""
        if not all(self.enough[arm] for arm in arms):
            return GroupTest(float("nan"), 0, float("nan"))
        found = self.scores[(name, cause, tuple(arms))]
        used = self.held[:, list(arms)].any(axis=1)
        each, groups = found[:-1][used], int(used.sum())
        moves = each - each.mean(axis=0)
        covariance = moves.T @ moves * (groups - 1) / groups
        rank = int(np.linalg.matrix_rank(covariance, hermitian=True)) if np.any(np.abs(covariance) > 1e-18) else 0
        left = groups - len(arms) - rank + 1
        if not rank or left < 1:
            return GroupTest(float("nan"), 0, float("nan"))
        statistic = float(found[-1] @ np.linalg.pinv(covariance, hermitian=True) @ found[-1])
        freedom = groups - len(arms)
        return GroupTest(statistic, rank, float(fdtrc(rank, left, statistic * left / (freedom * rank))))

    def _moves(self, without: Floats, arm: int) -> Floats:
        """Return how far an arm's estimate moves without each group, scaled so that the squares sum to its variance."""
        held = self.held[:, arm]
        moves = without - without[held].mean(axis=0)
        moves[~held] = 0.0
        scaled: Floats = moves * np.sqrt((held.sum() - 1) / held.sum())
        return scaled


def number_errors(
    ring: RingTimes, arms: int, horizon: float, seconds: Sequence[Floats], scores: Sequence[Score]
) -> NumberErrors | None:
    """Estimate everything again without each group of numbers.

    Lipsitz SR, Dear KBG, Zhao L (1994), "Jackknife estimators of variance for parameter estimates from estimating
    equations with applications to clustered survival data", Biometrics 50, 842-846; Kott PS (2001), "The delete-a-group
    jackknife", Journal of Official Statistics 17, 521-526. Numbers may be in several arms.

    Parameters
    ----------
    ring : RingTimes
        The calls.
    arms : int
        How many arms there are, the baseline first.
    horizon : float
        Of the restricted means.
    seconds : sequence of numpy.ndarray
        For each arm the times at which its curves are wanted.
    scores : sequence
        The tests that are wanted.

    Returns
    -------
    NumberErrors or None
        None where no number was called twice.
    """
    number = ring.number
    if len(np.unique(number)) == len(number):
        return None
    group, first = _groups(number, ring.arm), np.unique(ring.seconds[ring.cause > 0])
    counts = [len(np.unique(number[ring.arm == arm])) for arm in range(arms)]
    whole = _counted(ring, np.ones(len(group), dtype=bool), arms, first)
    groups = int(group.max(initial=-1)) + 1
    held = np.zeros((groups, arms), dtype=bool)
    held[group, ring.arm] = True
    curves: list[list[Floats]] = [[] for _ in range(arms)]
    means: dict[str, list[list[float]]] = {"wait": [], "ring": []}
    rows: dict[Score, list[Floats]] = {score: [] for score in scores}
    for out in range(groups):
        left = [_less(*both) for both in zip(whole, _counted(ring, group == out, arms, first), strict=True)]
        fits = [incidence_of(_while_at_risk(table)) for table in left]
        for arm, fit in enumerate(fits):
            causes = range(1, fit.incidence.shape[1] + 1)
            curves[arm].append(np.stack([fit.at(cause, seconds[arm]) for cause in causes], axis=-1))
        means["wait"].append([_area(fit, horizon) for fit in fits])
        means["ring"].append([_area(_any_end(fit), horizon) for fit in fits])
        for score in scores:
            rows[score].append(_score(score, left))
    for score in scores:
        rows[score].append(_score(score, whole))
    return NumberErrors(
        held,
        tuple(count >= FEWEST_NUMBERS for count in counts),
        tuple(np.array(each) for each in curves),
        {name: np.array(each) for name, each in means.items()},
        {score: np.array(each) for score, each in rows.items()},
    )


def _groups(number: Integers, arm: Integers) -> Integers:
    """Deal the numbers into groups so that each holds about as many of every arm; few numbers are a group each."""
    order = np.lexsort((number, arm))
    ranks = np.empty(int(number.max(initial=-1)) + 1, dtype=np.int64)
    _, places = np.unique(number[order], return_index=True)
    ranks[number[order][np.sort(places)]] = np.arange(len(places))
    dealt: Integers = ranks[number] % _GROUPS
    return dealt


def _counted(ring: RingTimes, some: NDArray[np.bool_], arms: int, times: Floats) -> list[RiskTable]:
    chosen = [some & (ring.arm == arm) for arm in range(arms)]
    causes = len(ring.causes)
    return [risk_table(ring.seconds[each], ring.cause[each], causes=causes, grid=times) for each in chosen]


def _less(whole: RiskTable, part: RiskTable) -> RiskTable:
    return RiskTable(whole.times, whole.at_risk - part.at_risk, whole.failed - part.failed)


def _while_at_risk(table: RiskTable) -> RiskTable:
    last = int(np.count_nonzero(table.at_risk))
    return RiskTable(table.times[:last], table.at_risk[:last], table.failed[:last])


def _any_end(fit: Incidence) -> Incidence:
    table = fit.table
    return incidence_of(RiskTable(table.times, table.at_risk, table.events[:, None]))


def _area(fit: Incidence, horizon: float) -> float:
    return horizon - fit.time_in(1, horizon)[0] if len(fit.table.times) else float("nan")


def _score(score: Score, tables: list[RiskTable]) -> Floats:
    name, cause, arms = score
    some = [tables[arm] for arm in arms]
    calls = sum(float(table.at_risk[0]) for table in some if len(table.times))
    found = (gray_score if name == "gray" else logrank_score)(some, of=cause)
    return found / max(calls, 1.0)

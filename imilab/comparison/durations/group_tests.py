"""Tests whether groups differ in how long it takes: log-rank for one cause, Gray's among competing causes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imilab.comparison.durations.risk_table import (
    Floats,
    RiskTable,
    chi_square_p,
    read_times,
    risk_table,
    tie_factor,
)
from imilab.errors import InvalidInputError

__all__ = ["GroupTest", "gray", "gray_score", "logrank", "logrank_score"]


@dataclass(frozen=True)
class GroupTest:
    """A test of several groups.

    Attributes
    ----------
    statistic : float
        Chi-square.
    df : int
        Its degrees of freedom: the groups less one.
    p : float
        Its upper tail.
    """

    statistic: float
    df: int
    p: float


def logrank(time: ArrayLike, event: ArrayLike, group: ArrayLike) -> GroupTest:
    """Test whether groups have the event at the same pace.

    Mantel N (1966), "Evaluation of survival data and two new rank order statistics arising in its consideration",
    Cancer Chemotherapy Reports 50, 163-170; for several groups Peto R, Peto J (1972), JRSS A 135, 185-207.

    Parameters
    ----------
    time : array_like of float
        Until the event or the last sight.
    event : array_like of bool or 0, 1
        Whether it is the event.
    group : array_like
        Any values.

    Returns
    -------
    GroupTest

    Raises
    ------
    InvalidInputError
        Fewer than two groups, or unusable times.

    Examples
    --------
    >>> found = logrank([1, 2, 3, 4, 5, 6], [1, 1, 1, 1, 1, 1], ["a", "a", "a", "b", "b", "b"])
    >>> round(found.statistic, 4), found.df, round(found.p, 4)
    (5.0517, 1, 0.0246)
    """
    tables = _tables(time, np.asarray(event).astype(bool), group)
    at_risk, events = _at_risk_and_ended(tables, 1)
    n, d = at_risk.sum(axis=1), events.sum(axis=1)
    share = at_risk / n[:, None]
    spread = np.where(n > 1, d * (n - d) / np.maximum(n - 1, 1), 0.0)
    covariance = np.diag((spread[:, None] * share).sum(axis=0)) - (spread[:, None] * share).T @ share
    return _score_test(logrank_score(tables), covariance)


def logrank_score(tables: list[RiskTable], *, of: int = 1) -> Floats:
    """Return, for groups counted at the same times, the events of a cause less those that a common pace gives."""
    at_risk, events = _at_risk_and_ended(tables, of)
    n, d = at_risk.sum(axis=1, keepdims=True), events.sum(axis=1, keepdims=True)
    share = np.divide(at_risk, n, out=np.zeros_like(at_risk), where=n > 0)
    score: Floats = (events - d * share).sum(axis=0)
    return score


def _at_risk_and_ended(tables: list[RiskTable], of: int) -> tuple[Floats, Floats]:
    """Return those at risk and those ended of a cause, by time and group."""
    at_risk = np.stack([table.at_risk for table in tables], axis=1)
    return at_risk, np.stack([table.failed[:, of - 1] for table in tables], axis=1)


def gray(time: ArrayLike, cause: ArrayLike, group: ArrayLike, *, of: int = 1) -> GroupTest:
    """Test whether groups have the same cumulative incidence of one cause among competing ones.

    Gray RJ (1988), "A class of k-sample tests for comparing the cumulative incidence of a competing risk", Annals of
    Statistics 16, 1141-1154, with rho 0 and the corrections for ties of his cmprsk.

    Parameters
    ----------
    time : array_like of float
        Until the end or the censoring.
    cause : array_like of int
        0 where censored, else 1, 2, ...
    group : array_like
        Any values.
    of : int
        The cause of interest.

    Returns
    -------
    GroupTest

    Raises
    ------
    InvalidInputError
        Fewer than two groups, or unusable times.

    Examples
    --------
    >>> found = gray([1, 2, 3, 4, 5, 6], [1, 1, 2, 2, 1, 1], ["a", "a", "a", "b", "b", "b"])
    >>> found.df, 0 < found.p < 1
    (1, True)
    """
    tables = _tables(time, cause, group, least=of)
    if not len(tables[0].times):
        return _score_test(np.zeros(len(tables)), np.zeros((len(tables), len(tables))))
    state = _GrayState.of(tables, of)
    return _score_test(state.score(), state.covariance())


def gray_score(tables: list[RiskTable], *, of: int = 1) -> Floats:
    """Return, for groups counted at the same times, Gray's score: ends of a cause less those of a common incidence."""
    return _GrayState.of(tables, of).score()


@dataclass(frozen=True)
class _GrayState:
    """Everything of Gray's test, by time (T) and group (G); a dash in the paper's notation is `before` here."""

    at_risk: Floats
    own: Floats
    others: Floats
    before: Floats
    survival: Floats
    own_before: Floats

    @classmethod
    def of(cls, tables: list[RiskTable], cause: int) -> _GrayState:
        at_risk, own = _at_risk_and_ended(tables, cause)
        others = np.stack([table.events for table in tables], axis=1) - own
        present = at_risk > 0
        hazard = np.divide(own + others, at_risk, out=np.zeros_like(own), where=present)
        survival = np.cumprod(1 - hazard, axis=0)
        before = np.vstack([np.ones(len(tables)), survival[:-1]])
        steps = np.divide(before * own, at_risk, out=np.zeros_like(own), where=present)
        incidence = np.cumsum(steps, axis=0)
        return cls(at_risk, own, others, before, survival, np.vstack([np.zeros(len(tables)), incidence[:-1]]))

    @property
    def weight(self) -> Floats:
        """Those at risk over the survival just before: how many there would be, had no other cause ended any."""
        weight: Floats = np.divide(self.at_risk, self.before, out=np.zeros_like(self.before), where=self.at_risk > 0)
        return weight

    @property
    def steps(self) -> Floats:
        """The pooled incidence's steps."""
        total = self.own.sum(axis=1)
        steps: Floats = np.divide(total, self.weight.sum(axis=1), out=np.zeros_like(total), where=total > 0)
        return steps

    def score(self) -> Floats:
        """Observed less expected ends of the cause, by group."""
        subjects = self.weight * (1 - self.own_before)
        total = subjects.sum(axis=1, keepdims=True)
        share = np.divide(subjects, total, out=np.zeros_like(subjects), where=total > 0)
        score: Floats = (self.own - self.own.sum(axis=1, keepdims=True) * share).sum(axis=0)
        return score

    def covariance(self) -> Floats:
        """Sum over times and groups what the noise of each group's ends does to every score."""
        weight, steps = self.weight, self.steps
        total = weight.sum(axis=1)
        pooled = np.cumsum(steps)
        left = 1 - np.concatenate([[0.0], pooled[:-1]])
        outer = weight[:, :, None] * weight[:, None, :] / np.where(total > 0, total, 1)[:, None, None]
        direct = np.eye(weight.shape[1]) * weight[:, :, None] - outer
        pace = np.divide(steps, left, out=np.zeros_like(steps), where=left > 1e-12)
        indirect = np.cumsum(direct * pace[:, None, None], axis=0)
        to_come = indirect[-1] - indirect
        alive = self.survival > 0
        kept = np.divide(1 - pooled[:, None], self.survival, out=np.zeros_like(self.survival), where=alive)
        by_own = direct + (1 - kept)[:, None, :] * to_come
        by_others = kept[:, None, :] * to_come
        found: Floats = np.einsum("tik,tjk,tk->ij", by_own, by_own, self._own_noise())
        found += np.einsum("tik,tjk,tk->ij", by_others, by_others, self._others_noise())
        return found

    def _own_noise(self) -> Floats:
        ends = self.own.sum(axis=1, keepdims=True)
        scaled = self.weight.sum(axis=1, keepdims=True) * self.before
        noise = self.before * self.steps[:, None] * tie_factor(ends, scaled)
        felt = (self.at_risk > 0) & (ends > 0)
        own: Floats = np.divide(noise, self.at_risk, out=np.zeros_like(noise), where=felt)
        return own

    def _others_noise(self) -> Floats:
        moved = np.where(self.survival > 0, self.others, 0.0)
        noise = self.before**2 * moved * tie_factor(self.others, self.at_risk)
        others: Floats = np.divide(noise, self.at_risk**2, out=np.zeros_like(noise), where=moved > 0)
        return others


def _tables(time: ArrayLike, cause: ArrayLike, group: ArrayLike, *, least: int = 1) -> list[RiskTable]:
    """Count each group at the times at which any group has an end, of at least so many causes."""
    seconds, ends = read_times(time, cause)
    causes = max(int(ends.max(initial=0)), least)
    names, codes = np.unique(np.asarray(group), return_inverse=True)
    if len(names) < 2 or codes.shape != seconds.shape:
        raise InvalidInputError(
            "group", f"a test needs two groups or more and one value a time; there are {len(names)}"
        )
    grid = np.unique(seconds[ends > 0])
    chosen: list[NDArray[np.bool_]] = [codes == index for index in range(len(names))]
    return [risk_table(seconds[some], ends[some], causes=causes, grid=grid) for some in chosen]


def _score_test(score: Floats, covariance: Floats) -> GroupTest:
    """Return the scores' quadratic form; a group that was never at risk of the event takes no degree of freedom."""
    df = int(np.linalg.matrix_rank(covariance, hermitian=True)) if np.any(covariance) else 0
    if not df:
        return GroupTest(float("nan"), 0, float("nan"))
    statistic = float(score @ np.linalg.pinv(covariance, hermitian=True) @ score)
    return GroupTest(statistic, df, chi_square_p(statistic, df))

"""Exact and general association, sandwich errors and every pair: against whole numbers, matrices and each other."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from imilab.comparison.association import cmh_association, cmh_exact
from imilab.comparison.correlation import Arm
from imilab.comparison.pairwise import pairwise_rates
from imilab.comparison.robust import cr1, cr2
from imilab.comparison.stratified import cmh, cmh_arms
from imilab.errors import InvalidInputError

RABBITS = [[[0, 6], [0, 5]], [[3, 3], [0, 6]], [[6, 0], [2, 4]], [[5, 1], [6, 0]], [[2, 0], [5, 0]]]
TABLE = st.lists(st.lists(st.integers(0, 6), min_size=2, max_size=2), min_size=2, max_size=2)


def whole_chances(tables: list[list[list[int]]], odds: Fraction = Fraction(1)) -> dict[int, Fraction]:
    """Return the exact chance of every sum of the arm's successes, given all margins."""
    ways: dict[int, Fraction] = {}
    choices = []
    for (a, b), (c, d) in tables:
        n1, n0, reached = a + b, c + d, a + c
        possible = range(max(0, reached - n0), min(n1, reached) + 1)
        choices.append([(x, math.comb(n1, x) * math.comb(n0, reached - x)) for x in possible])
    for each in product(*choices):
        total = sum(x for x, _ in each)
        ways[total] = ways.get(total, Fraction(0)) + math.prod(way for _, way in each) * odds**total
    whole = sum(ways.values())
    return {total: way / whole for total, way in ways.items()}


@settings(max_examples=60, deadline=None)
@given(st.lists(TABLE, min_size=1, max_size=3))
def test_the_exact_test_counts_whole_numbers(tables: list[list[list[int]]]) -> None:
    chances = whole_chances(tables)
    seen = sum(table[0][0] for table in tables)
    p, odds_ratio = cmh_exact(tables)
    assert p == pytest.approx(float(sum(each for each in chances.values() if each <= chances[seen])))
    if len(chances) == 1:
        assert math.isnan(odds_ratio)
    elif 0 < odds_ratio < math.inf:
        tilted = whole_chances(tables, Fraction(odds_ratio))
        assert float(sum(total * chance for total, chance in tilted.items())) == pytest.approx(seen, abs=1e-8)
    else:
        assert seen == (min(chances) if odds_ratio == 0 else max(chances))


def test_the_odds_ratio_of_the_rabbits_is_found_to_nine_places() -> None:
    _, odds_ratio = cmh_exact(RABBITS)
    tilted = whole_chances(RABBITS, Fraction(odds_ratio))
    assert float(sum(total * chance for total, chance in tilted.items())) == pytest.approx(16, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.lists(TABLE, min_size=1, max_size=4))
def test_two_arms_and_two_results_are_the_usual_test(tables: list[list[list[int]]]) -> None:
    statistic, df, p = cmh_association(tables)
    usual = cmh(tables)
    assert (statistic, p) == pytest.approx(usual, nan_ok=True)
    assert df == (0 if math.isnan(usual[0]) else 1)


def test_several_arms_and_two_results_are_the_test_of_several_arms() -> None:
    rng = np.random.default_rng(3)
    tables = rng.integers(0, 9, (6, 4, 2))
    assert cmh_association(tables) == pytest.approx(cmh_arms(tables[:, :, 0], tables.sum(axis=2)))


def test_one_stratum_is_pearsons_chi_square_but_for_one_call() -> None:
    table = np.array([[12, 5, 9], [7, 11, 6], [4, 8, 15]])
    pearson = chi2_contingency(table, correction=False)
    statistic, df, _ = cmh_association([table])
    n = table.sum()
    assert df == 4
    assert statistic == pytest.approx(pearson.statistic * (n - 1) / n)


def arms(seed: int) -> tuple[Arm, Arm]:
    rng = np.random.default_rng(seed)
    calls = [rng.integers(1, 8, numbers).astype(float) for numbers in (6, 9)]
    one, other = (Arm(each, rng.binomial(each.astype(int), 0.5).astype(float)) for each in calls)
    return one, other


@pytest.mark.parametrize("seed", range(5))
def test_sandwich_errors_are_those_of_the_regressions_matrices(seed: int) -> None:
    """Both written out call by call: design matrix, hat matrix, each number's residuals adjusted by a matrix root."""
    one, other = arms(seed)
    calls = np.concatenate([one.calls, other.calls]).astype(int)
    successes = np.concatenate([one.successes, other.successes]).astype(int)
    number = np.repeat(np.arange(len(calls)), calls)
    y = np.concatenate([[1.0] * x + [0.0] * (m - x) for x, m in zip(successes, calls, strict=True)])
    x = np.column_stack([np.ones(len(y)), number < len(one.calls)])
    bread = np.linalg.inv(x.T @ x)
    rest = np.eye(len(y)) - x @ bread @ x.T
    residual = rest @ y
    plain, adjusted, rows = np.zeros((2, 2)), np.zeros((2, 2)), []
    for each in range(len(calls)):
        mine = number == each
        values, vectors = np.linalg.eigh(rest[np.ix_(mine, mine)])
        root = vectors @ np.diag([1 / math.sqrt(value) if value > 1e-9 else 0.0 for value in values]) @ vectors.T
        score, right = x[mine].T @ residual[mine], x[mine].T @ root @ residual[mine]
        plain, adjusted = plain + np.outer(score, score), adjusted + np.outer(right, right)
        rows.append((bread @ x[mine].T @ root @ rest[mine])[1])
    k = len(calls)
    assert cr1(one, other).standard_error == pytest.approx(math.sqrt((bread @ plain @ bread)[1, 1] * k / (k - 1)))
    found = cr2(one, other)
    assert found.standard_error == pytest.approx(math.sqrt((bread @ adjusted @ bread)[1, 1]))
    form = np.array(rows) @ np.array(rows).T
    assert found.df == pytest.approx(np.trace(form) ** 2 / np.sum(form**2))


def test_every_pair_is_tested_as_a_table_of_two_rates() -> None:
    x, n = [83, 90, 129, 70], [86, 93, 136, 82]
    for continuity in (False, True):
        for (one, other), p in pairwise_rates(x, n, None, continuity=continuity).items():
            table = [[x[each], n[each] - x[each]] for each in (one, other)]
            assert p == pytest.approx(chi2_contingency(table, correction=continuity).pvalue)
    assert list(pairwise_rates(x, n, "bonferroni").values()) == pytest.approx(
        [min(1.0, 6 * p) for p in pairwise_rates(x, n, None).values()]
    )
    assert math.isnan(pairwise_rates([5, 3], [5, 3])[0, 1])


def test_what_cannot_be_tested_is_refused() -> None:
    wrongs: list[Any] = [[[[1, 2, 3]]], [[[-1, 2], [3, 4]]], [[1, 2], [3, 4]]]
    for wrong in wrongs:
        with pytest.raises(InvalidInputError, match="shape"):
            cmh_association(wrong)
        with pytest.raises(InvalidInputError, match="shape"):
            cmh_exact(wrong)
    with pytest.raises(InvalidInputError, match="whole"):
        cmh_exact([[[0.5, 1], [2, 3]]])
    with pytest.raises(InvalidInputError, match="above its n"):
        pairwise_rates([3, 9], [5, 5])
    with pytest.raises(InvalidInputError, match="fewer than two"):
        cr2(Arm(np.ones(1), np.ones(1)), Arm(np.ones(3), np.ones(3)))

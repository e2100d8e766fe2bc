"""The full checks behind docs/statistics.md, printed as its tables: exact coverage, and false findings by simulation.

Takes some minutes: ``python benchmarks/statistics_sweeps.py``. The tests repeat a bounded part.
"""

from __future__ import annotations

import sys

import numpy as np
from scipy import stats

from imilab import intervals
from imilab.comparison.clusters import number_means_difference
from imilab.comparison.correlation import Arm
from imilab.comparison.stratified import cmh

RUNS = 4000
INSIDE = np.arange(1, 10) / 10
EXTREME = np.array([0.01, 0.02, 0.05, 0.95, 0.98, 0.99])
CORRELATIONS = (0.0, 0.1, 0.3, 0.6)
RATES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95)


def coverage(method: str, n: int, rates: np.ndarray) -> np.ndarray:
    """Return the exact coverage of a 95 % interval for every pair of rates."""
    x = np.arange(n + 1)
    low, high = intervals.DIFFERENCE_METHODS[method](x[:, None], n, x, n)
    chances = stats.binom.pmf(x, n, rates[:, None])
    found = np.empty((len(rates), len(rates)))
    for arm, p1 in enumerate(rates):
        for base, p0 in enumerate(rates):
            holds = (low <= p1 - p0 + 1e-12) & (p1 - p0 - 1e-12 <= high)
            found[arm, base] = chances[arm] @ holds @ chances[base]
    return found


def coverage_table() -> None:
    print(
        "| interval | calls an arm | mean | minimum | minimum with a rate outside .1 to .9 |\n|---|---:|---:|---:|---:|"
    )
    every = np.r_[INSIDE, EXTREME]
    for method in intervals.DIFFERENCE_METHODS:
        for n in (10, 20, 50, 200):
            found = coverage(method, n, every)
            inside = found[: len(INSIDE), : len(INSIDE)]
            outside = found.copy()
            outside[: len(INSIDE), : len(INSIDE)] = 1
            print(f"| {method} | {n} | {inside.mean():.4f} | {inside.min():.4f} | {outside.min():.4f} |")


def draw(rng: np.random.Generator, numbers: int, rate: float, correlation: float, sizes: np.ndarray) -> Arm:
    """Draw numbers whose chance to answer varies by a beta distribution with this intraclass correlation."""
    shape = 1 / correlation - 1 if correlation else 0.0
    chance = rng.beta(rate * shape, (1 - rate) * shape, numbers) if correlation else np.full(numbers, rate)
    calls = rng.choice(sizes, numbers)
    return Arm(calls.astype(float), rng.binomial(calls, chance).astype(float))


def false_findings(numbers: tuple[int, int], rate: float, correlation: float, sizes: np.ndarray, seed: int) -> float:
    rng = np.random.default_rng(seed)
    arms = ((draw(rng, n, rate, correlation, sizes) for n in numbers) for _ in range(RUNS))
    return float(np.mean([number_means_difference(*pair).p <= 0.05 for pair in arms]))


def clusters_table(title: str, sizes: np.ndarray, every: tuple[tuple[int, int], ...]) -> None:
    print(f"\n{title}\n\n| numbers an arm | ICC | {' | '.join(map(str, RATES))} |\n|---:|---:|{'---:|' * len(RATES)}")
    for numbers in every:
        for correlation in CORRELATIONS:
            found = [
                false_findings(numbers, rate, correlation, sizes, 1000 * place + numbers[0])
                for place, rate in enumerate(RATES)
            ]
            shown = str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]} and {numbers[1]}"
            print(f"| {shown} | {correlation} | {' | '.join(f'{each:.3f}' for each in found)} |", flush=True)


def within_table() -> None:
    """Voice drawn for each call: the test within numbers."""
    print(f"\nWithin numbers\n\n| numbers | ICC | {' | '.join(map(str, RATES))} |\n|---:|---:|{'---:|' * len(RATES)}")
    for numbers in (5, 10, 20, 50, 200):
        for correlation in (0.0, 0.3, 0.6):
            found = []
            for place, rate in enumerate(RATES):
                rng, shape = np.random.default_rng(place), 1 / correlation - 1 if correlation else 0.0
                drawn = (RUNS, numbers)
                chance = rng.beta(rate * shape, (1 - rate) * shape, drawn) if correlation else np.full(drawn, rate)
                b = rng.binomial(5, 0.5, drawn)
                x1, x0 = rng.binomial(b, chance), rng.binomial(5 - b, chance)
                tables = np.stack([np.stack([x1, b - x1], -1), np.stack([x0, 5 - b - x0], -1)], -2)
                found.append(float(np.mean([cmh(each)[1] <= 0.05 for each in tables])))
            print(f"| {numbers} | {correlation} | {' | '.join(f'{each:.3f}' for each in found)} |", flush=True)


def main() -> int:
    coverage_table()
    five = np.array([5])
    equal = tuple((n, n) for n in (5, 10, 20, 50, 200))
    clusters_table("Five calls a number", five, equal)
    clusters_table("Five calls a number, unequal arms", five, ((5, 20), (5, 200), (20, 100), (100, 400)))
    clusters_table("One to eight calls a number", np.arange(1, 9), ((5, 5), (20, 20), (200, 200)))
    within_table()
    return 0


if __name__ == "__main__":
    sys.exit(main())

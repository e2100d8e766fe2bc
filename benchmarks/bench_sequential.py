"""Looking early at full size: type I error by simulation, and the power of each way of looking beside the fixed test.

Writes docs/statistics_power.md. `python benchmarks/bench_sequential.py --quick` simulates a tenth and writes nothing.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from imilab.comparison.planning import Design, power
from imilab.comparison.sequential.boundaries import group_sequential_bounds
from imilab.comparison.sequential.crossing import crossing_chance, discordance
from imilab.comparison.sequential.look_statistics import look_statistic
from imilab.comparison.sequential.paired import log_e_value, tuned_mixture
from imilab.intervals.score import score_z

QUICK = "--quick" in sys.argv
TRIALS = 4_000 if QUICK else 40_000
PAGE = Path(__file__).parents[1] / "docs" / "statistics_power.md"
RATES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
PAIRS = 5000
QUESTIONS = ((0.05, 0.03), (0.2, 0.05), (0.55, 0.05), (0.8, 0.05), (0.9, 0.04))
SPENDING = ("obrien_fleming", "pocock")


def false_stops_of_looks(design: Design, rate: float, rng: np.random.Generator) -> float:
    sizes = np.diff([look.n // 2 for look in design.looks], prepend=0)
    x1, x0 = (rng.binomial(sizes, rate, (TRIALS, len(sizes))).cumsum(axis=1) for _ in range(2))
    z = score_z(x1, sizes.cumsum(), x0, sizes.cumsum())
    return float(np.any(np.abs(z) >= [look.z for look in design.looks], axis=1).mean())


def false_stops_of_pairs(rate: float, mixture: float, rng: np.random.Generator) -> float:
    crossed, batch = 0, 500
    for _ in range(TRIALS // batch):
        score = (rng.random((batch, PAIRS), np.float32) < rate).astype(np.int8)
        score -= rng.random((batch, PAIRS), np.float32) < rate
        wins, losses = (np.cumsum(score == sign, axis=1, dtype=np.int32) for sign in (1, -1))
        pairs, away = wins + losses, np.abs(wins - losses)
        most = int(pairs.max())
        counts = np.arange(most + 1)
        needed = np.full(most + 1, most + 2)  # the smallest distance of wins and losses that stops
        for total in counts:
            distance = np.arange(total % 2, total + 1, 2)
            stops = log_e_value((total + distance) / 2, (total - distance) / 2, mixture) >= math.log(20)
            needed[total] = distance[stops][0] if stops.any() else most + 2
        crossed += int(np.any(away >= needed[pairs], axis=1).sum())
    return crossed / TRIALS


def false_stops_of_repeated_numbers(
    rate: float, numbers: int, icc: float, spending: str, rng: np.random.Generator
) -> float:
    """Five calls to each number, in rounds; three looks; the voice fixed per number."""
    trials, calls = TRIALS // 10, 5
    bounds = group_sequential_bounds(spending, [1 / 3, 2 / 3, 1.0]).z
    order = np.tile(np.arange(2 * numbers), calls)
    arm = order % 2 == 1
    ends = [len(order) // 3, 2 * len(order) // 3, len(order)]
    stopped = 0
    for _ in range(trials):
        if icc:
            own = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, 2 * numbers)
        else:
            own = np.full(2 * numbers, rate)
        success = rng.random(len(order)) < own[order]
        looks = (look_statistic(arm[:end], success[:end], order[:end], None).z for end in ends)
        stopped += any(abs(z) >= bound for z, bound in zip(looks, bounds, strict=True))
    return stopped / trials


def level_rows() -> Iterator[str]:
    rng, mixture = np.random.default_rng(20261123), tuned_mixture(PAIRS / 2)
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIALS)
    for rate in RATES:
        mde = 0.04 if rate < 0.9 else -0.04
        late, even = (power(baseline=rate, mde=mde, looks=5, spending=name) for name in SPENDING)
        found = [false_stops_of_looks(late, rate, rng), false_stops_of_looks(even, rate, rng)]
        found.append(false_stops_of_pairs(rate, mixture, rng))
        exact = sum(crossing_chance(rate, rate, PAIRS, mixture, 20.0))
        assert max(found) <= limit, (rate, found, limit)
        yield f"| {rate:.2f} | {found[0]:.4f} | {found[1]:.4f} | {found[2]:.4f} | {exact:.4f} |"


def power_rows() -> Iterator[str]:
    for baseline, mde in (*QUESTIONS, (0.55, 0.02), (0.55, 0.10)):
        once = power(baseline=baseline, mde=mde)
        same = [power(baseline=baseline, mde=mde, n=once.n, looks=5, spending=name) for name in SPENDING]
        always = power(baseline=baseline, mde=mde, n=once.n, looks="any")
        cells = [f"{baseline * 100:.0f} %", f"{mde * 100:+.0f}", f"{once.n:,}", "80.0 %"]
        cells += [f"{plan.power:.1%}".replace("%", " %") for plan in (*same, always)]
        yield f"| {' | '.join(cells)} |"


def size_rows() -> Iterator[str]:
    for baseline, mde in QUESTIONS:
        once = power(baseline=baseline, mde=mde)
        plans = [power(baseline=baseline, mde=mde, looks=5, spending=name) for name in SPENDING]
        always = power(baseline=baseline, mde=mde, looks="any")
        cells = [f"{baseline * 100:.0f} %", f"{mde * 100:+.0f}", f"{once.n:,}"]
        cells += [f"{plan.n:,} ({plan.expected_n:,.0f})" for plan in plans]
        cells.append(f"{always.n:,} ({expected_calls(baseline, mde, always.n_per_arm[0]):,.0f})")
        yield f"| {' | '.join(cells)} |"


def expected_calls(baseline: float, mde: float, pairs: int) -> float:
    """Calls at which the e-value stops on average, within the plan, if the difference is as planned."""
    mixture = tuned_mixture(pairs * discordance(baseline + mde, baseline).share)
    grid = np.linspace(0, pairs, 41).astype(int)
    going = [1 - sum(crossing_chance(baseline + mde, baseline, int(at), mixture, 20.0)) if at else 1.0 for at in grid]
    return 2 * float(np.trapezoid(going, grid))


def repeated_rows() -> Iterator[str]:
    rng = np.random.default_rng(7)
    for rate in (0.1, 0.3, 0.5, 0.7, 0.9):
        for numbers in (5, 10, 20, 200):
            found = [
                false_stops_of_repeated_numbers(rate, numbers, icc, "obrien_fleming", rng)
                for icc in (0.0, 0.1, 0.3, 0.6)
            ]
            yield f"| {rate:.1f} | {numbers} | {' | '.join(f'{each:.3f}' for each in found)} |"


def page() -> str:
    limit = 0.05 + 3 * math.sqrt(0.05 * 0.95 / TRIALS)
    return "\n".join(
        [
            "# Looking early: level and power",
            "",
            "Written by `benchmarks/bench_sequential.py`; level 0.05, two-sided, two arms of equal size.",
            "",
            "## Power beside the fixed test",
            "",
            "Each with the calls that give the fixed test 80 %. Bounds: recursive integration. e-value: exact, looked",
            "at after every pair, mixture tuned to the plan.",
            "",
            "| baseline | points | calls | fixed test | 5 looks, O'Brien-Fleming | 5 looks, Pocock | e-value, always |",
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *power_rows(),
            "",
            "## Calls for 80 % power",
            "",
            "In brackets the calls at which a trial stops on average if the difference is as planned.",
            "",
            "| baseline | points | fixed test | 5 looks, O'Brien-Fleming | 5 looks, Pocock | e-value, always |",
            "| ---: | ---: | ---: | ---: | ---: | ---: |",
            *size_rows(),
            "",
            "## Type I error",
            "",
            f"{TRIALS:,} trials a cell without any difference; 0.05 plus three standard errors is {limit:.4f}.",
            f"Looks: plans for 4 points at 80 % power. e-value: after every pair to {PAIRS:,} pairs.",
            "",
            "| rate | 5 looks, O'Brien-Fleming | 5 looks, Pocock | e-value | e-value, exact |",
            "| ---: | ---: | ---: | ---: | ---: |",
            *level_rows(),
            "",
            "## Type I error with repeated numbers",
            "",
            f"{TRIALS // 10:,} trials a cell: 5 calls to each number, in rounds, the voice fixed per number; three",
            "looks with O'Brien-Fleming bounds, each with the t between numbers that `compare` takes.",
            "",
            "| rate | numbers an arm | ICC 0 | ICC 0.1 | ICC 0.3 | ICC 0.6 |",
            "| ---: | ---: | ---: | ---: | ---: | ---: |",
            *repeated_rows(),
            "",
        ]
    )


if __name__ == "__main__":
    began = time.perf_counter()
    text = page()
    print(text)
    if not QUICK:
        PAGE.write_text(text, encoding="utf-8")
    print(f"{time.perf_counter() - began:.0f} s")

"""Watching after every pair: the standing of every arm by the paired e-value, and the decision in words."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imilab import tables
from imilab.comparison.sequential.crossing import discordance
from imilab.comparison.sequential.paired import always_valid_interval, log_e_value, log_e_value_of, tuned_mixture
from imilab.comparison.sequential.pairs import Pairs, form_pairs
from imilab.comparison.sequential.standing import Standing, Watched

__all__ = ["PATH", "watch_pairs"]

Floats = NDArray[np.float64]
PATH = ("arm", "pair", "wins", "losses", "e_value")
"""Columns of the path."""
_MUCH = 0.05
_CHUNK = 4096


def watch_pairs(watched: Watched) -> tuple[list[Standing], pd.DataFrame, list[str], tuple[str, ...]]:
    """Read the pairs that may be read, and say for every arm where it stands.

    Returns
    -------
    standings, path, sentences, notes
    """
    standings, sentences, paths = [], [], []
    for arm in watched.others:
        pairs = form_pairs(watched.found, arm)
        logs = _log_e_values(pairs, _mixture(watched, arm), watched.design.margin)
        standings.append(_standing(watched, arm, pairs, logs))
        sentences.append(_sentence(watched, standings[-1], pairs))
        with np.errstate(over="ignore"):
            columns = {"wins": pairs.wins, "losses": pairs.losses, "e_value": np.exp(logs)}
        path = pd.DataFrame({"pair": np.arange(1, len(logs) + 1), **columns})
        path.insert(0, "arm", watched.found.arms[arm])
        paths.append(path)
    mixtures = sorted({f"{_mixture(watched, arm):.1f}" for arm in watched.others})
    notes = (
        (
            f"e-value: exact, of pairs that ended differently, beta mixture ({', '.join(mixtures)}) tuned to the "
            "planned size (Robbins 1970; Howard et al. 2021); it may be looked at after every pair. Interval: of the "
            "same bets (Waudby-Smith and Ramdas 2024), valid at all looks at once. p: the smallest 1 / e so far. Pairs "
            "are formed in each block of the assignment and read in its order."
        ),
    )
    return standings, pd.concat(paths, ignore_index=True), sentences, notes


def _mixture(watched: Watched, arm: int) -> float:
    """Tune the mixture to the discordant pairs that the plan expects; nothing of the calls enters."""
    design = watched.design
    pairs = min(design.n_per_arm[arm], design.n_per_arm[0])
    rate = min(max(design.baseline + design.mde, 0.0), 1.0)
    return tuned_mixture(pairs * discordance(rate, design.baseline).share, design.alpha_each)


def _log_e_values(pairs: Pairs, mixture: float, margin: float | None) -> Floats:
    """Return the e-value after each pair: against equal rates, or against a margin on the good side of it."""
    wins, losses = pairs.wins, pairs.losses
    if margin is None:
        return log_e_value(wins, losses, mixture)
    read = np.arange(1, len(wins) + 1)
    parts = [
        log_e_value_of(margin, wins[part], losses[part], read[part] - wins[part] - losses[part], mixture)
        for part in (slice(start, start + _CHUNK) for start in range(0, len(wins), _CHUNK))
    ]
    logs = np.concatenate(parts) if parts else np.zeros(0)
    good = ((wins - losses) / read - margin) * np.sign(margin) < 0
    return np.where(good, logs, np.minimum(logs, 0.0))


def _standing(watched: Watched, arm: int, pairs: Pairs, logs: Floats) -> Standing:
    read, bound = len(logs), 1 / (1 - watched.confidence)
    best = int(np.argmax(logs)) if read else 0
    most = float(logs[best]) if read else 0.0
    interval = _interval(watched, arm, pairs, best)
    stop = most >= math.log(bound)
    estimate = (int(pairs.wins[-1]) - int(pairs.losses[-1])) / read if read else math.nan
    return Standing(
        arm=arm,
        method="paired e-value",
        decision="stop" if stop else "go on",
        look=read,
        looks=None,
        statistic=_exp(float(logs[-1])) if read else 1.0,
        most=_exp(max(most, 0.0)),
        bound=bound,
        estimate=estimate,
        interval=interval,
        p=min(1.0, math.exp(-max(most, 0.0))),
        n=2 * read,
        set_aside=pairs.set_aside,
        warnings=_warnings(watched, arm, pairs),
    )


def _interval(watched: Watched, arm: int, pairs: Pairs, best: int) -> tuple[float, float]:
    """Return what neither the current interval nor that of the largest e-value rules out; both hold at once."""
    if not len(pairs.arm):
        return -1.0, 1.0
    at = np.array([best, len(pairs.arm) - 1])
    wins, losses = pairs.wins[at], pairs.losses[at]
    low, high = always_valid_interval(wins, losses, at + 1 - wins - losses, _mixture(watched, arm), watched.confidence)
    if low.max() < high.min():
        return float(low.max()), float(high.min())
    return float(low[-1]), float(high[-1])


def _sentence(watched: Watched, standing: Standing, pairs: Pairs) -> str:
    design, name = watched.design, watched.name(standing.arm)
    planned = min(design.n_per_arm[standing.arm], design.n_per_arm[0])
    state = f"after {standing.look:,} pairs ({planned:,} planned)"
    if standing.decision == "stop":
        why = f"the e-value reached {_shown(standing.most)}, and {_shown(standing.bound)} is enough"
        return f"Stop: {state} {why}: {watched.told(standing.arm, standing.estimate, standing.interval)}."
    waiting = f" {pairs.held_back:,} decided pairs wait behind one that is not." if pairs.held_back else ""
    if not standing.look:
        return f"Go on: no pair of {name} and {watched.name(0)} is decided yet.{waiting}"
    lacking = "no difference can be told yet" if design.margin is None else "the margin is not ruled out yet"
    reach = (
        f"{state} the e-value of {name} is {_shown(standing.statistic)} (largest {_shown(standing.most)}), and "
        f"{_shown(standing.bound)} is needed: {lacking}; the {tables.level(watched.confidence)} interval of the "
        f"difference reaches from {tables.points_range(*standing.interval)}."
    )
    over = (
        " The planned size is reached; going on is allowed, and so is leaving it at this."
        if standing.look >= planned
        else ""
    )
    return f"Go on: {reach}{over}{waiting}"


def _warnings(watched: Watched, arm: int, pairs: Pairs) -> tuple[str, ...]:
    said = []
    chosen = (watched.found.arm == 0) | (watched.found.arm == arm)
    repeated = int((watched.found.repeated & chosen).sum())
    if repeated:
        said.append(
            f"{repeated:,} of {int(chosen.sum()):,} calls went to a number that was called before; their pairs are set "
            "aside, as they would not be independent. A design with looks and icc uses them."
        )
    if pairs.unpaired > _MUCH * chosen.sum():
        said.append(
            f"{pairs.unpaired:,} calls have no partner in their block and are not read: pairs need arms of equal size "
            "in every block, as a blocked design has them. Planned looks use every call."
        )
    return tuple(said)


def _exp(log: float) -> float:
    return math.exp(log) if log < 700 else math.inf


def _shown(e_value: float) -> str:
    return f"{e_value:,.1f}" if e_value < 1e6 else "more than a million"

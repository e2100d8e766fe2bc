"""Watching at planned looks: the standing of every arm, and the decision in words."""

from __future__ import annotations

import math

import pandas as pd

from imilab.comparison.sequential.allocation import DECIDED, SET_ASIDE
from imilab.comparison.sequential.look_statistics import FEWEST_NUMBERS
from imilab.comparison.sequential.planned import TakenLook, looks_due, sequential_p, take_looks
from imilab.comparison.sequential.standing import Standing, Watched

__all__ = ["PATH", "watch_looks"]

PATH = ("arm", "look", "n", "information", "statistic", "bound", "estimate", "low", "high", "crossed")
"""Columns of the path."""


def watch_looks(watched: Watched, *, final: bool) -> tuple[list[Standing], pd.DataFrame, list[str], tuple[str, ...]]:
    """Take the looks that are due, and say for every arm where it stands.

    Returns
    -------
    standings, path, sentences, notes
    """
    found, design = watched.found, watched.design
    due = looks_due(found, design, final=final)
    standings, sentences, path = [], [], []
    for arm in watched.others:
        looks = take_looks(found, arm, design, due)
        standing = _standing(watched, arm, looks)
        standings.append(standing)
        sentences.append(_sentence(watched, standing, looks))
        path += [
            (found.arms[arm], look.look, look.n, look.information, look.statistic.z, look.bound,
             look.statistic.estimate, *look.statistic.interval(look.bound), look.crossed)
            for look in looks
        ]  # fmt: skip
    notes = (
        (
            f"Planned looks: {', '.join(f'{look.n:,}' for look in design.looks)} resolved calls. Bounds: Lan and "
            "DeMets (1983), at the information that was really there. Interval: repeated confidence interval, "
            "Jennison and Turnbull (1989); p: repeated p value."
        ),
    )
    return standings, pd.DataFrame(path, columns=list(PATH)), sentences, notes


def _deciding(looks: list[TakenLook]) -> TakenLook:
    """Return the first look that stopped, else the last one."""
    return next((look for look in looks if look.crossed), looks[-1])


def _standing(watched: Watched, arm: int, looks: list[TakenLook]) -> Standing:
    found, design = watched.found, watched.design
    planned = len(design.looks)
    method = f"planned looks, {design.spending}"
    chosen = (found.arm == 0) | (found.arm == arm)
    aside = int((chosen & (found.state == SET_ASIDE)).sum())
    if not looks:
        return Standing(
            arm, method, "go on", 0, planned, math.nan, math.nan, math.inf, math.nan, (-1.0, 1.0), 1.0, 0, aside, ()
        )
    look = _deciding(looks)
    stop = look.crossed or look.look == planned
    until = looks[: looks.index(look) + 1]
    unclear = (
        f"Behind {watched.name(arm)} or {watched.name(0)} stand fewer than {FEWEST_NUMBERS} numbers, called several "
        "times, or numbers that do not differ: this cannot be judged."
    )
    return Standing(
        arm=arm,
        method=method,
        decision="stop" if stop else "go on",
        look=look.look,
        looks=planned,
        statistic=look.statistic.z,
        most=math.nan,
        bound=look.bound,
        estimate=look.statistic.estimate,
        interval=look.statistic.interval(look.bound),
        p=sequential_p(until, design),
        n=look.statistic.counts[1] + look.statistic.counts[3],
        set_aside=aside,
        warnings=(unclear,) if math.isnan(look.statistic.z) else (),
    )


def _sentence(watched: Watched, standing: Standing, looks: list[TakenLook]) -> str:
    found, design = watched.found, watched.design
    settled = int((found.state[: found.settled] == DECIDED).sum())
    if not looks:
        return (
            f"Go on: the first look comes after {design.looks[0].n:,} resolved calls, and {settled:,} are in. What is "
            "seen before is no reason to stop."
        )
    look = _deciding(looks)
    place = f"at look {look.look} of {len(design.looks)} ({look.n:,} resolved calls)"
    z = f"z = {_signed(look.statistic.z)}"
    if look.crossed:
        return f"Stop: {place} {z} passed the bound of {look.bound:.2f}: {_told(watched, standing)}."
    if look.look == len(design.looks):
        return (
            f"Stop: the plan is complete, and no difference can be told between {watched.name(standing.arm)} and "
            f"{watched.name(0)} ({place} {z}, bound {look.bound:.2f})."
            if design.margin is None
            else f"Stop: the plan is complete, and the margin is not ruled out for {watched.name(standing.arm)} "
            f"({place} {z}, bound {look.bound:.2f})."
        )
    following = design.looks[look.look].n
    bound = f"within the bound of {look.bound:.2f}" if math.isfinite(look.bound) else "and no value could stop yet"
    return (
        f"Go on: {place} {watched.name(standing.arm)} shows {z}, {bound}. The next look comes after {following:,} "
        f"resolved calls, {max(following - settled, 0):,} more; what is seen before is no reason to stop."
    )


def _told(watched: Watched, standing: Standing) -> str:
    return watched.told(standing.arm, standing.estimate, standing.interval)


def _signed(z: float) -> str:
    return "not known" if math.isnan(z) else f"{z:.2f}".replace("-", "−")

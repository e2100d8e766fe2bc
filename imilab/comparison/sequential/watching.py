"""Watch a comparison while calls come in: planned looks with their bounds, or the paired e-value after every pair."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from imilab import tables
from imilab.comparison import cautions
from imilab.comparison.sequential.allocation import AWAITED, DECIDED, Allocation, read_allocation
from imilab.comparison.sequential.always import PATH as PAIRS
from imilab.comparison.sequential.always import watch_pairs
from imilab.comparison.sequential.planned import WatchedDesign
from imilab.comparison.sequential.result import Monitoring
from imilab.comparison.sequential.sample_ratio import sample_ratio_e_values
from imilab.comparison.sequential.standing import Standing, Watched
from imilab.comparison.sequential.timetable import PATH as LOOKS
from imilab.comparison.sequential.timetable import watch_looks
from imilab.comparison.tally import read_tally
from imilab.counting import read_frame
from imilab.errors import InvalidInputError
from imilab.metrics import Metric, metric

__all__ = ["monitor"]

_SPLIT_ALPHA = 0.001
_COLUMNS = (
    *("metric", "arm", "baseline", "method", "decision", "look", "looks", "statistic", "most", "bound"),
    *("estimate", "low", "high", "p", "p_adjusted", "n", "numbers", "pending", "set_aside", "warnings"),
)


def monitor(
    calls: IntoFrame,
    design: WatchedDesign,
    *,
    arm: str = "arm",
    baseline: object = None,
    outcome: str = "answered",
    early_hangup_seconds: float = 5.0,
    give_up_minutes: float = 30.0,
    as_of: datetime | None = None,
    final: bool = False,
) -> Monitoring:
    """Say where a comparison stands and whether it may stop; it may be asked as often as one likes.

    A design with several looks is judged at those looks alone, by bounds that spend its level after Lan and DeMets
    (1983) at the information that was really there; the interval is the repeated confidence interval of Jennison and
    Turnbull (1989). Any other design is judged after every pair of calls by the exact paired e-value, with a beta
    mixture (Robbins 1970) tuned to the planned size (Howard et al. 2021), and its always-valid interval (Waudby-Smith
    and Ramdas 2024). The calls' order of allocation decides what a look holds and who is paired with whom;
    `imilab.comparison.sequential.pairs` gives the rule and why it keeps the level.

    Parameters
    ----------
    calls : DataFrame
        A calls table: pandas, or anything that narwhals reads. ``plan_id``, ``block`` and ``position`` give the order
        of allocation; without a position it is the order of requests.
    design : Design
        What `imilab.power` returned.
    arm : str
        The column that tells the arms apart. Calls without a value are left out.
    baseline : optional
        The arm that the others are set against; the first in sorted order if not given.
    outcome : str
        An outcome, ``completed`` or ``early_hangup``; per resolved call.
    early_hangup_seconds : float
        An answered person who hangs up within so many seconds hangs up early.
    give_up_minutes : float
        A call whose outcome is still not known so long after its request is set aside.
    as_of : datetime, optional
        Now, with zone; the newest time in the table if not given.
    final : bool
        No more calls will come: take the last planned look with those that are there.

    Returns
    -------
    Monitoring
        Where fewer than two arms have a call as yet, it has no rows, and says to go on.

    Raises
    ------
    InvalidInputError
        A column, arm or outcome that is not there; more arms than the design has; fewer than two and no more calls to
        come; no design.

    Examples
    --------
    >>> from imilab.comparison.planning import power
    >>> outcomes = ["busy", "answered", "busy", "answered", "answered", "answered"] * 40
    >>> calls = pd.DataFrame({"arm": ["a", "b"] * 120, "outcome": outcomes, "position": range(240)})
    >>> found = monitor(calls, power(baseline=0.4, mde=0.2), baseline="a")
    >>> found.decision
    'stop'
    """
    if not hasattr(design, "alpha_each"):
        raise InvalidInputError("design", f"{type(design).__name__} is no plan; give what imilab.power returned")
    if as_of is not None and as_of.tzinfo is None:
        raise InvalidInputError("as_of", "the time has no zone; give datetime(..., tzinfo=...)")
    one = metric(outcome)
    found = read_allocation(
        calls,
        arm,
        baseline,
        one,
        early_hangup_seconds=early_hangup_seconds,
        give_up_minutes=give_up_minutes,
        as_of_ms=None if as_of is None else round(as_of.timestamp() * 1000),
    )
    if len(found.arms) > len(design.n_per_arm):
        names = ", ".join(map(tables.name, found.arms))
        raise InvalidInputError("arm", f"the plan has {len(design.n_per_arm)} arms; in {arm!r} there are {names}")
    watched = Watched(found, design, one, arm)
    standings, path, sentences, notes = _watch(watched, final=final)
    voice = _voice_caution(calls, arm, one)
    warnings = (*voice, *_warnings(found, watched), *(text for each in standings for text in each.warnings))
    warnings = tuple(dict.fromkeys(warnings))
    rows = _rows(watched, standings, " ".join(warnings))
    confidence = watched.confidence
    return Monitoring(
        rows=rows,
        path=path,
        planned=_planned(design),
        margin=design.margin,
        decision="stop" if standings and all(each.decision == "stop" for each in standings) else "go on",
        verdict=" ".join(sentences),
        outcome=outcome,
        arm=arm,
        baseline=found.arms[0] if standings else baseline,
        confidence=confidence,
        warnings=warnings,
        footnotes=(*notes, *_footnotes(found, watched, given=baseline is not None)),
    )


def _watch(watched: Watched, *, final: bool) -> tuple[list[Standing], pd.DataFrame, list[str], tuple[str, ...]]:
    """Return standings, path, sentences and notes, by looks or by pairs; of fewer than two arms there is none yet."""
    found, planned = watched.found, len(watched.design.looks) > 1
    if len(found.arms) > 1:
        return watch_looks(watched, final=final) if planned else watch_pairs(watched)
    there = f"only {tables.name(found.arms[0])} has calls" if found.arms else "no arm has a call"
    if final:
        raise InvalidInputError("arm", f"a comparison needs two arms or more; in {watched.column!r} {there}")
    resolved = int((found.state == DECIDED).sum())
    sentence = (
        f"Go on: there is nothing to compare yet. The plan has {len(watched.design.n_per_arm)} arms, and in "
        f"{watched.column!r} {there} ({resolved:,} of {watched.design.n:,} resolved calls are in)."
    )
    return [], pd.DataFrame(columns=list(LOOKS if planned else PAIRS)), [sentence], ()


def _planned(design: WatchedDesign) -> pd.DataFrame:
    looks = design.looks if len(design.looks) > 1 else ()
    rows = [(number, look.n, look.z) for number, look in enumerate(looks, 1)]
    return pd.DataFrame(rows, columns=["look", "n", "bound"])


def _rows(watched: Watched, standings: list[Standing], warnings: str) -> pd.DataFrame:
    found, several = watched.found, len(standings)
    rows = [
        {
            "metric": watched.metric.name,
            "arm": found.arms[each.arm],
            "baseline": found.arms[0],
            "method": each.method,
            "decision": each.decision,
            "look": each.look,
            "looks": each.looks,
            "statistic": each.statistic,
            "most": each.most,
            "bound": each.bound,
            "estimate": each.estimate,
            "low": each.interval[0],
            "high": each.interval[1],
            "p": each.p,
            "p_adjusted": min(each.p * max(several, 1), 1.0),
            "n": each.n,
            "numbers": _numbers(found, each.arm),
            "pending": int(((found.state == AWAITED) & ((found.arm == 0) | (found.arm == each.arm))).sum()),
            "set_aside": each.set_aside,
            "warnings": warnings,
        }
        for each in standings
    ]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    return frame.astype({"looks": "Int64", "numbers": "Int64"})


def _numbers(found: Allocation, arm: int) -> int | None:
    chosen = found.number[((found.arm == 0) | (found.arm == arm)) & (found.state == DECIDED)]
    return None if np.any(chosen < 0) or not len(chosen) else len(np.unique(chosen))


def _voice_caution(calls: IntoFrame, arm: str, one: Metric) -> tuple[str, ...]:
    tally = read_tally(read_frame(calls), arm, one, early_hangup_seconds=0.0)
    text = cautions.voice_cannot_move(one, arm, tally)
    return (text,) if text else ()


def _warnings(found: Allocation, watched: Watched) -> tuple[str, ...]:
    said = []
    if not found.positioned:
        said.append(
            "Not every call has a position in a plan: these are taken in the order of their requests, which is valid "
            "only if each call's arm was drawn at random."
        )
    if found.without_arm:
        said.append(f"Calls without {watched.column}, left out: {found.without_arm:,}.")
    share = found.given_up / max(len(found.state), 1)
    if share > 0.05:
        said.append(
            f"For {tables.percent(share)} of the calls the outcome did not come in time; they are set aside, which is "
            "fair only if this strikes all arms alike."
        )
    most, split = _split(found, watched.design)
    if most >= 1 / _SPLIT_ALPHA:
        said.append(
            f"The resolved calls do not split between the arms as planned ({split}; e-value {most:,.0f}, alarm at "
            f"{1 / _SPLIT_ALPHA:,.0f}): something loses calls of one arm. Find it before believing any difference."
        )
    return tuple(said)


def _split(found: Allocation, design: WatchedDesign) -> tuple[float, str]:
    """Return the largest e-value against the planned split so far, and the split."""
    arms = found.arm[: found.settled][found.state[: found.settled] == DECIDED]
    if not len(arms) or len(found.arms) < 2:
        return 0.0, ""
    each_call = np.eye(len(found.arms))[arms]
    _, p = sample_ratio_e_values(each_call, design.n_per_arm[: len(found.arms)])
    counts = each_call.sum(axis=0).astype(int)
    split = ", ".join(f"{tables.name(name)} {count:,}" for name, count in zip(found.arms, counts, strict=True))
    return float(1 / max(p[-1], 1e-300)), split


def _footnotes(found: Allocation, watched: Watched, *, given: bool) -> tuple[str, ...]:
    chosen = "as asked" if given else "the first arm in sorted order, as none was given"
    baseline = f" Baseline: {tables.name(found.arms[0])} ({chosen})." if len(found.arms) > 1 else ""
    return (
        f"Difference: of the chance that a resolved call {watched.metric.phrase}, arm less baseline.{baseline}",
        (
            "Pending calls hold the looks and pairs behind them back, in the order of allocation; calls given up "
            f"({found.given_up:,}) and not placed are set aside. Voicemail counts as answered for the platform."
        ),
    )

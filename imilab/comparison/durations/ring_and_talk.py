"""`durations`: how long calls ring until what ends them, compared between arms; how long answered ones talk."""

from __future__ import annotations

import math

import numpy as np
from narwhals.typing import IntoFrame

from imilab.comparison.durations.reading import RingTimes, find_arms, read_durations, ring_times
from imilab.comparison.durations.result import Durations
from imilab.comparison.durations.ring_analysis import RingAnalysis
from imilab.comparison.durations.ring_words import comparisons, complete, footnotes, verdict, warnings_of
from imilab.comparison.durations.talking import talk_times
from imilab.errors import InvalidInputError
from imilab.intervals import check_confidence

__all__ = ["durations"]

_TIMED_OUT = 0.95
_CLUSTERS = ("auto", "ignore")


def durations(
    calls: IntoFrame,
    arm: str = "arm",
    baseline: object = None,
    *,
    horizon_seconds: float | None = None,
    confidence: float = 0.95,
    clusters: str = "auto",
) -> Durations:
    """Compare how long calls ring until they are answered, and describe how long they talk.

    Ringing ends in competing ways: answered, busy, rejected, no answer, dropped and so on. So the chance of an answer
    within t seconds is a cumulative incidence (Aalen-Johansen), arms are compared by Gray's test, and the mean wait for
    an answer is restricted to the horizon, where a call that fails counts with the whole horizon. A call that still
    rings at the last moment of the data is censored there; lost calls, and those pending for longer than any call
    rings, say nothing and are set aside, visibly. Where numbers were called repeatedly, all errors and tests of ring
    times are taken between numbers.

    Parameters
    ----------
    calls : DataFrame
        A calls table: pandas, or anything that narwhals reads.
    arm : str
        The column that tells the arms apart.
    baseline : optional
        The arm that the others are set against; the first in sorted order if not given.
    horizon_seconds : float, optional
        Up to where incidences and means are taken. By default the ring timeout as the data show it: the time within
        which 95 % of the unanswered calls stopped ringing, else the longest ring; never beyond what is known of every
        arm.
    confidence : float
        Coverage of the intervals, between 0 and 1.
    clusters : str
        ``auto`` (default) takes the errors of ring times between numbers where numbers repeat, by a jackknife over
        groups of numbers; ``ignore`` takes all calls as independent.

    Returns
    -------
    Durations
        Where numbers repeat and an arm has fewer than 5, it has no interval and no p, and the warnings say so.

    Raises
    ------
    InvalidInputError
        A column or arm that is not there, no call that rang, or a horizon that is not above 0.

    Examples
    --------
    >>> import pandas as pd
    >>> calls = pd.DataFrame(
    ...     {"arm": ["a", "b"] * 40, "outcome": ["answered", "no_answer", "busy", "answered"] * 20,
    ...      "ring_seconds": [4.0, 30.0, 2.0, 9.0] * 20}
    ... )
    >>> found = durations(calls)
    >>> found.horizon_seconds, found.restricted_means["estimate"].round(2).tolist()
    (30.0, [17.0, 19.5, 3.0, 19.5])
    """
    level = check_confidence(confidence)
    if clusters not in _CLUSTERS:
        raise InvalidInputError("clusters", f"{clusters!r} is none of {', '.join(_CLUSTERS)}")
    read = read_durations(calls, arm)
    arms = find_arms(read, arm, baseline)
    ring = ring_times(read, arms)
    horizon, chosen, cut = _horizon(ring, len(arms.values), horizon_seconds)
    analysis = RingAnalysis(ring, arms, horizon, level, clustered=clusters == "auto")
    incidences = analysis.incidences()
    differences, means, tests = analysis.differences(incidences), analysis.restricted_means(), analysis.tests()
    talk = talk_times(read, arms, level)
    warnings = tuple(text for text in (cut, *warnings_of(read, ring, arms, analysis.errors, arm)) if text)
    tidy = comparisons(differences, means, tests, talk, between_numbers=analysis.errors is not None)
    compared = complete(tidy, read, ring, arms, " ".join(warnings))
    return Durations(
        arms=ring.tally,
        curves=analysis.curves(),
        incidences=incidences,
        differences=differences,
        restricted_means=means,
        tests=tests,
        talk=talk,
        comparisons=compared,
        arm=arm,
        baseline=arms.values[0],
        horizon_seconds=horizon,
        confidence=level,
        warnings=warnings,
        footnotes=footnotes(arms, chosen, horizon, analysis.errors, given=baseline is not None),
        verdict=verdict(means, tests, arms, horizon, level),
    )


def _horizon(ring: RingTimes, arms: int, asked: float | None) -> tuple[float, str, str | None]:
    """Return the horizon, how it was chosen, and a warning where what was asked for lies beyond the data."""
    if not ring.seconds.max(initial=0.0) > 0:
        raise InvalidInputError("ring_seconds", "no call rang for a known time")
    limit = math.inf
    for number in range(arms):
        mine = ring.arm == number
        last = ring.seconds[mine].max(initial=0.0)
        if np.any(ring.cause[mine & (ring.seconds == last)] == 0):
            limit = min(limit, float(last))
    if limit == 0:
        raise InvalidInputError("ring_seconds", "of an arm nothing is known beyond its first moment")
    if asked is not None:
        if isinstance(asked, bool) or not asked > 0:
            raise InvalidInputError("horizon_seconds", f"{asked!r} is not above 0 seconds")
        cut = f"Nothing is known beyond {limit:g} s of every arm: the horizon is there, not at {asked:g} s."
        return (float(asked), "as asked", None) if asked <= limit else (limit, "the last known of every arm", cut)
    timed_out = "no_answer" in ring.causes and ring.cause == ring.causes.index("no_answer") + 1
    unanswered = ring.seconds[timed_out] if np.any(timed_out) else np.zeros(0)
    seen = float(np.quantile(unanswered, _TIMED_OUT, method="inverted_cdf")) if len(unanswered) else 0.0
    chosen = "the ring timeout as seen: 95 % of the unanswered calls stopped ringing within it"
    if not seen:
        seen, chosen = float(ring.seconds.max()), "the longest ring, as no call rang unanswered"
    return (seen, chosen, None) if seen <= limit else (limit, "the last known of every arm", None)

"""What a comparison of durations says: one tidy row a comparison, the sentence, the warnings, the footnotes."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from imilab import tables
from imilab.comparison.cautions import CONTENT_COLUMNS
from imilab.comparison.durations.number_errors import FEWEST_NUMBERS, REFERENCE, NumberErrors
from imilab.comparison.durations.reading import Arms, RingTimes
from imilab.comparison.durations.result import seconds
from imilab.comparison.durations.ring_analysis import REFERENCES, WAIT
from imilab.comparison.durations.talking import SELECTED

__all__ = ["comparisons", "complete", "footnotes", "verdict", "warnings_of"]

_COLUMNS = (
    *("metric", "arm", "baseline", "method", "estimate", "low", "high", "p", "p_adjusted"),
    *("n", "numbers", "pending", "warnings"),
)
_FEW = 5
"""With fewer calls of an arm that rang, normal intervals and p are rough."""
_UNKNOWN_SHARE = 0.02
_SHARE_GAP = 0.02


def comparisons(
    differences: pd.DataFrame, means: pd.DataFrame, tests: pd.DataFrame, talk: pd.DataFrame, *, between_numbers: bool
) -> pd.DataFrame:
    """Put every comparison with the baseline on a row: ``metric, arm, method, estimate, low, high, p, p_adjusted``."""
    ways = ("gray between numbers", "t between numbers") if between_numbers else ("gray", "z")
    answered = differences[differences["cause"] == "answered"].assign(metric="answered by the horizon")
    paired = tests[tests["arm"].notna()][["arm", "p", "p_adjusted"]] if len(tests) else None
    if paired is None:
        answered = answered.assign(p=float("nan"), p_adjusted=float("nan"))
    else:
        answered = answered.merge(paired, on="arm", how="left")
    new_names = {"difference": "estimate", "difference_low": "low", "difference_high": "high", "quantity": "metric"}
    seconds_of = means[means["arm"] != means["arm"].iloc[0]].drop(columns=["estimate", "low", "high"])
    restricted = seconds_of.rename(columns=new_names).assign(method=f"restricted mean, {ways[1]}")
    shift = talk.iloc[1:].assign(metric="talk seconds of answered calls", method="hodges-lehmann, a description")
    shift = shift.rename(columns={"shift": "estimate", "shift_low": "low", "shift_high": "high"})
    shift = shift.assign(p=float("nan"), p_adjusted=float("nan"))
    parts = [answered.assign(method=f"aalen-johansen with MOVER, {ways[0]}"), restricted, shift]
    kept = [name for name in _COLUMNS if name not in ("baseline", "n", "numbers", "pending", "warnings")]
    filled: list[pd.DataFrame] = [part[kept] for part in parts if len(part)]
    return pd.concat(filled or [pd.DataFrame(columns=kept)], ignore_index=True)


def complete(rows: pd.DataFrame, read: pd.DataFrame, ring: RingTimes, arms: Arms, warnings: str) -> pd.DataFrame:
    """Add to each comparison its baseline, calls, numbers, pending calls and warnings."""
    base = ring.tally.iloc[0]
    others = ring.tally.set_index("arm").loc[rows["arm"]]
    pending = others["still_ringing"] + others["end_unknown"] + base["still_ringing"] + base["end_unknown"]
    numbers = {value: _numbers(read, [arms.values[0], value]) for value in arms.values[1:]}
    full = rows.assign(
        baseline=arms.values[0],
        n=(others["rang"] + base["rang"]).to_numpy(),
        numbers=pd.array([numbers[value] for value in rows["arm"]], "Int64"),
        pending=pending.to_numpy(),
        warnings=warnings,
    )
    return full[list(_COLUMNS)]


def _numbers(read: pd.DataFrame, values: list[Any]) -> int | None:
    keys = read.loc[read["arm"].isin(values), "number_key"]
    return int(keys.nunique()) if keys.notna().any() else None


def verdict(means: pd.DataFrame, tests: pd.DataFrame, arms: Arms, horizon: float, confidence: float) -> str:
    """Say of each arm whether its wait for an answer differs from the baseline's."""
    wait = means[means["quantity"] == WAIT].to_dict("records")
    base, others = wait[0], wait[1:]
    if not others:
        return (
            f"Calls of {arms.names[0]} waited {seconds(base['estimate'])} for an answer on average, to {horizon:g} s."
        )
    sentences = [_sentence(one, arms.names[0], horizon, confidence, several=len(others) > 1) for one in others]
    whole = tests[(tests["method"] == "gray") & tests["arm"].isna()] if len(tests) else tests
    if len(whole):
        p = _p("p", whole["p"].iloc[0])
        sentences.append(f"Gray's test of the whole curves of answered calls, {len(arms.values)} arms: {p}.")
    return " ".join(sentences)


def _sentence(one: dict[Any, Any], baseline: str, horizon: float, confidence: float, *, several: bool) -> str:
    name, gap = tables.name(one["arm"]), one["difference"]
    low, high, p = one["difference_low"], one["difference_high"], one["p_adjusted"]
    if math.isnan(gap):
        return f"Nothing can be said of {name}: an arm has no call that rang for a known time."
    level, test = tables.level(confidence), _p("Holm-adjusted p" if several else "p", p)
    if (low > 0 or high < 0) and p <= 1 - confidence:
        more = "longer" if gap > 0 else "less"
        near, far = sorted((abs(low), abs(high)))
        return (
            f"Until a call of {name} is answered it takes {seconds(abs(gap))} {more} than with {baseline}, counted to "
            f"{horizon:g} s ({level} interval {seconds(near).removesuffix(' s')} to {seconds(far)} {more}, {test})."
        )
    return (
        f"No difference can be told in the wait for an answer, counted to {horizon:g} s: {name} less {baseline} is "
        f"{seconds(gap, signed=True)}, the {level} interval reaches from {seconds(low, signed=True)} to "
        f"{seconds(high, signed=True)} ({test})."
    )


def _p(label: str, value: float) -> str:
    text = tables.p_value(value)
    return f"{label} {text[0]} {text[1:]}" if text[0] in "<>" else f"{label} = {text}"


def warnings_of(read: pd.DataFrame, ring: RingTimes, arms: Arms, errors: NumberErrors | None, arm: str) -> list[str]:
    """Say what to know before the durations are believed."""
    found = []
    tally = ring.tally
    placed = tally["calls"].clip(lower=1)
    for column, what in (
        ("untimed", "ended in a known way at an unknown time"),
        ("end_unknown", "have no final receipt though they cannot ring any more"),
    ):
        shares = tally[column] / placed
        if shares.max() >= _UNKNOWN_SHARE or shares.max() - shares.min() >= _SHARE_GAP:
            found.append(
                f"{int(tally[column].sum()):,} calls {what} and are not analysed: {tables.percent(shares.min())} to "
                f"{tables.percent(shares.max())} of an arm's placed calls."
            )
    few_calls = tally.loc[tally["rang"] < _FEW, "arm"]
    if errors is None and len(few_calls):
        found.append(
            f"There are few calls (of {', '.join(map(tables.name, few_calls))} fewer than {_FEW} rang for a known "
            "time): intervals and p are rough."
        )
    keyed = read["number_key"].dropna()
    repeated = len(keyed) - keyed.nunique()
    if arm in CONTENT_COLUMNS and len(ring.tally) > 1 and not repeated and len(keyed) == len(read):
        found.append(
            "A voice or a text is heard only after the call is answered, and no number was called before: it cannot "
            "have moved how long calls ring. A difference here comes from chance, the hour, the numbers or the caller "
            "ids."
        )
    if repeated and errors is None:
        found.append(
            f"{repeated:,} of {len(read):,} calls went to a number that was called before; as asked, intervals and "
            "tests take all calls as independent, so intervals may be too narrow and p too small."
        )
    few = [] if errors is None else [name for name, told in zip(arms.names, errors.enough, strict=True) if not told]
    if few:
        found.append(
            f"Numbers were called repeatedly, and {', '.join(few)} has fewer than {FEWEST_NUMBERS} of them: no "
            "interval of it and no p can be given."
        )
    return found


def footnotes(arms: Arms, chosen: str, horizon: float, errors: NumberErrors | None, *, given: bool) -> tuple[str, ...]:
    """Name the definitions and methods."""
    first = "as asked" if given else "the first arm in sorted order, as none was given"
    several = "; p of several arms adjusted by Holm (1979)" if len(arms.values) > 2 else ""
    ringing = (
        "Ringing lasts from accepted, else offered, to the answer or the failure. Failures are competing ends; calls "
        "still ringing are censored at the last moment of the data."
    )
    notes = (
        ringing,
        f"Horizon: {horizon:g} s ({chosen}). A call that is never answered waits to the horizon.",
        f"{REFERENCES['incidence']}; {REFERENCES['difference']}. {REFERENCES['restricted']}{several}.",
        f"Tests: {REFERENCES['gray']}; {REFERENCES['logrank']}.",
        *((f"{REFERENCE}; intervals of talk times take calls as independent.",) if errors is not None else ()),
        SELECTED,
    )
    return (*notes, f"Baseline: {arms.names[0]} ({first}).") if len(arms.values) > 1 else notes

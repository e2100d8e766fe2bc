"""What to know before a comparison is believed: each caution is one function that returns a sentence or nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from imilab import tables
from imilab.comparison.crossing import Crossed
from imilab.comparison.significance import chi_square
from imilab.comparison.tally import Tally
from imilab.counting import kind_masks
from imilab.metrics import METRICS, Metric

__all__ = [
    "CONTENT_COLUMNS",
    "bounds_hold_zero",
    "crossed_numbers",
    "few_calls",
    "left_out",
    "numbers_unknown",
    "pending_differs",
    "repeats_ignored",
    "voice_cannot_move",
]

CONTENT_COLUMNS = frozenset({"arm", "voice", "voice_type", "gender", "language", "region", "content_type", "media_id"})
"""Columns whose arms differ in what is played."""

_PENDING_GAP = 0.05
_PENDING_P = 0.01


def voice_cannot_move(one: Metric, arm: str, tally: Tally) -> str | None:
    """Warn where arms that differ in voice or text alone are asked for what is decided before anyone hears them."""
    if one.heard or arm not in CONTENT_COLUMNS or not _each_number_once(tally) or not _same_callers(tally):
        return None
    return (
        "A voice or a text is heard only after the call is answered, and no number was called before: it cannot have "
        f"moved whether a call {one.phrase}. A difference here comes from chance, the hour or the numbers; what a "
        "voice can move is completed and early_hangup."
    )


def _each_number_once(tally: Tally) -> bool:
    """Whether every placed call, of any arm or none, is known to have gone to a number of its own."""
    placed = kind_masks(METRICS["answered"], "placed")["counted"].take(tally.kind)
    if tally.calls is None and np.count_nonzero(placed) > tally.numbers:
        return False
    number = tally.number[placed]
    calls = None if tally.calls is None else tally.calls[placed]
    if not len(number) or (number < 0).any():
        return False
    return int(np.bincount(number, calls).max()) == 1


def _same_callers(tally: Tally) -> bool:
    """Whether every arm was dialled from the same set of caller ids, as far as is known."""
    if "caller_id" not in tally.frame:
        return True
    callers, seen = pd.factorize(tally.frame["caller_id"])
    known = (callers >= 0) & (tally.arm >= 0)
    pairs = np.unique(tally.arm[known] * max(len(seen), 1) + callers[known])
    arms = pairs // max(len(seen), 1)
    return len({frozenset(pairs[arms == arm] % max(len(seen), 1)) for arm in np.unique(arms)}) <= 1


def crossed_numbers(crossed: Crossed | None) -> str | None:
    """Say which numbers were left out as they met several arms."""
    if crossed is None:
        return None
    where = f" in campaign {', '.join(crossed.campaigns)}" if len(crossed.campaigns) == 1 else ""
    return (
        f"{crossed.numbers:,} {'numbers' if crossed.numbers > 1 else 'number'} met more than one arm{where} although "
        f"the design ({', '.join(crossed.designs)}) gives each number one: left out, with "
        f"{crossed.calls:,} calls."
    )


def repeats_ignored(repeated: int, calls: int) -> str | None:
    """Warn where calls to the same number make the interval and the test too sure, as was asked for."""
    if not repeated:
        return None
    return (
        f"{repeated:,} of {calls:,} calls went to a number that was called before; as asked, the interval and the test "
        "take all calls as independent, so the interval may be too narrow and p too small."
    )


def numbers_unknown(unknown: int, calls: int) -> str | None:
    """Warn where it cannot be told whether numbers repeat."""
    if not unknown:
        return None
    return (
        f"For {unknown:,} of {calls:,} calls it is not known which number they went to; each is taken as a number of "
        "its own."
    )


def pending_differs(arms: pd.DataFrame) -> str | None:
    """Warn where one arm waits for more receipts than another: by 5 points, or by more than chance gives."""
    shares = arms["pending_share"].dropna()
    if len(shares) < 2:
        return None
    placed = (arms["pending"] / arms["pending_share"]).where(arms["pending"] > 0, arms["n"]).fillna(0)
    _, _, p = chi_square(arms["pending"], placed.round())
    if shares.max() - shares.min() < _PENDING_GAP and not p < _PENDING_P:
        return None
    return (
        f"The pending shares differ, from {tables.percent(shares.min())} to {tables.percent(shares.max())}: the result "
        "may move when the missing receipts come."
    )


def bounds_hold_zero(differences: pd.DataFrame) -> str | None:
    """Warn where pending and lost calls alone could undo what the interval tells."""
    told = (differences["low"] > 0) | (differences["high"] < 0)
    open_ended = (differences["bound_low"] <= 0) & (differences["bound_high"] >= 0)
    several = differences[told & open_ended]
    if several.empty:
        return None
    ranges = "; ".join(
        f"{tables.name(row['arm'])} from {tables.points_range(row['bound_low'], row['bound_high'])}"
        for row in several.to_dict("records")
    )
    return f"The calls that are pending or lost could undo the difference: at worst and at best it is, {ranges}."


def few_calls(differences: pd.DataFrame) -> str | None:
    """Give Fisher's mid-p where the normal approximation behind p is poor."""
    few = differences[differences["p_mid"].notna()]
    if few.empty:
        return None
    listed = ", ".join(f"{tables.name(row['arm'])} {tables.p_value(row['p_mid'])}" for row in few.to_dict("records"))
    return (
        "There are few calls (a count below 5 is expected in a cell): p is rough; Fisher's mid-p, not adjusted, is "
        f"{listed}."
    )


def left_out(calls: int, what: str) -> str | None:
    """Say how many calls have no arm, or no stratum."""
    return f"Calls without {what}, left out: {calls:,}." if calls else None

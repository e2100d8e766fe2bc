"""What to know before a comparison is believed: each caution is one function that returns a sentence or nothing."""

from __future__ import annotations

import pandas as pd

from imilab import tables
from imilab.comparison.spread import Spread
from imilab.metrics import Metric

__all__ = [
    "CONTENT_COLUMNS",
    "few_calls",
    "left_out",
    "numbers_unknown",
    "pending_differs",
    "repeated_numbers",
    "voice_cannot_move",
]

CONTENT_COLUMNS = frozenset({"arm", "voice", "voice_type", "gender", "language", "region", "content_type", "media_id"})
"""Columns whose arms differ in what is played."""

_PENDING_GAP = 0.05
_FEW = 5


def voice_cannot_move(one: Metric, *, arm: str, same_callers: bool, placed: Spread) -> str | None:
    """Warn where arms that differ in voice or text alone are asked for what is decided before anyone hears them."""
    if one.heard or arm not in CONTENT_COLUMNS or not same_callers or not placed.each_number_once:
        return None
    return (
        "A voice or a text is heard only after the call is answered, and no number was called before: it cannot have "
        f"moved whether a call {one.phrase}. A difference here comes from chance, the hour or the numbers; what a "
        "voice can move is completed and early_hangup."
    )


def repeated_numbers(counted: Spread) -> str | None:
    """Warn where calls to the same number make the interval and the test too sure."""
    if not counted.repeated:
        return None
    return (
        f"{counted.repeated:,} of {counted.calls:,} calls went to a number that was called before; the interval and "
        "the test take all calls as independent, so the interval may be too narrow and p too small."
    )


def numbers_unknown(counted: Spread) -> str | None:
    """Warn where it cannot be told whether numbers repeat."""
    unknown = counted.calls - (counted.keyed or 0)
    if not unknown:
        return None
    return (
        f"For {unknown:,} of {counted.calls:,} calls it is not known which number they went to; the interval and the "
        "test take all calls as independent."
    )


def pending_differs(arms: pd.DataFrame) -> str | None:
    """Warn where one arm waits for many more receipts than another."""
    shares = arms["pending_share"].dropna()
    if shares.empty or shares.max() - shares.min() < _PENDING_GAP:
        return None
    return (
        f"The pending shares differ, from {tables.percent(shares.min())} to {tables.percent(shares.max())}: the result "
        "may move when the missing receipts come."
    )


def few_calls(arms: pd.DataFrame) -> str | None:
    """Warn where the normal approximation behind p is poor (an expected count below 5)."""
    pooled = arms["count"].sum() / max(arms["n"].sum(), 1)
    expected = min(pooled, 1 - pooled) * arms["n"].min()
    if expected >= _FEW or not arms["n"].min():
        return None
    return f"There are few calls (a count below {_FEW} is expected in a cell): p is rough; trust the interval more."


def left_out(calls: int, arm: str) -> str | None:
    """Say how many calls have no arm."""
    return f"Calls without {arm}, left out: {calls:,}." if calls else None

"""How calls spread over phone numbers, and whether the arms were dialled from the same caller ids."""

from __future__ import annotations

from dataclasses import dataclass

import narwhals as nw

from imilab.buckets import Frame
from imilab.counting import collect

__all__ = ["Spread", "same_caller_ids", "spread"]


@dataclass(frozen=True)
class Spread:
    """Calls and the numbers they went to.

    Attributes
    ----------
    calls : int
        How many calls.
    keyed : int or None
        How many of them have a ``number_key``; None where there is no such column.
    numbers : int or None
        How many different numbers these went to.
    """

    calls: int
    keyed: int | None
    numbers: int | None

    @property
    def repeated(self) -> int:
        """Calls beyond the first to the same number."""
        return (self.keyed or 0) - (self.numbers or 0)

    @property
    def each_number_once(self) -> bool:
        """Whether every call is known to have gone to a number of its own."""
        return 0 < self.calls == self.keyed == self.numbers


def spread(frame: Frame, chosen: nw.Expr) -> Spread:
    """Count the calls for which `chosen` holds, and their numbers."""
    some = frame.filter(chosen)
    calls = int(collect(some.select(nw.len().alias("calls")))["calls"].iloc[0])
    if "number_key" not in frame.collect_schema():
        return Spread(calls, None, None)
    key = nw.col("number_key")
    keyed = some.filter(~key.is_null()).select(nw.len().alias("keyed"), key.n_unique().alias("numbers"))
    found = collect(keyed).fillna(0).iloc[0]  # on DuckDB, none of nothing is missing
    return Spread(calls, int(found["keyed"]), int(found["numbers"]))


def same_caller_ids(frame: Frame, arm: str) -> bool:
    """Whether every arm was dialled from the same set of caller ids, as far as is known."""
    if arm == "caller_id" or "caller_id" not in frame.collect_schema():
        return arm != "caller_id"
    pairs = collect(frame.filter(~nw.col(arm).is_null()).select(arm, "caller_id").unique()).dropna()
    return len({frozenset(ids) for _, ids in pairs.groupby(arm)["caller_id"]}) <= 1

"""The calls of a comparison as whole numbers: arm, phone number, outcome, end and stratum of each, from any engine.

A pandas frame is read call by call; any other engine counts equal calls first and hands over the counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from imilab.buckets import Frame, TimeBucket
from imilab.comparison.cells import Cells, counted, counted_densely
from imilab.comparison.coding import coded, ends_of, outcomes_of
from imilab.counting import check_columns, coarse_talk, collect, kind_masks
from imilab.metrics import End, Metric
from imilab.terms import OUTCOMES

__all__ = ["Tally", "read_tally"]

Codes = npt.NDArray[np.int64]
Small = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_STRATUM = "imilab stratum"
_INFERRED = "answer_inferred"
_LATER = ("caller_id", "campaign", "design")
"""Columns that are looked at only where a caution or the design asks for them."""
_KINDS = len(OUTCOMES) * len(End)


@dataclass(frozen=True, eq=False)
class Tally:
    """Calls, coded.

    Attributes
    ----------
    frame : DataFrame
        Of the columns ``caller_id``, ``campaign`` and ``design`` those that are there, one row a call or (with
        `calls`) one row for several equal ones.
    values : pandas array
        The arms' values, by their code.
    arm, number, stratum : numpy.ndarray of int
        Codes of each row; -1 where missing. All numbers are -1 where there is no ``number_key``.
    kind : numpy.ndarray of int8
        Outcome and end in one code.
    calls : numpy.ndarray of int or None
        How many calls each row stands for; None for one each.
    inferred : numpy.ndarray of float or None
        How many of each row's calls have an inferred answer; None where that is not known.
    """

    frame: pd.DataFrame
    values: Any
    arm: Codes
    number: Codes
    stratum: Codes | Small
    kind: Small
    calls: Codes | None
    inferred: Floats | None

    @cached_property
    def numbers(self) -> int:
        """How many different numbers there are."""
        return int(self.number.max(initial=-1)) + 1

    @cached_property
    def strata(self) -> int:
        """How many strata there are; one where none was asked for."""
        return int(self.stratum.max(initial=-1)) + 1

    def total(self, mask: Mask) -> int:
        """Count the calls for which `mask` holds."""
        return int(np.count_nonzero(mask) if self.calls is None else self.calls[mask].sum())

    def where(self, mask: Mask) -> Tally:
        """Keep the rows for which `mask` holds."""
        return replace(
            self,
            frame=self.frame.loc[mask],
            arm=self.arm[mask],
            number=self.number[mask],
            stratum=self.stratum[mask],
            kind=self.kind[mask],
            calls=None if self.calls is None else self.calls[mask],
            inferred=None if self.inferred is None else self.inferred[mask],
        )

    @cached_property
    def by_arm(self) -> Codes:
        """Calls by arm and kind, shape (arms, kinds); those without an arm are left out."""
        return self._by_arm(None)

    def _by_arm(self, flags: Floats | None) -> Codes:
        size = (len(self.values) + 1) * _KINDS
        found = np.bincount(self._arm_and_kind, self.calls if flags is None else flags, minlength=size)
        counts: Codes = found.astype(np.int64).reshape(-1, _KINDS)[1:]
        return counts

    @cached_property
    def _arm_and_kind(self) -> Codes:
        """Arm, from 1 on as a missing one comes first, and kind in one code."""
        code: Codes = (self.arm + 1) * _KINDS
        code += self.kind
        return code

    def counts(self) -> pd.DataFrame:
        """Count by arm, outcome and end, as `imilab.counting.count_calls` does; calls without arm are left out."""
        arm, kind = np.nonzero(self.by_arm)
        outcome, end = np.divmod(kind, len(End))
        inferred = np.zeros(self.by_arm.shape, dtype=np.int64)
        if self.inferred is not None and self.inferred.any():
            inferred = self._by_arm(self.inferred)
        return pd.DataFrame(
            {
                "by0": self.values.take(arm),
                "outcome": pd.array(np.asarray(OUTCOMES, dtype=object)[outcome], dtype="str"),
                "end": end,
                "calls": self.by_arm[arm, kind],
                "inferred": inferred[arm, kind],
            }
        )

    def cells(self, one: Metric, denominator: str) -> Cells:
        """Count the denominator's calls with an arm by number, stratum and arm; an unknown number counts as new."""
        asked, arms = kind_masks(one, denominator), len(self.values)
        # Two columns an arm, for failures and successes, and -1 for what is not counted or has no arm.
        column = np.where(asked["counted"], asked["success"], -1)
        columns = np.where(column < 0, -1, 2 * np.arange(-1, arms)[:, None] + column)
        columns[0] = -1
        place = columns.ravel().take(self._arm_and_kind)
        if self.calls is None and self.strata <= 1 and self._repeats:
            return counted_densely(self.number, place, (self.numbers, arms))
        rows = np.flatnonzero((place >= 0) & (self.stratum >= 0))
        number, place = self.number.take(rows), place.take(rows)
        stratum = self.stratum.take(rows).astype(np.int64) if self.strata > 1 else None
        calls = None if self.calls is None else self.calls.take(rows)
        if number.min(initial=0) < 0:
            number, place, stratum, calls = self._apart(number, place, stratum, calls)
        return counted(number, place, stratum, calls, (max(self.strata, 1), arms))

    @cached_property
    def _repeats(self) -> bool:
        """Whether all is known and numbers repeat a lot, so that counting all combinations is quickest."""
        often = self.numbers * (2 * len(self.values) + 1) < 4 * len(self.number)
        return bool(often and self.number.min(initial=0) >= 0 and self.stratum.min(initial=0) >= 0)

    def _apart(
        self, number: Codes, place: Codes, stratum: Codes | None, calls: Codes | None
    ) -> tuple[Codes, Codes, Codes | None, Codes | None]:
        """Give every call to an unknown number a number of its own."""
        if calls is not None:
            times = np.where(number < 0, calls, 1)
            calls = np.repeat(np.where(number < 0, 1, calls), times)
            number, place = np.repeat(number, times), np.repeat(place, times)
            stratum = None if stratum is None else np.repeat(stratum, times)
        unknown = number < 0
        return np.where(unknown, self.numbers + np.cumsum(unknown) - 1, number), place, stratum, calls


def read_tally(
    frame: Frame, arm: str, one: Metric, *, early_hangup_seconds: float, strata: str | TimeBucket | None = None
) -> Tally:
    """Read what a comparison needs.

    Raises
    ------
    InvalidInputError
        A column is not there, or an outcome is none of the known.
    """
    check_columns(frame, [arm, *one.columns, *([strata] if isinstance(strata, str) else [])])
    known = frame.collect_schema().names()
    if strata is not None:
        if isinstance(strata, TimeBucket):
            frame = strata.add_to(frame, _STRATUM)
        else:
            frame = frame.with_columns(nw.col(strata).alias(_STRATUM))
    kept = dict.fromkeys((arm, "outcome", *(name for name in ("number_key", *_LATER, _INFERRED) if name in known)))
    columns = [*kept, *([_STRATUM] if strata is not None else [])]
    data, calls = _rows(frame, [*columns, *(["end_reason", "talk_seconds"] if one.heard else [])], early_hangup_seconds)
    asked = ("number_key", arm, "outcome", "end_reason", _STRATUM)
    found = coded(data, list(dict.fromkeys(name for name in asked if name in data)), ordered=arm)
    kind = outcomes_of(found["outcome"]) * np.int8(len(End))
    if one.heard:
        kind += ends_of(found["end_reason"], data["talk_seconds"], early_hangup_seconds)
    nothing = np.zeros(len(data), dtype=np.int8)
    flags = data[_INFERRED].to_numpy(dtype=np.float64, na_value=0.0) if _INFERRED in data else None
    return Tally(
        frame=data[[name for name in _LATER if name in data]],
        values=pd.Index(found[arm][1]).array,
        arm=found[arm][0],
        number=found["number_key"][0] if "number_key" in found else np.full(len(data), -1, dtype=np.int64),
        stratum=found[_STRATUM][0] if strata is not None else nothing,
        kind=kind,
        calls=calls,
        inferred=flags if flags is None or calls is None else flags * calls,
    )


def _rows(frame: Frame, columns: list[str], early_hangup_seconds: float) -> tuple[pd.DataFrame, Codes | None]:
    """Bring the columns into pandas: as they are from pandas, else with equal calls counted."""
    some = frame.select(*columns)
    native = nw.to_native(some)
    if isinstance(native, pd.DataFrame):
        return native, None
    if "talk_seconds" in columns:
        some = some.with_columns(coarse_talk(early_hangup_seconds))
    data = collect(some.group_by(columns, drop_null_keys=False).agg(nw.len().alias("imilab calls")))
    return data, data["imilab calls"].to_numpy(dtype=np.int64)

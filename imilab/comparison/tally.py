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
from imilab.comparison.cells import Cells, counted
from imilab.counting import check_columns, coarse_talk, collect, kind_masks
from imilab.errors import InvalidInputError
from imilab.metrics import End, Metric, end_of_call
from imilab.terms import OUTCOMES

__all__ = ["Tally", "read_tally"]

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_STRATUM = "imilab stratum"
_KINDS = len(OUTCOMES) * len(End)


@dataclass(frozen=True, eq=False)
class Tally:
    """Calls, coded.

    Attributes
    ----------
    frame : DataFrame
        What was read, one row a call or (with `calls`) one row for several equal ones.
    values : pandas array
        The arms' values, by their code.
    arm, number, stratum : numpy.ndarray of int
        Codes of each row; -1 where missing. All numbers are -1 where there is no ``number_key``.
    kind : numpy.ndarray of int
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
    stratum: Codes
    kind: Codes
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
        code, size = self._arm_and_kind, len(self.values) * _KINDS
        weights = self.calls if flags is None else flags
        # A missing arm has a code below 0; shifted by one arm, it is counted apart and dropped.
        found: Codes = np.bincount(code + _KINDS, weights, minlength=size + _KINDS).astype(np.int64)
        return found[_KINDS:].reshape(len(self.values), _KINDS)

    @cached_property
    def _arm_and_kind(self) -> Codes:
        return self.arm * _KINDS + self.kind

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
        # Two columns an arm, for failures and successes; -1 for what is not counted, and last for a missing arm.
        column = np.where(asked["counted"], asked["success"], -1)
        columns = np.where(column < 0, -1, 2 * np.arange(arms)[:, None] + column).ravel()
        columns = np.r_[columns, np.full(_KINDS, -1)]
        place = columns[self._arm_and_kind]
        mask = (place >= 0) & (self.stratum >= 0) if self.strata > 1 or (self.stratum < 0).any() else place >= 0
        number, place = self.number[mask], place[mask]
        stratum = self.stratum[mask] if self.strata > 1 else None
        calls = None if self.calls is None else self.calls[mask]
        if (number < 0).any():
            number, place, stratum, calls = self._apart(number, place, stratum, calls)
        return counted(number, place, stratum, calls, (max(self.strata, 1), arms))

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
    optional = ("number_key", "caller_id", "campaign", "design", "answer_inferred")
    kept = dict.fromkeys((arm, "outcome", *(name for name in optional if name in known)))
    columns = [*kept, *([_STRATUM] if strata is not None else [])]
    data, calls = _rows(frame, [*columns, *(["end_reason", "talk_seconds"] if one.heard else [])], early_hangup_seconds)
    outcome = _outcomes(data["outcome"])
    end = _ends(data, early_hangup_seconds) if one.heard else 0
    arm_codes, values = pd.factorize(data[arm], sort=True)
    numbers = pd.factorize(data["number_key"])[0] if "number_key" in data else None
    none = np.zeros(len(data), dtype=np.int64)
    flags = data["answer_inferred"].to_numpy(dtype=np.float64, na_value=0.0) if "answer_inferred" in data else None
    return Tally(
        frame=data,
        values=values.array,
        arm=arm_codes.astype(np.int64, copy=False),
        number=none - 1 if numbers is None else numbers.astype(np.int64, copy=False),
        stratum=none if strata is None else pd.factorize(data[_STRATUM])[0].astype(np.int64),
        kind=outcome * len(End) + end,
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


def _outcomes(outcomes: pd.Series[Any]) -> Codes:
    codes, seen = pd.factorize(outcomes)
    places = {name: place for place, name in enumerate(OUTCOMES)}
    unknown = sorted({str(value) for value in seen} - set(places)) + (["nan"] if (codes < 0).any() else [])
    if unknown:
        raise InvalidInputError("outcome", f"some calls have {', '.join(unknown)}; outcomes are {', '.join(OUTCOMES)}")
    found: Codes = np.array([places[str(value)] for value in seen] or [0], dtype=np.int64)[codes]
    return found


def _ends(data: pd.DataFrame, early_hangup_seconds: float) -> Codes:
    """Say how each call ended: worked out once for every end reason with no talk time, a short and a long one."""
    reason, reasons = pd.factorize(data["end_reason"])
    talk = data["talk_seconds"].to_numpy(dtype=np.float64, na_value=np.nan)
    length = (talk <= early_hangup_seconds) + 2 * (talk > early_hangup_seconds)  # 0 where missing
    times = [np.nan, early_hangup_seconds, early_hangup_seconds + 1.0]
    every = pd.DataFrame(
        {
            "end_reason": pd.Series([None, *reasons], dtype="str").repeat(len(times)),
            "talk_seconds": np.tile(times, len(reasons) + 1),
        }
    )
    ended = nw.from_native(every, eager_only=True).select(end=end_of_call(early_hangup_seconds))["end"].to_numpy()
    found: Codes = ended.astype(np.int64)[(reason + 1) * len(times) + length]
    return found

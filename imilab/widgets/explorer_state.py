"""The state of an explorer: which calls are shown, by what they are grouped, which rate is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any

import pandas as pd
from narwhals.typing import IntoFrame

from imilab import tables
from imilab.buckets import TimeBucket, day
from imilab.counting import check_columns, collect, read_frame
from imilab.metrics import DENOMINATORS, METRICS
from imilab.rate_table import RateTable, rates
from imilab.terms import OUTCOMES

__all__ = ["ALL_OUTCOMES", "CODES", "MOST_CHOICES", "Choices", "ExplorerState", "read_calls_to_explore"]

Choices = list[tuple[str, str | None]]
"""What a list shows, and the value behind it; None for a missing value."""

ALL_OUTCOMES, CODES = "all", "error_code"
MOST_CHOICES = 200

FILTERS: Mapping[str, str] = MappingProxyType(
    {
        "voice": "Voice",
        "language": "Language",
        "country": "Country",
        "outcome": "Outcome",
        "campaign": "Campaign",
        "arm": "Arm",
    }
)
GROUPINGS: Mapping[str, str] = MappingProxyType(
    {
        "voice": "Voice",
        "language": "Language",
        "gender": "Gender of the voice",
        "country": "Country",
        CODES: "Outcome code",
        "arm": "Arm",
        "campaign": "Campaign",
        "voice_type": "Voice type",
        "media_id": "Recording",
        "number_type": "Number type",
        "stratum": "Stratum",
    }
)
BUCKETS: Mapping[str, str] = MappingProxyType(
    {"day": "Day", "hour": "Hour", "weekday": "Weekday", "hour_of_day": "Hour of day"}
)
_TIMES = ("requested_at", "offered_at")
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, eq=False)
class ExplorerState:
    """What an explorer shows; changes are made with `dataclasses.replace`.

    Attributes
    ----------
    calls : DataFrame
        All calls; never changed.
    tz : str
        IANA zone for days, hours and weekdays.
    grouping : str
        A column, a kind of time bucket, or empty for all calls together.
    outcome : str
        A metric's name, or `ALL_OUTCOMES`.
    chosen : mapping of str to tuple
        The values that are kept, by column; an empty tuple keeps all. None stands for a missing value.
    first_day, last_day : date or None
        The days that are kept, both included, in `tz`, by requested, else offered time; None for no limit.

    Raises
    ------
    InvalidInputError
        There is no such zone.

    Examples
    --------
    >>> calls = pd.DataFrame({"voice": ["a", "a", "b"], "outcome": ["answered", "busy", "answered"]})
    >>> state = ExplorerState(calls, grouping="voice", outcome="answered", chosen={"voice": ("a",)})
    >>> state.summary
    '2 of 3 calls shown'
    >>> state.table.to_pandas()[["voice", "count", "n"]].to_dict("list")
    {'voice': ['a'], 'count': [1], 'n': [2]}
    """

    calls: pd.DataFrame = field(repr=False)
    tz: str = "UTC"
    grouping: str = ""
    outcome: str = ALL_OUTCOMES
    chosen: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    first_day: date | None = None
    last_day: date | None = None

    def __post_init__(self) -> None:
        day(self.tz)  # raises where there is no such zone

    @property
    def has_times(self) -> bool:
        """Whether any call has a time to group and filter by."""
        return any(name in self.calls and bool(self.calls[name].notna().any()) for name in _TIMES)

    def groupings(self) -> list[tuple[str, str]]:
        """Return what calls can be grouped by: columns that hold more than one value, and stretches of time."""
        columns = [(label, name) for name, label in GROUPINGS.items() if self._varies(name)]
        buckets = [(label, kind) for kind, label in BUCKETS.items()] if self.has_times else []
        return [("Nothing (all calls)", ""), *columns, *buckets]

    def outcomes(self) -> list[tuple[str, str]]:
        """Return the rates that can be shown, in display order."""
        known = [name for name, one in METRICS.items() if set(one.columns) <= set(self.calls)]
        words = [(name.replace("_", " ").capitalize(), name) for name in known]
        return [("All outcomes", ALL_OUTCOMES), *words]

    def filters(self) -> dict[str, tuple[str, Choices]]:
        """Return the columns that can be filtered, each with its label and its values.

        The most frequent value comes first; outcomes come in display order.
        """
        found = {}
        for name, label in FILTERS.items():
            if self._varies(name):
                counts = self.calls[name].value_counts(dropna=False)
                more = f" ({MOST_CHOICES} most frequent of {len(counts):,})" if len(counts) > MOST_CHOICES else ""
                found[name] = (label + more, _choices(name, counts))
        return found

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last day on which there is a call, in `tz`."""
        if not self.has_times:
            return None
        moments = self._moments().dropna()
        first, last = moments.min().tz_convert(self.tz), moments.max().tz_convert(self.tz)
        return first.date(), last.date()

    @cached_property
    def shown(self) -> pd.DataFrame:
        """The calls that pass the filters."""
        keep = pd.Series(data=True, index=self.calls.index)
        for name, values in self.chosen.items():
            if values:
                column = self.calls[name]
                keep &= column.isin([value for value in values if value is not None]) | (
                    column.isna() & (None in values)
                )
        if self.first_day or self.last_day:
            keep &= self._within_days()
        return self.calls[keep]

    @property
    def by(self) -> str | TimeBucket | None:
        """The grouping as `imilab.rates` takes it."""
        if self.grouping in BUCKETS:
            return TimeBucket(self.grouping, self.tz)  # type: ignore[arg-type]  # BUCKETS lists the kinds
        return self.grouping or None

    @property
    def shows_all(self) -> bool:
        """Whether every outcome is shown: asked for, or because codes are what calls are grouped by."""
        return self.outcome == ALL_OUTCOMES or self.grouping == CODES

    @property
    def denominator(self) -> str:
        """The narrowest denominator that holds the outcome: resolved, but for pending and not placed calls."""
        if self.shows_all:
            return "resolved"
        return next(name for name in DENOMINATORS if METRICS[self.outcome].fits(name))

    @cached_property
    def table(self) -> RateTable:
        """The rates of the calls shown."""
        outcomes = None if self.shows_all else self.outcome
        return rates(self.shown, self.by, outcomes=outcomes, denominator=self.denominator)

    @property
    def summary(self) -> str:
        """How many calls are shown of how many."""
        return f"{tables.count(len(self.shown))} of {tables.count(len(self.calls))} calls shown"

    def without_filters(self) -> ExplorerState:
        """Return the state with every call shown."""
        return replace(self, chosen={}, first_day=None, last_day=None)

    def _within_days(self) -> pd.Series[bool]:
        """Say which calls fall on the chosen days; a call without a time falls on none."""
        if self.days is None:
            return pd.Series(data=False, index=self.calls.index)
        first, last = self.days
        # Half-typed dates lie in the year 2 or 9999, where no time stamp reaches.
        start = min(max(self.first_day or first, first), last + _ONE_DAY)
        end = min(max(self.last_day or last, first - _ONE_DAY), last) + _ONE_DAY
        moments = self._moments()
        return (moments >= _midnight(start, self.tz)) & (moments < _midnight(end, self.tz))

    def _varies(self, name: str) -> bool:
        return name in self.calls and len(self.calls[name].unique()) > 1

    def _moments(self) -> pd.Series[pd.Timestamp]:
        there = [self.calls[name] for name in _TIMES if name in self.calls]
        return there[0].fillna(there[1]) if len(there) > 1 else there[0]


def read_calls_to_explore(calls: IntoFrame) -> pd.DataFrame:
    """Return calls of any engine as the DataFrame that is explored.

    Raises
    ------
    InvalidInputError
        It is no table, or has no column ``outcome``.
    """
    frame = read_frame(calls)
    check_columns(frame, ["outcome"])
    return calls if isinstance(calls, pd.DataFrame) else collect(frame)


def _choices(name: str, counts: pd.Series[int]) -> Choices:
    shown = counts.head(MOST_CHOICES)
    if name == "outcome":
        shown = counts.reindex([outcome for outcome in OUTCOMES if outcome in counts.index])
    values: list[Any] = list(shown.index)
    words = [tables.name(value) for value in values]
    if name == "outcome":
        words = [word.replace("_", " ") for word in words]
    return [
        (f"{word} ({tables.count(count)})", None if pd.isna(value) else value)
        for word, value, count in zip(words, values, shown, strict=True)
    ]


def _midnight(local: date, tz: str) -> pd.Timestamp:
    """Return the first moment of a day, also where the clock skips or repeats midnight."""
    return pd.Timestamp(local).tz_localize(tz, nonexistent="shift_forward", ambiguous=True)

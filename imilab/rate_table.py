"""Rates: how many calls of each group came to each outcome, with interval, denominator and pending share.

The calls are counted once, by group, outcome and kind of end, on whatever engine holds them; every metric is then read
off this small table of counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from narwhals.typing import IntoFrame

from imilab import tables
from imilab.buckets import TimeBucket
from imilab.counting import RESULT_COLUMNS, check_columns, count_calls, read_frame, tabulate
from imilab.errors import InvalidInputError
from imilab.intervals import REFERENCES, check_confidence, wilson
from imilab.metrics import DENOMINATORS, METRICS, Metric, check_denominator, metric
from imilab.terms import Outcome

__all__ = ["RateTable", "check_options", "chosen_metrics", "rates", "table_of_counts"]

_MEASURES = ("count", "n", "rate", "low", "high", "pending", "pending_share")
By = str | TimeBucket


@dataclass(frozen=True, eq=False, repr=False)
class RateTable(tables.Table):
    """Rates with their intervals; made by `rates`.

    Attributes
    ----------
    rows : DataFrame
        One row for each group and outcome: the `by` columns, then ``outcome`` (text), ``count``, ``n`` (int64),
        ``rate``, ``low``, ``high`` (fractions; the rate is NaN and the interval 0 to 1 where `n` is 0), ``pending``
        (int64) and ``pending_share`` (of placed calls). A missing group value stays missing and comes last.
    by : tuple of str
        Names of the grouping columns.
    denominator : str
        What `n` counts: ``resolved``, ``placed`` or ``attempted``.
    confidence : float
        Coverage of the intervals.
    footnotes : tuple of str
        What must be known to read the table.
    """

    rows: pd.DataFrame
    by: tuple[str, ...]
    denominator: str
    confidence: float
    footnotes: tuple[str, ...]

    @property
    def caption(self) -> str:
        """What the table shows."""
        groups = f" by {', '.join(self.by)}" if self.by else ""
        return f"Rates{groups}, as shares of {self.denominator} calls"

    @property
    def notes(self) -> tuple[str, ...]:
        """The footnotes."""
        return self.footnotes

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `rows`."""
        return self.rows.copy()

    def wide(self) -> pd.DataFrame:
        """Return one row for each group, with ``answered_count``, ``answered_n``, ``answered_rate`` and so on."""
        outcomes = list(dict.fromkeys(self.rows["outcome"]))
        columns = [f"{outcome}_{measure}" for outcome in outcomes for measure in _MEASURES]
        wide: dict[tuple[object, ...], dict[str, object]] = {}
        for row in self.rows.to_dict("records"):
            group = tuple(None if pd.isna(row[name]) else row[name] for name in self.by)
            cells = wide.setdefault(group, {name: row[name] for name in self.by})
            cells.update({f"{row['outcome']}_{measure}": row[measure] for measure in _MEASURES})
        return pd.DataFrame(list(wide.values()), columns=[*self.by, *columns])

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown; see `Table`."""
        interval = f"{tables.level(self.confidence)} interval"
        return [
            {
                **{name: tables.name(row[name]) for name in self.by},
                "outcome": row["outcome"],
                "count": tables.count(row["count"]),
                "n": tables.count(row["n"]),
                "rate": tables.percent(row["rate"]),
                interval: tables.percent_range(row["low"], row["high"]) if row["n"] else tables.MISSING,
                "pending": f"{tables.count(row['pending'])} ({tables.percent(row['pending_share'])})",
            }
            for row in self.rows.to_dict("records")
        ]

    def __repr__(self) -> str:
        return f"RateTable(by={self.by}, denominator={self.denominator!r}, {len(self.rows)} rows)"


def rates(
    calls: IntoFrame,
    by: By | Sequence[By] | None = None,
    *,
    outcomes: str | Sequence[str] | None = None,
    denominator: str = "resolved",
    confidence: float = 0.95,
    early_hangup_seconds: float = 5.0,
) -> RateTable:
    """Count the outcomes of calls, by any column or time bucket.

    Parameters
    ----------
    calls : DataFrame
        A calls table: pandas, or anything that narwhals reads (DuckDB relation, Polars, Arrow).
    by : str, TimeBucket or sequence of these, optional
        Groups: columns of `calls`, or `imilab.hour`, `day`, `weekday`, `hour_of_day`. Calls whose value is missing are
        a group of their own. By ``error_code``, ``error_reason`` or ``end_reason``, a rate is the share of all counted
        calls that came to that code, and only what occurred has a row.
    outcomes : str or sequence of str, optional
        Outcomes, ``completed`` (answered, and the platform ended the call) or ``early_hangup``; all that the
        denominator holds if not given.
    denominator : str
        ``resolved`` (default), ``placed`` or ``attempted``.
    confidence : float
        Coverage of the Wilson intervals, between 0 and 1.
    early_hangup_seconds : float
        An answered person who hangs up within so many seconds hangs up early.

    Returns
    -------
    RateTable
        Groups in order of their values, outcomes in display order.

    Raises
    ------
    InvalidInputError
        A column, outcome or denominator that is not there, or an outcome that lies outside the denominator.

    Examples
    --------
    >>> calls = pd.DataFrame({"voice": ["a", "a", "a", "b"], "outcome": ["answered", "busy", "pending", "answered"]})
    >>> table = rates(calls, by="voice", outcomes="answered")
    >>> table.to_pandas()[["voice", "count", "n", "rate", "pending"]].to_dict("list")
    {'voice': ['a', 'b'], 'count': [1, 1], 'n': [2, 1], 'rate': [0.5, 1.0], 'pending': [1, 0]}
    """
    check_options(denominator, confidence, early_hangup_seconds)
    frame, keys = read_frame(calls), _keys(by)
    known = frame.collect_schema().names()
    metrics = chosen_metrics(outcomes, denominator, known)
    check_columns(frame, [key for key in keys.values() if isinstance(key, str)])
    check_columns(frame, [column for one in metrics for column in one.columns])
    ends = any(one.heard for one in metrics)
    counts = count_calls(frame, list(keys.values()), ends=ends, early_hangup_seconds=early_hangup_seconds)
    return table_of_counts(
        counts,
        keys,
        metrics,
        denominator=denominator,
        confidence=confidence,
        early_hangup_seconds=early_hangup_seconds,
        inferred_known="answer_inferred" in known,
    )


def check_options(denominator: str, confidence: float, early_hangup_seconds: float) -> None:
    """Raise InvalidInputError where an option of `rates` is none that there is."""
    check_confidence(confidence)
    check_denominator(denominator)
    if not 0 <= early_hangup_seconds < float("inf"):
        raise InvalidInputError("early_hangup_seconds", f"{early_hangup_seconds!r} is no number of seconds from 0 on")


def table_of_counts(
    counts: pd.DataFrame,
    keys: Mapping[str, By],
    metrics: Sequence[Metric],
    *,
    denominator: str,
    confidence: float,
    early_hangup_seconds: float,
    inferred_known: bool,
) -> RateTable:
    """Make the table of calls that are counted already, as by `count_calls`; arguments as in `rates`."""
    rows = tabulate(counts, keys, metrics, denominator)
    rows["low"], rows["high"] = wilson(rows["count"], rows["n"], confidence)
    for name, key in keys.items():
        if isinstance(key, TimeBucket):
            labels = [None if pd.isna(value) else key.label(int(value)) for value in rows[name]]
            rows[name] = pd.Series(labels, index=rows.index, dtype="str")
    notes = [
        f"n: {denominator} calls ({DENOMINATORS[denominator]}). Pending: not decided yet, as a share of placed calls.",
        *_listening_notes(counts, metrics, early_hangup_seconds),
        _voicemail_note(counts, inferred_known),
        f"Intervals: {tables.level(confidence)}, {REFERENCES['wilson']}; calls are taken as independent.",
        *_group_notes(keys),
    ]
    return RateTable(rows[[*keys, "outcome", *_MEASURES]], tuple(keys), denominator, confidence, tuple(notes))


def _keys(by: By | Sequence[By] | None) -> dict[str, By]:
    """Name every group; refuse names that the result could not tell apart."""
    several: Sequence[object] = by if isinstance(by, Sequence) and not isinstance(by, str) else (by,)
    listed = () if by is None else several
    keys: dict[str, By] = {}
    for key in listed:
        if not isinstance(key, (str, TimeBucket)):
            raise InvalidInputError(
                "by", f"{key!r} is neither a column's name nor a time bucket such as imilab.hour(tz)"
            )
        name = key.kind if isinstance(key, TimeBucket) else key
        if name in keys:
            raise InvalidInputError("by", f"{name!r} is given twice")
        if name == "outcome":
            raise InvalidInputError("by", "rates has a row for each outcome already; leave it out")
        if name in _MEASURES:
            raise InvalidInputError("by", f"{name!r} is the name of a measure; rename that column")
        keys[name] = key
    return keys


def chosen_metrics(outcomes: str | Sequence[str] | None, denominator: str, known: Sequence[str]) -> list[Metric]:
    """Find the metrics; by default all that the denominator holds and the columns allow."""
    if outcomes is None:
        every = METRICS.values()
        return [one for one in every if one.fits(denominator) and (not one.heard or set(one.columns) <= set(known))]
    chosen = [metric(name) for name in ([outcomes] if isinstance(outcomes, str) else outcomes)]
    for one in chosen:
        if not one.fits(denominator):
            wider = "attempted" if one.outcome == Outcome.NOT_PLACED else "placed"
            raise InvalidInputError(
                "outcomes", f"{one.name} calls are not among {denominator} calls; ask for denominator={wider!r}"
            )
    return list(dict.fromkeys(chosen))


def _listening_notes(counts: pd.DataFrame, metrics: Sequence[Metric], early_hangup_seconds: float) -> list[str]:
    meanings = {
        "completed": "answered, and the platform ended the call",
        "early_hangup": f"answered, and the person hung up within {early_hangup_seconds:g} s",
    }
    answered = counts[counts["outcome"] == Outcome.ANSWERED.value]
    notes = []
    for one in metrics:
        if one.heard:
            undecided = int(answered.loc[answered["end"].isin([int(end) for end in one.open_ends]), "calls"].sum())
            notes.append(
                f"{one.name}: {meanings[one.name]}. Answered calls with unknown end are pending for it: {undecided:,}."
            )
    return notes


def _voicemail_note(counts: pd.DataFrame, known: bool) -> str:
    inferred = f"{int(counts['inferred'].sum()):,}" if known else "not known here"
    return (
        "Voicemail counts as answered for the platform. Answers inferred from a hang-up (answer_inferred), counted as "
        f"answered: {inferred}."
    )


def _group_notes(keys: Mapping[str, By]) -> list[str]:
    notes = [key.note for key in keys.values() if isinstance(key, TimeBucket)]
    results = [name for name in keys if name in RESULT_COLUMNS]
    if results:
        notes.append(
            f"Rates by {', '.join(results)} are shares of all counted calls, not of the calls with that value; "
            "what did not occur has no row."
        )
    return notes

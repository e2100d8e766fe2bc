"""How much longer: what is still missing of a plan, and when it will be there at the pace so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from imilab import tables
from imilab.comparison.sequential.allocation import DECIDED, Allocation, read_allocation
from imilab.errors import InvalidInputError
from imilab.metrics import metric

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.typing import IntoFrame

__all__ = ["Outlook", "outlook"]

_HOUR_MS = 3_600_000


@dataclass(frozen=True, eq=False, repr=False)
class Outlook(tables.Table):
    """What is still missing of a plan; made by `Design.how_much_longer`.

    Attributes
    ----------
    rows : DataFrame
        One row an arm: ``arm, resolved, needed, missing`` (calls), ``per_day`` (resolved calls in 24 hours at the pace
        so far) and ``hours`` (until this arm is complete; infinite at no pace).
    hours : float
        Until the slowest arm is complete; 0 where nothing is missing, NaN where the pace is not known.
    ends_at : datetime or None
        When that is, in the zone asked for.
    elapsed_hours : float
        From the first call to now: what the pace rests on.
    """

    rows: pd.DataFrame
    hours: float
    ends_at: datetime | None
    elapsed_hours: float

    @property
    def caption(self) -> str:
        """The answer in words."""
        done, needed = int(self.rows["resolved"].sum()), int(self.rows["needed"].sum())
        said = f"{done:,} of {needed:,} planned calls are resolved."
        if self.hours == 0:
            return f"{said} The plan is complete."
        if self.ends_at is None:
            return f"{said} How much longer it takes cannot be told: there is no pace in every arm yet."
        pace = f"{self.rows['per_day'].sum():,.0f} a day over {_duration(self.elapsed_hours)}"
        return (
            f"{said} At this pace ({pace}) the rest takes {_duration(self.hours)} more, until "
            f"{self.ends_at:%Y-%m-%d %H:%M} ({self.ends_at.tzname()})."
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the pace rests on."""
        said = ["Pace: resolved calls from the first request to now, nights and pauses in it. The slowest arm decides."]
        if 0 < self.elapsed_hours < 24:
            said.append("Careful: the pace rests on less than a day; nights and weekends are not in it.")
        return tuple(said)

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of `rows`."""
        return self.rows.copy()

    def to_rows(self) -> list[dict[str, str]]:
        """Return what is shown; see `Table`."""
        return [
            {
                "arm": tables.name(row["arm"]),
                "resolved": tables.count(row["resolved"]),
                "needed": tables.count(row["needed"]),
                "missing": tables.count(row["missing"]),
                "a day": tables.MISSING if math.isnan(row["per_day"]) else f"{row['per_day']:,.0f}",
                "time": _duration(row["hours"]) if math.isfinite(row["hours"]) else tables.MISSING,
            }
            for row in self.rows.to_dict("records")
        ]

    def __repr__(self) -> str:
        return f"Outlook({self.hours:.4g} hours)"


def outlook(
    calls: IntoFrame,
    n_per_arm: Sequence[int],
    *,
    arm: str,
    baseline: object,
    outcome: str,
    early_hangup_seconds: float,
    as_of: datetime | None,
    tz: str,
) -> Outlook:
    """Compare the calls so far with a plan; see `Design.how_much_longer`.

    Raises
    ------
    InvalidInputError
        The calls have another number of arms than the plan, or `as_of` has no zone.
    """
    if as_of is not None and as_of.tzinfo is None:
        raise InvalidInputError("as_of", "the time has no zone; give datetime(..., tzinfo=...)")
    found = read_allocation(
        calls,
        arm,
        baseline,
        metric(outcome),
        early_hangup_seconds=early_hangup_seconds,
        as_of_ms=None if as_of is None else round(as_of.timestamp() * 1000),
    )
    if len(found.arms) != len(n_per_arm):
        raise InvalidInputError(
            "arm",
            f"the plan has {len(n_per_arm)} arms; the calls have {', '.join(map(tables.name, found.arms)) or 'none'}",
        )
    elapsed = _elapsed_hours(found)
    rows = _rows(found, n_per_arm, elapsed)
    hours = float(rows["hours"].max())
    ends_at = None
    if math.isfinite(hours) and hours > 0:
        now = datetime.fromtimestamp(found.as_of_ms / 1000, UTC)
        ends_at = (now + timedelta(hours=hours)).astimezone(ZoneInfo(tz))
    return Outlook(rows, hours if math.isfinite(hours) else math.nan, ends_at, elapsed)


def _elapsed_hours(found: Allocation) -> float:
    known = found.requested_ms[found.requested_ms > np.iinfo(np.int64).min]
    return max(found.as_of_ms - int(known.min()), 0) / _HOUR_MS if len(known) else 0.0


def _rows(found: Allocation, n_per_arm: Sequence[int], elapsed: float) -> pd.DataFrame:
    import pandas as pd

    resolved = np.bincount(found.arm[found.state == DECIDED], minlength=len(n_per_arm))
    missing = np.maximum(np.asarray(n_per_arm) - resolved, 0)
    pace = resolved / elapsed if elapsed else np.full(len(n_per_arm), np.nan)
    hours = [
        0.0 if lacking == 0 else lacking / each if each > 0 else math.inf
        for lacking, each in zip(missing, pace, strict=True)
    ]
    columns = {"arm": list(found.arms), "resolved": resolved, "needed": list(n_per_arm), "missing": missing}
    return pd.DataFrame({**columns, "per_day": pace * 24, "hours": hours})


def _duration(hours: float) -> str:
    """Return a length of time in a unit that fits.

    Examples
    --------
    >>> _duration(0.25), _duration(5.5), _duration(100)
    ('15 minutes', '5.5 hours', '4.2 days')
    """
    if hours < 1:
        return f"{math.ceil(hours * 60)} minutes"
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"

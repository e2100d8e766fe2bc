"""Caps: how many calls may be placed, checked inside the transaction that claims a call, so that no race exceeds them.

The decision is pure. The counts come from the journal, on the connection of that transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from imilab.errors import InvalidInputError
from imilab.send.local_hours import DAY_MS
from imilab.store.connection import Connection

__all__ = ["CapCounts", "Caps", "count_for_claim", "first_exceeded"]

_SECOND_MS = 1000
_CLAIMED = "state IN ('sending', 'accepted', 'final', 'rejected', 'unknown')"
_CLAIMED_HERE = f"state || '' {_CLAIMED.removeprefix('state ')}"
_OPEN_HERE = "state || '' IN ('sending', 'accepted', 'unknown')"
_RINGS_AT = "coalesce(send_at_ms, requested_at_ms)"
# `state || ''` keeps SQLite from the index on states, which would lead to nearly every request.
_COUNTS = f"""
    SELECT
        (SELECT count(*) FROM (SELECT 1 FROM requests WHERE msisdn = :msisdn
            AND {_OPEN_HERE} AND abs({_RINGS_AT} - :rings_at) < :horizon LIMIT :number_in_flight) AS found),
        (SELECT count(*) FROM (SELECT 1 FROM requests WHERE msisdn = :msisdn AND {_CLAIMED_HERE}
            AND {_RINGS_AT} >= :day_start AND {_RINGS_AT} < :day_end LIMIT :number_per_day) AS found),
        (SELECT count(*) FROM (SELECT 1 FROM requests WHERE campaign = :campaign AND {_CLAIMED}
            LIMIT :campaign_cap) AS found),
        (SELECT count(*) FROM (SELECT 1 FROM requests WHERE requested_at_ms IS NOT NULL AND {_CLAIMED_HERE}
            AND {_RINGS_AT} >= :day_start AND {_RINGS_AT} < :day_end LIMIT :per_day) AS found),
        (SELECT count(*) FROM (SELECT 1 FROM requests WHERE requested_at_ms IS NOT NULL AND {_CLAIMED_HERE}
            AND requested_at_ms > :second_start LIMIT :per_second) AS found),
        (SELECT min(abs({_RINGS_AT} - :rings_at)) FROM requests WHERE msisdn = :msisdn AND {_CLAIMED_HERE}
            AND :number_gap = 1)
"""  # noqa: S608 - fixed names


@dataclass(frozen=True, kw_only=True)
class Caps:
    """How many calls may be placed at most; None for no limit of that kind.

    A refused request counts as a call, but not as one in flight: what was tried too often is as wrong as what rang.

    Attributes
    ----------
    number_in_flight : int or None
        Calls to one number at about the same time that are being sent, accepted without a final receipt, or of unknown
        outcome.
    number_per_day : int or None
        Calls to one number in a day.
    number_gap_seconds : float or None
        Least time between two calls to one number, as a crossover needs.
    campaign : int or None
        Calls of one campaign in all.
    per_day : int or None
        Calls of all campaigns in a day.
    per_second : int or None
        Requests to the platform within any second, of all processes on this store.

    Raises
    ------
    InvalidInputError
        A cap that is not a whole number above 0.
    """

    number_in_flight: int | None = 1
    number_per_day: int | None = 3
    number_gap_seconds: float | None = None
    campaign: int | None = None
    per_day: int | None = None
    per_second: int | None = None

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            kinds = (int, float) if one.name == "number_gap_seconds" else (int,)
            if value is not None and (isinstance(value, bool) or not isinstance(value, kinds) or not value > 0):
                raise InvalidInputError(one.name, "not a whole number above 0; give one, or None for no limit")


@dataclass(frozen=True, kw_only=True)
class CapCounts:
    """What counts towards the caps before a call is claimed; the fields are those of `Caps`.

    Attributes
    ----------
    number_gap_seconds : float or None
        Time between this call and the one to its number that is nearest in time; None where there is none.
    """

    number_in_flight: int = 0
    number_per_day: int = 0
    number_gap_seconds: float | None = None
    campaign: int = 0
    per_day: int = 0
    per_second: int = 0


def first_exceeded(caps: Caps, counts: CapCounts) -> str | None:
    """Return which cap one more call would exceed, in words, or None where it may be claimed.

    Examples
    --------
    >>> first_exceeded(Caps(per_day=100), CapCounts(per_day=99)) is None
    True
    >>> first_exceeded(Caps(per_day=100), CapCounts(per_day=100))
    'cap per_day: 100 calls in this day, and 100 are allowed'
    """
    texts = {
        "number_in_flight": "calls to this number have no final receipt yet",
        "number_per_day": "calls to this number in this day",
        "campaign": "calls of this campaign",
        "per_day": "calls in this day",
        "per_second": "requests within the last second",
    }
    gap_seconds = counts.number_gap_seconds
    if caps.number_gap_seconds is not None and gap_seconds is not None and gap_seconds < caps.number_gap_seconds:
        return (
            f"cap number_gap_seconds: another call to this number is {gap_seconds:.0f} s away,"
            f" and {caps.number_gap_seconds:.0f} s are needed"
        )
    for name, text in texts.items():
        cap, count = getattr(caps, name), getattr(counts, name)
        if cap is not None and count >= cap:
            return f"cap {name}: {_in_words(count, text)}, and {cap} {'is' if cap == 1 else 'are'} allowed"
    return None


def _in_words(count: int, text: str) -> str:
    if count != 1:
        return f"{count} {text}"
    return f"1 {text.replace('calls', 'call', 1).replace('requests', 'request', 1).replace(' have ', ' has ')}"


def count_for_claim(
    connection: Connection,
    msisdn: str,
    campaign: str | None,
    day_start_ms: int,
    *,
    caps: Caps,
    now_ms: int,
    horizon_ms: int,
    day_end_ms: int | None = None,
    send_at_ms: int | None = None,
) -> CapCounts:
    """Count what the caps need, each only up to its cap.

    Call it inside the transaction that claims the call, before the claim: a store has one writer at a time, so no other
    process can claim in between.

    Parameters
    ----------
    connection : Connection
        On a store, in a write transaction.
    msisdn : str
        The number to be called.
    campaign : str or None
        None, a single call, has no cap of its campaign.
    day_start_ms, day_end_ms : int
        The day in which the phone would ring, milliseconds UTC, see `imilab.send.local_hours.day_bounds`; 24 hours by
        default. A call counts in the day of its `sendAt`, or else of its request.
    caps : Caps
        A count whose cap is None stays 0.
    now_ms : int
        When the request would be made.
    horizon_ms : int
        The receipt horizon: calls without a final receipt that ring further apart than this are not in flight at once.
    send_at_ms : int, optional
        When the platform would place the call, where it holds it back.
    """
    row = connection.execute(
        _COUNTS,
        {
            "msisdn": msisdn,
            "campaign": campaign,
            "day_start": day_start_ms,
            "day_end": day_start_ms + DAY_MS if day_end_ms is None else day_end_ms,
            "second_start": now_ms - _SECOND_MS,
            "horizon": horizon_ms,
            "rings_at": now_ms if send_at_ms is None else send_at_ms,
            "number_gap": caps.number_gap_seconds is not None,
            "number_in_flight": caps.number_in_flight or 0,
            "number_per_day": caps.number_per_day or 0,
            "campaign_cap": caps.campaign or 0,
            "per_day": caps.per_day or 0,
            "per_second": caps.per_second or 0,
        },
    ).fetchone()
    in_flight, per_number, of_campaign, in_day, in_second, gap_ms = row
    return CapCounts(
        number_in_flight=in_flight,
        number_per_day=per_number,
        number_gap_seconds=None if gap_ms is None else gap_ms / 1000,
        campaign=of_campaign,
        per_day=in_day,
        per_second=in_second,
    )

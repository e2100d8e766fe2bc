"""Where a report comes from: which calls, which filters, which zone, which versions, when it was made."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import NamedTuple

import pandas as pd

from imilab import tables
from imilab.reporting.order import Order

__all__ = ["Fact", "file_facts", "local_minute", "period", "trace", "version"]

_PACKAGES = ("numpy", "pandas", "narwhals", "matplotlib")
_MOST_CAMPAIGNS = 10


class Fact(NamedTuple):
    """One thing to know about a report's origin."""

    name: str
    value: str


def trace(calls: pd.DataFrame, order: Order, *, hidden: bool, left_out: tuple[str, ...]) -> tuple[Fact, ...]:
    """Collect the facts of a report's origin.

    Parameters
    ----------
    calls : DataFrame
        The calls that it is about.
    order : Order
        What was asked for.
    hidden : bool
        Whether full phone numbers were handed in.
    left_out : tuple of str
        Columns that were handed in and are not reported.
    """
    facts = [
        Fact("Calls", _calls(calls, order)),
        Fact("Campaigns", _campaigns(calls)),
        *_filters(order),
        Fact("Zone", f"{order.zone.key}, for every time and hour unless UTC is said"),
        Fact("Receipts", _receipts(calls)),
        Fact("Phone numbers", _NUMBERS_HIDDEN if hidden else "Masked, as they were handed in."),
    ]
    if left_out:
        facts.append(Fact("Columns left out", f"{', '.join(left_out)} (not part of the calls table)"))
    made = f"{_local_time(order.made_at, order)} ({order.made_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"
    return (*facts, Fact("Made", made), Fact("Versions", _versions()))


def period(calls: pd.DataFrame, order: Order) -> str:
    """Say from when to when the calls were requested, in the report's zone."""
    moments = calls["requested_at"].fillna(calls["offered_at"]).dropna()
    if moments.empty:
        return "at unknown times" if len(calls) else ""
    first, last = (local_minute(moment.to_pydatetime(), order) for moment in (moments.min(), moments.max()))
    return f"{first} to {last}, {order.zone.key} time"


def _local_time(moment: datetime, order: Order) -> str:
    """Write a moment in the report's zone, with its offset."""
    return f"{moment.astimezone(order.zone).isoformat(sep=' ', timespec='seconds')} {order.zone.key}"


def version() -> str:
    """Return imilab's version as it is installed."""
    try:
        return metadata.version("imilab")
    except metadata.PackageNotFoundError:
        return "not installed"


def file_facts(order: Order) -> Mapping[str, str]:
    """Return what a data file says of its origin in its own metadata."""
    return {
        "version": version(),
        "title": order.title,
        "zone": order.zone.key,
        "filters": order.filters_text,
        "made_at": order.made_at.astimezone(UTC).isoformat(timespec="seconds"),
    }


_NUMBERS_HIDDEN = "Full phone numbers were handed in. They are masked here, wherever they stood."


def _calls(calls: pd.DataFrame, order: Order) -> str:
    return f"{tables.count(len(calls))}, requested {period(calls, order)}" if len(calls) else "none"


def _campaigns(calls: pd.DataFrame) -> str:
    counts = calls["campaign"].value_counts(sort=False, dropna=False).sort_values(ascending=False, kind="stable")
    shown = [f"{tables.name(name)} ({tables.count(n)})" for name, n in counts.items()]
    more = len(shown) - _MOST_CAMPAIGNS
    return ", ".join(shown[:_MOST_CAMPAIGNS]) + (f" and {more} more" if more > 0 else "") or "none"


def _filters(order: Order) -> list[Fact]:
    if not order.filters:
        return [Fact("Filters", "None were told: these may be all calls or a part of them.")]
    return [Fact("Filters", f"{order.filters_text} (as told by who made the report; imilab did not apply them)")]


def _receipts(calls: pd.DataFrame) -> str:
    told = f"{tables.count(calls['receipts'].sum())} events"
    unknown, inferred = calls["unknown_receipts"].sum(), calls["answer_inferred"].sum()
    return (
        f"{told}, {tables.count(unknown)} of them with an unknown code or status; "
        f"{tables.count(inferred)} answers inferred from a hang-up"
    )


def _versions() -> str:
    packages = (f"{name} {metadata.version(name)}" for name in _PACKAGES)
    return ", ".join((f"imilab {version()}", f"Python {platform.python_version()}", *packages))


def local_minute(moment: datetime, order: Order) -> str:
    """Write a moment in the report's zone, without naming it."""
    return f"{moment.astimezone(order.zone):%Y-%m-%d %H:%M}"

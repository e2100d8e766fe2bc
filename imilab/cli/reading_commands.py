"""``imilab rates``, ``imilab compare`` and ``imilab report``: from the store, or from a file of calls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imilab.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

    from imilab.buckets import TimeBucket

__all__ = ["Calls", "Zone", "compare", "group_of", "rates", "read", "report"]

Calls = Annotated[Path | None, typer.Option("--calls", help="A calls table (.csv, .parquet) instead of the store.")]
Zone = Annotated[str, typer.Option(help="IANA zone of hours and days.")]
_BUCKETS = ("hour", "day", "weekday", "hour_of_day")


def rates(
    by: Annotated[
        list[str] | None, typer.Option(help="A column, or hour, day, weekday, hour_of_day; repeatable.")
    ] = None,
    outcome: Annotated[list[str] | None, typer.Option(help="Only these outcomes; repeatable.")] = None,
    calls: Calls = None,
    tz: Zone = "UTC",
) -> None:
    """Show the rate of each outcome with its 95 % interval."""
    import imilab

    groups = [group_of(name, tz) for name in by or []]
    typer.echo(str(imilab.rates(read(calls), by=groups or None, outcomes=outcome or None)))


def compare(
    arm: Annotated[str, typer.Option(help="The column that holds the arms.")] = "arm",
    baseline: Annotated[str | None, typer.Option(help="The arm that others are compared with.")] = None,
    outcome: Annotated[str, typer.Option(help="answered, completed, early_hangup, busy, ...")] = "answered",
    calls: Calls = None,
) -> None:
    """Compare arms: difference, interval, test, and a sentence that says what was found."""
    import imilab

    typer.echo(str(imilab.compare(read(calls), arm=arm, baseline=baseline, outcome=outcome)))


def report(
    path: Annotated[Path, typer.Argument(help="Where to write: .html, .xlsx, .csv or .parquet.")],
    arm: Annotated[str | None, typer.Option(help="The column that holds the arms.")] = None,
    baseline: Annotated[str | None, typer.Option(help="The arm that others are compared with.")] = None,
    outcome: Annotated[str, typer.Option(help="What is compared.")] = "answered",
    calls: Calls = None,
    tz: Zone = "UTC",
) -> None:
    """Write a report."""
    import imilab

    written = imilab.report(read(calls), path, arm=arm, baseline=baseline, outcome=outcome, tz=tz)
    typer.echo(f"Wrote {written}")


def read(path: Path | None) -> pd.DataFrame:
    """Return the calls in a file, or those in the store."""
    import imilab

    if path is not None:
        return imilab.read_calls(path)
    settings = imilab.Settings()
    if settings.store_url is None and not settings.store.exists():
        raise InvalidInputError("store", f"there is no {settings.store} yet; give --calls FILE or set IMILAB_STORE")
    with imilab.Lab(settings) as lab:
        return lab.calls()


def group_of(name: str, tz: str) -> str | TimeBucket:
    """Return a time bucket by its name, or a column's name."""
    from imilab import buckets

    return getattr(buckets, name)(tz) if name in _BUCKETS else name

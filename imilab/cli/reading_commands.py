"""``imilab rates``, ``imilab compare`` and ``imilab report``: from the store, or from a file of calls."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imilab.cli.import_command import remote_options
from imilab.errors import InvalidInputError, TimestampError

if TYPE_CHECKING:
    import pandas as pd

    from imilab.buckets import TimeBucket

__all__ = ["Calls", "Confidence", "Denominator", "Zone", "compare", "group_of", "rates", "read", "report"]

Calls = Annotated[
    str | None,
    typer.Option("--calls", help="Instead of the store: a calls table (.csv, .parquet), or a log as for import."),
]
CallsZone = Annotated[str | None, typer.Option("--calls-tz", help="IANA zone of a log's times without one.")]
CallsMapping = Annotated[str | None, typer.Option("--calls-mapping", help="Name of a log's saved profile.")]
CallsRemote = Annotated[
    list[str] | None, typer.Option("--calls-option", help="NAME=VALUE, as --option of import; repeatable.")
]
Zone = Annotated[str, typer.Option(help="IANA zone of hours and days.")]
Denominator = Annotated[str, typer.Option(help="Which calls a rate is a share of: resolved, placed or attempted.")]
Confidence = Annotated[float, typer.Option(min=0, max=1, help="Coverage of the intervals.")]
Method = Annotated[str, typer.Option(help="miettinen_nurminen, newcombe, agresti_caffo or mee.")]
Clusters = Annotated[str, typer.Option(help="How numbers meet the arms: auto, fixed, varying or ignore.")]
Strata = Annotated[str | None, typer.Option(help="Compare within a column, or hour, day, weekday, hour_of_day.")]
Margin = Annotated[float | None, typer.Option(help="A difference to rule out, as a share: -0.05 is 5 points less.")]
_BUCKETS = ("hour", "day", "weekday", "hour_of_day")


def rates(
    by: Annotated[
        list[str] | None, typer.Option(help="A column, or hour, day, weekday, hour_of_day; repeatable.")
    ] = None,
    outcome: Annotated[list[str] | None, typer.Option(help="Only these outcomes; repeatable.")] = None,
    calls: Calls = None,
    calls_tz: CallsZone = None,
    calls_mapping: CallsMapping = None,
    calls_option: CallsRemote = None,
    tz: Zone = "UTC",
    denominator: Denominator = "resolved",
    confidence: Confidence = 0.95,
) -> None:
    """Show the rate of each outcome with its interval."""
    import imilab

    groups = [group_of(name, tz) for name in by or []]
    found = read(calls, calls_tz, calls_mapping, calls_option)
    table = imilab.rates(
        found, by=groups or None, outcomes=outcome or None, denominator=denominator, confidence=confidence
    )
    typer.echo(str(table))


def compare(
    arm: Annotated[str, typer.Option(help="The column that holds the arms.")] = "arm",
    baseline: Annotated[str | None, typer.Option(help="The arm that others are compared with.")] = None,
    outcome: Annotated[str, typer.Option(help="answered, completed, early_hangup, busy, ...")] = "answered",
    calls: Calls = None,
    calls_tz: CallsZone = None,
    calls_mapping: CallsMapping = None,
    calls_option: CallsRemote = None,
    tz: Zone = "UTC",
    denominator: Denominator = "resolved",
    confidence: Confidence = 0.95,
    method: Method = "miettinen_nurminen",
    clusters: Clusters = "auto",
    strata: Strata = None,
    margin: Margin = None,
) -> None:
    """Compare arms: difference, interval, test, and a sentence that says what was found."""
    import imilab

    compared = imilab.compare(
        read(calls, calls_tz, calls_mapping, calls_option),
        arm=arm,
        baseline=baseline,
        outcome=outcome,
        denominator=denominator,
        confidence=confidence,
        method=method,
        clusters=clusters,
        strata=None if strata is None else group_of(strata, tz),
        margin=margin,
    )
    typer.echo(str(compared))


def report(
    path: Annotated[Path, typer.Argument(help="Where to write: .html, .xlsx, .csv or .parquet.")],
    arm: Annotated[str | None, typer.Option(help="The column that holds the arms.")] = None,
    baseline: Annotated[str | None, typer.Option(help="The arm that others are compared with.")] = None,
    outcome: Annotated[str, typer.Option(help="What is compared.")] = "answered",
    calls: Calls = None,
    calls_tz: CallsZone = None,
    calls_mapping: CallsMapping = None,
    calls_option: CallsRemote = None,
    tz: Zone = "UTC",
) -> None:
    """Write a report."""
    import imilab

    found = read(calls, calls_tz, calls_mapping, calls_option)
    written = imilab.report(found, path, arm=arm, baseline=baseline, outcome=outcome, tz=tz)
    typer.echo(f"Wrote {written}")


def read(
    path: str | None, tz: str | None = None, mapping: str | None = None, options: list[str] | None = None
) -> pd.DataFrame:
    """Return the calls in a file or a log, or those in the store."""
    import imilab

    if path is not None:
        try:
            with warnings.catch_warnings(record=True, category=UserWarning) as told:
                warnings.simplefilter("always", UserWarning)
                found = imilab.read_calls(path, mapping, tz, options=remote_options(options))
        except TimestampError as problem:
            if tz is not None:
                raise
            way_out = "--calls-tz ZONE of rates, compare and report, or set IMILAB_TENANT_ZONE"
            raise TimestampError(problem.field, f"times without a zone; say which is the log's: {way_out}") from None
        for one in told:
            typer.secho(f"imilab: {one.message}", err=True)
        return found
    settings = imilab.Settings()
    if settings.store_url is None and not settings.store.exists():
        raise InvalidInputError("store", f"there is no {settings.store} yet; give --calls FILE or set IMILAB_STORE")
    with imilab.Lab(settings) as lab:
        return lab.calls()


def group_of(name: str, tz: str) -> str | TimeBucket:
    """Return a time bucket by its name, or a column's name."""
    from imilab import buckets

    return getattr(buckets, name)(tz) if name in _BUCKETS else name

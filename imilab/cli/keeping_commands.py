"""``imilab resolve`` and ``imilab erase``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from imilab.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["erase", "resolve"]

_SHOWN = ["correlation_id", "campaign", "msisdn", "requested_at", "http_status", "message"]


def resolve(
    correlation_id: Annotated[str | None, typer.Argument(help="The call to resolve.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Every call of unknown outcome of this campaign.")] = None,
    placed: Annotated[
        bool | None, typer.Option("--placed/--not-placed", help="What became of it; neither is ever sent again.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="How you know; kept with the call.")] = None,
) -> None:
    """List the calls of unknown outcome, or decide what became of one, or of all of a campaign."""
    import imilab

    with imilab.Lab() as lab:
        calls = lab.unknown()
        if campaign is not None:
            calls = calls[calls["campaign"] == campaign]
        if placed is None:
            _list(calls, wanted=correlation_id is not None)
            return
        if (correlation_id is None) == (campaign is None):
            raise InvalidInputError("correlation_id", "give one, or --campaign NAME for all of a campaign")
        chosen = [correlation_id] if correlation_id is not None else list(calls["correlation_id"])
        if not chosen:
            raise InvalidInputError(
                "--campaign", f"no call of {campaign!r} has an unknown outcome; imilab resolve lists all"
            )
        state = "accepted" if placed else "rejected"
        for one in chosen:
            lab.resolve(one, state, note)
        are = "call is" if len(chosen) == 1 else "calls are"
        typer.echo(f"{len(chosen)} {are} {state} now, as decided by a person")


def _list(calls: pd.DataFrame, *, wanted: bool) -> None:
    if wanted:
        raise InvalidInputError("--placed", "missing; say --placed or --not-placed")
    if calls.empty:
        typer.echo("No call has an unknown outcome.")
        return
    typer.echo(calls[_SHOWN].to_string(index=False))
    typer.echo(
        f"\n{len(calls)} calls may have been placed. Ask the platform: imilab status --reconcile. Or decide:"
        " imilab resolve CORRELATION_ID --placed | --not-placed"
    )


def erase(
    number: Annotated[
        str | None,
        typer.Argument(help="With country code; - reads it from standard input, so that no shell history keeps it."),
    ] = None,
    older_than_days: Annotated[
        int | None, typer.Option(help="Instead, numbers in everything older than this.", min=1)
    ] = None,
    old: Annotated[bool, typer.Option("--old", help="Instead, everything older than retention_days.")] = False,
) -> None:
    """Forget a number everywhere, or the numbers in everything that is old; rows stay for their counts."""
    import imilab

    if sum((number is not None, older_than_days is not None, old)) != 1:
        raise InvalidInputError("number", "give a number, --older-than-days N or --old")
    with imilab.Lab() as lab:
        if number is None:
            summary = lab.forget_old(older_than_days)
        else:
            summary = lab.erase(sys.stdin.readline().strip() if number == "-" else number)
        typer.echo(str(summary))

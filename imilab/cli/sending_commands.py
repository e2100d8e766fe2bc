"""``imilab send`` and ``imilab status``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imilab.errors import InvalidInputError
from imilab.terms import Media, Voice

__all__ = ["parse_arms", "send", "status"]


def send(
    recipients: Annotated[Path, typer.Argument(help="A CSV file with a column msisdn of E.164 numbers.")],
    arm: Annotated[
        list[str], typer.Option(help="name=voice or name=media:id; once an arm, such as --arm a=en-GB-RyanNeural.")
    ],
    text: Annotated[str | None, typer.Option(help="What the voices say.")] = None,
    seed: Annotated[int, typer.Option(help="Decides who gets which arm.")] = 0,
    campaign: Annotated[str | None, typer.Option(help="Its name; a new one calls the same people again.")] = None,
    go_live: Annotated[int, typer.Option(help="How many real calls this command may place.", min=0)] = 0,
) -> None:
    """Plan and send a campaign; without --go-live it only shows what would happen."""
    import imilab

    with imilab.Lab() as lab:
        plan = lab.plan(recipients, arms=parse_arms(arm), text=text, seed=seed, campaign=campaign)
        typer.echo(f"{plan}\n{plan.summary().to_string(index=False)}")
        if len(plan.refused):
            typer.echo(f"\nNot called:\n{plan.refused.to_string(index=False)}")
        if not go_live:
            typer.echo(f"\nNothing was sent. To place these calls: --go-live {len(plan.calls)}")
            return
        lab.go_live(go_live)
        summary = lab.send(plan)
        typer.echo(str(summary))
        if summary.stopped:
            raise typer.Exit(1)


def status(
    message_id: Annotated[str | None, typer.Argument(help="Ask the platform about this call.")] = None,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Ask the platform about every call without a final receipt.")
    ] = False,
) -> None:
    """Show how the campaigns in the store stand, or how one call does."""
    import imilab

    with imilab.Lab() as lab:
        if message_id:
            one = lab.call_status(message_id)
            for name in ("status", "code", "description", "requested_at_raw", "answered_at_raw", "ended_at_raw"):
                if getattr(one, name):
                    typer.echo(f"{name.removesuffix('_raw'):<13} {getattr(one, name)}")
            return
        if reconcile:
            typer.echo(str(lab.reconcile()))
        requests = lab.requests()
        if requests.empty:
            typer.echo(f"No call in {lab.settings.store} yet.")
            return
        names = requests["campaign"].fillna("(single calls)")
        table = requests.groupby([names, "state"]).size().unstack(fill_value=0)
        typer.echo(table.to_string())
        typer.echo(f"\nReceipts stored: {len(lab.receipts())}")


def parse_arms(arms: list[str]) -> dict[str, Voice | Media]:
    """Read ``name=voice`` and ``name=media:id``.

    Examples
    --------
    >>> parse_arms(["a=en-GB-RyanNeural", "b=media:lunch"])["b"]
    Media(media_id='lunch')
    """
    found: dict[str, Voice | Media] = {}
    for arm in arms:
        name, separator, content = arm.partition("=")
        if not (separator and name and content):
            raise InvalidInputError("--arm", "not of the form name=voice, such as ryan=en-GB-RyanNeural")
        if name in found:
            raise InvalidInputError("--arm", f"{name!r} is given twice; name each arm once")
        found[name] = Media(content.removeprefix("media:")) if content.startswith("media:") else Voice(content)
    return found

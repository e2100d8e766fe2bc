"""``imilab send`` and ``imilab status``."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imilab.errors import InvalidInputError
from imilab.terms import Media, Voice

if TYPE_CHECKING:
    from imilab.send import Arm

__all__ = ["parse_arms", "send", "status"]

_FORMS = {
    "--arm-text": "name=text, such as 'warm=Hello {first_name}'",
    "--arm-hours": "name=hours, such as early=09:00-12:00",
    "--share": "name=number, such as new=1",
}


def send(
    recipients: Annotated[Path, typer.Argument(help="A CSV file with a column msisdn of E.164 numbers.")],
    arm: Annotated[
        list[str], typer.Option(help="name=voice or name=media:id; once an arm, such as --arm a=en-GB-RyanNeural.")
    ],
    text: Annotated[
        str | None, typer.Option(help="What the voices say; {first_name} stands for the recipient's column.")
    ] = None,
    arm_text: Annotated[
        list[str] | None, typer.Option(help="name=text, where an arm says something else; once an arm.")
    ] = None,
    arm_hours: Annotated[
        list[str] | None, typer.Option(help="name=hours, such as early=09:00-12:00; once an arm that has hours.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Decides who gets which arm.")] = 0,
    design: Annotated[str, typer.Option(help="blocked, simple or crossover.")] = "blocked",
    share: Annotated[
        list[str] | None, typer.Option(help="name=number, such as --share new=1 --share old=3; once an arm.")
    ] = None,
    strata: Annotated[
        list[str] | None, typer.Option(help="A column within which the arms are balanced; several times for several.")
    ] = None,
    between: Annotated[str | None, typer.Option(help="Hours of the calls, such as 09:00-20:00.")] = None,
    days: Annotated[str | None, typer.Option(help="Days of the calls, such as mon-fri.")] = None,
    zone: Annotated[
        str | None, typer.Option(help="IANA zone of hours and days; by default each recipient's own.")
    ] = None,
    over: Annotated[str | None, typer.Option(help="For how long the calls are spread, such as '2 days'.")] = None,
    spacing: Annotated[
        str | None, typer.Option(help="Least time between two calls to one number, such as '4 hours'.")
    ] = None,
    send_at: Annotated[str, typer.Option(help="Who waits for a call's time: local or platform.")] = "local",
    campaign: Annotated[str | None, typer.Option(help="Its name; a new one calls the same people again.")] = None,
    calls_per_second: Annotated[
        float | None, typer.Option(help="Slower than the tenant's limit, such as 5.", show_default=False)
    ] = None,
    burst: Annotated[
        bool, typer.Option("--burst", help="Use the tenant's burst: half as fast again, 30 minutes a day at the most.")
    ] = False,
    minutes_per_call: Annotated[
        float, typer.Option(help="How long a call is assumed to last, for the price in the summary.")
    ] = 1.0,
    go_live: Annotated[int, typer.Option(help="How many real calls this command may place.", min=0)] = 0,
) -> None:
    """Plan and send a campaign; without --go-live it only shows what would happen."""
    import imilab

    with imilab.Lab() as lab:
        plan = lab.plan(
            recipients,
            arms=_with_options(
                parse_arms(arm), _named_texts(arm_text, "--arm-text"), _named_texts(arm_hours, "--arm-hours")
            ),
            text=text,
            seed=seed,
            design=design,
            shares=_shares(share),
            strata=strata,
            between=between,
            days=days,
            zone=zone,
            over=over,
            spacing=spacing,
            send_at=send_at,
            campaign=campaign,
        )
        typer.echo(f"{plan}\n{plan.summary(minutes_per_call=minutes_per_call)}")
        if len(plan.refused):
            typer.echo(f"\nRefused, row by row:\n{plan.refused.to_string(index=False)}")
        if not go_live:
            to_go_on = f"To place these calls: --go-live {len(plan.calls)}" if plan.calls else "Nobody can be called."
            typer.echo(f"\nNothing was sent. {to_go_on}")
            return
        lab.go_live(go_live)
        summary = lab.send(plan, calls_per_second=calls_per_second, burst=burst)
        typer.echo(str(summary))
        if summary.stopped:
            raise typer.Exit(1)


def status(
    message_id: Annotated[str | None, typer.Argument(help="Ask the platform about this call.")] = None,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Ask the platform about every call without a final receipt.")
    ] = False,
    verify: Annotated[
        str | None,
        typer.Option(metavar="CAMPAIGN", help="Draw this campaign's arms again from its seed, and compare its calls."),
    ] = None,
) -> None:
    """Show how the campaigns in the store stand, or how one call does, or whether a campaign has the arms it drew."""
    import imilab

    with imilab.Lab() as lab:
        if message_id:
            one = lab.call_status(message_id)
            for name in ("status", "code", "description", "requested_at_raw", "answered_at_raw", "ended_at_raw"):
                if getattr(one, name):
                    typer.echo(f"{name.removesuffix('_raw'):<13} {getattr(one, name)}")
            return
        if verify is not None:
            check = lab.verify(verify)
            typer.echo(str(check))
            raise typer.Exit(not check.ok)
        if reconcile:
            typer.echo(str(lab.reconcile()))
        requests = lab.requests(imported=False)
        if requests.empty:
            typer.echo(f"No call in {lab.store.place if lab.settings.store_url else lab.settings.store} yet.")
            return
        names = requests["campaign"].fillna("(single calls)")
        table = requests.groupby([names, "state"]).size().unstack(fill_value=0)
        typer.echo(table.to_string())
        typer.echo(f"\nReceipts stored: {len(lab.receipts(imported=False))}")


def parse_arms(arms: list[str]) -> dict[str, Voice | Media]:
    """Read ``name=voice`` and ``name=media:id``.

    Examples
    --------
    >>> parse_arms(["a=en-GB-RyanNeural", "b=media:lunch"])["b"]
    Media(media_id='lunch')
    """
    form = "not of the form name=voice, such as ryan=en-GB-RyanNeural"
    return {
        name: Media(content.removeprefix("media:")) if content.startswith("media:") else Voice(content)
        for name, content in _named_texts(arms, "--arm", form).items()
    }


def _named_texts(given: list[str] | None, option: str, form: str = "") -> dict[str, str]:
    """Read ``name=text``, each name once."""
    found: dict[str, str] = {}
    for one in given or ():
        name, separator, value = one.partition("=")
        if not (separator and name and value):
            raise InvalidInputError(option, form or f"not of the form {_FORMS[option]}")
        if name in found:
            raise InvalidInputError(option, f"{name!r} is given twice; name each arm once")
        found[name] = value
    return found


def _shares(given: list[str] | None) -> dict[str, Fraction] | None:
    named = _named_texts(given, "--share")
    try:
        return {name: Fraction(value) for name, value in named.items()} or None
    except (ValueError, ZeroDivisionError):
        raise InvalidInputError("--share", f"not a number; write {_FORMS['--share']}") from None


def _with_options(
    arms: dict[str, Voice | Media], texts: dict[str, str], hours: dict[str, str]
) -> dict[str, Arm | Voice | Media]:
    """Give arms the texts and hours of their own."""
    from imilab.send import Arm

    for option, names in (("--arm-text", texts), ("--arm-hours", hours)):
        for name in names:
            if name not in arms:
                raise InvalidInputError(option, f"there is no arm {name!r}; there are {', '.join(arms)}")
    return {
        name: Arm(content, texts.get(name), hours.get(name)) if name in texts or name in hours else content
        for name, content in arms.items()
    }

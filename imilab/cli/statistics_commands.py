"""``imilab power``, ``monitor``, ``durations``, ``health`` and ``breakdown``: the statistics around a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from imilab.cli.reading_commands import Calls, Zone, group_of, read
from imilab.errors import InvalidInputError

if TYPE_CHECKING:
    from imilab.comparison.planning import Design

__all__ = ["breakdown", "durations", "health", "monitor", "power"]

Arm = Annotated[str, typer.Option(help="The column that holds the arms.")]
Baseline = Annotated[str | None, typer.Option(help="The arm that others are compared with.")]
Outcome = Annotated[str, typer.Option(help="answered, completed, early_hangup, busy, ...")]
Rate = Annotated[
    float, typer.Option("--rate", min=0, max=1, help="The baseline arm's rate that you expect, as a share.")
]
Mde = Annotated[float | None, typer.Option(help="The smallest difference worth finding, as a share: 0.05 is 5 points.")]
Power = Annotated[float | None, typer.Option(min=0, max=1, help="The chance to find it.")]
Number = Annotated[int | None, typer.Option("--n", min=4, help="Resolved calls of all arms together.")]
Alpha = Annotated[float, typer.Option(min=0, max=1, help="The chance of a false alarm.")]
Arms = Annotated[int, typer.Option(min=2, help="How many arms there are, the baseline among them.")]
Looks = Annotated[str, typer.Option(help="How often to look: 1, 5, ... or any (after every call).")]
Spending = Annotated[str, typer.Option(help="obrien_fleming or pocock.")]


def power(
    rate: Rate,
    mde: Mde = None,
    power: Power = None,
    n: Number = None,
    alpha: Alpha = 0.05,
    arms: Arms = 2,
    looks: Looks = "1",
    spending: Spending = "obrien_fleming",
) -> None:
    """Say how many calls a test needs, what it can find, or with what chance: give two of --n, --mde, --power."""
    design = _design(rate, mde, power, n, alpha, arms, looks, spending)
    typer.echo(str(design))


def monitor(
    rate: Rate,
    mde: Mde = None,
    power: Power = None,
    n: Number = None,
    alpha: Alpha = 0.05,
    arms: Arms = 2,
    looks: Looks = "5",
    spending: Spending = "obrien_fleming",
    arm: Arm = "arm",
    baseline: Baseline = None,
    outcome: Outcome = "answered",
    calls: Calls = None,
) -> None:
    """Say whether a test that runs may stop now; repeat the options with which `imilab power` planned it."""
    import imilab

    design = _design(rate, mde, power, n, alpha, arms, looks, spending)
    typer.echo(str(imilab.monitor(read(calls), design, arm=arm, baseline=baseline, outcome=outcome)))


def durations(arm: Arm = "arm", baseline: Baseline = None, calls: Calls = None) -> None:
    """Compare ring times, with busy, rejected and unanswered calls as competing outcomes."""
    import imilab

    typer.echo(str(imilab.durations(read(calls), arm=arm, baseline=baseline)))


def health(arm: Arm = "arm", calls: Calls = None) -> None:
    """Check the test itself: shares of the arms, drift, repeated and pending calls."""
    import imilab

    typer.echo(str(imilab.health(read(calls), arm=arm)))


def breakdown(
    by: Annotated[str, typer.Option(help="A column, or hour, day, weekday, hour_of_day.")],
    arm: Arm = "arm",
    baseline: Baseline = None,
    outcome: Outcome = "answered",
    calls: Calls = None,
    tz: Zone = "UTC",
) -> None:
    """Show where a difference comes from; exploratory."""
    import imilab

    found = imilab.breakdown(read(calls), group_of(by, tz), arm=arm, baseline=baseline, outcome=outcome)
    typer.echo(str(found))


def _design(
    rate: float,
    mde: float | None,
    power: float | None,
    n: int | None,
    alpha: float,
    arms: int,
    looks: str,
    spending: str,
) -> Design:
    import imilab

    if looks != "any" and not (looks.isdigit() and int(looks) >= 1):
        raise InvalidInputError("--looks", "give a number of looks, or any")
    if spending not in {"obrien_fleming", "pocock"}:
        raise InvalidInputError("--spending", "give obrien_fleming or pocock")
    kind: Literal["obrien_fleming", "pocock"] = "pocock" if spending == "pocock" else "obrien_fleming"
    return imilab.power(
        baseline=rate,
        mde=mde,
        power=power,
        n=n,
        alpha=alpha,
        arms=arms,
        looks="any" if looks == "any" else int(looks),
        spending=kind,
    )

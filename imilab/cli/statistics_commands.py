"""``imilab power``, ``monitor``, ``durations``, ``health``, ``simulate-aa``, ``breakdown``: around a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from imilab.cli.reading_commands import Calls, Confidence, Denominator, Zone, group_of, read
from imilab.errors import InvalidInputError

if TYPE_CHECKING:
    from imilab.comparison.planning import Design

__all__ = ["breakdown", "durations", "health", "monitor", "power", "simulate_aa"]

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
Margin = Annotated[float | None, typer.Option(help="Rule out a difference instead: -0.05 is 5 points less often.")]
PerNumber = Annotated[float, typer.Option(min=1, help="Calls to a number, on average.")]
Icc = Annotated[float, typer.Option(min=0, max=1, help="How alike the calls to one number are (ICC).")]
Final = Annotated[bool, typer.Option("--final", help="No more calls will come: judge what there is.")]


def power(
    rate: Rate,
    mde: Mde = None,
    power: Power = None,
    n: Number = None,
    alpha: Alpha = 0.05,
    arms: Arms = 2,
    looks: Looks = "1",
    spending: Spending = "obrien_fleming",
    margin: Margin = None,
    calls_per_number: PerNumber = 1,
    icc: Icc = 0,
) -> None:
    """Say how many calls a test needs, what it can find, or with what chance: give two of --n, --mde, --power."""
    design = _design(
        rate, mde, power, n, alpha, arms, looks, spending, margin=margin, calls_per_number=calls_per_number, icc=icc
    )
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
    margin: Margin = None,
    calls_per_number: PerNumber = 1,
    icc: Icc = 0,
    final: Final = False,
) -> None:
    """Say whether a test that runs may stop now; repeat the options with which `imilab power` planned it."""
    import imilab

    design = _design(
        rate, mde, power, n, alpha, arms, looks, spending, margin=margin, calls_per_number=calls_per_number, icc=icc
    )
    typer.echo(str(imilab.monitor(read(calls), design, arm=arm, baseline=baseline, outcome=outcome, final=final)))


def durations(arm: Arm = "arm", baseline: Baseline = None, calls: Calls = None, confidence: Confidence = 0.95) -> None:
    """Compare ring times, with busy, rejected and unanswered calls as competing outcomes."""
    import imilab

    typer.echo(str(imilab.durations(read(calls), arm=arm, baseline=baseline, confidence=confidence)))


def health(arm: Arm = "arm", calls: Calls = None) -> None:
    """Check the test itself: shares of the arms, drift, repeated and pending calls."""
    import imilab

    typer.echo(str(imilab.health(read(calls), arm=arm)))


def simulate_aa(
    arm: Arm = "arm",
    baseline: Baseline = None,
    outcome: Outcome = "answered",
    runs: Annotated[int, typer.Option(min=10, help="How often the arms are dealt out anew.")] = 1000,
    seed: Annotated[int, typer.Option(help="Makes the result come again.")] = 0,
    alpha: Alpha = 0.05,
    calls: Calls = None,
) -> None:
    """Deal the arms out anew over your own calls, and say how often the method finds a difference that is none."""
    import imilab

    found = imilab.simulate_aa(
        read(calls), arm=arm, baseline=baseline, outcome=outcome, runs=runs, seed=seed, alpha=alpha
    )
    typer.echo(str(found))


def breakdown(
    by: Annotated[str, typer.Option(help="A column, or hour, day, weekday, hour_of_day.")],
    arm: Arm = "arm",
    baseline: Baseline = None,
    outcome: Outcome = "answered",
    calls: Calls = None,
    tz: Zone = "UTC",
    denominator: Denominator = "resolved",
    confidence: Confidence = 0.95,
) -> None:
    """Show where a difference comes from; exploratory."""
    import imilab

    found = imilab.breakdown(
        read(calls),
        group_of(by, tz),
        arm=arm,
        baseline=baseline,
        outcome=outcome,
        denominator=denominator,
        confidence=confidence,
    )
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
    **more: Any,
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
        **more,
    )

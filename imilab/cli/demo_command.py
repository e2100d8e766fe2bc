"""``imilab demo``: the main job from a plan to a report, on the embedded platform."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imilab.errors import InvalidInputError
from imilab.terms import Voice

if TYPE_CHECKING:
    import pandas as pd

    from imilab.comparison import Comparison
    from imilab.simulator import PeopleSettings

__all__ = ["DEMO_FILES", "DEMO_TEXT", "demo"]

DEMO_TEXT = (
    "Hello, this is the city library. The book that you reserved has arrived and waits for you at the front desk"
    " until Friday evening. Please bring your library card. We look forward to your visit."
)
DEMO_FILES = (
    *("imilab.sqlite", "calls.csv", "calls.parquet", "report.html", "report.xlsx"),
    *("outcomes.png", "over_time.png", "error_codes.png", "difference.png"),
)
"""What a demo writes into its folder."""

_RYAN, _SONIA = "en-GB-RyanNeural", "en-GB-SoniaNeural"
_EFFECTS = {
    _RYAN: 0.35,
    _SONIA: -0.35,
}  # on the logarithm of the chance of hanging up, so that one voice is heard longer
_HOURS = range(9, 19)
_AREA_CODES = (202, 206, 303, 312, 404, 415, 512, 617, 702, 808)
_LOSS_SHARE = 0.02
_CLOCK_SPEED = 3000.0
_WAIT_SECONDS = 30.0


def demo(
    folder: Annotated[Path, typer.Option(help="Where charts, tables and the report go.")] = Path("demo-output"),
    calls: Annotated[int, typer.Option(min=20, max=1000, help="How many calls to place.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Decides the simulated people.")] = 7,
) -> None:
    """Plan, send, receive, compare and report on the embedded platform; no phone rings, no account is needed."""
    import imilab
    from imilab.simulator import PeopleSettings

    started = time.monotonic()
    _prepare(folder)
    people = PeopleSettings(voice_effects=_EFFECTS)
    with imilab.Lab.simulated(
        seed, folder=folder, time_scale=_CLOCK_SPEED, people=people, loss_share=_LOSS_SHARE
    ) as lab:
        typer.echo("The embedded platform and the receiver are running; no phone rings.\n")
        plan = lab.plan(
            demo_numbers(calls),
            arms={"ryan": Voice(_RYAN), "sonia": Voice(_SONIA)},
            text=DEMO_TEXT,
            seed=seed,
            campaign="demo",
        )
        typer.echo(plan.summary().arms.to_string(index=False))
        typer.echo(f"\nSending {len(plan.calls)} calls over {len(_HOURS)} simulated hours ...")
        summary = lab.send(plan, calls_per_second=len(plan.calls) / (len(_HOURS) * 3600))
        typer.echo(str(summary))
        if summary.stopped:
            raise typer.Exit(130)
        lab.wait(timeout_seconds=2.0)
        typer.echo(f"Some receipts never came, so {lab.reconcile()}.")
        lab.wait(_WAIT_SECONDS)
        table = lab.calls()
    findings = _analyse(table, seed, people)
    _write(folder, table, findings)
    typer.echo(f"\nCharts, tables and the report are in {folder.absolute()}")
    typer.echo(f"Open {(folder / 'report.html').absolute()}   ({time.monotonic() - started:.0f} s)")


def demo_numbers(count: int) -> list[str]:
    """Return numbers that are reserved for fiction: +1, area code, 555 0100 to 0199."""
    numbers = [f"+1{area}55501{line:02d}" for line in range(100) for area in _AREA_CODES]
    if count > len(numbers):
        raise InvalidInputError("calls", f"at most {len(numbers)}")
    return numbers[:count]


@dataclass(frozen=True)
class _Findings:
    answered: Comparison
    completed: Comparison


def _prepare(folder: Path) -> None:
    """Make the folder, and remove what a former demo left, so that this one starts afresh."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in DEMO_FILES:
            for old in folder.glob(f"{name}*"):
                old.unlink()
    except OSError as problem:
        raise InvalidInputError("folder", f"cannot write there: {problem.strerror}; choose another") from None


def _analyse(table: pd.DataFrame, seed: int, people: PeopleSettings) -> _Findings:
    """Print outcomes, the two comparisons, and what the simulator knows to be true."""
    import imilab
    from imilab.simulator import People, SimulatorSettings

    typer.echo("\n" + str(imilab.rates(table, by="arm")))
    answered = imilab.compare(table, arm="arm", baseline="ryan")
    completed = imilab.compare(table, arm="arm", baseline="ryan", outcome="completed")
    typer.echo(f"\nWho picks up?\n{answered}\n\nWho listens to the end?\n{completed}")
    truth = People(SimulatorSettings(seed=seed, people=people)).true_difference(
        "completed", voice=_SONIA, baseline=_RYAN, text=DEMO_TEXT, hours=_HOURS
    )
    typer.echo(f"\nThe simulator knows the true difference in listening to the end: {100 * truth:+.1f} points.")
    return _Findings(answered, completed)


def _write(folder: Path, table: pd.DataFrame, findings: _Findings) -> None:
    import imilab
    from imilab import charts

    figures = {
        "outcomes.png": charts.outcomes(table, by="arm"),
        "over_time.png": charts.over_time(table, tz="UTC", every="hour"),
        "error_codes.png": charts.error_codes(table),
        "difference.png": charts.difference(findings.completed),
    }
    for name, figure in figures.items():
        (folder / name).write_bytes(charts.to_png(figure))
    for name in ("report.html", "report.xlsx"):
        imilab.report(
            table, folder / name, arm="arm", baseline="ryan", outcome="completed", title="Demo: does the voice matter?"
        )
    for name in ("calls.csv", "calls.parquet"):
        imilab.report(table, folder / name)

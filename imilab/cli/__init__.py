"""The command line. An error is one sentence on standard error and exit code 1, never a traceback."""

from __future__ import annotations

import logging
import sys

import typer

from imilab import __version__
from imilab.cli.demo_command import demo
from imilab.cli.doctor_command import doctor
from imilab.cli.import_command import import_logs, imports, rejects
from imilab.cli.keeping_commands import erase, resolve
from imilab.cli.reading_commands import compare, rates, report
from imilab.cli.sending_commands import send, status
from imilab.cli.serving_commands import receive, simulate
from imilab.cli.statistics_commands import breakdown, durations, health, monitor, power, simulate_aa
from imilab.cli.stop_command import stop
from imilab.errors import ImilabError

__all__ = ["app", "main"]

app = typer.Typer(
    name="imilab",
    help="Test calls through Webex Connect, what became of them, and answers with an interval.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"imilab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(False, "--version", help="Show the version.", callback=_show_version, is_eager=True),
) -> None:
    """Prepare what all commands share."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)


for _command in (
    *(demo, simulate, receive, send, status, rates, compare, report),
    *(power, monitor, durations, health, simulate_aa, breakdown, doctor),
    *(resolve, erase, imports, rejects),
    stop,
):
    app.command()(_command)
app.command("import")(import_logs)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except ImilabError as problem:
        typer.secho(f"imilab: {problem}", fg="red", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.secho("imilab: stopped", err=True)
        sys.exit(130)

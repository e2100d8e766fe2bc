"""``imilab stop``: the kill switch, from another terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from imilab.config import Settings

__all__ = ["stop"]


def stop(
    clear: Annotated[
        bool, typer.Option("--clear", help="Take the stop file away: calls may be started again.")
    ] = False,
) -> None:
    """Start no further call from this store, in any process; a send that is running stops within a second."""
    from imilab.config import Settings
    from imilab.errors import ConfigError
    from imilab.stop_file import StopFile

    settings = Settings()
    stop_file = StopFile.beside(settings.store, settings.stop_file)
    if clear:
        done = "was removed: calls may be started again" if stop_file.clear() else "was not there: nothing is stopped"
        typer.echo(f"The stop file {stop_file.path} {done}.")
        _mark(settings, stopped=False)
        return
    how = "is there now" if stop_file.create() else "was there already"
    typer.echo(f"Stopped: the stop file {stop_file.path} {how}, and no call is started while it is.")
    _mark(settings, stopped=True)
    typer.echo("Calls that the platform holds until their sendAt are with it already: no stop file reaches them.")
    typer.echo("To go on: imilab stop --clear, then send the same plan again; no number is called twice.")
    if settings.stop_file is None and settings.store_url is None and not settings.store.exists():
        raise ConfigError(
            "store",
            f"there is none at {settings.store.absolute()}, so a send from another store goes on; run this in its"
            " folder, or set IMILAB_STORE",
        )


def _mark(settings: Settings, *, stopped: bool) -> None:
    """Mark a store that several machines share, or take the mark away: the stop file is this machine's alone."""
    if settings.store_url is None:
        return
    from imilab.store import Store
    from imilab.store.stop_mark import mark_stopped

    with Store.from_settings(settings) as store:
        changed = store.write(lambda connection: mark_stopped(connection, stopped))
    state = "is marked as stopped, for every machine" if stopped else "has no stop mark"
    typer.echo(f"The store {store.place} {state}{' now' if changed else ', as before'}.")

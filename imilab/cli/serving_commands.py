"""``imilab simulate`` and ``imilab receive``: the two services, until Ctrl-C."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer

from imilab.config import Settings
from imilab.errors import ImilabError

__all__ = ["RECEIVE_PORT", "receive", "simulate"]

RECEIVE_PORT = 8081

_log = logging.getLogger("imilab.receiver")


class LogFormat(StrEnum):
    """How the log is written."""

    TEXT = "text"
    JSON = "json"


Host = Annotated[str, typer.Option(help="Where to listen.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port.")]


def simulate(
    host: Host = "127.0.0.1",
    port: Port = 8080,
    seed: Annotated[int, typer.Option(min=0, help="Decides the simulated people.")] = 7,
    calls_per_second: Annotated[int, typer.Option(min=1, help="The tenant's limit.")] = 20,
    time_scale: Annotated[float, typer.Option(help="How much faster than real time calls go by.")] = 1.0,
    tenant_zone: Annotated[str, typer.Option(help="Zone of the time stamps.")] = "UTC",
    loss_share: Annotated[float, typer.Option(min=0, max=1, help="Share of receipts that never come.")] = 0.0,
) -> None:
    """Serve the platform, emulated, with real webhooks; its hub secret is IMILAB_HUB_SECRET, if set."""
    from datetime import UTC, datetime

    from imilab.clock import ScaledClock
    from imilab.serving import bind, make_server
    from imilab.simulator import SIMULATOR_KEY, Simulator, SimulatorSettings

    secret = Settings().hub_secret
    simulator = Simulator(
        SimulatorSettings(
            seed=seed,
            hub_secret=secret.get_secret_value() if secret else None,
            tenant_zone=tenant_zone,
            transactions_per_second=calls_per_second,
            loss_share=loss_share,
        ),
        ScaledClock(datetime.now(UTC), time_scale),
    )
    listener = bind(host, port)
    url = f"http://{host}:{listener.getsockname()[1]}"
    typer.echo(f"The platform, emulated, listens on {url}; Ctrl-C ends it.")
    typer.echo(f"To use it: IMILAB_BASE_URL={url} IMILAB_KEY={SIMULATOR_KEY}")
    make_server(simulator.app).run(sockets=[listener])


def receive(
    host: Host = "127.0.0.1",
    port: Port = RECEIVE_PORT,
    path_prefix: Annotated[str, typer.Option(help="What a proxy leaves before /receipts, such as /imilab.")] = "",
    log_format: Annotated[
        LogFormat, typer.Option(help="Lines of text or of JSON, on standard error.")
    ] = LogFormat.TEXT,
) -> None:
    """Receive the platform's receipts into the store; each is on the disk before it is acknowledged."""
    from imilab.receiver.log_lines import log_to

    as_json = log_format is LogFormat.JSON
    log_to(sys.stderr, as_json=as_json)
    try:
        _receive(Settings(), host, port, path_prefix, as_json)
    except ImilabError as problem:
        if not as_json:
            raise
        _log.error("%s", problem, extra={"event": "failed"})
        raise typer.Exit(1) from None


def _receive(settings: Settings, host: str, port: int, path_prefix: str, as_json: bool) -> None:
    from imilab.receiver import RECEIPTS_PATH, Receiver
    from imilab.receiver.intake import SWITCH_SECONDS
    from imilab.receiver.late_store import LateStore
    from imilab.serving import bind, make_server

    sys.setswitchinterval(SWITCH_SECONDS)
    with LateStore(settings) as store:
        receiver = Receiver.from_settings(store, settings, path_prefix=path_prefix)
        receiver.check_address(host)
        listener = bind(host, port)
        server = make_server(receiver, every_minute=receiver.log_counts)
        receiver.watch(server.connections)
        shown = f"[{host}]" if ":" in host else host
        url = f"http://{shown}:{listener.getsockname()[1]}{path_prefix.rstrip('/')}{RECEIPTS_PATH}"
        secret_part = "/<receiver token>" if settings.receiver_token else ""
        _say(f"Receiving on {url}{secret_part} into {store.place}; Ctrl-C ends it.", "started", as_json)
        if receiver.is_open:
            _say("Neither a hub secret nor a token is set: every program here can send receipts.", "open", as_json)
        store.keep_trying(give_up=lambda: setattr(server, "should_exit", True))
        server.run(sockets=[listener])
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in receiver.counts.items())
        _say(f"Stopped: {counts}.", "stopped", as_json, receiver.counts)
        store.check()


def _say(words: str, event: str, as_json: bool, counts: Mapping[str, int] | None = None) -> None:
    """Tell the user, or the log where it is read by machines."""
    if as_json:
        _log.info(words, extra={"event": event, "counts": counts})
    else:
        typer.echo(words)

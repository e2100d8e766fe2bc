"""``imilab simulate`` and ``imilab receive``: the two services, until Ctrl-C."""

from __future__ import annotations

from typing import Annotated

import typer

from imilab.config import Settings

__all__ = ["RECEIVE_PORT", "receive", "simulate"]

RECEIVE_PORT = 8081

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


def receive(host: Host = "127.0.0.1", port: Port = RECEIVE_PORT) -> None:
    """Receive the platform's receipts into the store; each is on the disk before it is acknowledged."""
    from imilab.receiver import RECEIPTS_PATH, Receiver
    from imilab.serving import bind, make_server
    from imilab.store import Store

    settings = Settings()
    with Store(settings.store, settings.number_key_bytes) as store:
        receiver = Receiver(store, zone=settings.zone, secrets=settings.hub_secrets)
        receiver.check_address(host)
        listener = bind(host, port)
        url = f"http://{host}:{listener.getsockname()[1]}{RECEIPTS_PATH}"
        typer.echo(f"Receiving on {url} into {settings.store}; Ctrl-C ends it.")
        if not settings.hub_secrets:
            typer.echo("No hub secret is set, so signatures are not checked; this is for this machine only.")
        make_server(receiver.app).run(sockets=[listener])
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in receiver.counts.items())
        typer.echo(f"Stopped: {counts}.")

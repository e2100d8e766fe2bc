"""Sends a plan from a process of its own, which a test then kills; arguments: store, URL, notify URL, numbers."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import SecretStr

from imilab.clock import SystemClock
from imilab.config import Settings
from imilab.send import Arming, Dispatcher, make_plan, read_recipients
from imilab.simulator import SIMULATOR_KEY
from imilab.store import Store
from imilab.terms import Voice


def main(path: str, base_url: str, notify_url: str, recipients: str) -> None:
    settings = Settings(
        base_url=base_url,
        key=SecretStr(SIMULATOR_KEY),
        caller_id="+12025550100",
        notify_url=notify_url,
        calls_per_second=200.0,
        store=Path(path),
    )
    with Store(Path(path)) as store:
        arms = {"ryan": Voice("en-GB-RyanNeural")}
        plan = make_plan(
            read_recipients(recipients.split(",")),
            arms,
            "Time for lunch",
            seed=1,
            design="blocked",
            campaign="lunch",
            key=store.number_key,
        )
        dispatcher = Dispatcher(store, settings, Arming(settings, simulated=True), SystemClock())
        dispatcher.send(plan, calls_per_second=None, progress=False)


if __name__ == "__main__":
    main(*sys.argv[1:])

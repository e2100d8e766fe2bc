"""One receiver, in a process of its own: ``python benchmarks/receiver_server.py VARIANT FOLDER`` tells its port.

``durable`` is imilab's receiver. ``unstored`` is the same application with the same checks, and stores nothing.
``single`` is the same application with a commit for each receipt.
"""

from __future__ import annotations

import sys
from pathlib import Path

import imilab.store.writer as writer_module
from imilab.receiver import Receiver
from imilab.receiver.intake import SWITCH_SECONDS, Intake, Waiting, _Batch
from imilab.serving import bind, make_server
from imilab.store import Store

SECRET = b"a secret of the benchmark"


class Unstored(Intake):
    """Answers at once."""

    async def keep(self, waiting: Waiting) -> str:  # type: ignore[override]  # nobody asks for an Outcome
        return "stored"


class Single(Intake):
    """Gives the writer a job for each receipt."""

    async def keep(self, waiting: Waiting) -> str:  # type: ignore[override]  # nobody asks for an Outcome
        self._line.append(waiting)
        self.hand_in(_Batch(self, [waiting]))
        return await waiting.future


def main() -> None:
    """Serve until stopped."""
    variant, folder = sys.argv[1], Path(sys.argv[2])
    sys.setswitchinterval(SWITCH_SECONDS)  # as `imilab receive` does
    with Store(folder / f"{variant}.sqlite") as store:
        receiver = Receiver(store, secrets=(SECRET,))
        if variant == "unstored":
            receiver._intake = Unstored(store)
        elif variant == "single":
            receiver._intake = Single(store, on_commit=receiver.tally.commit_seconds.observe)
            writer_module._JOBS_PER_COMMIT = 1
        listener = bind("127.0.0.1", 0)
        print(listener.getsockname()[1], flush=True)
        make_server(receiver).run(sockets=[listener])


if __name__ == "__main__":
    main()

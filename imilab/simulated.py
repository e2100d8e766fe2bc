"""The embedded platform for a lab: one clock, one seed, everything on loopback."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from pathlib import Path
from types import TracebackType

from pydantic import SecretStr

from imilab.clock import Clock
from imilab.config import Settings
from imilab.simulator import PeopleSettings, SimulatedPlatform, SimulatorSettings

__all__ = ["Simulation"]

_CALLER_ID = "+12025550100"
_CALLS_PER_SECOND = 20.0
_TENANT_LIMIT = 200  # far above the pace: on a fast clock, a millisecond's jitter would otherwise meet the limit
_HUB_SECRET = "simulated-hub-secret"  # noqa: S105 - signs webhooks between two parts of one process


class Simulation:
    """The embedded platform and the folder of a simulated lab; a context manager that stops the platform.

    Parameters
    ----------
    seed : int
        Decides the people, the calls and the correlation ids.
    folder : path or None
        None for a temporary one, removed at the end.
    clock : Clock
        Shared by platform, receiver and lab.
    people : PeopleSettings or None
        How people answer and listen.
    loss_share : float
        Share of receipts that never arrive.
    """

    def __init__(
        self, seed: int, *, folder: Path | str | None, clock: Clock, people: PeopleSettings | None, loss_share: float
    ) -> None:
        self.clock = clock
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="imilab-")
        self._folder = Path(folder or self._temporary.name)  # type: ignore[union-attr]  # one of the two is there
        self._folder.mkdir(parents=True, exist_ok=True)
        self._ids = (hashlib.sha256(f"{seed}/{count}".encode()).hexdigest()[:32] for count in itertools.count())
        self._tenant = SimulatorSettings(
            seed=seed,
            hub_secret=_HUB_SECRET,
            loss_share=loss_share,
            people=people or PeopleSettings(),
            transactions_per_second=_TENANT_LIMIT,
        )
        self._platform = SimulatedPlatform(self._tenant, clock)

    def new_id(self) -> str:
        """Return the next correlation id; the same seed gives the same ids."""
        return next(self._ids)

    def settings(self, notify_url: str | None = None) -> Settings:
        """Return the settings of a lab on this platform; nothing is read from the environment that could dial."""
        return Settings(
            base_url=self._platform.url,
            key=SecretStr(self._tenant.key),
            caller_id=_CALLER_ID,
            notify_url=notify_url,
            notify_url_auth_id=None,
            requested_receipts=(),
            hub_secret=SecretStr(_HUB_SECRET),
            previous_hub_secret=None,
            tenant_zone=self._tenant.tenant_zone,
            live=False,
            allow_list=(),
            calls_per_second=_CALLS_PER_SECOND,
            store=self._folder / "imilab.sqlite",
        )

    def start(self, notify_url: str) -> Settings:
        """Start the platform and return the settings with which calls reach it and their receipts come back."""
        self._platform.start()
        return self.settings(notify_url)

    def __enter__(self) -> Simulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._platform.stop()

    def remove_folder(self) -> None:
        """Remove the folder, if it is a temporary one."""
        if self._temporary:
            self._temporary.cleanup()

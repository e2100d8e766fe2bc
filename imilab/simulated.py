"""The embedded platform for a lab: one clock, one seed, everything on loopback."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from pydantic import SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from imilab.clock import Clock
from imilab.config import Settings
from imilab.errors import ConfigError
from imilab.simulator import PeopleSettings, SimulatedPlatform, SimulatorSettings
from imilab.store import Store

__all__ = ["Simulation"]

_CALLER_ID = "+12025550100"
_CALLS_PER_SECOND = 20.0
_TENANT_LIMIT = 200  # far above the pace: on a fast clock, a millisecond's jitter would otherwise meet the limit
_HUB_SECRET = "simulated-hub-secret"  # noqa: S105 - signs webhooks between two parts of one process


class EmbeddedSettings(Settings):
    """Arguments and defaults only: neither the environment nor a file changes a lab on the embedded platform."""

    model_config = SettingsConfigDict(toml_file=None)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: object, **__: object
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave out environment and file."""
        return (init_settings,)


class Simulation:
    """The embedded platform and the folder of a simulated lab; a context manager that stops the one, removes the other.

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
        self, seed: int, folder: Path | str | None, clock: Clock, *, people: PeopleSettings | None, loss_share: float
    ) -> None:
        self._seed = seed
        self._folder = folder
        self._clock = clock
        self._end = ExitStack()
        self._tenant = SimulatorSettings(
            seed=seed,
            hub_secret=_HUB_SECRET,
            loss_share=loss_share,
            people=people or PeopleSettings(),
            transactions_per_second=_TENANT_LIMIT,
        )

    def correlation_ids(self, store: Store) -> Iterator[str]:
        """Give correlation ids; the same seed gives the same ones, and none that a store holds already."""
        ((held,),) = store.rows("SELECT count(*) FROM requests")
        place = f"{self._seed}/{held}" if held else f"{self._seed}"
        return (hashlib.sha256(f"{place}/{count}".encode()).hexdigest()[:32] for count in itertools.count())

    def settings(self, notify_url: str | None = None) -> Settings:
        """Return the settings of a lab on this platform."""
        return EmbeddedSettings(
            base_url=self._platform.url,
            key=SecretStr(self._tenant.key),
            caller_id=_CALLER_ID,
            notify_url=notify_url,
            hub_secret=SecretStr(_HUB_SECRET),
            tenant_zone=self._tenant.tenant_zone,
            calls_per_second=_CALLS_PER_SECOND,
            store=self._store_folder / "imilab.sqlite",
        )

    def start(self, notify_url: str) -> Settings:
        """Start the platform and return the settings with which calls reach it and their receipts come back."""
        self._platform.start()
        return self.settings(notify_url)

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            self._store_folder = Path(self._folder or undo.enter_context(TemporaryDirectory(prefix="imilab-")))
            try:
                self._store_folder.mkdir(parents=True, exist_ok=True)
            except OSError as problem:
                raise ConfigError("folder", f"{self._store_folder} cannot be one: {problem.strerror}") from None
            self._platform = SimulatedPlatform(self._tenant, self._clock)
            undo.callback(self._platform.stop)
            self._end = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()

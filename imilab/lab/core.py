"""What every verb of the façade stands on: settings, store, clock, the dispatcher, and what runs in the background."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from imilab.clock import Clock, SystemClock
from imilab.config import Settings
from imilab.lab.answers import Answers
from imilab.send import Arming, Dispatcher, new_correlation_id
from imilab.store import Store
from imilab.store.receipts import read_times_again

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

__all__ = ["LabCore"]


class LabCore:
    """Opens and closes what a lab holds; see `imilab.Lab`."""

    def __init__(
        self, settings: Settings | None = None, *, clock: Clock | None = None, engine: SparkSession | None = None
    ) -> None:
        self.settings, self.is_simulated = settings or Settings(), False
        self._clock = clock or SystemClock()
        self._last, self._services = ExitStack(), ExitStack()
        self._new_id: Callable[[], str] = new_correlation_id
        self.store = Store.from_settings(self.settings)
        self._answers = Answers(self.settings, self.store, engine)
        with ExitStack() as undo:
            undo.callback(self.store.close)
            self._equip(self.settings, simulated=False)
            if (zone := self.settings.zone) is not None:
                self.store.write(lambda connection: read_times_again(connection, zone))
            undo.pop_all()

    def _equip(self, settings: Settings, *, simulated: bool) -> None:
        self.settings, self.is_simulated = settings, simulated
        key = self.store.number_key
        self.arming = Arming(settings, simulated=simulated, clock=self._clock, number_key=key)
        self._dispatcher = Dispatcher(self.store, settings, self.arming, self._clock)

    def close(self) -> None:
        """Stop what runs in the background and close the store. Closing twice is harmless."""
        parts = (self._last, self._answers, self.store, self._services, self._dispatcher)
        with ExitStack() as closing:
            for part in parts:
                closing.callback(part.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "the embedded platform" if self.is_simulated else self.settings.base_url or "no platform yet"
        name = self.store.name if hasattr(self, "store") else self.settings.store.name  # one that could not be opened
        return f"Lab(on {where}, store {name!r})"

"""The simulator over real HTTP, from a thread of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from imilab.clock import Clock
from imilab.serving import BackgroundServer
from imilab.simulator.platform import Simulator
from imilab.simulator.settings import SimulatorSettings

__all__ = ["SimulatedPlatform"]


class SimulatedPlatform:
    """A running simulator.

    Parameters
    ----------
    settings : SimulatorSettings, optional
        The simulated tenant.
    clock : Clock, optional
        Whose time it lives in; the system's by default.
    host, port : str, int
        Where it listens; port 0 takes a free one.

    Attributes
    ----------
    simulator : Simulator
        Its journal, people and counts can be read from any thread.
    url : str
        The base URL for a client.

    Examples
    --------
    >>> with SimulatedPlatform() as platform:
    ...     platform.url.startswith("http://127.0.0.1:"), platform.simulator.calls_placed("+12025550123")
    (True, 0)
    """

    def __init__(
        self,
        settings: SimulatorSettings | None = None,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.simulator = Simulator(settings, clock)
        self._server = BackgroundServer(self.simulator.app, host, port)
        self.url = self._server.url

    def start(self) -> Self:
        """Start serving and return when it is ready.

        Raises
        ------
        ConfigError
            It could not start.
        """
        self._server.start()
        return self

    def stop(self) -> None:
        """Stop serving; receipts that are still due are not sent. Stopping twice is harmless."""
        self._server.stop()

    def drain(self, timeout_seconds: float = 60.0) -> None:
        """Wait, in real time, until every receipt is delivered or given up.

        Raises
        ------
        TimeoutError
            Some are still due after `timeout_seconds`.
        """
        self.simulator.drain_from_thread(timeout_seconds)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

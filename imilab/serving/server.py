"""A uvicorn server, bounded, and on its own thread for a notebook, a test or a command that holds a real service."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self, cast

import uvicorn

from imilab.errors import ConfigError
from imilab.serving.connections import ConnectionLimits, Connections

__all__ = ["BackgroundServer", "Server", "bind", "make_server"]

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_BACKLOG = 2048
_TICKS_A_SWEEP = 2  # uvicorn ticks ten times a second
_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read here, never bound
"""Who listens on all addresses can be asked from this machine at this one."""


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises
    ------
    ConfigError
        The address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as problem:
        listener.close()
        reason = problem.strerror if isinstance(problem, OSError) else "ports end at 65535"
        raise ConfigError("port", f"cannot listen on {host} port {port}: {reason}; choose another") from None
    return listener


class Server(uvicorn.Server):
    """A uvicorn server that ends slow connections, and that stops on a signal without dying of it.

    Parameters
    ----------
    config : uvicorn.Config
        With `BoundedProtocol` as its protocol.
    connections : Connections
        Its connections.
    """

    def __init__(self, config: uvicorn.Config, connections: Connections) -> None:
        super().__init__(config)
        self.connections = connections

    async def on_tick(self, counter: int) -> bool:
        """Look at the connections several times a second."""
        if counter % _TICKS_A_SWEEP == 0:
            self.connections.expire(asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Let Ctrl-C and SIGTERM finish the requests under way; a second Ctrl-C does not wait for them."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def make_server(
    app: Any,
    *,
    grace_seconds: float = 5.0,
    limits: ConnectionLimits | None = None,
    every_minute: Callable[[], None] | None = None,
) -> Server:
    """Return a quiet, bounded server for an ASGI app: no access log, no `Server` header, no forwarded header trusted.

    Parameters
    ----------
    app : ASGI application
        Its lifespan is run.
    grace_seconds : float
        How long requests under way may take once it is told to stop.
    limits : ConnectionLimits, optional
        What it puts up with.
    every_minute : callable, optional
        Called in the event loop.
    """
    from imilab.serving.protocol import BoundedProtocol

    connections = Connections(limits or ConnectionLimits(connections=_most_connections()))

    def protocol(**options: Any) -> BoundedProtocol:
        return BoundedProtocol(connections, **options)

    async def notify() -> None:
        if every_minute:
            every_minute()

    config = uvicorn.Config(
        app,
        http=cast("Any", protocol),  # called like a class
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=int(grace_seconds),
        callback_notify=notify,
        timeout_notify=60,
        backlog=_BACKLOG,
    )
    return Server(config, connections)


def _most_connections() -> int:
    """Return how many connections the operating system lets one process have, less what the rest of it needs."""
    try:
        import resource
    except ImportError:  # Windows has no such bound
        return ConnectionLimits().connections
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = soft - 96
    return ConnectionLimits().connections if soft < 0 else max(16, min(ConnectionLimits().connections, spare))


class BackgroundServer:
    """Serve an ASGI app from a thread of its own.

    Parameters
    ----------
    app : ASGI application
        Its lifespan is run.
    host : str
        The loopback interface by default.
    port : int
        0 for a free one.
    limits : ConnectionLimits, optional
        What it puts up with.

    Attributes
    ----------
    port : int
        The port it listens on.
    url : str
        ``http://host:port``; where it listens on all addresses, the loopback one.
    connections : Connections
        Who is connected.
    """

    def __init__(
        self, app: Any, host: str = "127.0.0.1", port: int = 0, *, limits: ConnectionLimits | None = None
    ) -> None:
        self._socket = bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        shown = _ANY_ADDRESS.get(host, host)
        self.url = f"http://[{shown}]:{self.port}" if ":" in shown else f"http://{shown}:{self.port}"
        self._server = make_server(app, limits=limits)
        self.connections = self._server.connections
        self._thread = threading.Thread(target=self._run, name=f"imilab-server-{self.port}", daemon=True)

    def start(self) -> Self:
        """Start serving and return when the app is ready.

        Raises
        ------
        ConfigError
            The app failed to start.
        """
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(_START_SECONDS / 0.01)):
            if self._server.started:
                return self
            if not self._thread.is_alive():
                break
            waited.wait(0.01)
        self.stop()
        raise ConfigError("server", f"the service on {self.url} did not start; see the log")

    def stop(self) -> None:
        """Finish the requests under way, then stop. Stopping twice is harmless."""
        self._server.should_exit = True
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_STOP_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        with contextlib.suppress(SystemExit):  # uvicorn's way to say that the app did not start; `start` tells it
            self._server.run(sockets=[self._socket])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

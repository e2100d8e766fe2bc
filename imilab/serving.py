"""A uvicorn server on its own thread, so that a notebook, a test or a command can hold a real HTTP service."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn

from imilab.errors import ConfigError

__all__ = ["BackgroundServer", "bind", "make_server"]

_START_SECONDS = 20.0
_STOP_SECONDS = 10.0
_IDLE_SECONDS = 65  # longer than clients keep a connection, so that no request meets a server that hangs up


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
        listener.listen(2048)
    except (OSError, OverflowError) as problem:
        listener.close()
        reason = problem.strerror if isinstance(problem, OSError) else "ports end at 65535"
        raise ConfigError("port", f"cannot listen on {host} port {port}: {reason}; choose another") from None
    return listener


def make_server(app: Any, *, grace_seconds: float = 5.0) -> uvicorn.Server:
    """Return a quiet uvicorn server for an ASGI app: no access log, no `Server` header."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=int(grace_seconds),
            timeout_keep_alive=_IDLE_SECONDS,
            backlog=2048,
        )
    )


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

    Attributes
    ----------
    port : int
        The port it listens on.
    url : str
        ``http://host:port``.
    """

    def __init__(self, app: Any, host: str = "127.0.0.1", port: int = 0) -> None:
        self._socket = bind(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._server = make_server(app)
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

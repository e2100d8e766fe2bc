"""A bounded uvicorn server, in the foreground or on a thread of its own."""

from imilab.serving.connections import ConnectionLimits, Connections
from imilab.serving.server import BackgroundServer, Server, bind, make_server

__all__ = ["BackgroundServer", "ConnectionLimits", "Connections", "Server", "bind", "make_server"]

"""A uvicorn server on the loop that it is started on, for loopback alone: the mock server's, and far ends'."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.lifespan.off import LifespanOff

from offhook.errors import ConfigError
from offhook_mockserver.server.connections import BoundedConnection, RefusableWebSocket
from offhook_mockserver.server.http_guard import MAX_BODY_BYTES, MAX_HEADER_BYTES

if TYPE_CHECKING:
    from starlette.types import ASGIApp


_LOOPBACK: Final = "127.0.0.1"


class LoopServer(uvicorn.Server):
    """It shares our loop, leaves signals alone and stops without waiting for its own tick.

    Args:
        app: what it serves.

    Attributes:
        port: where it listens; 0 before it does.
    """

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                http=BoundedConnection,
                ws=RefusableWebSocket,
                ws_max_size=MAX_BODY_BYTES,
                ws_per_message_deflate=False,
                ws_ping_interval=None,  # RefusableWebSocket sees to it
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
                timeout_graceful_shutdown=1,
            )
        )
        self.port: int = 0
        self._listener: socket.socket | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> None:
        """Listen at a port of 127.0.0.1; 0 lets the system choose.

        Raises:
            ConfigError: the port is taken or not allowed.
        """
        self._listener = _listen(port)
        self.port = self._listener.getsockname()[1]
        self.config.load()
        self.lifespan: LifespanOff = LifespanOff(self.config)
        await self.startup(sockets=[self._listener])
        self._ticking = asyncio.create_task(self.main_loop())

    def stop_accepting(self) -> None:
        """Take no more connections."""
        for server in self.servers:
            server.close()

    async def stop(self) -> None:
        """Close every connection; after 1 s they are cut off."""
        if self._listener is not None:
            await self.shutdown(sockets=[self._listener])
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait((self._ticking,))


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY on what is accepted: small answers and events wait for nothing.
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_LOOPBACK, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(_bind_problem(port, error)) from None
    return listener


def _bind_problem(port: int, error: Exception) -> str:
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"port {port} of {_LOOPBACK} is taken: give another with --port, or none to have one chosen"
        case errno.EACCES:
            return f"port {port} is for the system's own services: give one from 1024 up, or none to have one chosen"
        case _:
            return f"cannot listen on port {port} of {_LOOPBACK}: {error}"

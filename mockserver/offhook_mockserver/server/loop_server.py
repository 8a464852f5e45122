"""A uvicorn server on the loop that it is started on, for loopback alone; the mock server and the far ends use it.

Every web page can reach a server on localhost, so this one needs more than uvicorn has. uvicorn waits for a request's
headers without a limit, and for a WebSocket whose other end is gone until the system's TCP gives up; here, connections
that send or read nothing are closed. Requests that uvicorn rejects are not logged: any page could fill the terminal.

uvicorn's private names are used here, in `http_connection` and in `websocket_connection`, and nowhere else; a test
lists them, and names any that uvicorn has lost.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import uvicorn
from uvicorn.lifespan.off import LifespanOff

from offhook_mockserver.doors.limits import MAX_MESSAGE_BYTES
from offhook_mockserver.server.acceptor import Acceptor
from offhook_mockserver.server.http_connection import BoundedConnection
from offhook_mockserver.server.incidents import Incidents
from offhook_mockserver.server.loopback import listen
from offhook_mockserver.server.raw_answer import refusal
from offhook_mockserver.server.turnstile import Turnstile
from offhook_mockserver.server.websocket_connection import RefusableWebSocket

if TYPE_CHECKING:
    from starlette.types import ASGIApp


#: How long connections and requests may take to end when the server stops, before they are cut off.
_STOP_S: Final = 1.0
#: The pause between two looks at what has not ended.
_LOOK_S: Final = 0.01


class LoopServer(uvicorn.Server):
    """A server that shares the caller's loop, leaves signals alone and stops without waiting for its own tick.

    Args:
        app: what it serves.
        most_connections: how many connections may be open at once; by default, as many as the process's limit of files
            allows.

    Attributes:
        port: where it listens; 0 before it does.
        address: where it listens, with its IP address. Set by `start`.
        incidents: what its clients were turned away or cut off for. Set by `start`.
    """

    def __init__(self, app: ASGIApp, *, most_connections: int | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="none",
                http=BoundedConnection,
                ws=RefusableWebSocket,
                ws_max_size=MAX_MESSAGE_BYTES,
                ws_per_message_deflate=False,
                ws_ping_interval=None,  # RefusableWebSocket pings
                lifespan="off",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                # Or uvicorn reads them from the environment.
                workers=1,
                forwarded_allow_ips="127.0.0.1",
                server_header=False,
            )
        )
        self.port: int = 0
        self.incidents: Incidents
        self._turnstile = Turnstile()
        self._most_connections = most_connections
        self._acceptor: Acceptor | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> None:
        """Listen at a port of 127.0.0.1; 0 lets the system choose the port.

        Raises:
            ConfigError: the port is in use or not allowed.
        """
        listener = listen(port)
        self.address: tuple[str, int] = listener.getsockname()
        self.port = self.address[1]
        self.config.load()
        self.lifespan: LifespanOff = LifespanOff(self.config)
        self.incidents = Incidents()
        self._acceptor = Acceptor(
            listener,
            self._make_connection,
            self.server_state.connections,
            busy=refusal(503, "too many connections are open: close some, or try again later"),
            incidents=self.incidents,
            most=self._most_connections,
        )
        self._ticking = asyncio.create_task(self.main_loop())

    def refuse(self, refusing: bool) -> None:
        """Refuse connections from now on, and close those without a request; or accept them again."""
        if self._acceptor is None:
            return
        if not refusing:
            self._acceptor.accept_again()
            return
        self._acceptor.refuse()
        for connection in tuple(self.server_state.connections):
            if isinstance(connection, BoundedConnection):  # calls that are up go on
                connection.shutdown()

    def stop_accepting(self) -> None:
        """Accept no more connections."""
        if self._acceptor is not None:
            self._acceptor.stop()

    async def stop(self) -> None:
        """Close every connection; after 1 s those that are left are cut off."""
        if self._acceptor is None or self._ticking is None:
            return
        await self._acceptor.close()
        state = self.server_state
        for connection in tuple(state.connections):
            connection.shutdown()
        for _ in range(int(_STOP_S / _LOOK_S)):
            await asyncio.sleep(_LOOK_S)
            if not state.connections and not state.tasks:
                break
        for connection in tuple(state.connections):
            connection.transport.abort()
        self._ticking.cancel()
        for task in tuple(state.tasks):
            task.cancel()
        await asyncio.wait((self._ticking, *state.tasks))

    def _make_connection(self) -> BoundedConnection:
        state = self.lifespan.state
        return BoundedConnection(
            self.config, self.server_state, state, incidents=self.incidents, turnstile=self._turnstile
        )

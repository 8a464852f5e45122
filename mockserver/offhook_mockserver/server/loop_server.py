"""A uvicorn server on the loop that it is started on, for loopback alone; the mock server and the far ends use it.

This is the only file that uses uvicorn's private names; a test lists them, and names any that uvicorn has lost.

Every web page can reach a server on localhost, so this one needs more than uvicorn has. uvicorn waits for a request's
headers without a limit, and for a WebSocket whose other end is gone until the system's TCP gives up; here, connections
that send nothing are closed. Requests that uvicorn rejects are not logged: any page could fill the terminal.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import h11
import uvicorn
from uvicorn.lifespan.off import LifespanOff
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from offhook_mockserver.doors.limits import LINGER_S, MAX_MESSAGE_BYTES, PING_INTERVAL_S, SILENCE_S
from offhook_mockserver.server.limits import HEADER_TIMEOUT_S, MAX_HEADER_BYTES
from offhook_mockserver.server.loopback import listen
from offhook_wire.liveness import LivenessTimer

if TYPE_CHECKING:
    import socket

    from starlette.types import ASGIApp
    from uvicorn._types import ASGISendEvent


#: uvicorn warns of these, and any client can cause them: an ``https:`` link to our port is enough. The client gets
#: its answer (400, or one without the upgrade), which is all that is needed.
_CLIENTS_MISTAKES: Final = frozenset({"Invalid HTTP request received.", "Unsupported upgrade request."})


def _is_ours(record: logging.LogRecord) -> bool:
    return record.msg not in _CLIENTS_MISTAKES


# Below uvicorn's own logger, so that other servers in this process keep their warnings.
_log = logging.getLogger("uvicorn.error.offhook_mock")
_log.addFilter(_is_ours)


class BoundedConnection(H11Protocol):
    """uvicorn's HTTP/1.1 connection with a limit on how long a request's headers may take."""

    header_timeout_s = HEADER_TIMEOUT_S

    #: Requests that were answered on this connection.
    _answered = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self.logger: logging.Logger = _log
        super().connection_made(transport)
        self._look_later()

    def on_response_complete(self) -> None:
        # Counted here, because uvicorn counts for the whole server: other clients must not keep this connection open.
        self._answered += 1
        super().on_response_complete()

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(self.header_timeout_s, self._look, self._answered)

    def _look(self, answered_before: int) -> None:
        # After an upgrade the transport belongs to the WebSocket's protocol.
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            return
        if self.conn.their_state is h11.IDLE and self._answered == answered_before:
            self.transport.close()
        else:
            self._look_later()


class RefusableWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which can be refused with an HTTP answer and does not outlive its client.

    uvicorn regards the handshake as complete after ``websocket.close`` alone, and logs an error for each refusal with
    an HTTP answer. Its own pings end in a close that waits until everything has been sent, which never happens when
    the other end does not read.
    """

    ping_interval_s = PING_INTERVAL_S
    silence_s = SILENCE_S
    linger_s = LINGER_S

    #: How often data arrived, answers to pings included.
    _heard = 0
    _timer: asyncio.TimerHandle | None = None
    _silence: LivenessTimer | None = None
    _lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.conn.debug = False  # at every log level: messages hold tokens
        self._silence = LivenessTimer(lambda: self._heard, self.silence_s, self._fell_silent)
        self._silence.start()
        self._ping_later()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._heard += 1
        super().data_received(data)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self._stop_timers()
        if not self._lost:
            # A client that has not read everything by then never will.
            self._timer = asyncio.get_running_loop().call_later(self.linger_s, self.transport.abort)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def _ping_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.ping_interval_s, self._ping)

    def _ping(self) -> None:
        self._ping_later()
        # A client that does not read gets no further pings.
        if self.handshake_complete and not self.close_sent and self.writable.is_set():
            self.conn.send_ping(b"")
            self.transport.write(b"".join(self.conn.data_to_send()))

    def _fell_silent(self, silent: bool) -> None:
        if silent:
            self.transport.abort()

    def _stop_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._silence is not None:
            self._silence.stop()


class LoopServer(uvicorn.Server):
    """A server that shares the caller's loop, leaves signals alone and stops without waiting for its own tick.

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
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
                timeout_graceful_shutdown=1,
            )
        )
        self.port: int = 0
        self._listener: socket.socket | None = None
        self._ticking: asyncio.Task[None] | None = None

    async def start(self, port: int = 0) -> None:
        """Listen at a port of 127.0.0.1; 0 lets the system choose the port.

        Raises:
            ConfigError: the port is in use or not allowed.
        """
        self._listener = listen(port)
        self.port = self._listener.getsockname()[1]
        self.config.load()
        self.lifespan: LifespanOff = LifespanOff(self.config)
        await self.startup(sockets=[self._listener])
        self._ticking = asyncio.create_task(self.main_loop())

    def stop_accepting(self) -> None:
        """Accept no more connections."""
        for server in self.servers:
            server.close()

    async def stop(self) -> None:
        """Close every connection; after 1 s those that are left are cut off."""
        if self._listener is not None:
            await self.shutdown(sockets=[self._listener])
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait((self._ticking,))

"""uvicorn's connections with what a server that every web page can reach needs besides.

Connections that send nothing are closed: uvicorn itself waits for a request's headers for ever, and for a WebSocket
whose other end is gone until the system's TCP gives up. What is refused is not
logged as a failure: any page could fill the terminal.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from offhook_wire.liveness import LivenessTimer

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


#: A connection on which no request has been whole for this long, or twice this long at most, is closed.
HEADER_TIMEOUT_S: Final = 10.0

#: A WebSocket is asked for a sign of life so often, and closed when nothing came for so long.
PING_INTERVAL_S: Final = 2.0
SILENCE_S: Final = 7.0
#: How long a WebSocket that nobody serves any more has to be closed in good order.
LINGER_S: Final = 1.0

#: uvicorn warns of these, and whoever can connect can cause them: an ``https:`` link to our port is enough. They are
#: answered (400, or without the upgrade), which is all there is to say.
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
        # Counted here, because uvicorn counts for the whole server: others must not keep this connection open.
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
    """uvicorn's WebSocket, which knows that one refused with an HTTP answer has had its handshake, and which does not
    outlive its client.

    uvicorn notes the first for ``websocket.close`` alone, and logs an error for each refusal with an answer. Its own
    pings end in a close that waits for what is yet to be sent, which never ends when nobody takes it.
    """

    ping_interval_s = PING_INTERVAL_S
    silence_s = SILENCE_S
    linger_s = LINGER_S

    #: Times that something came, answers to pings among it.
    _heard = 0
    _timer: asyncio.TimerHandle | None = None
    _silence: LivenessTimer | None = None
    _lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.conn.debug = False  # whatever the level of logging: messages hold tokens
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
            # What the client has not taken by then, it never takes.
            self._timer = asyncio.get_running_loop().call_later(self.linger_s, self.transport.abort)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def _ping_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.ping_interval_s, self._ping)

    def _ping(self) -> None:
        self._ping_later()
        # One that does not read is not asked again and again.
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

"""uvicorn's WebSocket, which can be refused, does not outlive its client, and owes it a bounded amount."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from offhook_mockserver.doors.limits import LINGER_S, MAX_PIECES, PING_INTERVAL_S, SILENCE_S
from offhook_mockserver.server.bounded_io import BoundedIo
from offhook_mockserver.server.incidents import Incident
from offhook_mockserver.server.raw_answer import refusal
from offhook_wire.liveness import LivenessTimer

if TYPE_CHECKING:
    import logging

    from uvicorn import Config
    from uvicorn._types import ASGISendEvent
    from uvicorn.server import ServerState
    from websockets.frames import Frame

    from offhook_mockserver.server.incidents import Incidents
    from offhook_mockserver.server.turnstile import Turnstile


#: The first byte of a pong.
_PONG: Final = b"\x8a"


class RefusableWebSocket(BoundedIo, WebSocketsSansIOProtocol):
    """One WebSocket.

    uvicorn regards the handshake as complete after ``websocket.close`` alone, and logs an error for each refusal with
    an HTTP answer and for each text that is not UTF-8. Its own pings end in a close that waits until everything has
    been sent, which never happens when the other end does not read. Its pongs wait until then, however many they are.

    Args:
        config, server_state, app_state, _loop: as uvicorn's.
        incidents: counts what the client is cut off for.
        turnstile: where the connection waits when it has more to do.
    """

    ping_interval_s = PING_INTERVAL_S
    silence_s = SILENCE_S
    linger_s = LINGER_S

    #: How often data arrived, answers to pings included.
    _heard = 0
    #: Frames of the message that is arriving, control frames between them included; 0 between messages.
    _pieces = 0
    #: The answer to the last ping, while the client does not read.
    _pong: bytes | None = None
    _timer: asyncio.TimerHandle | None = None
    _silence: LivenessTimer | None = None
    _lost = False
    _failed = False

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        incidents: Incidents,
        turnstile: Turnstile,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.incidents = incidents
        self.turnstile = turnstile
        self.logger: logging.Logger = incidents.uvicorn_log
        self.conn.logger = self.logger

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
        if not self.handshake_initiated:
            # uvicorn passes on a whole request, so this one is not a handshake, for example because it is not a GET.
            self.handshake_initiated = self.handshake_complete = self.close_sent = True
            self.transport.write(refusal(400, "the request is not a WebSocket handshake"))
            self._close_gently()
        if self.transport.is_closing():
            self._linger()

    def handle_text(self, event: Frame) -> None:
        self._pieces = int(not event.fin)
        super().handle_text(event)

    def handle_bytes(self, event: Frame) -> None:
        self._pieces = int(not event.fin)
        super().handle_bytes(event)

    def handle_cont(self, event: Frame) -> None:
        if self._count_piece():
            if event.fin:
                self._pieces = 0
            super().handle_cont(event)

    def handle_ping(self) -> None:
        # A pong may answer the last of several pings (RFC 6455, section 5.5.3). While the client does not read, only
        # that one is kept.
        waiting = self.conn.data_to_send()
        if self._count_piece():
            if not self.writable.is_set():
                pongs = [frame for frame in waiting if frame[:1] == _PONG]
                self._pong = pongs[-1] if pongs else self._pong
                waiting = [frame for frame in waiting if frame[:1] != _PONG]
            self.transport.write(b"".join(waiting))

    def handle_pong(self, event: Frame) -> None:
        self._count_piece()

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self._fail(1007, "a text is not UTF-8")
                return
        super().send_receive_event_to_app()

    def resume_writing(self) -> None:
        super().resume_writing()
        pong, self._pong = self._pong, None
        if pong is not None and not self.close_sent and not self.transport.is_closing():
            self.transport.write(pong)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        self._linger()

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete: bool = True

    def _count_piece(self) -> bool:
        """Count a frame of a fragmented message; False when it has too many, and the WebSocket fails."""
        if self._pieces:
            self._pieces += 1
        if self._pieces <= MAX_PIECES:
            return True
        if not self.close_sent:
            self.incidents.note(Incident.TOO_MANY_PIECES)
            self._fail(1008, f"a message of more than {MAX_PIECES} frames")
        return False

    def handle_parser_exception(self) -> None:
        if self._failed:
            return
        self._failed = True
        close = self.conn.close_sent
        if close is not None and not self.close_sent:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": close.code, "reason": close.reason})
        self.close_sent: bool = True
        self.transport.write(b"".join(self.conn.data_to_send()))
        self._close_gently()

    def _fail(self, code: int, reason: str) -> None:
        self.frames: list[bytes] = []
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def _close_gently(self) -> None:
        """Discard what still arrives, and close when the client has closed, or soon."""
        self.half_close()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        # While this timer is set, uvicorn leaves the transport open when the application ends.
        self.close_timer: asyncio.TimerHandle | None = self.loop.call_later(self.linger_s, self.transport.close)
        self._linger()

    def _linger(self) -> None:
        """Cut the connection soon: a client that has not read everything by then never will."""
        self._stop_timers()
        if not self._lost:
            self._timer = asyncio.get_running_loop().call_later(self.linger_s, self.transport.abort)

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

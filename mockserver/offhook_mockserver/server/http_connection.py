"""uvicorn's HTTP/1.1 connection with limits on pieces, lines and time, and an answer to whatever it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from offhook_mockserver.doors.limits import LINGER_S
from offhook_mockserver.faces.control.place import is_control
from offhook_mockserver.faces.faulty_answer import CONNECTION
from offhook_mockserver.server.bounded_io import BoundedIo
from offhook_mockserver.server.incidents import Incident
from offhook_mockserver.server.limits import (
    HEADER_TIMEOUT_S,
    MAX_CHUNKS,
    MAX_HANDSHAKE_LINE_BYTES,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_PIPELINED,
)
from offhook_mockserver.server.raw_answer import refusal, refusal_of_control
from offhook_mockserver.server.websocket_connection import RefusableWebSocket

if TYPE_CHECKING:
    import logging

    from starlette.types import ASGIApp, Receive, Scope, Send
    from uvicorn import Config
    from uvicorn.protocols.http.h11_impl import RequestResponseCycle
    from uvicorn.server import ServerState

    from offhook_mockserver.faces.faulty_answer import ClientConnection
    from offhook_mockserver.server.incidents import Incidents
    from offhook_mockserver.server.turnstile import Turnstile


_HEADERS_TOO_LARGE: Final = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
#: Around the target in a request line: ``GET``, ``HTTP/1.1``, two spaces and the line's end.
_REQUEST_LINE_BYTES: Final = 15
#: Between and behind name and value in a header line.
_HEADER_LINE_BYTES: Final = 4


class CountingParser(h11.Connection):
    """h11's parser with limits on the lines of a head or a trailer, and on the chunks of a body.

    Attributes:
        status: the HTTP status for what it has refused.
        problem: the same for people.
    """

    status: int = 400
    problem: str = "the request is not valid HTTP/1.1"

    _lines = 0
    _chunks = 0

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MAX_HEADER_BYTES)

    def receive_data(self, data: bytes) -> None:
        self._lines += data.count(b"\n")
        super().receive_data(data)

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            if error.error_status_hint == _HEADERS_TOO_LARGE:
                self._refuse(_HEADERS_TOO_LARGE, f"more than {MAX_HEADER_BYTES} bytes of headers")
            raise
        if event is h11.NEED_DATA:
            # The line before the headers, and the empty one behind them.
            if self._lines > MAX_HEADERS + 2:
                self._refuse(_HEADERS_TOO_LARGE, f"more than {MAX_HEADERS} headers")
        elif event is not h11.PAUSED:
            self._lines = 0
            if isinstance(event, h11.Request):
                self._chunks = 0
            elif isinstance(event, h11.Data):
                self._chunks += event.chunk_start
                if self._chunks > MAX_CHUNKS:
                    self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than {MAX_CHUNKS} chunks")
        return event

    def _refuse(self, status: int, problem: str) -> None:
        self.status, self.problem = status, problem
        raise h11.RemoteProtocolError(problem, error_status_hint=status)


class BoundedConnection(BoundedIo, H11Protocol):
    """One connection.

    Args:
        config, server_state, app_state, _loop: as uvicorn's.
        incidents: counts what the client is cut off for.
        turnstile: where the connection waits when it has more to do.
    """

    header_timeout_s = HEADER_TIMEOUT_S

    linger_s = LINGER_S

    #: Requests that were answered on this connection.
    _answered = 0
    #: Requests in a row that were there before the answer to the previous one.
    _pipelined = 0
    #: Whether the connection was refused, and only waits for its client to read why.
    _refused = False
    _timer: asyncio.TimerHandle | None = None

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
        self.app: ASGIApp = _with_connection(self, self.app)
        self.conn: CountingParser = CountingParser()
        self._parser = self.conn
        self.ws_protocol_class: partial[RefusableWebSocket] = partial(
            RefusableWebSocket, incidents=incidents, turnstile=turnstile
        )  # type: ignore[assignment]  # a factory

    # What applications call as their `ClientConnection`

    def reset(self) -> None:
        """Reset the connection; what was not sent yet is dropped."""
        # Without this, the system closes it in good order if all that has arrived was read.
        with contextlib.suppress(OSError):
            client = self.transport.get_extra_info("socket")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def close(self) -> None:
        """Close the connection when everything was sent."""
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        self._look_later()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        # Counted here, because uvicorn counts for the whole server: other clients must not keep this connection open.
        self._answered += 1
        if not self.conn.trailing_data[0] or self.transport.is_closing():
            self._pipelined = 0
            super().on_response_complete()
        elif self._pipelined == MAX_PIPELINED:
            self.incidents.note(Incident.PIPELINED)
            self._discard()
        else:
            self._pipelined += 1
            self.turnstile.wait(super().on_response_complete)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        # The library that parses the handshake once more has limits of its own, and gives up without an answer.
        if len(event.target) + _REQUEST_LINE_BYTES > MAX_HANDSHAKE_LINE_BYTES:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, f"a line of more than {MAX_HANDSHAKE_LINE_BYTES} bytes")
        elif any(
            len(name) + len(value) + _HEADER_LINE_BYTES > MAX_HANDSHAKE_LINE_BYTES for name, value in event.headers
        ):
            problem = f"a line of more than {MAX_HANDSHAKE_LINE_BYTES} bytes"
            self._refuse(_HEADERS_TOO_LARGE, problem)
        elif len(event.headers) > MAX_HEADERS:
            self._refuse(_HEADERS_TOO_LARGE, f"more than {MAX_HEADERS} headers")
        else:
            self._stop_timers()
            super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        if self._parser.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            self.incidents.note(Incident.TOO_MANY_PIECES)
        self._refuse(self._parser.status, self._parser.problem)

    def shutdown(self) -> None:
        cycle = self._unanswered()
        if self._refused or (cycle is not None and cycle.more_body):
            self.transport.abort()  # the rest of this body may never arrive
            return
        try:
            super().shutdown()
        except h11.LocalProtocolError:  # it is being closed already, because of an invalid request
            self.transport.abort()

    def _refuse(self, status: int, problem: str) -> None:
        """Answer in the shape of the API, if it is known which the request is for; discard what arrives, and close."""
        answered = self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}
        cycle = self._unanswered()
        if cycle is not None:
            cycle.disconnected = True
            cycle.message_event.set()
        if answered:
            self.transport.abort()
            return
        shape = refusal_of_control if cycle is not None and is_control(cast("Scope", cycle.scope)) else refusal
        self.transport.write(shape(status, problem))
        self._discard()

    def _discard(self) -> None:
        """Discard what still arrives, and close when the client has closed, or soon."""
        self._stop_timers()
        self._refused = True
        self.half_close()
        self.flow.resume_reading()
        self._timer = asyncio.get_running_loop().call_later(self.linger_s, self.transport.abort)

    def _unanswered(self) -> RequestResponseCycle | None:
        """The request whose answer is not complete."""
        cycle: RequestResponseCycle | None = vars(self)["cycle"]  # None before the first request, unlike its annotation
        return None if cycle is None or cycle.response_complete else cycle

    def _look_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self.header_timeout_s, self._look, self._answered)

    def _look(self, answered_before: int) -> None:
        if self.transport.is_closing():
            self.cut_unread()  # it would wait for ever for its client to read the rest
        elif self.conn.their_state is h11.IDLE and self._answered == answered_before:
            self.transport.close()
            self._look_later()
        else:
            self._look_later()

    def _stop_timers(self) -> None:
        self._unset_keepalive_if_required()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _with_connection(connection: ClientConnection, app: ASGIApp) -> ASGIApp:
    """The application, which finds the connection of a request in its scope."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"] = {CONNECTION: connection}
        await app(scope, receive, send)

    return called

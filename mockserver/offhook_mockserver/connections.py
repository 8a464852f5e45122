"""uvicorn's connections with what a server that every web page can reach needs besides.

Connections that send nothing are closed: uvicorn itself waits for a request's headers for ever. What is refused is not
logged as a failure: any page could fill the terminal.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

#: A connection on which no request has been whole for this long, or twice this long at most, is closed.
HEADER_TIMEOUT_S: Final = 10.0

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
        self.logger = _log
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
    """uvicorn's WebSocket, which knows that one refused with an HTTP answer has had its handshake.

    uvicorn notes that for ``websocket.close`` alone, and logs an error for each refusal with an answer. Messages are
    not logged, not even at DEBUG: some of them hold tokens.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        self.conn.debug = False
        super().connection_made(transport)

    async def send(self, message: ASGISendEvent) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

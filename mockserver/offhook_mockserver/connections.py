"""Connections that send nothing are closed: uvicorn itself waits for a request's headers for ever."""

from __future__ import annotations

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: A connection on which no request has been whole for this long, or twice this long at most, is closed.
HEADER_TIMEOUT_S: Final = 10.0


class BoundedConnection(H11Protocol):
    """uvicorn's HTTP/1.1 connection with a limit on how long a request's headers may take."""

    header_timeout_s = HEADER_TIMEOUT_S

    #: Requests that were answered on this connection.
    _answered = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
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

"""The WebSocket to a relay: it follows no redirect, logs no message, and keeps a bounded amount of what it owes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from websockets.asyncio.client import ClientConnection, connect

from offhook_wire.relay_protocol import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    import socket

#: Bytes that may wait for a relay that does not read. Pings are answered at once, so without a limit a relay that only
#: pings could fill the memory.
MAX_UNSENT_BYTES: Final = 1024 * 1024

#: websockets logs every message at DEBUG, and some of ours hold tokens. No configuration reaches this logger; records
#: above DEBUG go on to this module's logger.
_log = logging.Logger(f"{__name__}.messages", logging.INFO)
_log.parent = logging.getLogger(__name__)


class BoundedWebSocket(ClientConnection):
    """A connection that is cut off when the other side does not read what it owes."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.transport.abort()


class _Direct(connect):
    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc  # the session id in the URL is for this relay alone


async def open_websocket(
    url: str, *, open_timeout_s: float, close_timeout_s: float, sock: socket.socket | None = None
) -> ClientConnection:
    """Open a WebSocket.

    Args:
        url: of a relay on this machine.
        open_timeout_s: the time limit for the handshake.
        close_timeout_s: the time limit for the closing handshake.
        sock: a connection to that relay, which this closes in any case; None to make one.

    Raises:
        WebSocketException: the relay refused, or redirects.
        OSError: no connection; `TimeoutError` when the handshake took too long.
    """
    return await _Direct(
        url,
        logger=_log,
        proxy=None,
        compression=None,
        max_size=MAX_MESSAGE_BYTES,
        open_timeout=open_timeout_s,
        close_timeout=close_timeout_s,
        create_connection=BoundedWebSocket,
        sock=sock,
    )

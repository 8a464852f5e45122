"""What the HTTP and the WebSocket protocol share: small reads, a limit on unread answers, and no error that escapes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook_mockserver.server.incidents import Incident
from offhook_mockserver.server.limits import READ_BYTES, WRITE_TIMEOUT_S

if TYPE_CHECKING:
    from offhook_mockserver.server.incidents import Incidents


class BoundedIo(asyncio.BufferedProtocol):
    """The first base of a protocol that has `data_received`.

    asyncio reads up to 256 KiB at once into a plain protocol, whose parser then blocks the loop for as long as a client
    likes: 43,000 frames of 6 bytes. Into a buffered protocol it reads what the buffer holds, once in each turn, so that
    the connections take turns, and the rest waits in the system's buffer, which slows the client down.

    Attributes:
        write_timeout_s: a client may leave more than the transport's high-water mark unread for this long.
    """

    transport: asyncio.Transport
    incidents: Incidents
    write_timeout_s = WRITE_TIMEOUT_S

    _unread: asyncio.TimerHandle | None = None
    _buffer: bytearray | None = None

    if TYPE_CHECKING:

        def data_received(self, data: bytes) -> None: ...

    def get_buffer(self, sizehint: int) -> bytearray:
        if self._buffer is None:
            self._buffer = bytearray(READ_BYTES)
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        assert self._buffer is not None
        try:
            self.data_received(bytes(self._buffer[:nbytes]))
        except Exception as error:
            self.incidents.note(Incident.FAILED, error)
            self.transport.abort()

    def eof_received(self) -> None:
        """Let the transport close, as uvicorn does."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = asyncio.get_running_loop().call_later(self.write_timeout_s, self._cut)

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_write_timer()
        super().connection_lost(exc)

    def half_close(self) -> None:
        """Send the end of the stream behind what is owed, and keep reading.

        A connection that is closed while its client still sends is reset, and the client's system may then discard what
        the client has not read.
        """
        try:
            self.transport.write_eof()
        except OSError:  # the client has reset it
            self.transport.abort()

    def _cut(self) -> None:
        self.incidents.note(Incident.UNREAD)
        self.transport.abort()

    def _stop_write_timer(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

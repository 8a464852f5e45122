"""What the HTTP and the WebSocket protocol share: small reads, a limit on unread answers, and no error that escapes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from offhook_mockserver.server.gated_transport import GatedTransport
from offhook_mockserver.server.incidents import Incident
from offhook_mockserver.server.limits import MAX_DISCARDED_BYTES, MIN_READ_BYTES, READ_BYTES, WRITE_TIMEOUT_S

if TYPE_CHECKING:
    from offhook_mockserver.server.incidents import Incidents
    from offhook_mockserver.server.turnstile import Turnstile


class BoundedIo(asyncio.BufferedProtocol):
    """The first base of a protocol that has `data_received`.

    asyncio reads up to 256 KiB at once into a plain protocol, whose parser then blocks the loop for as long as a client
    likes: 43,000 frames of 6 bytes. Into a buffered protocol it reads what the buffer holds, and the rest waits in the
    system's buffer, which slows the client down. A connection that has filled the buffer waits at the turnstile before
    it reads again, so that connections take turns.

    Attributes:
        write_timeout_s: a client may leave more than the transport's high-water mark unread for this long.
    """

    transport: asyncio.Transport
    incidents: Incidents
    turnstile: Turnstile
    write_timeout_s = WRITE_TIMEOUT_S

    _unread: asyncio.TimerHandle | None = None
    _buffer: memoryview | None = None
    _size = 0
    _gate: GatedTransport
    _to_discard: int | None = None

    if TYPE_CHECKING:

        def data_received(self, data: bytes) -> None: ...

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # After an upgrade the WebSocket gets the gate that the HTTP connection had.
        self._gate = (
            transport if isinstance(transport, GatedTransport) else GatedTransport(cast("asyncio.Transport", transport))
        )
        super().connection_made(self._gate)

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._to_discard is not None:
            return self.turnstile.discarded
        if self._buffer is None:
            self._buffer = memoryview(bytearray(READ_BYTES))
        self._size = min(READ_BYTES, max(MIN_READ_BYTES, self.turnstile.unread))
        return self._buffer[: self._size]

    def buffer_updated(self, nbytes: int) -> None:
        if self._to_discard is not None:
            self._to_discard -= nbytes
            if self._to_discard < 0:
                self.transport.abort()
            return
        assert self._buffer is not None
        self.turnstile.read(nbytes)
        if nbytes == self._size:
            self._gate.hold()
            self.turnstile.wait(self._gate.release)
        try:
            self.data_received(bytes(self._buffer[:nbytes]))
        except Exception as error:
            self.incidents.note(Incident.FAILED, error)
            self.transport.abort()

    def eof_received(self) -> None:
        """Let the transport close, as uvicorn does."""

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = asyncio.get_running_loop().call_later(self.write_timeout_s, self.cut_unread)

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_write_timer()
        super().connection_lost(exc)

    def half_close(self) -> None:
        """Send the end of the stream behind what is owed, and discard what still arrives, up to a limit.

        A connection that is closed while its client still sends is reset, and the client's system may then discard what
        the client has not read.
        """
        self._to_discard = MAX_DISCARDED_BYTES
        self._gate.release()
        try:
            self.transport.write_eof()
        except OSError:  # the client has reset it
            self.transport.abort()

    def cut_unread(self) -> None:
        """Cut the connection, whose client does not read what it is sent.

        Nothing is noted of one that is over already: after this process stood still, its client's end and the timer
        that calls this come in one turn of the loop.
        """
        if self.transport.get_write_buffer_size():
            self.incidents.note(Incident.UNREAD)
        self.transport.abort()

    def _stop_write_timer(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

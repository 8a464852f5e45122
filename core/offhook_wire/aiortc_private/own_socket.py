"""An ICE agent's datagrams at a socket of its own, read and sent without asyncio's transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioice.stun import Class

from offhook_wire.aiortc_private.connection import FIRST_MEDIA, LAST_MEDIA, MediaFirstProtocol
from offhook_wire.udp_socket import MAX_DATAGRAM_BYTES, UdpSocket

if TYPE_CHECKING:
    from aioice.stun import Message

    from offhook_wire.aiortc_private.connection import LoopbackConnection


class SocketProtocol(MediaFirstProtocol):
    """With a socket of its own.

    Raises:
        OSError: it cannot be bound to this address.
        NotImplementedError: the loop does not watch sockets.
    """

    def __init__(self, connection: LoopbackConnection, address: str) -> None:
        super().__init__(connection)
        self.socket: UdpSocket = UdpSocket(address, self._readable)
        self._read, self._send = self.socket.read, self.socket.send
        #: The address from which media was taken last: what comes from there needs no search.
        self._media_from: tuple[str, int] | None = None
        #: Errors of the socket that are counted.
        self._errors = 0

    async def close(self) -> None:
        self.socket.close()
        self.connection_lost(None)

    def _readable(self) -> None:
        datagram = self._read()
        if datagram is None:
            self.connection.counts.packets_unsent += self.socket.errors - self._errors
            self._errors = self.socket.errors
            return
        data, address = datagram
        connection = self.connection
        if (
            address == self._media_from
            and data
            and FIRST_MEDIA <= data[0] <= LAST_MEDIA
            and connection.incoming is None
            and len(data) <= MAX_DATAGRAM_BYTES
        ):
            connection.on_media(data)
        else:
            self.datagram_received(data, address)

    def is_closed(self) -> bool:
        return self.socket.closed

    def put_now(self, data: bytes, address: tuple[str, int]) -> None:
        self._send(data, address, self.connection.counts)

    def is_from_other_side(self, address: tuple[str, int]) -> bool:
        known = self.connection.knows(address)
        if known:
            self._media_from = address
        return known

    def take_stun(self, message: Message, address: tuple[str, int]) -> bool:
        if message.message_class is Class.REQUEST:
            self.connection.request_received(message, address, self)
        elif (transaction := self.transactions.get(message.transaction_id)) is not None:
            transaction.response_received(message, address)
        return True

"""An ICE agent's datagrams at a port that it shares with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aioice.stun import Class

from offhook_wire.aiortc_private.connection import FIRST_MEDIA, LAST_MEDIA, MediaFirstProtocol
from offhook_wire.udp_socket import MAX_DATAGRAM_BYTES

if TYPE_CHECKING:
    from aioice.stun import Message

    from offhook_wire.aiortc_private.connection import LoopbackConnection
    from offhook_wire.shared_port import Place
    from offhook_wire.shared_ports import SharedPorts


class SharedProtocol(MediaFirstProtocol):
    """With a place at a port that others share. Its port tells it what is for it; only checks are to be verified."""

    def __init__(self, connection: LoopbackConnection, ports: SharedPorts) -> None:
        super().__init__(connection)
        self.place: Place = ports.place(connection.local_username, self._arrived, connection.counts)
        self._send = self.place.port.send
        self._closed = False

    async def close(self) -> None:
        self._closed = True
        self.place.leave()
        self.connection_lost(None)

    async def request(
        self,
        request: Message,
        addr: tuple[str, int],
        integrity_key: bytes | None = None,
        retransmissions: int | None = None,
    ) -> tuple[Message, tuple[str, int]]:
        self.place.expect(request.transaction_id)
        try:
            return await super().request(request, addr, integrity_key, retransmissions)
        finally:
            self.place.forget(request.transaction_id)

    def _arrived(self, data: bytes, address: tuple[str, int]) -> None:
        connection = self.connection
        if connection.incoming is None and FIRST_MEDIA <= data[0] <= LAST_MEDIA and len(data) <= MAX_DATAGRAM_BYTES:
            connection.on_media(data)
        else:
            self.datagram_received(data, address)

    def is_closed(self) -> bool:
        return self._closed

    def put_now(self, data: bytes, address: tuple[str, int]) -> None:
        self._send(data, address, self.connection.counts)

    def is_from_other_side(self, address: tuple[str, int]) -> bool:
        return address in self.place.addresses

    def take_stun(self, message: Message, address: tuple[str, int]) -> bool:
        if message.message_class is not Class.REQUEST:
            transaction = self.transactions.get(message.transaction_id)
            if transaction is not None:
                transaction.response_received(message, address)
            return transaction is not None
        # A stranger gets no answer, so that nobody has this port send to others.
        if not self.connection.is_authentic(message):
            return False
        if self.place.confirm(address):
            self.connection.move(message)
        self.connection.request_received(message, address, self)
        return True

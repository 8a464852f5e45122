"""aiortc's ICE gatherer, with an agent that stays on loopback."""

# pyright: reportPrivateUsage=false
# Using private names is what this package is for.
from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from aiortc import RTCIceGatherer

from offhook_wire.aiortc_private.connection import LOOPBACK_ADDRESSES, LoopbackConnection
from offhook_wire.aiortc_private.own_socket import SocketProtocol
from offhook_wire.aiortc_private.shared import SharedProtocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from offhook_wire.impairment import Carries
    from offhook_wire.media_counts import MediaCounts
    from offhook_wire.shared_ports import SharedPorts


_UNUSED: Final = "u" * 22


class LoopbackGatherer(RTCIceGatherer):
    """A gatherer with a `LoopbackConnection`, without STUN and TURN servers (by default aiortc uses one)."""

    def __init__(
        self,
        *,
        controlling: bool,
        on_media: Callable[[bytes], None],
        counts: MediaCounts,
        incoming: Carries | None = None,
        outgoing: Carries | None = None,
        addresses: Sequence[str] = LOOPBACK_ADDRESSES,
        ports: SharedPorts | None = None,
    ) -> None:
        # aiortc makes a connection of aioice's here, which is not used: it need not draw a name and a password for it.
        super().__init__(iceServers=[], local_username=_UNUSED, local_password=_UNUSED)
        self.connection: LoopbackConnection = LoopbackConnection(
            controlling=controlling,
            on_media=on_media,
            counts=counts,
            incoming=incoming,
            outgoing=outgoing,
            addresses=addresses,
            ufrag=None if ports is None else ports.new_ufrag(),
            bind=_bind,
            share=None if ports is None else functools.partial(_share, ports),
        )
        # Set before an RTCIceTransport is made from this gatherer: the transport copies the connection's methods.
        self._connection = self.connection


def _bind(connection: LoopbackConnection, address: str) -> tuple[SocketProtocol, tuple[str, int]]:
    protocol = SocketProtocol(connection, address)
    return protocol, protocol.socket.address


def _share(ports: SharedPorts, connection: LoopbackConnection) -> tuple[SharedProtocol, tuple[str, int]]:
    protocol = SharedProtocol(connection, ports)
    return protocol, protocol.place.port.address

"""How a leg joins a relay, the first time and again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from offhook_aiortc.connection import Connection
from offhook_aiortc.relay_client import ask
from offhook_wire.peer import addresses_for
from offhook_wire.relay_protocol import JoinRequest

if TYPE_CHECKING:
    from offhook.interfaces import Grant
    from offhook_aiortc.connection import ConnectionHandler
    from offhook_aiortc.http import RelayHttp
    from offhook_wire.impairment import Impairment
    from offhook_wire.media_counts import MediaCounts
    from offhook_wire.peer import Certificate


class Entrance:
    """Opens the connections of one leg.

    Args:
        certificate: for DTLS.
        counts: counts the packets that all these connections drop.
        http: asks relays to let the leg in.
        incoming: impairs incoming datagrams.
        outgoing: impairs outgoing datagrams.

    Attributes:
        counts: as given.
        releases: running tasks that close connections which are over.
    """

    def __init__(
        self,
        certificate: Certificate,
        counts: MediaCounts,
        http: RelayHttp,
        *,
        incoming: Impairment | None = None,
        outgoing: Impairment | None = None,
    ) -> None:
        self.counts = counts
        self.releases: set[asyncio.Task[None]] = set()
        self._certificate = certificate
        self._http = http
        self._incoming = incoming
        self._outgoing = outgoing

    async def open(
        self,
        handler: ConnectionHandler,
        base: str,
        grant: Grant,
        *,
        uid: int,
        ssrc: int,
        goodbye: bytes,
        timeout_s: float,
        rejoin: bool = False,
    ) -> Connection:
        """Join over HTTP, connect ICE and DTLS, then open the WebSocket.

        If this is cancelled, it sends the relay a goodbye; if it fails, it does not.

        Raises:
            TimeoutError: it took longer than `timeout_s`.
            JoinFailed: the relay refused or was lost; also the other errors of `ask` and `Connection.open`.
        """
        connection = Connection(
            handler,
            self._certificate,
            self.releases,
            addresses=addresses_for(base),
            counts=self.counts,
            incoming=self._incoming,
            outgoing=self._outgoing,
        )
        try:
            async with asyncio.timeout(timeout_s):
                local = await connection.peer.gather()
                request = JoinRequest(grant.app_id, grant.channel, grant.token, uid, ssrc, local, rejoin=rejoin)
                answer = await ask(self._http, base, request)
                await connection.open(base, answer, lambda: self._http.take_socket(base))
        except asyncio.CancelledError:
            await asyncio.shield(connection.close(goodbye=goodbye))
            raise
        except BaseException:
            await asyncio.shield(connection.close())
            raise
        return connection

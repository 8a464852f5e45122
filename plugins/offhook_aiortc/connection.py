"""One connection to a relay: a peer for media and a WebSocket for events. Opened once, and lost or closed once.

What arrives before `start` is kept, so that the caller can set up everything else first. A leg that loses its
connection opens another; a closed connection calls its handler no more.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, WebSocketException

from offhook.errors import JoinFailed, TokenRejected, TransportError
from offhook_aiortc.relay_client import PutOut
from offhook_aiortc.renewals import Renewals
from offhook_aiortc.websocket import open_websocket
from offhook_wire.peer import Certificate, Peer
from offhook_wire.relay_protocol import (
    EVENTS_PATH,
    JOIN_TIMEOUT_S,
    JoinAnswer,
    Joined,
    Kicked,
    Leave,
    RelayEvent,
    RenewalRefused,
    Renewed,
    encode,
    parse_event,
)
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from websockets.asyncio.client import ClientConnection

    from offhook.interfaces import Grant
    from offhook_wire.impairment import Impairment
    from offhook_wire.media_counts import MediaCounts

#: The time limit for the relay's goodbye when closing, in seconds; everything else in closing is immediate.
_GOODBYE_TIMEOUT_S: Final = 0.5
#: The time to wait for the reason when the relay puts us out, in seconds: the reason arrives on the WebSocket, and the
#: peer may end before that.
_REASON_S: Final = 0.03
#: Packets and events that are kept until `start`.
_MAX_WAITING: Final = 1024


class ConnectionHandler(Protocol):
    """What a connection calls, synchronously, from `start` until it is closed."""

    def on_rtp(self, data: bytes) -> None: ...

    def on_rtcp(self, data: bytes) -> None: ...

    def on_relay_event(self, event: RelayEvent) -> None: ...

    def on_malformed(self) -> None:
        """The relay sent a text that is not an event; it was dropped."""
        ...

    def on_renewed(self, grant: Grant) -> None:
        """The relay accepted this grant's token."""
        ...

    def on_lost(self, connection: Connection, reason: str) -> None:
        """The connection ended, and we did not close it. Called once."""
        ...


class Connection:
    """Made by `Entrance.open`.

    Args:
        handler: is called with everything that arrives.
        certificate: for DTLS.
        addresses: where media arrives.
        releases: holds the task that closes the connection, while that task runs.
        counts: counts the packets that are dropped.
        incoming: impairs incoming datagrams.
        outgoing: impairs outgoing datagrams.

    Attributes:
        answer: the relay's answer, once `open` was called.
    """

    answer: JoinAnswer

    def __init__(
        self,
        handler: ConnectionHandler,
        certificate: Certificate,
        releases: set[asyncio.Task[None]],
        *,
        addresses: Sequence[str],
        counts: MediaCounts,
        incoming: Impairment | None,
        outgoing: Impairment | None,
    ) -> None:
        self._counts = counts
        self.peer: Peer = Peer(
            controlling=True,
            certificate=certificate,
            on_rtp=self._on_rtp,
            on_rtcp=self._on_rtcp,
            on_down=self._on_down,
            addresses=addresses,
            counts=counts,
            incoming=incoming,
            outgoing=outgoing,
        )
        self._handler = handler
        self._releases = releases
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Callable[[], None]] | None = []
        self._admitted = asyncio.Event()
        #: Why the connection ended before the relay let us in.
        self._failure: JoinFailed | None = None
        self._over = False
        self._renewals = Renewals()
        self._websocket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._down_timer: asyncio.TimerHandle | None = None
        self._release_task: asyncio.Task[None] | None = None

    async def open(
        self, base: str, answer: JoinAnswer, take_socket: Callable[[], socket.socket | None] = lambda: None
    ) -> None:
        """Connect media and events, and return when the relay has let us into the channel.

        Args:
            base: the URL of the relay.
            answer: its answer to our request to join.
            take_socket: returns an idle connection to the relay, if there is one, for the events.

        Raises:
            PeerFailed: media could not be set up.
            PutOut: the relay put us out at once.
            JoinFailed: the WebSocket was refused or lost.
            OSError: the WebSocket could not be opened.
        """
        self.answer = answer
        await self.peer.connect(answer.peer)
        try:
            self._websocket = await open_websocket(
                base.replace("http", "ws", 1) + f"{EVENTS_PATH}?sid={quote(answer.sid)}",
                open_timeout_s=JOIN_TIMEOUT_S,
                close_timeout_s=_GOODBYE_TIMEOUT_S,
                sock=take_socket(),
            )
        except WebSocketException as error:
            raise JoinFailed(f"the relay at {base} refused its event stream: {error}") from error
        self._reader = asyncio.create_task(self._read(self._websocket))
        await self._admitted.wait()
        if self._failure is not None:
            raise self._failure

    def start(self) -> None:
        """Pass what has arrived to the handler, in order, and from now on pass everything on as it arrives."""
        waiting, self._waiting = self._waiting, None
        for call in waiting or ():
            if not self._over:
                call()
        self.peer.pass_to(self._handler.on_rtp, self._handler.on_rtcp)

    async def renew(self, grant: Grant) -> None:
        """Send the relay the token of `grant`. An answer after the time limit still counts.

        Raises:
            TokenRejected: the relay refused it.
            TransportError: the connection is over, or no answer arrived in time.
        """
        if self._over or self._websocket is None:
            raise TransportError("cannot renew the token: the connection to the relay is lost")
        await self._renewals.renew(self._websocket, grant)

    def close(self, *, goodbye: bytes | None = None) -> asyncio.Task[None]:
        """Close everything, call the handler no more, and return the task that does it. Idempotent.

        Args:
            goodbye: the RTCP with which we leave the channel; without it the relay treats us as dropped.
        """
        if self._release_task is None:
            self._end("closed")
            if goodbye is not None:
                self.peer.send_rtcp(goodbye)
            self._release_task = asyncio.create_task(self._release(goodbye=goodbye is not None))
            self._releases.add(self._release_task)
            self._release_task.add_done_callback(self._releases.discard)
        return self._release_task

    # What arrives

    def _on_rtp(self, data: bytes) -> None:
        if self._waiting is None:
            self._handler.on_rtp(data)
        else:
            self._wait(lambda: self._handler.on_rtp(data))

    def _on_rtcp(self, data: bytes) -> None:
        if self._waiting is None:
            self._handler.on_rtcp(data)
        else:
            self._wait(lambda: self._handler.on_rtcp(data))

    def _wait(self, call: Callable[[], None]) -> None:
        assert self._waiting is not None
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.append(call)
        else:
            self._counts.packets_early += 1

    async def _read(self, websocket: ClientConnection) -> None:
        try:
            async for text in websocket:
                try:
                    event = parse_event(text)
                except ProtocolError:
                    self._handler.on_malformed()
                else:
                    self._on_event(event)
            self._lost("the relay closed its event stream")
        except ConnectionClosed:
            self._lost("the relay's event stream was lost")

    def _on_event(self, event: RelayEvent) -> None:
        if self._over:
            return
        match event:
            case Joined(uid) if uid == self.answer.uid:
                self._admitted.set()
            case Kicked(reason) if not self._admitted.is_set():
                self._failure = PutOut(f"the relay let us in and put us out at once: {reason}", reason)
                self._admitted.set()
            case Renewed():
                self._renewal_answered(None)
            case RenewalRefused(reason, message):
                self._renewal_answered(TokenRejected(f"the relay refused the fresh token: {message}", reason))
            case _ if self._waiting is None:
                self._handler.on_relay_event(event)
            case _ if len(self._waiting) < _MAX_WAITING:
                self._waiting.append(lambda: self._handler.on_relay_event(event))
            case _:
                self._lost(f"the relay sent more than {_MAX_WAITING} packets and events before we were in the channel")

    def _renewal_answered(self, refused: TransportError | None) -> None:
        grant = self._renewals.answered(refused)
        if grant is None:
            self._handler.on_malformed()
        elif refused is None:
            self._handler.on_renewed(grant)

    # The end

    def _on_down(self, reason: str) -> None:
        if not self._over:
            self._down_timer = self._loop.call_later(_REASON_S, self._lost, reason)

    def _lost(self, reason: str) -> None:
        if self._over:
            return
        if not self._admitted.is_set():
            self._failure = JoinFailed(reason)
            self._admitted.set()
        elif self._waiting is not None:
            self._waiting.append(lambda: self._call_lost(reason))
        else:
            self._call_lost(reason)

    def _call_lost(self, reason: str) -> None:
        self._end(reason)
        self._handler.on_lost(self, reason)

    def _end(self, reason: str) -> None:
        self._over = True
        if self._down_timer is not None:
            self._down_timer.cancel()
        self._renewals.end(reason)

    async def _release(self, *, goodbye: bool) -> None:
        if self._websocket is not None:
            await self._close_websocket(self._websocket, goodbye=goodbye)
        await self.peer.stop()

    async def _close_websocket(self, websocket: ClientConnection, *, goodbye: bool) -> None:
        if goodbye:
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(_GOODBYE_TIMEOUT_S):
                    await websocket.send(encode(Leave()))
                    # The relay forwards our last packets, then closes: only after that may our sockets close.
                    await websocket.wait_closed()
        websocket.transport.abort()
        await websocket.wait_closed()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait((self._reader,))

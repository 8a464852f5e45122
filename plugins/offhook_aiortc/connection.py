"""One connection to a relay: a peer for media and a WebSocket for events. Opened once, and lost or closed once.

What comes is kept until `start`, so that whoever opens it can put everything else in place first. A leg that loses its
connection makes another; nothing comes from one that was closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from offhook.errors import JoinFailed, TokenRejected, TransportError
from offhook_aiortc.relay_client import PutOut, ask
from offhook_wire.peer import Certificate, Peer
from offhook_wire.relay_protocol import (
    EVENTS_PATH,
    JOIN_TIMEOUT_S,
    MAX_MESSAGE_BYTES,
    JoinAnswer,
    Joined,
    JoinRequest,
    Kicked,
    Leave,
    RelayEvent,
    Renew,
    RenewalRefused,
    Renewed,
    encode,
    parse_event,
)
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

    from offhook.interfaces import Grant
    from offhook_wire.impairment import Impairment

#: websockets logs every message at DEBUG, and some of ours hold tokens. No configuration reaches this logger; what is
#: more than DEBUG goes on to the one of this module.
_websocket_log = logging.Logger(f"{__name__}.websocket", logging.INFO)
_websocket_log.parent = logging.getLogger(__name__)

#: A renewal that is not answered by then is given up, in seconds.
RENEWAL_TIMEOUT_S: Final = 5.0
#: Renewals that wait for their answer at once.
_MAX_RENEWALS: Final = 8
#: How long closing waits for the relay's goodbye, in seconds; everything else in it is immediate.
_GOODBYE_TIMEOUT_S: Final = 0.5
#: When the relay puts us out, why is on the WebSocket: it has so long to overtake the peer's end, in seconds.
_REASON_S: Final = 0.03
#: What is kept until `start`.
_MAX_WAITING: Final = 512


class ConnectionHandler(Protocol):
    """What a connection calls, synchronously, from `start` on and until it is closed."""

    def on_rtp(self, data: bytes) -> None: ...

    def on_rtcp(self, data: bytes) -> None: ...

    def on_relay_event(self, event: RelayEvent) -> None: ...

    def on_malformed(self) -> None:
        """The relay sent what is no event; it was dropped."""
        ...

    def on_renewed(self, grant: Grant) -> None:
        """The relay took this grant's token."""
        ...

    def on_lost(self, connection: Connection, reason: str) -> None:
        """It is over, and not because we closed it; once."""
        ...


class Connection:
    """Made by `Entrance.open`.

    Args:
        handler: is told what comes.
        certificate: for DTLS.
        releases: gets the task that lets go of everything, while that runs.
        incoming: impairs what comes.
        outgoing: impairs what goes.

    Attributes:
        answer: the relay's, once it has been opened.
        lost_early: packets that found no place to wait for `start`.
    """

    answer: JoinAnswer

    def __init__(
        self,
        handler: ConnectionHandler,
        certificate: Certificate,
        releases: set[asyncio.Task[None]],
        *,
        incoming: Impairment | None,
        outgoing: Impairment | None,
    ) -> None:
        self.lost_early: int = 0
        self.peer: Peer = Peer(
            controlling=True,
            certificate=certificate,
            on_rtp=self._on_rtp,
            on_rtcp=self._on_rtcp,
            on_down=self._on_down,
            incoming=incoming,
            outgoing=outgoing,
        )
        self._handler = handler
        self._releases = releases
        self._loop = asyncio.get_running_loop()
        self._waiting: list[Callable[[], None]] | None = []
        self._admitted = asyncio.Event()
        #: Why it is over, before it was admitted.
        self._failure: JoinFailed | None = None
        self._over = False
        self._renewals: deque[tuple[Grant, asyncio.Future[TransportError | None]]] = deque()
        self._websocket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._down_timer: asyncio.TimerHandle | None = None
        self._release_task: asyncio.Task[None] | None = None

    async def open(self, base: str, answer: JoinAnswer) -> None:
        """Bring up media and events; returns when the relay says that we are in.

        Raises:
            PeerFailed: media could not be set up.
            PutOut: the relay put us out at once.
            JoinFailed: the WebSocket was refused or lost.
            OSError: the WebSocket could not be opened.
        """
        self.answer = answer
        await self.peer.connect(answer.peer)
        try:
            self._websocket = await connect(
                base.replace("http", "ws", 1) + f"{EVENTS_PATH}?sid={quote(answer.sid)}",
                logger=_websocket_log,
                proxy=None,
                compression=None,
                max_size=MAX_MESSAGE_BYTES,
                open_timeout=JOIN_TIMEOUT_S,
                close_timeout=_GOODBYE_TIMEOUT_S,
            )
        except WebSocketException as error:
            raise JoinFailed(f"the relay at {base} refused its event stream: {error}") from error
        self._reader = asyncio.create_task(self._read(self._websocket))
        await self._admitted.wait()
        if self._failure is not None:
            raise self._failure

    def start(self) -> None:
        """Tell the handler what waited, in order, and from now on everything at once."""
        waiting, self._waiting = self._waiting, None
        for tell in waiting or ():
            if not self._over:
                tell()

    async def renew(self, grant: Grant) -> None:
        """Offer the relay the token of `grant`. An answer that comes too late counts nevertheless.

        Raises:
            TokenRejected: the relay does not take it.
            TransportError: the connection is over, or no answer came in time.
        """
        websocket = self._websocket
        if self._over or websocket is None or len(self._renewals) >= _MAX_RENEWALS:
            raise TransportError("the relay cannot be told of a fresh token: the connection to it is lost or stuck")
        answer: asyncio.Future[TransportError | None] = self._loop.create_future()
        self._renewals.append((grant, answer))
        try:
            async with asyncio.timeout(RENEWAL_TIMEOUT_S):
                await websocket.send(encode(Renew(grant.token)))
                refused = await answer
        except TimeoutError:
            raise TransportError(f"the relay did not answer a renewal within {RENEWAL_TIMEOUT_S:g} s") from None
        except ConnectionClosed:
            raise TransportError("the connection was lost before the relay answered a renewal") from None
        if refused is not None:
            raise refused

    def close(self, *, goodbye: bytes | None = None) -> asyncio.Task[None]:
        """Let go of everything; the handler is told nothing more. Idempotent; the task that does it.

        Args:
            goodbye: the RTCP with which we leave the channel; without it the relay takes us for dropped.
        """
        if self._release_task is None:
            self._end("closed")
            if goodbye is not None:
                self.peer.send_rtcp(goodbye)
            self._release_task = asyncio.create_task(self._release(goodbye=goodbye is not None))
            self._releases.add(self._release_task)
            self._release_task.add_done_callback(self._releases.discard)
        return self._release_task

    # What comes

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

    def _wait(self, tell: Callable[[], None]) -> None:
        assert self._waiting is not None
        if len(self._waiting) < _MAX_WAITING:
            self._waiting.append(tell)
        else:
            self.lost_early += 1

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
                self._failure = PutOut(f"the relay let us in and put us out: {reason}", reason)
                self._admitted.set()
            case Renewed():
                self._renewal_answered(None)
            case RenewalRefused(reason, message):
                self._renewal_answered(TokenRejected(f"the relay refused the fresh token: {message}", reason))
            case _ if self._waiting is None:
                self._handler.on_relay_event(event)
            case _:
                self._waiting.append(lambda: self._handler.on_relay_event(event))

    def _renewal_answered(self, refused: TransportError | None) -> None:
        if not self._renewals:
            self._handler.on_malformed()
            return
        grant, answer = self._renewals.popleft()
        if refused is None:
            self._handler.on_renewed(grant)
        if not answer.done():
            answer.set_result(refused)

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
            self._waiting.append(lambda: self._tell_lost(reason))
        else:
            self._tell_lost(reason)

    def _tell_lost(self, reason: str) -> None:
        self._end(reason)
        self._handler.on_lost(self, reason)

    def _end(self, reason: str) -> None:
        self._over = True
        if self._down_timer is not None:
            self._down_timer.cancel()
        while self._renewals:
            _, answer = self._renewals.popleft()
            if not answer.done():
                answer.set_result(TransportError(f"the relay did not answer a renewal: {reason}"))

    async def _release(self, *, goodbye: bool) -> None:
        if self._websocket is not None:
            await self._close_websocket(self._websocket, goodbye=goodbye)
        await self.peer.stop()

    async def _close_websocket(self, websocket: ClientConnection, *, goodbye: bool) -> None:
        if goodbye:
            with contextlib.suppress(ConnectionClosed, TimeoutError):
                async with asyncio.timeout(_GOODBYE_TIMEOUT_S):
                    await websocket.send(encode(Leave()))
                    # The relay lets our last packets through, then closes: only now may the sockets go.
                    await websocket.wait_closed()
        websocket.transport.abort()
        await websocket.wait_closed()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.wait((self._reader,))


class Entrance:
    """How one leg comes in, the first time and again.

    Args:
        certificate: for DTLS.
        incoming: impairs what comes.
        outgoing: impairs what goes.

    Attributes:
        releases: tasks that let go of connections which are over.
    """

    def __init__(
        self, certificate: Certificate, *, incoming: Impairment | None = None, outgoing: Impairment | None = None
    ) -> None:
        self.releases: set[asyncio.Task[None]] = set()
        self._certificate = certificate
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
        """HTTP, then ICE and DTLS, then the WebSocket. Cancelled, it says goodbye; failing, it does not.

        Raises:
            TimeoutError: that took more than `timeout_s`.
            JoinFailed: and what else `ask` and `Connection.open` raise.
        """
        connection = Connection(
            handler, self._certificate, self.releases, incoming=self._incoming, outgoing=self._outgoing
        )
        try:
            async with asyncio.timeout(timeout_s):
                local = await connection.peer.gather()
                request = JoinRequest(grant.app_id, grant.channel, grant.token, uid, ssrc, local, rejoin=rejoin)
                await connection.open(base, await ask(base, request))
        except asyncio.CancelledError:
            await asyncio.shield(connection.close(goodbye=goodbye))
            raise
        except BaseException:
            await asyncio.shield(connection.close())
            raise
        return connection

"""`AiortcLeg`: one joined channel. Audio in and out synchronously, events over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from offhook.errors import JoinFailed, TransportError
from offhook.events import (
    LeaveReason,
    LegClosed,
    LegFailed,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook.interfaces import Leg
from offhook_aiortc.hearing import Hearing
from offhook_wire import rtcp, rtp
from offhook_wire.opus import OpusEncoder
from offhook_wire.peer import Certificate, Peer
from offhook_wire.relay_protocol import (
    EVENTS_PATH,
    JOIN_TIMEOUT_S,
    MAX_MESSAGE_BYTES,
    JoinAnswer,
    Joined,
    Kicked,
    Leave,
    Left,
    PeerParameters,
    Published,
    RelayEvent,
    Unpublished,
    encode,
    parse_event,
)
from offhook_wire.rtp_out import OutStream
from offhook_wire.strict_json import ProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

    from offhook.audio import AudioFrame
    from offhook.clock import Clock
    from offhook.events import LegEvent
    from offhook.grant import Grant
    from offhook.ids import Ids
    from offhook.interfaces import LegHandler

_REPORT_INTERVAL_S: Final = 1.0
#: How long leaving waits for the relay's goodbye, in seconds; everything else in it is immediate.
_GOODBYE_TIMEOUT_S: Final = 0.5
#: A member's last packets may come after the event that it left; its BYE ends the wait.
_DEPARTURE_S: Final = 0.03


class AiortcLeg(Leg):
    """Made by `AiortcTransport.join`.

    Args:
        handler: is told events and given audio.
        certificate: for DTLS.
        rate_hz: rate of audio both ways.
        bitrate_bps: Opus's target.
        complexity: Opus's effort.
        wait_ms: how long a missing packet is waited for.
        clock: the time.
        ids: for the SSRC.
        drop: loss injection: whether to lose the outgoing RTP packet of that number.
        over: called once everything is let go of.

    Attributes:
        uid: who we are in the channel, once joined.
    """

    def __init__(
        self,
        handler: LegHandler,
        *,
        certificate: Certificate,
        rate_hz: int,
        bitrate_bps: int,
        complexity: int,
        wait_ms: float,
        clock: Clock,
        ids: Ids,
        drop: Callable[[int], bool] | None,
        over: Callable[[AiortcLeg], None],
    ) -> None:
        self.rate_hz = rate_hz
        self.uid = 0
        self._handler = handler
        self._clock = clock
        self._drop = drop
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._encoder = OpusEncoder(rate_hz, bitrate_bps, complexity)
        self._out = OutStream(ids)
        self._hearing = Hearing(self._heard, rate_hz=rate_hz, loop=self._loop, wait_ms=wait_ms)
        self._peer = Peer(
            controlling=True,
            certificate=certificate,
            on_rtp=self._on_rtp,
            on_rtcp=self._on_rtcp,
            on_down=self._on_down,
        )
        self._frames_sent = 0
        self._packets_dropped = 0
        self._malformed = 0
        #: What the handler is told once join() has returned; None when that is over.
        self._waiting: list[Callable[[], None]] | None = []
        #: leave() was called: the handler is told nothing more.
        self._silent = False
        self._departing: dict[int, tuple[LeaveReason, asyncio.TimerHandle]] = {}
        self._admitted = asyncio.Event()
        self._refused: str | None = None
        #: Out of the channel, or leaving: nothing is sent and nobody is told any more.
        self._closed = False
        self._websocket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._report_timer: asyncio.TimerHandle | None = None
        self._down_timer: asyncio.TimerHandle | None = None
        self._release_task: asyncio.Task[None] | None = None

    @property
    def ssrc(self) -> int:
        """What we send under."""
        return self._out.ssrc

    def send(self, frame: AudioFrame) -> None:
        """See `Leg.send`: encoded and sent in this call.

        Raises:
            ValueError: another rate, or more than 20 ms.
        """
        if frame.rate_hz != self.rate_hz:
            raise ValueError(f"{frame!r} is not at the leg's {self.rate_hz} Hz")
        if self._closed:
            return
        payload = self._encoder.encode(frame.pcm)
        position = frame.position * rtp.CLOCK_HZ // self.rate_hz
        number = self._out.packets
        data = self._out.packet(payload, position, self._clock.monotonic_s())
        self._frames_sent += 1
        if self._drop is not None and self._drop(number):
            self._packets_dropped += 1
        else:
            self._peer.send_rtp(data)

    def counters(self) -> dict[str, int]:
        """See `Leg.counters`."""
        return {
            "frames_sent": self._frames_sent,
            "packets_sent": self._out.packets - self._packets_dropped,
            **self._hearing.counters(),
            "srtp_errors": self._peer.srtp_errors,
            "packets_malformed": self._malformed,
        }

    async def renew(self, grant: Grant) -> None:
        """See `Leg.renew`.

        Raises:
            TransportError: this protocol has no message for it.
        """
        raise TransportError("the relay cannot be given a fresh token")

    async def leave(self) -> None:
        """See `Leg.leave`: BYE, a goodbye over the WebSocket, and everything closed, within 1 s."""
        self._close(goodbye=True)
        assert self._release_task is not None
        await asyncio.shield(self._release_task)

    # Joining: called by the transport, in this order

    async def gather(self) -> PeerParameters:
        """Bind the sockets."""
        return await self._peer.gather()

    async def connect(self, base: str, answer: JoinAnswer) -> None:
        """Bring up media and events; returns when the relay says that we are in.

        Raises:
            PeerFailed: media could not be set up.
            JoinFailed: the relay put us out at once.
            OSError: the WebSocket could not be opened.
        """
        self.uid = answer.uid
        self._out.payload_type = answer.payload_type
        for member in answer.members:
            self._hearing.claim(member.ssrc, member.uid)
            self._tell(MemberJoined(member.uid))
            if member.published:
                self._tell(MemberPublished(member.uid))
        await self._peer.connect(answer.peer)
        try:
            self._websocket = await connect(
                base.replace("http", "ws", 1) + f"{EVENTS_PATH}?sid={quote(answer.sid)}",
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
        if self._closed:
            raise JoinFailed(f"the relay at {base} let us in and put us out: {self._refused}")
        self._report()
        self._loop.call_soon(self._introduce)

    # The handler

    def _introduce(self) -> None:
        waiting, self._waiting = self._waiting, None
        for tell in waiting or ():
            if not self._silent:
                tell()

    def _tell(self, event: LegEvent) -> None:
        if self._waiting is not None:
            self._waiting.append(lambda: self._handler.on_event(event))
        elif not self._silent:
            self._handler.on_event(event)

    def _heard(self, uid: int, frame: AudioFrame) -> None:
        if self._closed:
            return
        if self._waiting is not None:
            self._waiting.append(lambda: self._handler.on_audio(uid, frame))
        else:
            self._handler.on_audio(uid, frame)

    # Packets

    def _on_rtp(self, data: bytes) -> None:
        try:
            packet = rtp.parse(data)
        except rtp.MalformedPacket:
            self._malformed += 1
            return
        self._hearing.add(packet, self._clock.monotonic_s())

    def _on_rtcp(self, data: bytes) -> None:
        try:
            packets = rtcp.parse(data)
        except rtp.MalformedPacket:
            self._malformed += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                self._hearing.heard_report(packet, self._clock.monotonic_s())
            elif isinstance(packet, rtcp.Bye):
                for ssrc in packet.ssrcs:
                    uid = self._hearing.end(ssrc)
                    if uid is not None:
                        self._depart(uid)

    def _report(self) -> None:
        now_s = self._clock.monotonic_s()
        self._peer.send_rtcp(self._out.report(now_s, self._clock.wall_s(), self._hearing.blocks(now_s)))
        self._report_timer = self._loop.call_later(_REPORT_INTERVAL_S, self._report)

    # Events of the relay

    async def _read(self, websocket: ClientConnection) -> None:
        try:
            async for text in websocket:
                self._on_relay_event(parse_event(text))
            self._failed("the relay closed its event stream")
        except ConnectionClosed:
            self._failed("the relay's event stream was lost")
        except ProtocolError as error:
            self._failed(f"the relay sent what is no event: {error}")

    def _on_relay_event(self, event: RelayEvent) -> None:
        if self._closed:
            return
        match event:
            case Joined(uid) if uid == self.uid:
                self._admitted.set()
            case Joined(uid, ssrc):
                self._depart(uid)
                # The event first: with it comes the audio that waited for it.
                self._tell(MemberJoined(uid))
                self._hearing.claim(ssrc, uid)
            case Published(uid):
                self._tell(MemberPublished(uid))
            case Unpublished(uid):
                self._tell(MemberUnpublished(uid))
            case Left(uid, reason):
                timer = self._loop.call_later(_DEPARTURE_S, self._depart, uid)
                self._departing[uid] = (reason, timer)
                if not self._hearing.speaking(uid):
                    self._depart(uid)
            case Kicked(reason):
                self._out_of_channel(LegClosed(reason))

    def _depart(self, uid: int) -> None:
        """Tell that a member left, if it did, now that its last audio has been played."""
        departing = self._departing.pop(uid, None)
        if departing is not None:
            reason, timer = departing
            timer.cancel()
            self._hearing.finish(uid)
            self._tell(MemberLeft(uid, reason))

    def _on_down(self, reason: str) -> None:
        # When the relay puts us out, why is on the WebSocket: give it a moment to overtake.
        if not self._closed:
            self._down_timer = self._loop.call_later(_DEPARTURE_S, self._failed, reason)

    def _failed(self, reason: str) -> None:
        self._out_of_channel(LegFailed(reason))

    def _out_of_channel(self, event: LegClosed | LegFailed) -> None:
        """The relay or the network put us out: the handler is told once, after what waited for it."""
        if self._closed:
            return
        for uid in tuple(self._departing):
            self._depart(uid)
        if self._admitted.is_set():
            self._tell(event)
        self._refused = event.reason
        self._close(goodbye=False)
        self._admitted.set()

    # The end

    def _close(self, *, goodbye: bool) -> None:
        self._silent = self._silent or goodbye
        if self._release_task is not None:
            return
        self._closed = True
        if goodbye:
            self._peer.send_rtcp(self._out.bye())
        for timer in (self._report_timer, self._down_timer, *(timer for _, timer in self._departing.values())):
            if timer is not None:
                timer.cancel()
        self._departing.clear()
        self._hearing.close()
        self._encoder.close()
        self._release_task = asyncio.create_task(self._release(goodbye=goodbye))

    async def _release(self, *, goodbye: bool) -> None:
        try:
            if self._websocket is not None:
                await self._close_websocket(self._websocket, goodbye=goodbye)
            await self._peer.stop()
        finally:
            self._over(self)

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

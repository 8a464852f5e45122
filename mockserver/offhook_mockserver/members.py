"""Who is in a room: members that speak PCM (callees, the in-process transport) and members that speak RTP.

A member knows its room and not how it is reached: the door that made it gives it something to send packets with.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from offhook.events import (
    LeaveReason,
    LegClosed,
    MemberJoined,
    MemberLeft,
    MemberPublished,
    MemberUnpublished,
)
from offhook_wire import rtcp, rtp
from offhook_wire.opus import OpusEncoder
from offhook_wire.rtp_in import InStream
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.audio import AudioFrame
    from offhook.clock import Clock
    from offhook.ids import Ids
    from offhook_mockserver.rooms import Room

_log = logging.getLogger(__name__)

#: What a member is told. `LegClosed` is about itself: it was put out of the room, and is told nothing more.
RoomEvent: TypeAlias = MemberJoined | MemberPublished | MemberUnpublished | MemberLeft | LegClosed

_REPORT_INTERVAL_S: Final = 1.0


class PcmHandler(Protocol):
    """What a `PcmMember` calls, on the event loop, until it has left."""

    def on_event(self, event: RoomEvent) -> None:
        """Something happened in the room. Members who were there already are told first, as `MemberJoined`."""
        ...

    def on_audio(self, uid: int, frame: AudioFrame) -> None:
        """Audio of the member `uid`, at the room's rate; `frame.position` counts from the talker's first sample."""
        ...


class EventHandler(Protocol):
    """What an `RtpMember` calls with events; its audio goes out as packets."""

    def on_event(self, event: RoomEvent) -> None:
        """Something happened in the room."""
        ...


class PacketSender(Protocol):
    """Where an `RtpMember` puts packets in the clear."""

    def send_rtp(self, data: bytes) -> None: ...

    def send_rtcp(self, data: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Who was last in a room as some uid.

    Attributes:
        identity: what only it comes back with: the SSRC of an RTP member, the place of a client of the PCM door.
        streams: under which SSRCs and numbers it heard the others; nothing where audio is PCM.
    """

    identity: int | str
    streams: dict[int, OutStream] = field(default_factory=dict[int, "OutStream"])


class PcmMember:
    """A member that speaks and hears PCM. Made by `Room.join_pcm`.

    Attributes:
        uid: who it is in the room.
        rate_hz: rate of its audio in both directions: the room's.
        published: whether the others hear what it sends.
        frames_sent: frames that `send` took while published.
        frames_unheard: frames that `send` was given while not published, or after leaving.
    """

    def __init__(self, room: Room, uid: int, handler: PcmHandler, ids: Ids) -> None:
        self.uid = uid
        self.rate_hz: int = room.rate_hz
        self.published: bool = False
        self.frames_sent: int = 0
        self.frames_unheard: int = 0
        self._room = room
        self._handler = handler
        self._present = True
        # Told on the next turn of the loop, so that whoever joins has the member in hand when its handler is called.
        self._waiting: list[RoomEvent] | None = []
        self._lost: asyncio.TimerHandle | None = None
        self._encoder: OpusEncoder | None = None
        self._sequence = ids.below(0x8000)
        self._origin = ids.uint32()
        self._next_position: int | None = None

    @property
    def present(self) -> bool:
        """Whether it is still in the room."""
        return self._present

    @property
    def encodes(self) -> bool:
        """Whether it has an encoder now; it has one only while an RTP member listens."""
        return self._encoder is not None

    def publish(self) -> None:
        """Begin to publish audio; the others are told. Idempotent."""
        if self._present and not self.published:
            self.published = True
            self._room.tell(MemberPublished(self.uid), but=self.uid)

    def unpublish(self) -> None:
        """Stop publishing (mute); the others are told. Idempotent."""
        if self._present and self.published:
            self.published = False
            self._room.tell(MemberUnpublished(self.uid), but=self.uid)

    def send(self, frame: AudioFrame) -> None:
        """Speak up to 20 ms of audio at `rate_hz` now; nobody hears it before `publish`.

        Where `frame.position` jumps, time passed without audio.

        Raises:
            ValueError: another rate, or more than 20 ms.
        """
        if frame.rate_hz != self.rate_hz or frame.samples * rtp.CLOCK_HZ > rtp.FRAME_TICKS * self.rate_hz:
            raise ValueError(f"{frame!r} is not up to 20 ms at the room's {self.rate_hz} Hz")
        if not (self._present and self.published):
            self.frames_unheard += 1
            return
        self.frames_sent += 1
        for pcm_member in self._room.pcm_members:
            if pcm_member is not self:
                pcm_member.hear(self.uid, frame)
        if not self.present:
            return  # a handler has put us out meanwhile
        if self._room.rtp_members:
            self._send_encoded(frame)
        else:
            self.release_encoder()

    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Leave the room; the others are told with `reason`, the own handler nothing more. Idempotent."""
        self._room.remove(self, reason)

    def lose(self, gone: Callable[[], object] = lambda: None) -> None:
        """Nothing is heard of it any more: unless it recovers, the room lets go of it in `Room.lost_after_s`.

        Args:
            gone: called when the room does; the handler, which is lost, is not told.
        """

        def let_go() -> None:
            self.leave(LeaveReason.DROPPED)
            gone()

        if self._present and self._lost is None:
            self._lost = asyncio.get_running_loop().call_later(self._room.lost_after_s, let_go)

    def recover(self) -> None:
        """It is heard of again."""
        if self._lost is not None:
            self._lost.cancel()
            self._lost = None

    # What the room calls

    def tell(self, event: RoomEvent) -> None:
        """Pass an event to the handler, once it may be called."""
        if self._waiting is not None:
            self._waiting.append(event)
        else:
            try:
                self._handler.on_event(event)
            except Exception:
                _log.exception("the handler of PCM member %d failed on %r", self.uid, event)

    def introduce(self) -> None:
        """Tell the handler what waited for it."""
        waiting, self._waiting = self._waiting, None
        for event in waiting or ():
            if self._present or isinstance(event, LegClosed):
                self.tell(event)

    def hear(self, uid: int, frame: AudioFrame) -> None:
        """Pass on audio of another member."""
        if not self._present:
            return
        if self._waiting is not None:
            self.introduce()
        try:
            self._handler.on_audio(uid, frame)
        except Exception:
            _log.exception("the handler of PCM member %d failed on audio", self.uid)

    def put_out(self, reason: str | None) -> None:
        """The room has let go of this member; with a reason, it did so by itself."""
        self._present = self.published = False
        self.recover()
        self.release_encoder()
        if reason is not None:
            self.tell(LegClosed(reason))

    def release_encoder(self) -> None:
        """Nobody needs Opus of this member now."""
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None

    def _send_encoded(self, frame: AudioFrame) -> None:
        if self._encoder is None:
            self._encoder = OpusEncoder(self.rate_hz)
        position = frame.position * rtp.CLOCK_HZ // self.rate_hz
        packet = rtp.RtpPacket(
            payload_type=rtp.OPUS_PAYLOAD_TYPE,
            marker=position != self._next_position,
            sequence=self._sequence,
            timestamp=(self._origin + position) & 0xFFFF_FFFF,
            ssrc=0,
            payload=self._encoder.encode(frame.pcm),
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._next_position = position + rtp.FRAME_TICKS
        for member in self._room.rtp_members:
            member.forward(self.uid, self, packet)


class RtpMember:
    """A member that speaks and hears Opus in RTP. Its door makes it, feeds it packets, and admits it to the room.

    Args:
        room: where it is going to be.
        uid: who it is there.
        sender: takes its outgoing packets.
        handler: is told the room's events.
        clock: for report times.
        ids: for SSRCs.
        payload_type: what the listener calls Opus.
        streams: the streams to it, by talker, of the member whom it takes the place of: they go on.

    Attributes:
        streams: the streams to it, by talker.
        published: whether packets have come and have not been ended.
        malformed: packets that were no RTP or RTCP.
        unheard: packets that came before it was in the room or after it left.
    """

    def __init__(
        self,
        room: Room,
        uid: int,
        sender: PacketSender,
        handler: EventHandler,
        *,
        clock: Clock,
        ids: Ids,
        payload_type: int = rtp.OPUS_PAYLOAD_TYPE,
        streams: dict[int, OutStream] | None = None,
    ) -> None:
        self.uid = uid
        self.published: bool = False
        self.malformed: int = 0
        self.unheard: int = 0
        self._room = room
        self._sender = sender
        self._handler = handler
        self._clock = clock
        self._ids = ids
        self._payload_type = payload_type
        self._present = False
        self._over = False
        self._talking: InStream | None = None
        self._ended = asyncio.Event()
        # Kept when a member leaves: after a re-join the listener hears the same SSRC go on.
        self.streams: dict[int, OutStream] = {} if streams is None else streams
        self._reporter = OutStream(ids, payload_type=payload_type)
        self._timer: asyncio.TimerHandle | None = None

    @property
    def present(self) -> bool:
        """Whether it is in the room."""
        return self._present

    @property
    def packets_received(self) -> int:
        """RTP packets of its current stream."""
        return self._talking.received if self._talking else 0

    @property
    def packets_lost(self) -> int:
        """Packets of its current stream that never came."""
        return self._talking.lost if self._talking else 0

    def ssrc_of(self, uid: int) -> int:
        """The SSRC under which this member hears `uid`."""
        return self._stream(uid).ssrc

    def admitted(self) -> None:
        """The room took it in: reports begin."""
        self._present = True
        self._report()

    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Leave the room; the others are told with `reason`. Idempotent, whichever signal comes first."""
        self._room.remove(self, reason)

    async def wait_ended(self, timeout_s: float) -> None:
        """Wait until its BYE came, and with it every packet sent before; at most `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        except TimeoutError:
            pass

    # Packets from the member

    def on_rtp(self, data: bytes) -> None:
        """Take an RTP packet in the clear: count it, pass it on. Never raises."""
        if not self._present:
            self.unheard += 1
            return
        try:
            packet = rtp.parse(data)
        except rtp.MalformedPacket:
            self.malformed += 1
            return
        now_s = self._clock.monotonic_s()
        if self._talking is None or self._talking.ssrc != packet.ssrc:
            self._talking = InStream(packet.ssrc)
        self._talking.add(packet, now_s)
        self._ended.clear()
        if not self.published:
            self.published = True
            self._room.tell(MemberPublished(self.uid), but=self.uid)
        if packet.payload:
            self._room.pass_on(self, packet)

    def on_rtcp(self, data: bytes) -> None:
        """Take an RTCP packet in the clear. Never raises. RTCP is never passed on: each side gets our own."""
        try:
            packets = rtcp.parse(data)
        except rtp.MalformedPacket:
            self.malformed += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                if self._talking is not None and packet.ssrc == self._talking.ssrc:
                    self._talking.heard_report(packet, self._clock.monotonic_s())
            elif isinstance(packet, rtcp.Bye):
                self._ended.set()

    # What the room calls

    def tell(self, event: RoomEvent) -> None:
        """Pass an event to the handler."""
        if not self._over:
            self._handler.on_event(event)

    def forward(self, uid: int, source: object, packet: rtp.RtpPacket) -> None:
        """Send a packet of the member `uid` on to this one. `source` changes when its numbering does."""
        if self._present:
            data = self._stream(uid).forward(source, packet, self._clock.monotonic_s())
            if data is not None:
                self._sender.send_rtp(data)

    def talker_left(self, uid: int) -> None:
        """Say BYE for the stream of a member who left."""
        stream = self.streams.get(uid)
        if self._present and stream is not None and stream.started:
            self._sender.send_rtcp(stream.bye())

    def put_out(self, reason: str | None) -> None:
        """The room has let go of this member; with a reason, it did so by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for uid in self.streams:
            self.talker_left(uid)
        if reason is not None:
            self.tell(LegClosed(reason))
        self._present = self.published = False
        self._over = True

    def _stream(self, uid: int) -> OutStream:
        stream = self.streams.get(uid)
        if stream is None:
            stream = OutStream(self._ids, payload_type=self._payload_type, cname=f"uid-{uid}")
            self.streams[uid] = stream
        return stream

    def _report(self) -> None:
        """Each second: a sender report for each stream to this member, with how its own stream is received."""
        self._timer = asyncio.get_running_loop().call_later(_REPORT_INTERVAL_S, self._report)
        now_s, wall_s = self._clock.monotonic_s(), self._clock.wall_s()
        blocks = [self._talking.block(now_s)] if self._talking is not None else []
        for stream in [stream for stream in self.streams.values() if stream.started] or [self._reporter]:
            self._sender.send_rtcp(stream.report(now_s, wall_s, blocks))
            blocks = []
        # A BYE that no leaving follows is a member who stopped talking.
        if self._ended.is_set() and self.published:
            self.published = False
            self._room.tell(MemberUnpublished(self.uid), but=self.uid)

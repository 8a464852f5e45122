"""A member that speaks and hears Opus in RTP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from offhook.interfaces import LeaveReason, LegClosed, MemberPublished, MemberUnpublished
from offhook.media import Pacer
from offhook_wire import rtcp, rtp
from offhook_wire.rtp_in import InStream
from offhook_wire.rtp_out import OutStream

if TYPE_CHECKING:
    from offhook.interfaces import Clock, Ids
    from offhook_mockserver.rooms.member import EventHandler, PacketSender, RoomEvent, RoomView


_REPORT_INTERVAL_MS: Final = 1_000


class RtpMember:
    """A member that speaks and hears Opus in RTP. Its door creates it, feeds it packets, and admits it to the room.

    Args:
        room: the room that it will join.
        uid: its uid there.
        sender: sends its outgoing packets.
        handler: called with the room's events.
        clock: for report times.
        ids: for SSRCs.
        payload_type: the listener's payload type of Opus.
        streams: the streams, by talker, to the member that it replaces; they are continued.

    Attributes:
        streams: the streams to it, by talker.
        published: whether it has sent packets, and has not ended its stream since.
    """

    def __init__(
        self,
        room: RoomView,
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
        self._monotonic_s = clock.monotonic_s
        # Kept when a talker leaves: after it has joined again, the listener hears the same SSRC continue.
        self.streams: dict[int, OutStream] = {} if streams is None else streams
        self._reporter = OutStream(ids, payload_type=payload_type)
        self._reports = Pacer(asyncio.get_running_loop(), self._report, ptime_ms=_REPORT_INTERVAL_MS, max_lag_ms=0)

    @property
    def present(self) -> bool:
        """Whether it is in the room."""
        return self._present

    @property
    def packets_received(self) -> int:
        """RTP packets received on its current stream."""
        return self._talking.received if self._talking else 0

    @property
    def packets_lost(self) -> int:
        """Packets of its current stream that never arrived."""
        return self._talking.lost if self._talking else 0

    def ssrc_of(self, uid: int) -> int:
        """The SSRC under which this member hears `uid`."""
        return self._stream(uid).ssrc

    def admitted(self) -> None:
        """The room has admitted it: start sending reports."""
        self._present = True
        self._reports.start()

    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Leave the room; the others are notified with the first `reason`. Idempotent."""
        self._room.remove(self, reason)

    async def wait_ended(self, timeout_s: float) -> None:
        """Wait until its BYE has arrived, and with it every earlier packet; at most `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
        except TimeoutError:
            pass

    # Packets from the member

    def on_rtp(self, data: bytes) -> None:
        """Count and forward an unencrypted RTP packet. Never raises."""
        if not self._present:
            self._room.counters.unheard += 1
            return
        try:
            packet = rtp.parse(data)
        except rtp.MalformedPacket:
            self._room.counters.malformed += 1
            return
        talking = self._talking
        if talking is None or talking.ssrc != packet.ssrc:
            talking = self._talking = InStream(packet.ssrc)
        talking.add(packet, self._monotonic_s())
        if self._ended.is_set():
            self._ended.clear()
        if not self.published:
            self.published = True
            self._room.notify(MemberPublished(self.uid), but=self.uid)
        if packet.payload:
            self._room.pass_on(self, packet)

    def on_rtcp(self, data: bytes) -> None:
        """Read an unencrypted RTCP packet. Never raises. RTCP is not forwarded: each side gets our own reports."""
        try:
            packets = rtcp.parse(data)
        except rtp.MalformedPacket:
            self._room.counters.malformed += 1
            return
        for packet in packets:
            if isinstance(packet, rtcp.SenderReport):
                if self._talking is not None and packet.ssrc == self._talking.ssrc:
                    self._talking.heard_report(packet, self._clock.monotonic_s())
            # A BYE that names only other streams, such as one given up after a collision, does not end this one.
            elif isinstance(packet, rtcp.Bye) and (self._talking is None or self._talking.ssrc in packet.ssrcs):
                self._ended.set()

    # What the room calls

    def notify(self, event: RoomEvent) -> None:
        """Pass an event to the handler."""
        if not self._over:
            self._handler.on_event(event)

    def forward(self, uid: int, source: object, packet: rtp.RtpPacket) -> None:
        """Forward a packet of the member `uid` to this one. A new `source` means that its numbering starts anew."""
        if self._present:
            stream = self.streams.get(uid) or self._stream(uid)
            data = stream.forward(source, packet, self._monotonic_s())
            if data is None:
                self._room.counters.misnumbered += 1
            else:
                self._sender.send_rtp(data)

    def talker_left(self, uid: int) -> None:
        """Send BYE for the stream of a member that has left."""
        stream = self.streams.get(uid)
        if self._present and stream is not None and stream.started:
            self._sender.send_rtcp(stream.bye())

    def put_out(self, reason: str | None) -> None:
        """The room has removed this member; `reason` is None if the member left by itself."""
        self._reports.stop()
        for uid in self.streams:
            self.talker_left(uid)
        if reason is not None:
            self.notify(LegClosed(reason))
        self._present = self.published = False
        self._over = True

    def _stream(self, uid: int) -> OutStream:
        stream = self.streams.get(uid)
        if stream is None:
            stream = OutStream(self._ids, payload_type=self._payload_type, cname=f"uid-{uid}")
            self.streams[uid] = stream
        return stream

    def _report(self, index: int) -> None:
        """Once a second, report to the member on each stream that it hears, and on how its own stream is received."""
        now_s, wall_s = self._clock.monotonic_s(), self._clock.wall_s()
        blocks = [self._talking.block(now_s)] if self._talking is not None else []
        for stream in [stream for stream in self.streams.values() if stream.started] or [self._reporter]:
            self._sender.send_rtcp(stream.report(now_s, wall_s, blocks))
            blocks = []
        # A BYE without a leave means that the member has stopped talking.
        if self._ended.is_set() and self.published:
            self.published = False
            self._room.notify(MemberUnpublished(self.uid), but=self.uid)

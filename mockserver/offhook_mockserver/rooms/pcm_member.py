"""A member that speaks and hears PCM: a callee, a leg of the in-process transport, a client of the PCM door."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from offhook.interfaces import (
    SAMPLE_BYTES,
    AudioFrame,
    LeaveReason,
    LegClosed,
    MemberPublished,
    MemberUnpublished,
    samples_per_frame,
)
from offhook_wire import rtp
from offhook_wire.opus import OpusEncoder
from offhook_wire.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Ids
    from offhook_mockserver.rooms.member import PcmHandler, RoomEvent, RoomView


_log = logging.getLogger(__name__)


class PcmMember:
    """A member that speaks and hears PCM. Made by `Room.join_pcm`.

    Attributes:
        uid: its uid in the room.
        rate_hz: the rate of its audio in both directions, which is the room's.
        published: whether the others hear what it sends.
    """

    __slots__ = (
        "_encoder",
        "_frame_bytes",
        "_handler",
        "_handler_failed",
        "_lost",
        "_next_position",
        "_origin",
        "_pace",
        "_pending",
        "_pending_at",
        "_present",
        "_room",
        "_sequence",
        "_waiting",
        "published",
        "rate_hz",
        "uid",
    )

    def __init__(self, room: RoomView, uid: int, handler: PcmHandler, ids: Ids) -> None:
        self.uid: int = uid
        self.rate_hz: int = room.rate_hz
        self.published: bool = False
        self._room = room
        self._handler = handler
        self._present = True
        # Passed on at the next turn of the loop, so that `Room.join_pcm` has returned when the handler is called.
        self._waiting: list[RoomEvent] | None = []
        self._lost: asyncio.TimerHandle | None = None
        self._pace = Pace(room.rate_hz, asyncio.get_running_loop().time)
        self._encoder: OpusEncoder | None = None
        self._frame_bytes = samples_per_frame(room.rate_hz) * SAMPLE_BYTES
        #: Samples that do not fill a packet of 20 ms yet, and the position of the first of them.
        self._pending = b""
        self._pending_at = 0
        self._sequence = ids.below(0x8000)
        self._origin = ids.uint32()
        self._next_position: int | None = None
        self._handler_failed = False

    @property
    def present(self) -> bool:
        """Whether it is still in the room."""
        return self._present

    @property
    def encodes(self) -> bool:
        """Whether it has an encoder now, which it has only while an RTP member listens."""
        return self._encoder is not None

    def publish(self) -> None:
        """Start to publish audio, and notify the others. Idempotent."""
        if self._present and not self.published:
            self.published = True
            self._room.notify(MemberPublished(self.uid), but=self.uid)

    def unpublish(self) -> None:
        """Stop publishing (mute), and notify the others. Idempotent."""
        if self._present and self.published:
            self._flush()
            self.published = False
            self._room.notify(MemberUnpublished(self.uid), but=self.uid)

    def send(self, frame: AudioFrame) -> None:
        """Send up to 20 ms of audio at `rate_hz` now; the others hear it only after `publish`.

        A jump in `frame.position` is time without audio. What `Pace` does not allow is changed or dropped: positions
        that step back or leap ahead of time, and audio that is sent faster than it plays.

        Raises:
            ValueError: the frame has another rate, or is longer than 20 ms.
        """
        size, room = len(frame.pcm), self._room
        if frame.rate_hz != self.rate_hz or size > self._frame_bytes:
            raise ValueError(f"{frame!r} is not a frame of at most 20 ms at the room's {self.rate_hz} Hz")
        if not self.published:  # nor is a member that has left
            room.counters.unheard += 1
            return
        position = self._pace.place(frame.position, size // SAMPLE_BYTES)
        if position is None:
            room.counters.audio_too_fast += 1
            return
        if position != frame.position:
            frame = AudioFrame(frame.pcm, frame.rate_hz, position)
        for pcm_member in room.pcm_members:
            if pcm_member is not self:
                pcm_member.hear(self.uid, frame)
        if not self._present:
            return  # a handler has removed this member in the meantime
        if room.rtp_members:
            self._send_encoded(frame)
        elif self._encoder is not None:
            self.release_encoder()

    def leave(self, reason: LeaveReason = LeaveReason.QUIT) -> None:
        """Leave the room. The others are notified with `reason`; this member's handler gets no event. Idempotent."""
        self._flush()
        self._room.remove(self, reason)

    def lose(self, gone: Callable[[], object] = lambda: None) -> None:
        """Note that the connection is lost: without `recover`, the room removes the member after `Room.lost_after_s`.

        Args:
            gone: called when the room removes it; its handler is not called.
        """

        def drop() -> None:
            self.leave(LeaveReason.DROPPED)
            gone()

        if self._present and self._lost is None:
            self._lost = asyncio.get_running_loop().call_later(self._room.lost_after_s, drop)

    def recover(self) -> None:
        """Note that the connection is back, so the member stays in the room."""
        if self._lost is not None:
            self._lost.cancel()
            self._lost = None

    # What the room calls

    def notify(self, event: RoomEvent) -> None:
        """Pass an event to the handler, or keep it until the handler may be called."""
        if self._waiting is not None:
            self._waiting.append(event)
        else:
            try:
                self._handler.on_event(event)
            except Exception:
                _log.exception("the handler of PCM member %d failed on %r", self.uid, event)

    def introduce(self) -> None:
        """Pass the kept events to the handler."""
        waiting, self._waiting = self._waiting, None
        for event in waiting or ():
            if self._present or isinstance(event, LegClosed):
                self.notify(event)

    def hear(self, uid: int, frame: AudioFrame) -> None:
        """Pass on audio of another member."""
        if not self._present:
            return
        if self._waiting is not None:
            self.introduce()
        try:
            self._handler.on_audio(uid, frame)
        except Exception:
            if not self._handler_failed:  # once, since audio arrives 50 times a second
                self._handler_failed = True
                _log.exception("the handler of PCM member %d failed on audio; later failures are not logged", self.uid)

    def put_out(self, reason: str | None) -> None:
        """The room has removed this member; `reason` is None if the member left by itself."""
        self._present = self.published = False
        self.recover()
        self.release_encoder()
        if reason is not None:
            self.notify(LegClosed(reason))

    def release_encoder(self) -> None:
        """Close the encoder: no RTP member listens now."""
        self._pending = b""
        if self._encoder is not None:
            self._encoder.close()
            self._encoder = None

    def _send_encoded(self, frame: AudioFrame) -> None:
        """Send packets of 20 ms, whatever the lengths of frames: a shorter frame waits for the next one.

        A short gap is filled with silence, so that frames with gaps between them do not become one packet each.
        """
        if not self._pending and len(frame.pcm) == self._frame_bytes:  # the usual case
            self._send_packet(frame.pcm, frame.position)
            return
        if self._pending:
            until_frame = (frame.position - self._pending_at) * SAMPLE_BYTES
            if until_frame < self._frame_bytes:
                self._pending = self._pending.ljust(until_frame, b"\0")
            else:
                self._flush()
        if not self._pending:
            self._pending_at = frame.position
        pcm = self._pending + frame.pcm
        if len(pcm) >= self._frame_bytes:
            self._send_packet(pcm[: self._frame_bytes], self._pending_at)
            self._pending_at += self._frame_bytes // SAMPLE_BYTES
            pcm = pcm[self._frame_bytes :]
        self._pending = pcm

    def _flush(self) -> None:
        """Send what does not fill a packet, followed by silence."""
        if self._pending:
            pcm, self._pending = self._pending, b""
            self._send_packet(pcm, self._pending_at)

    def _send_packet(self, pcm: bytes, at: int) -> None:
        if self._encoder is None:
            self._encoder = OpusEncoder(self.rate_hz)
        position = at * rtp.CLOCK_HZ // self.rate_hz
        packet = rtp.RtpPacket(
            payload_type=rtp.OPUS_PAYLOAD_TYPE,
            marker=position != self._next_position,
            sequence=self._sequence,
            timestamp=(self._origin + position) & 0xFFFF_FFFF,
            ssrc=0,
            payload=self._encoder.encode(pcm),
        )
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._next_position = position + rtp.FRAME_TICKS
        for member in self._room.rtp_members:
            member.forward(self.uid, self, packet)

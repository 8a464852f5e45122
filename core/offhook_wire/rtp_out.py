"""An RTP stream that we send: our own SSRC, sequence and timestamp, for our own encoder or for forwarded packets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook_wire.rtcp import Bye, ReceiverReport, ReportBlock, SenderReport, ntp_time, source_description
from offhook_wire.rtp import CLOCK_HZ, FRAME_TICKS, OPUS_PAYLOAD_TYPE, header, sequence_distance

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from offhook.interfaces import Ids
    from offhook_wire.rtp import RtpPacket

#: For this many packets after a change of source, older packets of the new source are dropped: they would reuse a
#: number already sent, and SRTP's counter modes must never see an (SSRC, sequence) pair twice (RFC 3711, section 9.1).
_FRESH_PACKETS: Final = 256
#: A number of the same source that is further ahead or behind belongs to another numbering (RFC 3550, appendix A.1).
#: Behind also because SRTP does not send what is older than its window.
_MAX_DROPOUT: Final = 3000
_MAX_MISORDER: Final = 100


class OutStream:
    """One SSRC towards one listener. Use either `packet` or `forward`, not both.

    Args:
        ids: draws the SSRC, the first sequence number and the first timestamp.
        payload_type: what the listener expects.
        cname: the name in source descriptions.
    """

    def __init__(self, ids: Ids, *, payload_type: int = OPUS_PAYLOAD_TYPE, cname: str = "offhook") -> None:
        self.payload_type = payload_type
        self.cname = cname
        self.ssrc: int = ids.uint32()
        self.packets: int = 0
        self.octets: int = 0
        # A receiver that misses the first packets guesses SRTP's roll-over counter correctly only when the sequence
        # begins in the lower half (RFC 3711, appendix A).
        self._sequence = (ids.below(0x8000) - 1) & 0xFFFF
        self._timestamp = self._origin = ids.uint32()
        self._sent_at_s: float | None = None
        self._next_position: int | None = None
        self._source: Hashable = object()  # equal to no other one
        self._sequence_offset = 0
        self._timestamp_offset = 0
        self._floor = 0
        self._fresh = 0
        #: The number after a packet that was far out of sequence: it is the next one if the source started anew.
        self._after_stray: int | None = None

    @property
    def started(self) -> bool:
        """Whether any packet was sent."""
        return self._sent_at_s is not None

    @property
    def sequence(self) -> int:
        """The number of the last packet."""
        return self._sequence

    def packet(self, payload: bytes, position: int, now_s: float, *, ticks: int = FRAME_TICKS) -> bytes:
        """Return the next packet of our own encoder.

        Args:
            payload: one Opus packet.
            position: RTP ticks since the stream began; where it jumps, time passed without audio and the marker is set.
            now_s: monotonic time.
            ticks: how long the payload plays.
        """
        marker = position != self._next_position
        self._next_position = position + ticks
        sequence = self._sequence = (self._sequence + 1) & 0xFFFF
        timestamp = self._timestamp = (self._origin + position) & 0xFFFF_FFFF
        self._sent_at_s = now_s
        self.packets += 1
        self.octets += len(payload)
        return header(self.payload_type, marker, sequence, timestamp, self.ssrc) + payload

    def forward(self, source: Hashable, packet: RtpPacket, now_s: float) -> bytes | None:
        """Return another sender's packet under our numbers; None for one that must not be forwarded.

        While `source` is the same, its own losses, pauses and order stay visible. A new source continues the last one's
        numbering; its timestamps are advanced by the time that has passed, and its first packet has the marker. So does
        a source that starts its numbering anew, which two consecutive packets show; one alone is a stray.

        Not forwarded: strays, and packets from before the change to this source.
        """
        sequence = (packet.sequence + self._sequence_offset) & 0xFFFF
        marker = packet.marker
        if sequence == (self._sequence + 1) & 0xFFFF and source == self._source and self._after_stray is None:
            if self._fresh:  # the usual case: the next packet of the same source
                self._fresh -= 1
        elif source != self._source or self._sent_at_s is None or self._restarts(packet.sequence):
            gap = 0
            if self._sent_at_s is not None:
                gap = max(1, round((now_s - self._sent_at_s) * CLOCK_HZ / FRAME_TICKS)) * FRAME_TICKS
            marker, self._after_stray = True, None
            self._source, self._floor, self._fresh = source, packet.sequence, _FRESH_PACKETS
            self._sequence_offset = self._sequence + 1 - packet.sequence
            self._timestamp_offset = self._timestamp + gap - packet.timestamp
            sequence = (self._sequence + 1) & 0xFFFF
        elif self._after_stray is not None:
            return None
        elif self._fresh:
            self._fresh -= 1
            if sequence_distance(packet.sequence, self._floor) < 0:
                return None
        timestamp = (packet.timestamp + self._timestamp_offset) & 0xFFFF_FFFF
        if sequence_distance(sequence, self._sequence) > 0:
            self._sequence, self._timestamp = sequence, timestamp
        payload = packet.payload
        self._sent_at_s = now_s
        self.packets += 1
        self.octets += len(payload)
        return header(self.payload_type, marker, sequence, timestamp, self.ssrc) + payload

    def report(self, now_s: float, wall_s: float, blocks: Sequence[ReportBlock] = ()) -> bytes:
        """Return a compound report: SR once a packet was sent, RR before that, and the CNAME."""
        if self._sent_at_s is None:
            head = ReceiverReport(self.ssrc, tuple(blocks)).encode()
        else:
            timestamp = (self._timestamp + int((now_s - self._sent_at_s) * CLOCK_HZ)) & 0xFFFF_FFFF
            head = SenderReport(
                self.ssrc, ntp_time(wall_s), timestamp, self.packets, self.octets, tuple(blocks)
            ).encode()
        return head + source_description(self.ssrc, self.cname)

    def bye(self) -> bytes:
        """Return the compound packet that ends the stream."""
        return ReceiverReport(self.ssrc).encode() + Bye((self.ssrc,)).encode()

    def _restarts(self, sequence: int) -> bool:
        """Whether a number of the same source begins a new numbering; notes it if it is far from the last one."""
        ahead = sequence_distance(sequence + self._sequence_offset, self._sequence)
        expected, self._after_stray = self._after_stray, None
        if -_MAX_MISORDER <= ahead <= _MAX_DROPOUT:
            return False
        if sequence == expected:
            return True
        self._after_stray = (sequence + 1) & 0xFFFF
        return False

"""From RTP packets to PCM frames: the jitter buffer and the one decoder of a talker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.interfaces import SAMPLE_BYTES, AudioFrame, samples_per_frame
from offhook_wire.jitter import JitterBuffer
from offhook_wire.opus import OpusDecoder
from offhook_wire.opus_packet import duration_ticks
from offhook_wire.pace import Pace
from offhook_wire.rtp import CLOCK_HZ, FRAME_TICKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_wire.jitter import Timers
    from offhook_wire.media_counts import MediaCounts
    from offhook_wire.rtp import RtpPacket


class Reception:
    """Decodes one SSRC in the same call in which its packet arrives.

    Args:
        deliver: called with each frame of at most 20 ms, decoded or concealed. Its position follows the talker's RTP
            timestamp as far as `Pace` allows; a packet that plays longer becomes several frames.
        rate_hz: rate of the frames; one of Opus's.
        loop: provides the timers.
        counts: counts the packets that `Pace` drops.
        wait_ms: how long to wait for a missing packet.
    """

    def __init__(
        self,
        deliver: Callable[[AudioFrame], None],
        rate_hz: int,
        loop: Timers,
        *,
        counts: MediaCounts,
        wait_ms: float = 5,
    ) -> None:
        self._counts = counts
        self._deliver = deliver
        self._rate_hz = rate_hz
        self._ticks = CLOCK_HZ // rate_hz
        self._frame_samples = samples_per_frame(rate_hz)
        self._decoder = OpusDecoder(rate_hz)
        self._buffer = JitterBuffer(self._play, loop, wait_ms=wait_ms, ticks_of=duration_ticks)
        self._pace = Pace(CLOCK_HZ, loop.time)
        self._closed = False

    def add(self, packet: RtpPacket) -> None:
        """Take a packet. One without a payload only keeps the network path open and carries no audio."""
        if not self._closed:
            self._buffer.add(packet.sequence, packet.timestamp, packet.payload)

    def flush(self) -> None:
        """Deliver all held packets, since the talker has ended."""
        self._buffer.flush()

    def close(self) -> None:
        """Free the decoder. Idempotent; nothing is delivered afterwards."""
        self._closed = True
        self._buffer.close()
        self._decoder.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    @property
    def late(self) -> int:
        """Packets that arrived too late to be played."""
        return self._buffer.late

    @property
    def concealed(self) -> int:
        """Frames made in place of packets that were lost or could not be decoded."""
        return self._buffer.concealed + self._decoder.errors

    @property
    def decode_errors(self) -> int:
        """Payloads that were not valid Opus."""
        return self._decoder.errors

    def _play(self, payload: bytes | None, position: int) -> None:
        if self._closed:
            return
        if payload == b"":
            self._pace.place(position, 0)
            return
        # Before decoding, which costs more than anything else here. What is lost or cannot be decoded is concealed.
        ticks = (duration_ticks(payload) if payload is not None else 0) or FRAME_TICKS
        placed = self._pace.place(position, ticks)
        if placed is None:
            self._counts.audio_too_fast += 1
            return
        pcm = self._decoder.conceal() if payload is None else self._decoder.decode(payload)
        pcm = pcm[: ticks // self._ticks * SAMPLE_BYTES]  # a short packet that is concealed gets 20 ms
        first, size = placed // self._ticks, self._frame_samples * SAMPLE_BYTES
        if len(pcm) <= size:
            self._deliver(AudioFrame(pcm, self._rate_hz, first))
            return
        for at in range(0, len(pcm), size):
            if self.closed:  # by a listener, in the meantime
                return
            self._deliver(AudioFrame(pcm[at : at + size], self._rate_hz, first + at // SAMPLE_BYTES))

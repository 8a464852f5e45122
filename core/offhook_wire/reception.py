"""From RTP packets to PCM frames: the jitter buffer and the one decoder of a talker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from offhook.interfaces import AudioFrame
from offhook_wire.jitter import JitterBuffer
from offhook_wire.opus import OpusDecoder
from offhook_wire.rtp import CLOCK_HZ

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_wire.jitter import Timers
    from offhook_wire.rtp import RtpPacket


class Reception:
    """Decodes one SSRC in the same call in which its packet arrives.

    Args:
        deliver: called with each frame, decoded or concealed; its position follows the talker's RTP timestamp.
        rate_hz: rate of the frames; one of Opus's.
        loop: provides the timers.
        wait_ms: how long to wait for a missing packet.
    """

    def __init__(
        self, deliver: Callable[[AudioFrame], None], rate_hz: int, loop: Timers, *, wait_ms: float = 5
    ) -> None:
        self._deliver = deliver
        self._rate_hz = rate_hz
        self._ticks = CLOCK_HZ // rate_hz
        self._decoder = OpusDecoder(rate_hz)
        self._buffer = JitterBuffer(self._play, loop, wait_ms=wait_ms)
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
        if self._closed or payload == b"":
            return
        pcm = self._decoder.conceal() if payload is None else self._decoder.decode(payload)
        self._deliver(AudioFrame(pcm, self._rate_hz, position // self._ticks))

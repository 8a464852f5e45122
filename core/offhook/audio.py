"""The one audio frame, and what is counted about a stretch of it.

A frame is signed 16-bit little-endian mono PCM. Its position is in samples at its own rate since the stream began, so
that whoever writes a file or a packet can see a gap.
"""

from __future__ import annotations

import math
import sys
from array import array
from typing import Final

#: Length of the frames that the core hands to a leg, in milliseconds.
PTIME_MS: Final = 20
SAMPLE_BYTES: Final = 2

#: The rates that Opus runs at without conversion (RFC 6716, section 2), in hertz.
OPUS_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 48_000)

#: Level of digital silence, in dB relative to full scale.
SILENCE_DBFS: Final = -100.0


class AudioFrame:
    """Some mono audio.

    In a call, positions count from our leg's joining, in both directions.

    Args:
        pcm: samples, signed 16-bit little-endian; an even number of bytes.
        rate_hz: sampling rate.
        position: index of the first sample since the start of the stream, at `rate_hz`.

    Raises:
        ValueError: odd number of bytes, or a rate that is not positive.
    """

    __slots__ = ("pcm", "position", "rate_hz")

    def __init__(self, pcm: bytes, rate_hz: int, position: int = 0) -> None:
        if len(pcm) & 1:
            raise ValueError(f"a frame of {len(pcm)} bytes is not made of 16-bit samples")
        if rate_hz <= 0:
            raise ValueError(f"a rate of {rate_hz} Hz is not positive")
        self.pcm = pcm
        self.rate_hz = rate_hz
        self.position = position

    def __repr__(self) -> str:
        return f"AudioFrame({self.duration_ms:g} ms at {self.rate_hz} Hz, position {self.position})"

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.pcm) // SAMPLE_BYTES

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return self.samples * 1000 / self.rate_hz


def samples_of(pcm: bytes) -> array[int]:
    """The samples of little-endian PCM as an array of native 16-bit integers."""
    samples = array("h", pcm)
    if sys.byteorder == "big":  # pragma: no cover - no big-endian machine runs the tests
        samples.byteswap()
    return samples


def level_dbfs(pcm: bytes) -> float:
    """Root-mean-square level in dB relative to full scale, `SILENCE_DBFS` for silence or nothing."""
    samples = samples_of(pcm)
    # The root of the sum of squares, in one call: more than twice as fast as a sum.
    amplitude = math.hypot(*samples)
    if not amplitude:
        return SILENCE_DBFS
    return 20 * math.log10(amplitude / math.sqrt(len(samples)) / 32768)

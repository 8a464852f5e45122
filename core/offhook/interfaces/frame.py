"""The audio frame, its length, and arithmetic on its samples.

A frame is signed 16-bit little-endian mono PCM. Its position is in samples at its own rate since the stream began, so
that a file or a packet made from it can show a gap.
"""

from __future__ import annotations

import math
import sys
from array import array
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self


#: Length of one frame in milliseconds. Every other length of a frame, in samples, ticks or seconds, is derived from it.
PTIME_MS: Final = 20
#: Frames that one direction of a call has in a second.
FRAMES_PER_S: Final = 1000 // PTIME_MS
SAMPLE_BYTES: Final = 2

#: The rates at which Opus runs without conversion (RFC 6716, section 2), in hertz.
OPUS_RATES_HZ: Final = (8_000, 12_000, 16_000, 24_000, 48_000)

#: The highest rate of a frame, in hertz: audio is not sampled faster.
MOST_HZ: Final = 768_000

#: Level of digital silence, in dB relative to full scale.
SILENCE_DBFS: Final = -100.0


class AudioFrame:
    """A piece of mono audio: its samples, their rate, and their position in the stream.

    In a call, positions count from the moment at which our leg joined, in both directions.

    Args:
        pcm: signed 16-bit little-endian samples; an even number of bytes. For floats, use `from_floats`.
        rate_hz: sampling rate, in hertz.
        position: index of the first sample since the start of the stream, at `rate_hz`.

    Raises:
        TypeError: `pcm` is not bytes.
        ValueError: an odd number of bytes, or a rate that is not a number above 0 and up to 768,000 Hz.
    """

    __slots__ = ("pcm", "position", "rate_hz")

    def __init__(self, pcm: bytes, rate_hz: int, position: int = 0) -> None:
        if type(pcm) is not bytes:
            pcm = _bytes(pcm)
        if len(pcm) & 1:
            raise ValueError(f"AudioFrame needs whole 16-bit samples, got {len(pcm)} bytes")
        if not 0 < rate_hz <= MOST_HZ:  # written so that it rejects NaN, too
            raise ValueError(f"rate_hz must be above 0 and at most {MOST_HZ}, got {rate_hz}")
        self.pcm: bytes = pcm
        self.rate_hz: int = rate_hz
        self.position: int = position

    @classmethod
    def from_floats(cls, samples: Iterable[float], rate_hz: int, position: int = 0) -> Self:
        """Make a frame from samples between -1.0 and 1.0; others are clipped, and NaN becomes silence."""
        # NaN is the one value that differs from itself.
        whole = [round(max(-1.0, min(1.0, value)) * 32768) if value == value else 0 for value in samples]
        return cls(pcm_of(saturated(whole)), rate_hz, position)

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


def samples_per_frame(rate_hz: int) -> int:
    """The number of samples in one frame at `rate_hz`."""
    return rate_hz // FRAMES_PER_S


def frames_in(duration_s: float) -> int:
    """The number of frames in `duration_s` seconds, rounded."""
    return round(duration_s * FRAMES_PER_S)


def _bytes(pcm: object) -> bytes:
    """An immutable copy of an object that holds bytes and nothing else."""
    kind = type(pcm).__name__
    if isinstance(pcm, bytes | bytearray | memoryview):
        view = memoryview(cast("bytes", pcm))
        if view.format in {"b", "B", "c"}:
            return view.tobytes()
    raise TypeError(
        f"AudioFrame needs bytes of signed 16-bit little-endian samples, got {kind}. Pass array.tobytes(), or pass "
        "floats to AudioFrame.from_floats"
    )


def samples_of(pcm: bytes) -> array[int]:
    """The samples of little-endian PCM, as an array of native 16-bit integers."""
    samples = array("h", pcm)
    if sys.byteorder == "big":  # pragma: no cover - no big-endian machine runs the tests
        samples.byteswap()
    return samples


def pcm_of(samples: array[int]) -> bytes:
    """The little-endian PCM of an array of native 16-bit integers."""
    if sys.byteorder == "big":  # pragma: no cover - no big-endian machine runs the tests
        samples = array("h", samples)
        samples.byteswap()
    return samples.tobytes()


def saturated(values: Iterable[int]) -> array[int]:
    """An array of 16-bit samples; a value that does not fit becomes the nearest one that does."""
    return array("h", [-32768 if value < -32768 else min(value, 32767) for value in values])


def level_dbfs(pcm: bytes) -> float:
    """Root-mean-square level in dB relative to full scale; `SILENCE_DBFS` for silence or no samples."""
    samples = samples_of(pcm)
    # The root of the sum of squares, in one call: more than twice as fast as a sum.
    amplitude = math.hypot(*samples)
    if not amplitude:
        return SILENCE_DBFS
    return 20 * math.log10(amplitude / math.sqrt(len(samples)) / 32768)

"""Checks a WAV file that is in memory: that its header is true, before anything divides by it or allocates for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from offhook.errors import ConfigError
from offhook_mockserver.callees.speech import MAX_SPEECH_S

_RATES_HZ: Final = range(1_000, 384_001)
_CHANNELS: Final = range(1, 9)
#: Microsoft's numbers of sample formats: integers, floats, A-law, mu-law, and the extended header, which names one.
_FORMATS: Final = frozenset({1, 3, 6, 7, 0xFFFE})
_BYTES: Final = range(1, 9)
_FMT: Final = struct.Struct("<HHIIHH")
_RIFF: Final = struct.Struct("<4sI4s")
_CHUNK: Final = struct.Struct("<4sI")
#: Chunks before the audio; programs that edit audio write a few.
_MOST_CHUNKS: Final = 100


@dataclass(frozen=True, slots=True)
class WavHeader:
    """What a true header says.

    Attributes:
        rate_hz: the sampling rate.
        channels: how many channels there are.
        duration_s: how long the audio is.
    """

    rate_hz: int
    channels: int
    duration_s: float


def wav_header(content: bytes) -> WavHeader:
    """The header of a WAV file.

    Raises:
        ConfigError: it is not one, its header is wrong or promises more than the file holds, or it is longer than what
            a callee may say. The message goes on after the name of the file.
    """
    if len(content) < _RIFF.size or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise ConfigError("is not a WAV file: it must begin with RIFF, a size, and WAVE")
    header: WavHeader | None = None
    rate_hz = channels = frame_bytes = 0
    at = _RIFF.size
    for _ in range(_MOST_CHUNKS):
        if at + _CHUNK.size > len(content):
            break
        name, size = _CHUNK.unpack_from(content, at)
        at += _CHUNK.size
        if size > len(content) - at:
            raise ConfigError(
                f"has a header that promises {size:,} bytes more, and the file holds {len(content) - at:,}: write it "
                "with a program that completes the header"
            )
        if name == b"fmt ":
            rate_hz, channels, frame_bytes = _format(content[at : at + size])
        elif name == b"data":
            if not frame_bytes:
                raise ConfigError("has its audio before the chunk that describes it")
            header = WavHeader(rate_hz, channels, size / frame_bytes / rate_hz)
            break
        at += size + size % 2  # chunks begin at even places
    if header is None:
        raise ConfigError("has no audio: the chunk named data is missing")
    if not header.duration_s:
        raise ConfigError("has no audio: the chunk named data is empty")
    if header.duration_s > MAX_SPEECH_S:
        raise ConfigError(f"is {header.duration_s:.0f} s long; the limit for a callee is {MAX_SPEECH_S} s")
    return header


def _format(chunk: bytes) -> tuple[int, int, int]:
    """Rate, channels and bytes of a sample of all channels."""
    if len(chunk) < _FMT.size:
        raise ConfigError("has a header that is too short")
    kind, channels, rate_hz, _, frame_bytes, bits = _FMT.unpack_from(chunk)
    if kind not in _FORMATS:
        raise ConfigError(f"is of format {kind}, which is not read: write it as PCM")
    if rate_hz not in _RATES_HZ:
        raise ConfigError(f"has a header with a rate of {rate_hz} Hz: it must be from 1,000 to 384,000")
    if channels not in _CHANNELS:
        raise ConfigError(f"has a header with {channels} channels: there may be 1 to 8")
    sample_bytes = (bits + 7) // 8
    if sample_bytes not in _BYTES or frame_bytes != channels * sample_bytes:
        raise ConfigError(f"has a header with {bits} bits a sample and {frame_bytes} bytes for {channels} channels")
    return rate_hz, channels, frame_bytes

"""Audio of a call as a WAV file in memory."""

from __future__ import annotations

import io
import wave
from array import array

from offhook.interfaces import SAMPLE_BYTES


def wav_of(rate_hz: int, *channels: bytes) -> bytes:
    """A WAV file of 16-bit samples, whose channels are as long as the longest.

    Args:
        rate_hz: the sampling rate.
        channels: the samples of each channel.
    """
    length = max(len(channel) // SAMPLE_BYTES for channel in channels)
    samples = array("h", bytes(length * SAMPLE_BYTES * len(channels)))
    for number, channel in enumerate(channels):
        part = array("h", channel[: len(channel) // SAMPLE_BYTES * SAMPLE_BYTES])
        samples[number : len(part) * len(channels) : len(channels)] = part
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(len(channels))
        writer.setsampwidth(SAMPLE_BYTES)
        writer.setframerate(rate_hz)
        writer.writeframes(samples.tobytes())
    return file.getvalue()

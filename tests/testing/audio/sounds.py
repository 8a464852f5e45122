"""Audio for tests of the measures: tones, noise, the clips of the mock, and what Opus makes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from offhook.interfaces import samples_per_frame
from offhook.testing.audio import Clip, Span
from offhook_wire.opus import OpusDecoder, OpusEncoder

CLIPS = Path(__file__).parents[3] / "mockserver/offhook_mockserver/callees/clips"
RATE_HZ = 16_000


def speech(name: str) -> Clip:
    """A clip of the mock: ``greeting``, ``reply`` or ``hello``."""
    return Clip.read(f"{name}.wav", CLIPS)


def silence(duration_s: float, rate_hz: int = RATE_HZ) -> Clip:
    return Clip(bytes(2 * round(duration_s * rate_hz)), rate_hz)


def tone(hz: float, duration_s: float, *, amplitude: float = 0.2, rate_hz: int = RATE_HZ) -> Clip:
    at_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return made(amplitude * np.sin(2 * np.pi * hz * at_s), rate_hz)


def noise(duration_s: float, *, amplitude: float = 0.1, seed: int = 1) -> Clip:
    samples = np.random.default_rng(seed).normal(0.0, amplitude, round(duration_s * RATE_HZ))
    return made(samples, RATE_HZ)


def made(samples: np.typing.NDArray[np.float64], rate_hz: int = RATE_HZ, name: str = "") -> Clip:
    """A clip of floats, where 1.0 is full scale."""
    return Clip(np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes(), rate_hz, name=name)


def louder(clip: Clip, factor: float) -> Clip:
    return made(np.frombuffer(clip.pcm, "<i2") / 32768 * factor, clip.rate_hz, clip.name)


def in_turn(*clips: Clip) -> Clip:
    """The clips one after another, all at one rate."""
    (rate_hz,) = {clip.rate_hz for clip in clips}
    return Clip(b"".join(clip.pcm for clip in clips), rate_hz)


def mixed(one: Clip, other: Clip) -> Clip:
    """Both at once; the second may be shorter."""
    samples = np.frombuffer(one.pcm, "<i2") / 32768
    more = np.frombuffer(other.pcm, "<i2") / 32768
    return made(samples + np.pad(more, (0, samples.size - more.size)), one.rate_hz)


def through_opus(
    clip: Clip, *, to_hz: int | None = None, lost: frozenset[int] = frozenset(), bitrate: int = 32_000
) -> Clip:
    """What is heard of a clip behind Opus; the frames in `lost`, by number, are concealed."""
    size = 2 * samples_per_frame(clip.rate_hz)
    pcm = bytearray()
    with OpusEncoder(clip.rate_hz, bitrate) as encoder, OpusDecoder(to_hz or clip.rate_hz) as decoder:
        for number, start in enumerate(range(0, len(clip.pcm), size)):
            packet = encoder.encode(clip.pcm[start : start + size])
            pcm += decoder.conceal() if number in lost else decoder.decode(packet)
    return Clip(bytes(pcm), decoder.rate_hz)


def near(spans: tuple[Span, ...], *wanted: tuple[float, float], within_s: float = 0.02) -> bool:
    """Whether the spans begin and end where they should."""
    return len(spans) == len(wanted) and all(
        abs(span.from_s - from_s) <= within_s and abs(span.to_s - to_s) <= within_s
        for span, (from_s, to_s) in zip(spans, wanted, strict=True)
    )

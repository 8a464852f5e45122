"""Tones, and the amplitude of a tone in some audio: enough to judge filters and resamplers."""

from __future__ import annotations

import functools
import itertools
import math

from offhook.interfaces.frame import pcm_of, samples_of, saturated


@functools.lru_cache(maxsize=64)
def tone(frequency_hz: float, rate_hz: int, samples: int, amplitude: float = 16_000.0) -> bytes:
    """Return a sine."""
    step = 2 * math.pi * frequency_hz / rate_hz
    return pcm_of(saturated(round(amplitude * math.sin(step * at)) for at in range(samples)))


def amplitude_of(pcm: bytes, frequency_hz: float, rate_hz: int) -> float:
    """Return the amplitude of one frequency in the middle of some audio; its first and last quarters are ignored."""
    samples = samples_of(pcm)
    samples = samples[len(samples) // 4 : -len(samples) // 4]
    # A Hann window keeps strong tones of other frequencies out of the result.
    window = [0.5 - 0.5 * math.cos(2 * math.pi * at / len(samples)) for at in range(len(samples))]
    weighted = [value * weight for value, weight in zip(samples, window, strict=True)]
    step = 2 * math.pi * frequency_hz / rate_hz
    real = sum(value * math.cos(step * at) for at, value in enumerate(weighted))
    imaginary = sum(value * math.sin(step * at) for at, value in enumerate(weighted))
    return 2 * math.hypot(real, imaginary) / sum(window)


def is_mostly(pcm: bytes, frequency_hz: float, rate_hz: int) -> bool:
    """Whether more than half of the power of some audio is of one frequency; for whole waves of it."""
    step = 2 * math.pi * frequency_hz / rate_hz
    samples = samples_of(pcm)
    power = sum(value * value for value in samples)
    real = sum(value * math.cos(step * at) for at, value in enumerate(samples))
    imaginary = sum(value * math.sin(step * at) for at, value in enumerate(samples))
    return power > 0 and 2 * (real * real + imaginary * imaginary) > 0.5 * power * len(samples)


def highest_step(pcm: bytes) -> int:
    """Return the greatest difference between two consecutive samples."""
    samples = samples_of(pcm)
    return max((abs(one - other) for one, other in itertools.pairwise(samples)), default=0)

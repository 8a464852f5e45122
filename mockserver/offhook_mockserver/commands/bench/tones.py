"""A tone of its own for each call, and whether a callee's recording holds it in every second."""

from __future__ import annotations

import math
import wave
from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

#: The lowest tone, and the step to the next, in hertz. Over a whole second, tones of whole hertz do not touch.
_LOWEST_HZ: Final = 300
_STEP_HZ: Final = 7
#: How many calls have tones of their own; beyond that they begin again.
TONES: Final = 450
#: The part of a second's power that must be its own tone.
_OWN: Final = 0.9
#: A sample lower than this, on average, is silence.
_SILENCE: Final = 50


def tone_hz(index: int) -> int:
    """The frequency of a call's tone, in hertz."""
    return _LOWEST_HZ + _STEP_HZ * (index % TONES)


def seconds_without(recording: Path, hz: int) -> int:
    """How many seconds of a recording lack a tone, its first and last second not counted.

    A recording that is shorter than three seconds, missing or damaged counts as one such second.

    Args:
        recording: a WAV file, mono, 16 bits.
        hz: the tone, in whole hertz.
    """
    try:
        with wave.open(str(recording), "rb") as file:
            rate_hz = file.getframerate()
            samples = array("h", file.readframes(file.getnframes()))
    except (OSError, EOFError, wave.Error):
        return 1
    seconds = range(1, len(samples) // rate_hz - 1)
    if not seconds:
        return 1
    return sum(not _holds(samples[second * rate_hz : (second + 1) * rate_hz], rate_hz, hz) for second in seconds)


def _holds(samples: array[int], rate_hz: int, hz: int) -> bool:
    """Whether a second is its tone and little else, by Goertzel's algorithm."""
    factor = 2 * math.cos(2 * math.pi * hz / rate_hz)
    last = before = 0.0
    for sample in samples:
        last, before = sample + factor * last - before, last
    tone = 2 * (last * last + before * before - factor * last * before) / len(samples)
    power = sum(sample * sample for sample in samples)
    return power > _SILENCE**2 * len(samples) and tone > _OWN * power

"""The tone of a call, and whether a recording holds it in every second."""

from __future__ import annotations

import math
import random
import wave
from array import array
from typing import TYPE_CHECKING

import pytest

from offhook_mockserver.commands.bench.tones import TONES, seconds_without, tone_hz

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RATE_HZ = 16_000


def recording(path: Path, seconds: float, sample: Callable[[int], float]) -> Path:
    """A WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(array("h", [round(sample(index)) for index in range(round(seconds * RATE_HZ))]).tobytes())
    return path


def sine(hz: float, amplitude: float = 4_000) -> Callable[[int], float]:
    return lambda index: amplitude * math.sin(2 * math.pi * hz * index / RATE_HZ)


def test_each_call_has_a_tone_of_its_own_that_the_rate_can_carry() -> None:
    tones = [tone_hz(index) for index in range(TONES)]
    assert len(set(tones)) == TONES
    assert max(tones) < RATE_HZ / 4
    assert tone_hz(TONES) == tone_hz(0)


@pytest.mark.parametrize("index", [0, 1, 99, TONES - 1])
def test_a_tone_is_told_from_its_neighbours(tmp_path: Path, index: int) -> None:
    file = recording(tmp_path / "a.wav", 5, sine(tone_hz(index)))
    assert seconds_without(file, tone_hz(index)) == 0
    assert seconds_without(file, tone_hz(index + 1)) == 3  # of five, without the first and the last


def test_a_second_that_was_lost_or_is_of_another_call_counts(tmp_path: Path) -> None:
    own, other = sine(300), sine(307)
    chance = random.Random(1)
    holed = recording(tmp_path / "a.wav", 6, lambda index: 0 if 2.1 < index / RATE_HZ < 2.9 else own(index))
    mixed = recording(tmp_path / "b.wav", 6, lambda index: own(index) + (other(index) if index >= 3 * RATE_HZ else 0))
    noisy = recording(tmp_path / "c.wav", 6, lambda index: own(index) + chance.gauss(0, 300))
    assert [seconds_without(file, 300) for file in (holed, mixed, noisy)] == [1, 2, 0]


def test_silence_is_not_a_tone(tmp_path: Path) -> None:
    assert seconds_without(recording(tmp_path / "a.wav", 4, sine(300, 20)), 300) == 2


def test_a_recording_that_is_short_missing_or_damaged_counts(tmp_path: Path) -> None:
    short = recording(tmp_path / "a.wav", 1.5, sine(300))
    damaged = tmp_path / "b.wav"
    damaged.write_bytes(b"RIFF")
    assert [seconds_without(file, 300) for file in (short, damaged, tmp_path / "none.wav")] == [1, 1, 1]

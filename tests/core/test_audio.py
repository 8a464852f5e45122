"""The audio frame and its levels."""

from __future__ import annotations

import math
from array import array

import pytest

from offhook.audio import OPUS_RATES_HZ, PTIME_MS, SILENCE_DBFS, AudioFrame, level_dbfs, samples_of


def test_a_frame_knows_its_length() -> None:
    frame = AudioFrame(bytes(640), 16_000, 320)
    assert (frame.samples, frame.duration_ms, frame.position) == (320, 20, 320)
    assert repr(frame) == "AudioFrame(20 ms at 16000 Hz, position 320)"
    assert AudioFrame(b"", 8_000).duration_ms == 0


def test_a_frame_has_no_room_for_anything_else() -> None:
    with pytest.raises(AttributeError):
        AudioFrame(b"", 8_000).note = 1  # type: ignore[attr-defined]


@pytest.mark.fault("F28")
@pytest.mark.parametrize(("pcm", "rate_hz"), [(b"\0", 8_000), (b"\0\0", 0), (b"\0\0", -1)])
def test_nonsense_is_refused_at_the_edge(pcm: bytes, rate_hz: int) -> None:
    with pytest.raises(ValueError, match=str(len(pcm)) if len(pcm) == 1 else str(rate_hz)):
        AudioFrame(pcm, rate_hz)


def test_samples_are_little_endian() -> None:
    assert samples_of(b"\x01\x00\xff\xff\x00\x80").tolist() == [1, -1, -32768]


def test_levels() -> None:
    sine = array("h", [round(32767 * math.sin(2 * math.pi * n / 64)) for n in range(640)])
    assert level_dbfs(sine.tobytes()) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(array("h", [-32768] * 10).tobytes()) == 0
    assert level_dbfs(array("h", [1]).tobytes()) == pytest.approx(-90.3, abs=0.01)
    assert level_dbfs(bytes(640)) == level_dbfs(b"") == SILENCE_DBFS


@pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)
def test_every_rate_makes_whole_frames(rate_hz: int) -> None:
    assert rate_hz * PTIME_MS % 1000 == 0

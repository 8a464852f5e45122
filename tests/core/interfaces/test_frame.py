"""The audio frame and its levels."""

from __future__ import annotations

import math
from array import array

import pytest

from offhook.interfaces.frame import (
    FRAMES_PER_S,
    OPUS_RATES_HZ,
    PTIME_MS,
    SILENCE_DBFS,
    AudioFrame,
    frames_in,
    level_dbfs,
    pcm_of,
    samples_of,
    samples_per_frame,
    saturated,
)


def test_a_frame_knows_its_length() -> None:
    frame = AudioFrame(bytes(640), 16_000, 320)
    assert (frame.samples, frame.duration_ms, frame.position) == (320, 20, 320)
    assert repr(frame) == "AudioFrame(20 ms at 16000 Hz, position 320)"
    assert AudioFrame(b"", 8_000).duration_ms == 0


@pytest.mark.parametrize("rate_hz", OPUS_RATES_HZ)
def test_one_constant_gives_every_length_of_a_frame(rate_hz: int) -> None:
    frame = AudioFrame(bytes(2 * samples_per_frame(rate_hz)), rate_hz)
    assert frame.duration_ms == PTIME_MS == 1000 / FRAMES_PER_S


@pytest.mark.parametrize(("duration_s", "frames"), [(0, 0), (0.02, 1), (0.2, 10), (1.0, 50), (10, 500), (0.29, 14)])
def test_a_duration_in_frames_is_rounded(duration_s: float, frames: int) -> None:
    assert frames_in(duration_s) == frames


def test_a_frame_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError):
        AudioFrame(b"", 8_000).note = 1  # type: ignore[attr-defined]


@pytest.mark.fault("F28")
@pytest.mark.parametrize(("pcm", "rate_hz"), [(b"\0", 8_000), (b"\0\0", 0), (b"\0\0", -1)])
def test_an_invalid_frame_is_rejected(pcm: bytes, rate_hz: int) -> None:
    with pytest.raises(ValueError, match=str(len(pcm)) if len(pcm) == 1 else str(rate_hz)):
        AudioFrame(pcm, rate_hz)


@pytest.mark.fault("F28")
@pytest.mark.parametrize("rate_hz", [float("nan"), float("inf"), float("-inf"), 1_000_000_000])
def test_a_rate_out_of_range_is_rejected(rate_hz: int) -> None:
    with pytest.raises(ValueError, match=f"rate_hz must be above 0 and at most 768000, got {rate_hz}"):
        AudioFrame(b"\0\0", rate_hz)


def test_mutable_buffers_are_copied() -> None:
    pcm = bytearray(b"\1\2")
    for given in (pcm, memoryview(pcm), memoryview(pcm).cast("b")):
        made = AudioFrame(given, 8_000)  # type: ignore[arg-type]
        assert type(made.pcm) is bytes
    pcm[0] = 7
    assert made.pcm == b"\1\2"


@pytest.mark.fault("F28")
@pytest.mark.parametrize("pcm", [array("f", [0.5]), memoryview(array("h", [1, 2])), [1, 2], "ab", None])
def test_samples_that_are_not_bytes_are_rejected(pcm: bytes) -> None:
    with pytest.raises(
        TypeError, match=r"AudioFrame needs bytes of signed 16-bit.*, got \w+\. .*AudioFrame\.from_floats"
    ):
        AudioFrame(pcm, 8_000)


@pytest.mark.fault("F28")
def test_floats_are_clipped_and_nan_is_silence() -> None:
    given = [0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -7.0, float("inf"), float("-inf"), float("nan"), 1e-9]
    frame = AudioFrame.from_floats(given, 16_000, 5)
    expected = [0, 16384, -16384, 32767, -32768, 32767, -32768, 32767, -32768, 0, 0]
    assert samples_of(frame.pcm).tolist() == expected
    assert (frame.rate_hz, frame.position) == (16_000, 5)
    assert AudioFrame.from_floats([], 16_000).samples == 0


def test_pcm_and_saturated_samples() -> None:
    assert saturated([-99999, -32768, 7, 32767, 99999]).tolist() == [-32768, -32768, 7, 32767, 32767]
    assert pcm_of(array("h", [1, -1, -32768])) == b"\x01\x00\xff\xff\x00\x80"


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

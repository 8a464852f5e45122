"""The audio frame and its levels."""

from __future__ import annotations

import gc
import math
import sys
from array import array
from typing import TYPE_CHECKING

import numpy as np
import pytest

from offhook.errors import ConfigError, FrameError
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
from offhook.interfaces.samples import Damage

if TYPE_CHECKING:
    from collections.abc import Iterator


class Pair:
    """Claims to be a number, and is not one."""

    def __float__(self) -> float:
        raise TypeError("two values")


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
    with pytest.raises(ValueError, match=f"rate_hz must be .*between 1 and 768,000 hertz, got {rate_hz}"):
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
    assert frame.damage == Damage(clipped=2, sanitised=3)
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


@pytest.mark.fault("F28")
@pytest.mark.parametrize(
    ("rate_hz", "says"),
    [
        (24_000.0, r"rate_hz must be a whole number between 1 and 768,000 hertz, got 24000\.0\. Write 24000"),
        ("16000", "got '16000'. Write 16000 without quotes"),
        ("16 kHz", "got '16 kHz'$"),
        (None, "got None$"),
        (True, "got True$"),
        (0.5, r"got 0\.5$"),
        (np.array([8_000, 8_000]), "got ndarray$"),
        (np.int64(768_001), "rate_hz must be between 1 and 768,000 hertz, got 768001"),
    ],
)
def test_a_rate_of_another_type_is_rejected_as_a_setting(rate_hz: int, says: str) -> None:
    for make in (AudioFrame, AudioFrame.from_floats):
        with pytest.raises(FrameError, match=says) as caught:
            make(b"", rate_hz) if make is AudioFrame else AudioFrame.from_floats([], rate_hz)
        assert isinstance(caught.value, ConfigError)
        assert isinstance(caught.value, TypeError)
        assert isinstance(caught.value, ValueError)


def test_whole_numbers_of_other_types_become_ints() -> None:
    frame = AudioFrame(b"\0\0", np.int64(8_000), np.int32(7))  # type: ignore[arg-type]
    assert (type(frame.rate_hz), type(frame.position)) == (int, int)
    with pytest.raises(FrameError, match=r"position must be a whole number, got 1\.5"):
        AudioFrame(b"\0\0", 8_000, 1.5)  # type: ignore[arg-type]


def test_arrays_of_floats_become_frames() -> None:
    for given in (np.array([0.5, -2.0], np.float32), np.array([0.5, -2.0]), array("f", [0.5, -2.0])):
        frame = AudioFrame.from_floats(given, 16_000)
        assert samples_of(frame.pcm).tolist() == [16384, -32768]
        assert frame.damage == Damage(clipped=1)
    scalars = AudioFrame.from_floats(iter([np.float32(0.5), 0.25]), 16_000)  # type: ignore[arg-type]
    assert samples_of(scalars.pcm).tolist() == [16384, 8192]
    assert scalars.damage == Damage()


def test_a_long_array_takes_no_time_by_the_number_of_python_operations() -> None:
    counted = 0

    def count(*_: object) -> None:
        nonlocal counted
        counted += 1

    samples = np.zeros(480_000, np.float32)
    sys.setprofile(count)
    try:
        AudioFrame.from_floats(samples, 48_000)
    finally:
        sys.setprofile(None)
    assert counted < 300, "it is not converted sample by sample"


@pytest.mark.fault("F28")
@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            np.zeros(4, np.int16),
            r"samples must be float32 or float64 between -1 and 1, got ndarray of int16\. Divide integers by",
        ),
        (b"\0\0", r"needs floats between -1 and 1, got bytes\. .* AudioFrame\(pcm, rate_hz\)"),
        ([0.5, 1000], "found int among its samples. Divide 16-bit integers by 32768"),
        ([True], "found bool among its samples"),
        ([np.int16(5)], "found int16 among its samples"),
        ("ab", "found str among its samples$"),
        ([[0.5, 0.5]], "found list among its samples"),
        ([Pair()], "needs one channel: its samples are not single numbers"),
        (7, "needs an array or an iterable of floats, got int"),
        (None, "needs an array or an iterable of floats, got NoneType"),
        (np.zeros((480, 2), np.float32), r"needs one channel, got ndarray with 2\. .* call\.play"),
        (np.zeros((2, 480), np.float32), "AudioFrame.from_floats: samples must have the shape"),
        (np.zeros(4, np.int32), r"must be float32 or float64 between -1 and 1, got ndarray of int32\. Divide integers"),
    ],
)
def test_what_is_not_floats_is_rejected(given: list[float], says: str) -> None:
    with pytest.raises(FrameError, match=says):
        AudioFrame.from_floats(given, 16_000)


def test_damage_is_checked_and_a_coroutine_is_closed() -> None:
    async def forgotten() -> bytes:
        return b""

    with pytest.raises(FrameError, match="damage must be a Damage, got 3"):
        AudioFrame(b"", 8_000, damage=3)  # type: ignore[arg-type]
    with pytest.raises(FrameError, match="got coroutine"):
        AudioFrame(forgotten(), 8_000)  # type: ignore[arg-type]
    with pytest.raises(FrameError, match="got coroutine"):
        AudioFrame.from_floats(forgotten(), 8_000)  # type: ignore[arg-type]
    gc.collect()  # a coroutine that was not closed would warn now


def test_an_error_of_the_iterable_is_its_own() -> None:
    def samples() -> Iterator[float]:
        yield 0.5
        raise TypeError("mine")

    with pytest.raises(TypeError, match=r"^mine$"):
        AudioFrame.from_floats(samples(), 16_000)

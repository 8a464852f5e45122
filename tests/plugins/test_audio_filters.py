"""The filters ``gain`` and ``limit``: exact to the sample, with a message for every invalid argument."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest

from offhook import AudioFrame
from offhook.errors import ConfigError, SpecError
from offhook.plugin.manager import Plugins
from offhook_audio.gain import GainFilter
from offhook_audio.limit import LimitFilter

if TYPE_CHECKING:
    from offhook.interfaces import AudioFilter


def frame(*values: int) -> AudioFrame:
    return AudioFrame(array("h", values).tobytes(), 16_000, 640)


def applied(audio_filter: AudioFilter, *values: int) -> list[int]:
    filtered = audio_filter.apply(frame(*values))
    assert (filtered.rate_hz, filtered.position) == (16_000, 640)
    return array("h", filtered.pcm).tolist()


def made(spec: str) -> AudioFilter:
    return Plugins.load().filter(spec, 16_000)


def test_gain() -> None:
    assert applied(made("gain:-20"), 1000, -1000, 0, 32767) == [100, -100, 0, 3277]
    assert applied(made("gain:6"), 1000, 20000, -20000) == [1995, 32767, -32768]
    same = frame(1, 2)
    assert GainFilter(0).apply(same) is same
    with pytest.raises(ConfigError):
        GainFilter(21)


def test_limit() -> None:
    assert applied(made("limit:-6.0206"), 32767, 16384, 16385, 100, 0, -100, -16384, -32768) == [
        16384,
        16384,
        16384,
        100,
        0,
        -100,
        -16384,
        -16384,
    ]
    assert applied(LimitFilter(0), 32767, -32768) == [32767, -32767]
    for same in (frame(16384, -16384), frame()):
        assert LimitFilter(-6.0206).apply(same) is same
    assert applied(LimitFilter(-6.0206), 0, -30000) == [0, -16384]


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ("gain:", "invalid spec 'gain:': the gain must be between -60 and 20 dB, got ''. Write for example gain:-6"),
        ("gain:21", "between -60 and 20 dB, got '21'"),
        ("gain:nan", "between -60 and 20 dB, got 'nan'"),
        ("limit:loud", "the ceiling must be between -60 and 0 dBFS, got 'loud'. Write for example limit:-3"),
        ("limit:1", "between -60 and 0 dBFS, got '1'"),
    ],
)
def test_an_invalid_argument_is_rejected(spec: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        made(spec)
    assert problem in caught.value.message

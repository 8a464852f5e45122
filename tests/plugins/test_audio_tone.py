"""The sources that need nothing installed: tone and silence."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.patience import PATIENCE_S

from offhook.errors import SourceError
from offhook.interfaces.frame import AudioFrame, level_dbfs
from offhook_audio.silence import SilenceSource
from offhook_audio.tone import ToneSource

if TYPE_CHECKING:
    from offhook.interfaces import AudioSource


def read(source: AudioSource, most: int = 10_000) -> list[AudioFrame]:
    """All frames, up to `most`; after the end, each read returns None."""

    async def main() -> list[AudioFrame]:
        frames: list[AudioFrame] = []
        while len(frames) < most and (frame := await source.read()) is not None:
            frames.append(frame)
        if len(frames) < most:
            assert await source.read() is None
        await source.aclose()
        await source.aclose()
        assert await source.read() is None
        return frames

    return asyncio.run(main())


def pcm_of(frames: list[AudioFrame]) -> bytes:
    position = 0
    for frame in frames:
        assert (frame.rate_hz, frame.position) == (16_000, position)
        position += frame.samples
    return b"".join(frame.pcm for frame in frames)


@pytest.mark.parametrize(("argument", "samples"), [("440,2.5", 40_000), ("440,0.0301", 482), ("440,2.5,-30", 40_000)])
def test_a_tone_has_its_length(argument: str, samples: int) -> None:
    assert len(pcm_of(read(ToneSource.parse(argument)))) == samples * 2


@pytest.mark.parametrize(("argument", "level"), [("440,1", -20), ("440,1,-30.5", -30.5), ("1000,1,-3.02", -3.02)])
def test_a_tone_has_its_level(argument: str, level: float) -> None:
    assert level_dbfs(pcm_of(read(ToneSource.parse(argument)))) == pytest.approx(level, abs=0.01)


@pytest.mark.parametrize("frequency_hz", [440, 1_000, 123.4, 7_900])
def test_a_tone_is_one_sine_without_a_break(frequency_hz: float) -> None:
    samples = array("h", pcm_of(read(ToneSource.parse(f"{frequency_hz},2"))))
    turn = 2 * math.cos(2 * math.pi * frequency_hz / 16_000)
    # Neighbours of a sine obey x[n+1] = 2 cos(w) x[n] - x[n-1]; only rounding may differ.
    assert max(abs(c - turn * b + a) for a, b, c in zip(samples, samples[1:], samples[2:], strict=False)) <= 2


def test_a_tone_without_a_length_goes_on() -> None:
    assert len(pcm_of(read(ToneSource.parse("440"), most=500))) == 500 * 640


def test_silence_has_its_length_or_none() -> None:
    pcm = pcm_of(read(SilenceSource.parse("2.505")))
    assert len(pcm) == 40_080 * 2
    assert not any(pcm)
    assert len(pcm_of(read(SilenceSource.parse(""), most=500))) == 500 * 640


@pytest.mark.parametrize(
    "argument",
    [
        "",
        "loud",
        "0",
        "-440",
        "8000",
        "nan",
        "inf",
        "440,",
        "440,0",
        "440,x",
        "440,1e9",
        "440,1,0",
        "440,1,-91",
        "1,2,-3.1,4",
    ],
)
def test_a_bad_tone_is_rejected_with_an_example(argument: str) -> None:
    with pytest.raises(SourceError, match=r"Write for example tone:440,2\.5,-20"):
        ToneSource.parse(argument)


@pytest.mark.parametrize("argument", ["x", "0", "-1", "nan", "1e6", "1,2"])
def test_bad_silence_is_rejected_with_an_example(argument: str) -> None:
    with pytest.raises(SourceError, match=r"Write for example silence:2\.5"):
        SilenceSource.parse(argument)


def test_loading_the_plugin_loads_no_media_library() -> None:
    script = """
import asyncio, sys
from offhook.plugin import Plugins
import offhook_audio
for name in ("numpy", "av", "soxr", "soundfile"):
    sys.modules[name] = None  # importing it fails
import offhook_audio.tone, offhook_audio.silence, offhook_audio.recorder, offhook_audio.null
asyncio.run(offhook_audio.tone.ToneSource(440, 1).read())
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=PATIENCE_S)

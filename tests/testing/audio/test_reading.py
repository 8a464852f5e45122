"""Clips are read from files, and from what other sources play, with or without an event loop."""

from __future__ import annotations

import asyncio
import struct
import wave
from typing import TYPE_CHECKING

import pytest
from tests.testing.audio.sounds import CLIPS, speech

from offhook import AudioFrame, errors
from offhook.errors import ConfigError, SourceError
from offhook.interfaces import AudioSource
from offhook.media import WavWriter
from offhook.plugin import Plugins
from offhook.testing.audio import Clip

if TYPE_CHECKING:
    from pathlib import Path

PLUGINS = Plugins.load()


def write(path: Path, *, channels: int = 1, width: int = 2, rate_hz: int = 8_000, data: bytes = b"") -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(data)
    return path


@pytest.mark.parametrize("plugins", [None, PLUGINS])
@pytest.mark.parametrize("what", ["hello.wav", "./hello.wav", "wav:hello.wav", CLIPS / "hello.wav"])
def test_a_file_by_its_path(what: str | Path, plugins: Plugins | None) -> None:
    clip = Clip.read(what, CLIPS, plugins=plugins)
    assert (clip.name, clip.rate_hz, clip.duration_s) == ("hello.wav", 16_000, pytest.approx(0.68, abs=0.01))
    assert clip.pcm == speech("hello").pcm


def test_a_file_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.wav", data=struct.pack("<2h", 5, -5))
    monkeypatch.chdir(tmp_path)
    assert Clip.read("a.wav").pcm == struct.pack("<2h", 5, -5)


def test_channels_are_mixed(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", channels=2, data=struct.pack("<4h", 100, 200, -100, -300))
    assert Clip.read(path).pcm == struct.pack("<2h", 150, -200)


def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", data=struct.pack("<4h", 1, 2, 3, 4))
    path.write_bytes(path.read_bytes()[:-3])
    assert Clip.read(path).pcm == struct.pack("<2h", 1, 2)


def test_what_other_sources_play() -> None:
    clip = Clip.read("tone:440,0.5", plugins=PLUGINS)
    assert (clip.name, clip.duration_s) == ("tone:440,0.5", 0.5)
    assert clip.tones(440)
    assert Clip.read("marker:", plugins=PLUGINS).markers() == pytest.approx([0.0], abs=0.001)

    async def inside() -> Clip:
        return Clip.read("tone:440,0.5", plugins=PLUGINS)

    assert asyncio.run(inside()) == clip


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (
            "missing.wav",
            r"the audio file '.*missing\.wav' cannot be opened: No such file or directory\. Check the path",
        ),
        ("text.wav", r"is not a WAV file that can be read \(.*\)\. Other formats need plugins"),
        ("empty.wav", r"is not a WAV file that can be read \(.*\)\. Other formats need plugins"),
        ("silent.wav", r"silent\.wav' holds no samples: check the program that made it"),
        ("deep.wav", "has 1 channels of 24 bits; expected 16 bits. Other formats need plugins: Clip.read"),
        ("long.wav", "long.wav' is longer than 600 s, which is the limit for a clip"),
    ],
)
def test_files_that_cannot_be_read(what: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("this is text and not audio", encoding="utf-8")
    (tmp_path / "empty.wav").write_bytes(b"")
    write(tmp_path / "silent.wav")
    write(tmp_path / "deep.wav", width=3, data=bytes(6))
    long = WavWriter(tmp_path / "long.wav", 8_000)
    long.write_silence(601 * 8_000)
    long.close()
    with pytest.raises(SourceError, match=says):
        Clip.read(what, tmp_path)


def test_what_is_not_a_path() -> None:
    with pytest.raises(ConfigError, match=r"what must be a file's name or a path, for example 'greeting\.wav', got 5"):
        Clip.read(5)  # type: ignore[arg-type]
    with pytest.raises(errors.SpecError, match="tune"):
        Clip.read("tune:440", plugins=PLUGINS)


class Frames(AudioSource):
    """Plays frames that a test made."""

    rate_hz = 8_000

    def __init__(self, *frames: AudioFrame, waits: bool = False) -> None:
        self._frames = list(frames)
        self._waits = waits
        self.closed = 0

    async def read(self) -> AudioFrame | None:
        if self._waits:
            await asyncio.sleep(0)
        return self._frames.pop(0) if self._frames else None

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            Frames(waits=True),
            "the audio of 'mine:1' is not there at once, since its source waits: write it to a WAV file",
        ),
        (Frames(), "the audio of 'mine:1' holds no samples"),
        (Frames(AudioFrame(b"12", 8_000), AudioFrame(b"12", 9_000)), "changes its rate from 8000 to 9000 Hz: use one"),
        (Frames(AudioFrame(bytes(2_000), 1_000), AudioFrame(bytes(2 * 600_000), 1_000)), "is longer than 600 s"),
    ],
)
def test_sources_that_make_no_clip(source: Frames, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PLUGINS, "source", lambda what: source)
    with pytest.raises(SourceError, match=says):
        Clip.read("mine:1", plugins=PLUGINS)
    assert source.closed == 1

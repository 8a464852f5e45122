"""The sinks: recorder and null."""

from __future__ import annotations

import asyncio
import wave
from typing import TYPE_CHECKING

import pytest

import offhook_audio
from offhook.errors import SpecError, StorageError
from offhook.interfaces.frame import AudioFrame
from offhook.plugin.manager import DISABLE_VARIABLE, Plugins
from offhook_audio.null import NullSink
from offhook_audio.recorder import MOST_GAP_S, RecorderSink

if TYPE_CHECKING:
    from pathlib import Path

ONE = b"\x01\x00" * 160
TWO = b"\x02\x00" * 160


def recorded(path: Path) -> tuple[int, bytes]:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getframerate(), file.readframes(file.getnframes())


def record(path: Path, *frames: AudioFrame) -> RecorderSink:
    async def main() -> RecorderSink:
        sink = RecorderSink(str(path))
        for frame in frames:
            await sink.write(frame)
        await sink.aclose()
        await sink.aclose()
        return sink

    return asyncio.run(main())


def test_the_rate_is_that_of_the_first_frame(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", AudioFrame(ONE, 8_000, 0), AudioFrame(TWO, 8_000, 160))
    assert recorded(tmp_path / "a.wav") == (8_000, ONE + TWO)


def test_a_jump_is_silence_of_its_length(tmp_path: Path) -> None:
    sink = record(tmp_path / "a.wav", AudioFrame(ONE, 8_000, 5_000), AudioFrame(TWO, 8_000, 5_160 + 77))
    assert recorded(tmp_path / "a.wav") == (8_000, ONE + bytes(154) + TWO)
    assert sink.clamped_gaps == sink.backward_steps == 0


def test_an_absurd_jump_is_shortened_and_counted(tmp_path: Path) -> None:
    sink = record(
        tmp_path / "a.wav",
        AudioFrame(ONE, 8_000, 0),
        AudioFrame(TWO, 8_000, 10**12),
        AudioFrame(ONE, 8_000, 10**12 + 160),
    )
    rate_hz, pcm = recorded(tmp_path / "a.wav")
    assert rate_hz == 8_000
    assert len(pcm) == 2 * MOST_GAP_S * 8_000 + 960
    assert pcm[-640:] == TWO + ONE
    assert sink.clamped_gaps == 1


def test_a_step_back_is_appended_and_counted(tmp_path: Path) -> None:
    sink = record(
        tmp_path / "a.wav", AudioFrame(ONE, 8_000, 9_000), AudioFrame(TWO, 8_000, 0), AudioFrame(ONE, 8_000, 160)
    )
    assert recorded(tmp_path / "a.wav") == (8_000, ONE + TWO + ONE)
    assert sink.backward_steps == 1


def test_empty_frames_mark_where_the_recording_begins_and_ends(tmp_path: Path) -> None:
    marks = AudioFrame(b"", 8_000, 1_000), AudioFrame(ONE, 8_000, 1_100), AudioFrame(b"", 8_000, 1_500)
    record(tmp_path / "a.wav", *marks)
    assert recorded(tmp_path / "a.wav") == (8_000, bytes(200) + ONE + bytes(480))


def test_a_call_without_audio_leaves_a_valid_file(tmp_path: Path) -> None:
    record(tmp_path / "a.wav", AudioFrame(b"", 8_000, 0))  # as a call marks where a recording begins
    assert recorded(tmp_path / "a.wav")[1] == b""


def test_a_recorder_that_was_never_written_leaves_no_file(tmp_path: Path) -> None:
    async def main() -> None:
        sink = RecorderSink(tmp_path / "made" / "a.wav")
        await sink.aclose()
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "a.wav").write_text("of another program")
        await sink.aclose()

    asyncio.run(main())
    assert (tmp_path / "made" / "a.wav").read_text() == "of another program"


def test_a_change_of_rate_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is at 8000 Hz and cannot continue at 16000 Hz"):
        record(tmp_path / "a.wav", AudioFrame(ONE, 8_000, 0), AudioFrame(TWO, 16_000, 160))


def test_an_impossible_output_is_rejected_when_the_sink_is_made(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"for example recorder:heard\.wav"):
        RecorderSink("")
    (tmp_path / "a.wav").touch()
    with pytest.raises(StorageError, match="exists already"):
        RecorderSink(str(tmp_path / "a.wav"))
    with pytest.raises(StorageError, match="is a file and not a folder"):
        RecorderSink(str(tmp_path / "a.wav" / "a.wav"))


def test_null_takes_anything_but_an_argument() -> None:
    async def main() -> None:
        sink = NullSink()
        await sink.write(AudioFrame(ONE, 8_000, 0))
        await sink.aclose()

    asyncio.run(main())
    with pytest.raises(SpecError, match="the sink null takes no argument"):
        NullSink("x.wav")


def test_the_core_gets_everything_by_its_spec(tmp_path: Path) -> None:
    plugins = Plugins.load([offhook_audio], {DISABLE_VARIABLE: "audio"})

    async def main() -> None:
        sink = plugins.sink(f"recorder:{tmp_path}/a.wav")
        for spec in ("tone:440,0.1", "silence:0.1"):
            source = plugins.source(spec)
            while (frame := await source.read()) is not None:
                await sink.write(frame)
            await source.aclose()
        await sink.aclose()
        source = plugins.source(f"wav:{tmp_path}/a.wav")
        first = await source.read()
        assert first is not None
        assert first.rate_hz == 16_000
        await source.aclose()
        await plugins.sink("null").aclose()

    asyncio.run(main())

"""The source wav: every kind of file that can be played, and one clear message for each that cannot."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import tempfile
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from offhook.errors import SourceError
from offhook.interfaces import AudioFrame, Damage, level_dbfs
from offhook_audio.wav import WavSource

RATE_HZ = 16_000
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)
PCM = np.rint(TONE * 32768).astype("<i2").tobytes()


def header(length: int, *, riff: int | None = None, rate_hz: int = RATE_HZ, channels: int = 1) -> bytes:
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", length + 36 & 0xFFFFFFFF if riff is None else riff, b"WAVE", b"fmt ", 16),
        *(1, channels, rate_hz, rate_hz * 2 & 0xFFFFFFFF, channels * 2 & 0xFFFF, 16, b"data", length),
    )


def frames_of(path: Path | str) -> list[AudioFrame]:
    async def main() -> list[AudioFrame]:
        source = WavSource(str(path))
        frames = []
        position = 0
        try:
            while (frame := await source.read()) is not None:
                assert (frame.rate_hz, frame.position) == (source.rate_hz, position)
                position += frame.samples
                frames.append(frame)
            assert await source.read() is None
        finally:
            await source.aclose()
            await source.aclose()
        assert await source.read() is None
        return frames

    return asyncio.run(main())


def pcm_of(path: Path | str) -> bytes:
    return b"".join(frame.pcm for frame in frames_of(path))


def descriptors() -> list[str]:
    return sorted(path.name for path in Path("/dev/fd").iterdir())


def refusal(path: Path | str) -> str:
    """The message, which must be one sentence and name the file; no descriptor may stay open."""
    before = descriptors()
    with pytest.raises(SourceError) as caught:
        WavSource(str(path))
    assert descriptors() == before
    message = caught.value.message
    assert "\n" not in message
    assert "Error" not in message
    assert Path(path).name[-100:] in message
    return message


def test_sixteen_bit_mono_is_read_to_the_bit(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(-32768, 32768, RATE_HZ * 2 + 77).astype("<i2").tobytes()
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(noise)
    assert pcm_of(tmp_path / "a.wav") == noise


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_the_rate_is_the_file_s_own(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.tile(TONE, 2), rate_hz)
    frames = frames_of(tmp_path / "a.wav")
    assert {frame.rate_hz for frame in frames} == {rate_hz}
    assert sum(frame.samples for frame in frames) == 2 * RATE_HZ


@pytest.mark.parametrize(
    ("kind", "subtype", "quality_db"),
    [
        ("WAV", "PCM_U8", 35), ("WAV", "PCM_24", 80), ("WAV", "PCM_32", 80), ("WAV", "FLOAT", 80),
        ("WAV", "DOUBLE", 80), ("WAV", "ULAW", 30), ("WAV", "ALAW", 30), ("WAV", "IMA_ADPCM", 25),
        ("WAVEX", "PCM_16", 80), ("RF64", "PCM_16", 80), ("W64", "PCM_24", 80), ("AIFF", "PCM_16", 80),
        ("FLAC", "PCM_16", 80), ("OGG", "VORBIS", 15), ("MP3", "MPEG_LAYER_III", 15),
    ],
)  # fmt: skip
def test_every_kind_of_file_plays(tmp_path: Path, kind: str, subtype: str, quality_db: float) -> None:
    path = tmp_path / "a.audio"
    soundfile.write(path, TONE, RATE_HZ, format=kind, subtype=subtype)
    samples = np.frombuffer(pcm_of(path), "<i2").astype(np.float64) / 32768
    assert RATE_HZ <= len(samples) <= RATE_HZ + 2048
    inner = slice(2_000, -2_000)
    assert np.mean(samples[inner] ** 2) == pytest.approx(np.mean(TONE**2), rel=0.05)
    noise = samples[:RATE_HZ][inner] - TONE[inner]
    assert 10 * np.log10(np.mean(TONE[inner] ** 2) / np.mean(noise**2)) > quality_db


def test_big_endian_wav_plays(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", TONE, RATE_HZ, subtype="PCM_16", endian="BIG")
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RIFX"
    difference = np.frombuffer(pcm_of(tmp_path / "a.wav"), "<i2").astype(int) - np.frombuffer(PCM, "<i2")
    assert np.abs(difference).max() <= 1
    (tmp_path / "b.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:-2])
    assert "truncated" in refusal(tmp_path / "b.wav")


def test_channels_are_mixed_down(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "stereo.wav", np.stack([TONE, -TONE / 2], axis=1), RATE_HZ, subtype="FLOAT")
    assert level_dbfs(pcm_of(tmp_path / "stereo.wav")) == pytest.approx(level_dbfs(PCM) - 12.04, abs=0.05)
    soundfile.write(tmp_path / "six.wav", np.stack([TONE] * 6, axis=1), RATE_HZ, subtype="FLOAT")
    mixed = np.frombuffer(pcm_of(tmp_path / "six.wav"), "<i2").astype(int)
    assert np.abs(mixed - np.frombuffer(PCM, "<i2")).max() <= 1


def test_nan_becomes_silence_and_loud_samples_full_scale(tmp_path: Path) -> None:
    samples = np.array([0.25, np.nan, np.inf, -np.inf, 3.0, -3.0, 1.0, -1.0], np.float32)
    soundfile.write(tmp_path / "a.wav", samples, RATE_HZ, subtype="FLOAT")

    async def main() -> None:
        source = WavSource(str(tmp_path / "a.wav"))
        frame = await source.read()
        assert frame is not None
        values = np.frombuffer(frame.pcm, "<i2").tolist()
        assert values == [8192, 0, 32767, -32768, 32767, -32768, 32767, -32768]
        assert source.sanitised_samples == 3
        assert source.clipped_samples == 2
        await source.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFFFFF])
@pytest.mark.parametrize("riff", [0, 0xFFFFFFFF, 36, None])
def test_a_length_that_a_streaming_writer_left_open_means_to_the_end(
    tmp_path: Path, length: int, riff: int | None
) -> None:
    (tmp_path / "a.wav").write_bytes(header(length, riff=riff) + PCM)
    assert pcm_of(tmp_path / "a.wav") == PCM


def test_chunks_around_the_audio_are_skipped(tmp_path: Path) -> None:
    odd = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"
    start = header(len(PCM))
    path = tmp_path / "a.wav"
    path.write_bytes(start[:12] + odd + start[12:36] + odd + start[36:] + PCM + odd)
    assert pcm_of(path) == PCM
    empty = header(0)
    path.write_bytes(empty[:12] + odd + empty[12:] + odd)
    assert "0 samples" in refusal(path)
    path.write_bytes(empty[:12] + odd + empty[12:] + odd[:-1])
    assert "0 samples" in refusal(path)


@pytest.mark.slow
def test_a_long_file_is_not_held_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(header(RATE_HZ * 2 * 600))
        file.truncate(44 + RATE_HZ * 2 * 600)

    async def main() -> int:
        source = WavSource(str(path))
        samples = 0
        while (frame := await source.read()) is not None:
            samples += frame.samples
        await source.aclose()
        return samples

    tracemalloc.start()
    try:
        assert asyncio.run(main()) == RATE_HZ * 600
        # The file holds 19.2 MB. The interpreter's table of interned strings may grow by 2 MB meanwhile.
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_the_home_folder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.wav").write_bytes(header(len(PCM)) + PCM)
    assert pcm_of("~/a.wav") == PCM
    assert "there is no user" in refusal("~nobody-of-that-name/a.wav")


def test_a_missing_path_is_rejected_with_an_example() -> None:
    with pytest.raises(SourceError, match=r"for example wav:greeting\.wav"):
        WavSource("")


def test_a_missing_file_is_answered_with_the_nearest_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("greeting.wav", "greting.txt", "reply.wav"):
        (tmp_path / name).touch()
    assert refusal(tmp_path / "greting.wav").endswith("; did you mean greeting.wav?")
    assert refusal(tmp_path / "other.wav").endswith(").")
    assert refusal(tmp_path / "nowhere" / "greting.wav").endswith(").")
    monkeypatch.chdir(tmp_path)
    assert refusal("greting.wav").endswith("; did you mean greeting.wav?")


def test_anything_but_a_regular_file_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not exist (looked in" in refusal(tmp_path / "none.wav")
    assert "is a folder" in refusal(tmp_path)
    os.mkfifo(tmp_path / "fifo.wav")
    assert "a device, a pipe or a socket" in refusal(tmp_path / "fifo.wav")
    assert "a device, a pipe or a socket" in refusal("/dev/zero")
    assert "cannot be opened" in refusal(tmp_path / ("x" * 300))
    with pytest.raises(SourceError, match="has an invalid path"):
        WavSource("a\0b.wav")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(tmp_path)  # a socket's path is short
        listener.bind("s.wav")
        assert "cannot be opened" in refusal("s.wav")


def test_a_file_without_permission_is_rejected() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        path.write_bytes(header(len(PCM)) + PCM)
        path.chmod(0)
        Path(folder).chmod(0o755)
        user = os.geteuid()
        os.seteuid(65534 if user == 0 else user)
        try:
            assert "may not be read" in refusal(path)
        finally:
            os.seteuid(user)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty (0 bytes)"),
        (header(0), "holds no audio (0 samples)"),
        (b"these are words, not samples" * 100, "cannot be decoded (Format not recognised)"),
        (header(len(PCM)) + PCM[:-2], "is truncated: it promises 32000 bytes of audio and holds 31998"),
        (header(len(PCM)), "is truncated: it promises 32000 bytes of audio and holds 0"),
        (header(len(PCM))[:36], "is truncated: it ends before its audio"),
        (header(len(PCM))[:20], "is truncated: it ends before its audio"),
        (header(len(PCM))[:12] + b"junk\0\0\0\0" * 2_000, "ends before its audio"),
        (header(len(PCM), rate_hz=0) + PCM, "has a rate of 0 Hz in its header"),
        (
            header(len(PCM), rate_hz=10**9) + PCM,
            "has a rate of 1000000000 Hz in its header; expected 1000 to 384000 Hz",
        ),
        (header(len(PCM), channels=0) + PCM, "cannot be decoded (Channel count is zero)"),
        (header(len(PCM), channels=100) + PCM, "has 100 channels; the limit is 64"),
        (b"RIFF\x10\0\0\0AVI " + bytes(100), "is an AVI file: name a WAV"),
        (header(len(PCM))[:12] + header(len(PCM))[36:] + PCM, "it has no chunk fmt before its audio"),
    ],
)
def test_a_file_that_cannot_be_played_is_rejected(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert says in refusal(tmp_path / "a.wav")


def test_a_wrong_rate_is_rejected_in_other_formats_too(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.au", TONE, 500)
    assert "has a rate of 500 Hz in its header" in refusal(tmp_path / "a.au")


def test_a_file_that_breaks_off_names_the_place(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, RATE_HZ)
    soundfile.write(tmp_path / "whole.flac", noise, RATE_HZ)
    whole = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "half.flac").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"half\.flac' cannot be read after 0\.[0-4] s: flac decoder lost sync\."):
        frames_of(tmp_path / "half.flac")


FMT = header(0)[12:36]


def riff(
    length: int,
    *,
    whole: int = 0xFFFFFFFF,
    form: bytes = b"RIFF",
    before: bytes = b"",
    pcm: bytes = PCM,
    after: bytes = b"",
) -> bytes:
    return form + struct.pack("<I", whole) + b"WAVE" + before + FMT + b"data" + struct.pack("<I", length) + pcm + after


def ds64(length: int, table: bytes = b"") -> bytes:
    return b"ds64" + struct.pack("<IQQQI", 28 + len(table), length + 72, length, length // 2, len(table) // 12) + table


LIST = b"LIST" + struct.pack("<I", 4) + b"INFO"
OPEN = 0xFFFFFFFF


@pytest.mark.parametrize(
    "content",
    [
        *(riff(length) for length in (10**9, 2_000_000_000, 0x7FFFFF00, 0x80000000, 0x80000024, OPEN - 36, OPEN - 1)),
        riff(10**9, before=LIST),
        riff(OPEN, form=b"RF64", before=ds64(len(PCM))),
        riff(OPEN, form=b"RF64", before=ds64(len(PCM)), after=LIST),
        riff(OPEN, form=b"RF64", before=ds64(len(PCM), b"abcd" + struct.pack("<Q", 12)), after=LIST),
        riff(OPEN, form=b"RF64", before=ds64(0)),
        riff(OPEN, form=b"RF64", before=ds64(2**63)),
        riff(OPEN, form=b"RF64", before=ds64(2**40)),
        riff(OPEN, form=b"RF64"),
        riff(len(PCM), form=b"RF64", before=ds64(0), after=LIST),
        riff(OPEN, form=b"BW64", before=ds64(len(PCM)), after=LIST),
        riff(OPEN, form=b"BW64", before=ds64(0)),
        riff(len(PCM), before=b"JUNK" + struct.pack("<I", 28) + bytes(28), after=LIST),
        riff(len(PCM), whole=0),
        riff(len(PCM), after=b"\0"),
        riff(len(PCM) + 1, pcm=PCM + b"\0"),
    ],
)
def test_lengths_that_were_left_open_or_have_64_bits_are_understood(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert pcm_of(tmp_path / "a.wav") == PCM


def test_a_big_endian_length_that_was_left_open_is_understood(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", TONE, RATE_HZ, subtype="PCM_16", endian="BIG")
    content = bytearray((tmp_path / "a.wav").read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = struct.pack(">I", 0x80000000)
    (tmp_path / "b.wav").write_bytes(content)
    assert pcm_of(tmp_path / "b.wav") == pcm_of(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (riff(4 * len(PCM)), "is truncated: it promises 128000 bytes of audio and holds 32000. Copy it again"),
        (riff(1000 * len(PCM)), "is truncated: it promises 32000000 bytes"),
        (riff(OPEN, form=b"RF64", before=ds64(4 * len(PCM))), "is truncated: it promises 128000 bytes"),
        (riff(OPEN, form=b"BW64", before=ds64(4 * len(PCM))), "is truncated: it promises 128000 bytes"),
        (riff(4 * len(PCM), form=b"RF64", before=ds64(0)), "is truncated: it promises 128000 bytes"),
        (riff(OPEN, form=b"RF64", before=ds64(0), pcm=b"", after=LIST), "holds no audio (0 samples)"),
        (riff(0, pcm=b"", after=LIST), "holds no audio (0 samples)"),
        (riff(len(PCM), after=b"data" + struct.pack("<I", len(PCM)) + PCM), "two pieces of audio (two data chunks)"),
        (riff(len(PCM), after=LIST + b"data" + bytes(4)), "holds two pieces of audio"),
        (
            b"RIFF" + bytes(4) + b"WAVE" + b"data" + struct.pack("<I", len(PCM)) + PCM + FMT,
            "has its audio before its format (the chunk fmt follows data)",
        ),
        (riff(10, before=b"LIST" + struct.pack("<I", 9_999_999)), "its chunk 'LIST' promises 9999999 bytes"),
        (riff(10, before=b"LIST" + struct.pack("<I", 5) + b"INFOx"), "is damaged: at byte 26 it should have a chunk"),
        (b"\x1aE\xdf\xa3" + bytes(90), "is a WebM or Matroska file: name a WAV, FLAC, Ogg or MP3 file."),
        (b"\0\0\0\x18ftypM4A " + bytes(90), "is an MP4 or M4A file"),
        (b"\xff\xf1P\x80" + bytes(90), "is an AAC file"),
        (b"#!AMR\n" + bytes(90), "is an AMR file"),
        (b" \n<!DOCTYPE html><title>Not found</title>", "is a web page"),
        (b"<html></html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer, whose content was not fetched"),
    ],
)  # fmt: skip
def test_the_refusal_gives_the_true_reason(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    assert says in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize("kind", ["AIFF", "W64"])
def test_other_formats_that_are_cut_short_are_refused_as_well(tmp_path: Path, kind: str) -> None:
    soundfile.write(tmp_path / "whole", TONE, RATE_HZ, format=kind, subtype="PCM_16")
    whole = (tmp_path / "whole").read_bytes()
    assert len(pcm_of(tmp_path / "whole")) == len(PCM)
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    assert "is truncated: it ends before the length in its header" in refusal(tmp_path / "half")
    (tmp_path / "start").write_bytes(whole[:20])
    refusal(tmp_path / "start")


def test_channels_that_cancel_out_are_counted(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "stereo.wav", np.stack([TONE, -TONE], axis=1), RATE_HZ, subtype="PCM_16")

    async def main() -> None:
        source = WavSource(str(tmp_path / "stereo.wav"))
        damage = Damage()
        while (frame := await source.read()) is not None:
            damage += frame.damage
        await source.aclose()
        assert source.cancelled_samples == RATE_HZ
        assert damage == Damage(cancelled=RATE_HZ)

    asyncio.run(main())

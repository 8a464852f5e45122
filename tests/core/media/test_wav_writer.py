"""WavWriter: files that are valid wherever the process is killed, and errors that say what to do."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from offhook.errors import ConfigError, StorageError
from offhook.media.wav_writer import FLUSH_MS, WavWriter
from offhook.wording import quoted_path

if TYPE_CHECKING:
    from collections.abc import Iterator

TEN_MS = b"\x01\x02" * 80  # at 8 kHz


def contents(path: Path) -> tuple[int, int, bytes]:
    """Rate, channels and samples, as the standard library reads them; checks the lengths in the header, too."""
    riff_size, data_size = struct.unpack("<4xI32xI", path.read_bytes()[:44])
    assert riff_size == data_size + 36
    assert data_size + 44 <= path.stat().st_size
    with wave.open(str(path), "rb") as file:
        assert file.getsampwidth() == 2
        pcm = file.readframes(file.getnframes())
        assert len(pcm) == data_size
        return file.getframerate(), file.getnchannels(), pcm


@contextlib.contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Files of this process may not grow past `size` bytes: the effect of a full disk, without filling one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextlib.contextmanager
def ordinary_user() -> Iterator[None]:
    """Permissions do not apply to root, as which containers run tests."""
    user = os.geteuid()
    os.seteuid(65534 if user == 0 else user)
    try:
        yield
    finally:
        os.seteuid(user)


def test_samples_are_read_back_as_written(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 48_000, 2)
    pcm = bytes(range(256)) * 200
    writer.write(pcm)
    writer.close()
    assert contents(tmp_path / "a.wav") == (48_000, 2, pcm)
    assert writer.frames == writer.stored_frames == len(pcm) // 4
    assert writer.closed


def test_the_file_is_valid_before_anything_is_written(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 16_000)
    assert contents(tmp_path / "a.wav") == (16_000, 1, b"")
    writer.close()


def test_the_file_is_valid_after_every_write_and_never_far_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = WavWriter(path, 8_000)
    for count in range(1, 101):
        writer.write(TEN_MS)
        _, _, pcm = contents(path)
        assert pcm == TEN_MS * (len(pcm) // len(TEN_MS))
        assert writer.frames == count * 80
        assert len(pcm) == writer.stored_frames * 2
        assert writer.frames - writer.stored_frames < FLUSH_MS * 8
    writer.close()
    assert contents(path)[2] == TEN_MS * 100


def test_flush_writes_what_is_in_memory(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 8_000)
    writer.flush()
    writer.write(TEN_MS)
    assert writer.stored_frames == 0
    writer.flush()
    assert contents(tmp_path / "a.wav")[2] == TEN_MS
    writer.close()


KILLED = """
import sys
from offhook.media import WavWriter
writer = WavWriter(sys.argv[1], 16_000)
frame = bytes(range(256)) * 2 + bytes(128)
while True:
    writer.write(frame)
    print(writer.stored_frames, flush=True)
"""


@pytest.mark.fault("F32")
@pytest.mark.parametrize("after", [1, 9, 10, 11, 137])
def test_a_killed_writer_leaves_all_that_was_flushed(tmp_path: Path, after: int) -> None:
    path = tmp_path / "killed.wav"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        flushed = 0
        for _ in range(after):
            flushed = int(process.stdout.readline())
        process.kill()
    assert process.returncode == -signal.SIGKILL
    rate_hz, channels, pcm = contents(path)
    assert (rate_hz, channels) == (16_000, 1)
    frame = bytes(range(256)) * 2 + bytes(128)
    assert len(pcm) >= flushed * 2
    assert (after < 10) == (flushed == 0)
    assert pcm == (frame * (len(pcm) // len(frame) + 1))[: len(pcm)]


@pytest.mark.fault("F42")
def test_an_existing_file_is_rejected_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_text("precious")
    with pytest.raises(StorageError, match=r"a\.wav.*exists already.*never writes over.*another name"):
        WavWriter(path, 8_000)
    assert path.read_text() == "precious"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link.wav").symlink_to(tmp_path / "elsewhere.wav")
    with pytest.raises(StorageError, match="exists already"):
        WavWriter(tmp_path / "link.wav", 8_000)
    assert not (tmp_path / "elsewhere.wav").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("file/a.wav", "is a file and not a folder. Choose another folder"),
        ("file/b/a.wav", "is a file and not a folder. Choose another folder"),
        ("x" * 300 + ".wav", "name is too long"),
        ("a\0b.wav", "NUL"),
        (".", "is a folder: name a file in it"),
        ("new/", "is a folder: name a file in it"),
    ],
)
def test_an_impossible_path_is_rejected_with_the_reason(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=says) as caught:
        WavWriter(f"{tmp_path}/{name}", 8_000)
    assert "\0" not in caught.value.message
    assert len(caught.value.message) < 300


def test_its_folder_is_made_and_removed_again_when_nothing_was_recorded(tmp_path: Path) -> None:
    WavWriter(tmp_path / "kept/a.wav", 8_000).close()
    assert (tmp_path / "kept").stat().st_mode & 0o077 == 0
    for name in ("new/er/a.wav", "kept/b.wav", "kept/new/b.wav"):
        WavWriter(tmp_path / name, 8_000).discard()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["kept", "kept/a.wav"]
    with file_size_limit(20), pytest.raises(StorageError, match="disk is full"):
        WavWriter(tmp_path / "full/a.wav", 8_000)
    assert not (tmp_path / "full").exists()


def test_a_path_may_begin_with_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("~/a.wav", Path("~/b.wav")):
        WavWriter(path, 8_000).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav", "b.wav"]


def test_a_folder_without_write_permission_is_rejected() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)
        with ordinary_user(), pytest.raises(StorageError, match="may not be written to"):
            WavWriter(f"{folder}/a.wav", 8_000)


def test_other_reasons_are_shown_in_the_words_of_the_system(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(StorageError, match="symbolic link"):
        WavWriter(loop / "a.wav", 8_000)


def test_a_disk_without_room_for_the_header_leaves_no_file(tmp_path: Path) -> None:
    with file_size_limit(20), pytest.raises(StorageError, match="disk is full"):
        WavWriter(tmp_path / "a.wav", 8_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("F42")
def test_a_disk_that_fills_up_leaves_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with file_size_limit(44 + 4_001):
        writer = WavWriter(path, 8_000, 2)
        for _ in range(12):
            writer.write(TEN_MS)
        with pytest.raises(StorageError, match=r"ends at 1000 samples: the file may not grow"):
            writer.write(TEN_MS * 100)
    assert contents(path)[2] == (TEN_MS * 25)[:4_000]
    assert writer.closed
    assert writer.frames == 1_000
    with pytest.raises(StorageError, match="closed"):
        writer.write(TEN_MS)
    writer.close()


@pytest.mark.fault("F42")
def test_a_file_that_is_deleted_meanwhile_is_noticed(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 8_000)
    (tmp_path / "a.wav").unlink()
    with pytest.raises(StorageError, match="deleted"):
        writer.write(TEN_MS * 50)
    assert writer.closed


def test_a_full_file_is_complete_and_says_so(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 8_000, most_bytes=500)
    for _ in range(3):
        writer.write(TEN_MS)
    with pytest.raises(StorageError, match=r"full: the limit is 500 bytes"):
        writer.write(TEN_MS)
    assert contents(tmp_path / "a.wav")[2] == TEN_MS * 3


def test_short_silence_is_samples(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 8_000)
    writer.write(TEN_MS)
    writer.write_silence(7)
    writer.write(TEN_MS)
    writer.close()
    assert contents(tmp_path / "a.wav")[2] == TEN_MS + bytes(14) + TEN_MS


def test_long_silence_is_a_hole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    writer = WavWriter(path, 8_000)
    writer.write(TEN_MS)
    writer.write_silence(8_000 * 600)
    assert len(contents(path)[2]) == len(TEN_MS) + 8_000 * 600 * 2
    writer.write(TEN_MS)
    writer.close()
    assert contents(path)[2] == TEN_MS + bytes(8_000 * 600 * 2) + TEN_MS


def test_the_rate_can_be_set_until_there_is_audio(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 8_000)
    writer.set_rate(24_000)
    assert contents(tmp_path / "a.wav") == (24_000, 1, b"")
    writer.write(TEN_MS)
    writer.set_rate(24_000)
    with pytest.raises(StorageError, match="is at 24000 Hz and cannot continue at 48000 Hz"):
        writer.set_rate(48_000)
    writer.close()
    with pytest.raises(StorageError, match="closed"):
        writer.set_rate(48_000)


def test_closing_twice_is_fine(tmp_path: Path) -> None:
    writer = WavWriter(tmp_path / "a.wav", 8_000)
    writer.write(TEN_MS)
    writer.close()
    writer.close()
    assert contents(tmp_path / "a.wav")[2] == TEN_MS


def test_misuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="rate_hz must be between 1 and 768,000 hertz, got 0"):
        WavWriter(tmp_path / "a.wav", 0, 1)
    with pytest.raises(ConfigError, match="channels must be between 1 and 32,767, got 0"):
        WavWriter(tmp_path / "a.wav", 8_000, 0)
    writer = WavWriter(tmp_path / "a.wav", 8_000, 2)
    with pytest.raises(ConfigError, match="got 6 bytes"):
        writer.write(bytes(6))
    writer.close()


@pytest.mark.parametrize("name", ["a.mp3", "a.MP3", "a.wav.flac", "a.2026", "b/a.ogg"])
def test_a_name_that_promises_another_format_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"recordings are WAV files, and '\.\w+' is not an ending of one") as caught:
        WavWriter(tmp_path / name, 8_000)
    assert str(tmp_path / name)[:-4] in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a.wav", "a.WAV", "a.wave", "a", "a-*.wav"])
def test_a_name_may_have_the_ending_of_a_wav_file_or_none(tmp_path: Path, name: str) -> None:
    WavWriter(tmp_path / name, 8_000).close()
    assert len(list(tmp_path.iterdir())) == 1


def test_paths_are_shown_whole_escaped_and_not_endless() -> None:
    assert quoted_path("caf\u00e9.wav") == "'caf\u00e9.wav'"
    assert quoted_path("a\nb") == r"'a\nb'"
    assert quoted_path("x" * 500 + ".wav").endswith("xxx.wav'")
    assert len(quoted_path("x" * 500)) == 122


def test_a_star_becomes_the_first_number_that_makes_the_name_new(tmp_path: Path) -> None:
    (tmp_path / "a-1.wav").write_text("mine")
    for expected in ("a-2.wav", "a-3.wav"):
        writer = WavWriter(tmp_path / "a-*.wav", 16_000)
        writer.close()
        assert writer.path == tmp_path / expected
        assert writer.path.stat().st_mode & 0o077 == 0, "a conversation is its owner's alone"
    assert (tmp_path / "a-1.wav").read_text() == "mine"

"""StereoRecorder: two sides on one timeline, not stretched, with a limited wait."""

from __future__ import annotations

import wave
from array import array
from typing import TYPE_CHECKING

import pytest

from offhook.errors import StorageError
from offhook.media.stereo_recorder import MOST_GAP_S, StereoRecorder

if TYPE_CHECKING:
    from pathlib import Path

RATE_HZ = 8_000
FRAME = RATE_HZ // 50


def pcm(value: int, samples: int = FRAME) -> bytes:
    return array("h", [value] * samples).tobytes()


def sides(path: Path) -> tuple[array[int], array[int]]:
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getnchannels()) == (RATE_HZ, 2)
        samples = array("h", file.readframes(file.getnframes()))
    return samples[0::2], samples[1::2]


def test_caller_is_left_and_callee_right_each_at_its_position(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ)
    for index in range(100):
        recorder.write_left(index * FRAME, pcm(index + 1))
        recorder.write_right(index * FRAME + 37, pcm(-index - 1))
    assert recorder.frames == 100 * FRAME + 37
    recorder.close()
    left, right = sides(tmp_path / "a.wav")
    assert len(left) == len(right) == 100 * FRAME + 37
    assert left == array("h", [i + 1 for i in range(100) for _ in range(FRAME)] + [0] * 37)
    assert right == array("h", [0] * 37 + [-i - 1 for i in range(100) for _ in range(FRAME)])
    assert recorder.late_samples == recorder.stray_samples == 0


def test_a_silent_side_does_not_hold_up_the_other(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ, look_back_ms=500)
    for index in range(100):
        recorder.write_right(index * FRAME, pcm(5))
    assert len(sides(tmp_path / "a.wav")[0]) >= RATE_HZ * (2 - 0.5 - 0.1 - 0.2)
    recorder.write_left(100 * FRAME, pcm(7))
    recorder.close()
    left, right = sides(tmp_path / "a.wav")
    assert left == array("h", [0] * 100 * FRAME + [7] * FRAME)
    assert right == array("h", [5] * 100 * FRAME + [0] * FRAME)


def test_within_the_look_back_a_side_may_be_late(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ, look_back_ms=500)
    for index in range(50):
        recorder.write_left(index * FRAME, pcm(3))
        if index >= 20:
            recorder.write_right((index - 20) * FRAME, pcm(4))
    recorder.close()
    assert recorder.late_samples == 0
    assert sides(tmp_path / "a.wav")[1] == array("h", [4] * 30 * FRAME + [0] * 20 * FRAME)


def test_audio_that_is_too_late_is_left_out_and_counted(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ, look_back_ms=100)
    recorder.write_left(0, pcm(1, RATE_HZ))
    written = RATE_HZ - RATE_HZ // 10
    recorder.write_right(0, pcm(2))
    assert recorder.late_samples == FRAME
    recorder.write_right(written - 60, pcm(2))
    assert recorder.late_samples == FRAME + 60
    recorder.write_right(-40, pcm(2, 20))
    assert recorder.late_samples == FRAME + 80
    recorder.close()
    left, right = sides(tmp_path / "a.wav")
    assert left == array("h", [1] * RATE_HZ)
    assert right == array("h", [0] * written + [2] * 100 + [0] * (RATE_HZ - written - 100))


def test_a_long_jump_is_silence_of_its_length(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ)
    recorder.write_left(0, pcm(1))
    recorder.write_right(10, pcm(2))
    at = RATE_HZ * 600
    recorder.write_right(at, pcm(3))
    recorder.write_left(at - 100, pcm(4))
    recorder.close()
    left, right = sides(tmp_path / "a.wav")
    assert len(left) == at + FRAME
    assert left[:FRAME] == array("h", [1] * FRAME)
    assert right[10 : 10 + FRAME] == array("h", [2] * FRAME)
    assert right[at:] == array("h", [3] * FRAME)
    assert left[at - 100 : at - 100 + FRAME] == array("h", [4] * FRAME)
    assert not any(left[FRAME : at - 100])
    assert not any(right[10 + FRAME : at])


def test_the_later_of_two_writes_wins_and_the_file_does_not_get_shorter(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ)
    recorder.write_left(0, pcm(1, 300))
    recorder.write_left(100, pcm(2, 50))
    assert recorder.frames == 300
    recorder.close()
    assert sides(tmp_path / "a.wav")[0] == array("h", [1] * 100 + [2] * 50 + [1] * 150)


def test_an_absurd_position_is_left_out_and_counted(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ)
    recorder.write_left(0, pcm(1))
    recorder.write_left((MOST_GAP_S + 1) * RATE_HZ, pcm(9))
    recorder.write_left(FRAME, pcm(2))
    recorder.close()
    assert recorder.stray_samples == FRAME
    assert sides(tmp_path / "a.wav")[0] == array("h", [1] * FRAME + [2] * FRAME)


def test_most_audio_is_in_the_file_at_any_time(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ)
    for index in range(500):
        recorder.write_left(index * FRAME, pcm(1))
        recorder.write_right(index * FRAME, pcm(2))
        if index % 50 == 49:
            left, right = sides(tmp_path / "a.wav")
            assert recorder.frames - len(left) <= RATE_HZ * 0.3
            assert left == array("h", [1] * len(left))
            assert right == array("h", [2] * len(right))
    recorder.close()


def test_closing_twice_is_fine_and_writing_after_it_is_rejected(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ)
    recorder.write_left(0, pcm(1))
    recorder.close()
    recorder.close()
    assert sides(tmp_path / "a.wav")[0] == array("h", [1] * FRAME)
    with pytest.raises(StorageError, match="closed"):
        recorder.write_right(0, pcm(1, RATE_HZ))


def test_a_discarded_recording_leaves_no_file(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", RATE_HZ)
    recorder.write_left(0, pcm(1))
    recorder.discard()
    recorder.discard()
    recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(StorageError, match="exists already"):
        StereoRecorder(tmp_path / "a.wav", RATE_HZ)


def test_a_recording_reaches_the_end_that_is_passed(tmp_path: Path) -> None:
    for name, end, length in (
        ("a", 5 * RATE_HZ, 5 * RATE_HZ),
        ("b", 0, 320),
        ("c", 9_000 * RATE_HZ, 3_600 * RATE_HZ + 320),
    ):
        recorder = StereoRecorder(tmp_path / f"{name}.wav", RATE_HZ)
        recorder.write_left(0, bytes(640))
        recorder.close(end)
        recorder.close(end + 1)
        with wave.open(str(tmp_path / f"{name}.wav")) as file:
            assert file.getnframes() == length

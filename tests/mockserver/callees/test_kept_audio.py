"""The audio that a callee keeps: both directions on one timeline from the answer."""

from __future__ import annotations

import asyncio

import pytest
from tests.mockserver.callees.scene import CLIP, FRAME, RATE_HZ, Caller, Scene, tone

from offhook.errors import ConfigError
from offhook.interfaces.frame import AudioFrame
from offhook.testing.virtual_time import run_virtual
from offhook_mockserver.callees.kept_audio import CallAudio, Track
from offhook_mockserver.callees.script import Answer, HangUp, Ring, Say, Wait


def test_both_directions_are_on_one_timeline_that_begins_with_the_answer() -> None:
    async def main() -> None:
        scene = Scene(Ring(1), Answer(), Wait(1), Say(CLIP), Wait(2), HangUp(), clip=tone(50), keep_audio_s=60)
        caller = Caller(scene.room)
        assert scene.callee.audio() == CallAudio(RATE_HZ)
        await asyncio.sleep(1.5)
        after = await caller.speak(1)
        await asyncio.sleep(0.5)
        await caller.speak(0.5, first=after + 25)
        await scene.end()
        await asyncio.sleep(5)
        audio = scene.callee.audio()
        assert audio.rate_hz == RATE_HZ
        assert len(audio.heard) == len(audio.said) == pytest.approx(4 * RATE_HZ * 2, abs=4 * FRAME)
        assert audio.said.index(tone(50)) / RATE_HZ / 2 == pytest.approx(1, abs=0.03)
        assert audio.said.count(0, 0, RATE_HZ) == RATE_HZ
        assert audio.heard.index(tone(1)) / RATE_HZ / 2 == pytest.approx(0.5, abs=0.03)
        assert audio.heard.rindex(tone(1)) / RATE_HZ / 2 == pytest.approx(2.48, abs=0.03)
        ((gap_from, gap_to),) = audio.heard_gaps
        assert (gap_from, gap_to) == (pytest.approx(1.5, abs=0.03), pytest.approx(2, abs=0.03))
        assert audio.whole

    run_virtual(main())


def test_what_comes_after_the_kept_part_is_dropped() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Say(CLIP), HangUp(), clip=tone(150), keep_audio_s=1)
        caller = Caller(scene.room)
        await asyncio.sleep(0.01)
        await caller.speak(2)
        await scene.end()
        audio = scene.callee.audio()
        assert len(audio.heard) == len(audio.said) == RATE_HZ * 2
        assert audio.said == tone(50)
        assert audio.kept_s == 1
        assert audio.lasted_s == pytest.approx(3, abs=0.05)
        assert not audio.whole

    run_virtual(main())


def test_nothing_is_kept_unless_asked_for() -> None:
    async def main() -> None:
        scene = Scene(Answer(), Say(CLIP), HangUp(), clip=tone(50))
        caller = Caller(scene.room)
        await caller.speak(1)
        await scene.end()
        audio = scene.callee.audio()
        assert audio == CallAudio(RATE_HZ, lasted_s=audio.lasted_s)
        assert audio.lasted_s > 0
        assert not audio.whole
        ear = scene.callee.ear
        assert ear is not None
        assert ear.taps == ()

    run_virtual(main())


@pytest.mark.parametrize("keep", [-1, float("inf"), 3601, "1"])
def test_how_much_is_kept_has_a_limit(keep: float) -> None:
    async def main() -> None:
        with pytest.raises(ConfigError, match="keep_audio_s must be"):
            Scene(Answer(), keep_audio_s=keep)

    run_virtual(main())


def test_silence_takes_no_memory_and_comes_back_as_zeros() -> None:
    track = Track(1000)
    for n in range(10):
        track.feed(AudioFrame(bytes(20), RATE_HZ, n * 10))
    track.add(100, b"\1\0" * 10)
    assert len(track._chunks) == 1
    assert track.pcm(95, 115) == bytes(10) + b"\1\0" * 10 + bytes(10)
    assert track.pcm(105, 107) == b"\1\0" * 2
    assert track.pcm(200, 100) == b""


def test_silence_does_not_count_against_the_limit() -> None:
    track = Track(15)
    track.add(0, bytes(20))
    track.add(1000, b"\1\0" * 10)
    track.add(1010, bytes(20))
    assert track.ends is None
    track.add(5000, b"\2\0" * 10)
    assert track.ends == 5005
    track.add(5010, b"\3\0" * 10)
    assert track.pcm(1000, 1010) == b"\1\0" * 10
    assert track.pcm(5000, 5020) == b"\2\0" * 5 + bytes(30)


def test_a_track_can_end_between_two_frames() -> None:
    track = Track(10)
    track.add(0, b"\1\0" * 10)
    assert track.ends is None
    track.add(10, b"\1\0" * 10)
    assert track.ends == 10
    assert len(track._chunks) == 1


def test_a_track_can_keep_the_latest_part() -> None:
    track = Track(30, latest=True)
    for n in range(10):
        track.add(n * 10, bytes([n + 1, 0]) * 10)
    assert track.pcm(0, 60) == bytes(120)
    assert track.pcm(60, 100) == b"".join(bytes([n + 1, 0]) * 10 for n in range(6, 10))
    assert track.ends is None


def test_gaps_are_bounded() -> None:
    track = Track(10**6)
    for n in range(10_001):
        track.gap(n, n + 1)
    assert len(track.gaps) == 10_000

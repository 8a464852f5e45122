"""SpeechDetector: starts, stops, pauses and jumps, measured by positions."""

from __future__ import annotations

import random
from array import array

import pytest

from offhook.errors import ConfigError
from offhook.interfaces.frame import AudioFrame, level_dbfs, pcm_of
from offhook.media.speech import SpeechChange, SpeechDetector, SpeechStarted, SpeechStopped

RATE_HZ = 16_000
MS = RATE_HZ // 1000
LOUD = b"\x00\x20\x00\xe0"  # -12 dBFS
SOFT = b"\x64\x00\x9c\xff"  # -50 dBFS


def hear(detector: SpeechDetector, at_ms: int, loud_ms: int, sample: bytes = LOUD) -> list[SpeechChange]:
    """Feed 20 ms frames from `at_ms` on."""
    starts = range(at_ms, at_ms + loud_ms, 20)
    changes = [detector.feed(AudioFrame(sample * (10 * MS), RATE_HZ, start * MS)) for start in starts]
    return [change for change in changes if change]


def test_speech_starts_where_it_began_and_stops_where_it_ended() -> None:
    detector = SpeechDetector(RATE_HZ)
    assert hear(detector, 0, 200, SOFT) == []
    assert detector.quiet_ms == 200
    assert hear(detector, 200, 40) == []
    assert hear(detector, 240, 20) == [SpeechStarted(200 * MS)]
    assert detector.quiet_ms == 0
    assert hear(detector, 260, 300) == []
    assert hear(detector, 560, 480, SOFT) == []
    assert detector.speaking
    assert detector.quiet_ms == 480
    assert hear(detector, 1040, 20, SOFT) == [SpeechStopped(560 * MS)]
    assert hear(detector, 1060, 1000, SOFT) == []
    assert detector.quiet_ms == 1500


def test_how_long_it_has_been_loud_counts_from_the_last_break() -> None:
    detector = SpeechDetector(RATE_HZ)
    assert detector.loud_ms == 0
    hear(detector, 0, 100, SOFT)
    assert detector.loud_ms == 0
    hear(detector, 100, 80)
    assert detector.loud_ms == 80
    hear(detector, 180, 20, SOFT)
    assert detector.loud_ms == 0, "the pause belongs to the speech, and is quiet"
    assert detector.speaking
    hear(detector, 200, 20)
    assert detector.loud_ms == 20
    hear(detector, 260, 20)  # nothing came for 40 ms
    assert detector.loud_ms == 20
    detector.advance(300 * MS)
    assert detector.loud_ms == 0


def test_speaking_lasts_from_start_to_stop() -> None:
    detector = SpeechDetector(RATE_HZ)
    speaking = []
    for at_ms, sample in ((0, SOFT), (40, LOUD), (80, LOUD), (120, SOFT), (520, SOFT), (600, SOFT)):
        hear(detector, at_ms, 40, sample)
        speaking.append(detector.speaking)
    assert speaking == [False, False, True, True, True, False]


def test_a_click_is_not_speech() -> None:
    detector = SpeechDetector(RATE_HZ)
    for at_ms in range(0, 1000, 100):
        assert hear(detector, at_ms, 40) == []
        assert hear(detector, at_ms + 40, 60, SOFT) == []
    assert not detector.speaking


def test_a_short_pause_belongs_to_the_speech() -> None:
    detector = SpeechDetector(RATE_HZ, hang_ms=300)
    assert len(hear(detector, 0, 200)) == 1
    for at_ms in range(200, 2000, 300):
        assert hear(detector, at_ms, 280, SOFT) == []
        assert hear(detector, at_ms + 280, 20) == []
    assert detector.speaking


def test_a_jump_of_the_position_is_silence() -> None:
    detector = SpeechDetector(RATE_HZ)
    assert hear(detector, 0, 100) == [SpeechStarted(0)]
    assert hear(detector, 300, 20) == []
    assert hear(detector, 900, 100) == [SpeechStopped(320 * MS), SpeechStarted(900 * MS)]


def test_a_jump_before_a_quiet_frame_stops_speech_once_and_counts_the_frame() -> None:
    detector = SpeechDetector(RATE_HZ)
    hear(detector, 0, 100)
    assert hear(detector, 900, 40, SOFT) == [SpeechStopped(100 * MS)]
    assert detector.quiet_ms == 840


def test_a_jump_breaks_the_loudness_that_starts_speech() -> None:
    detector = SpeechDetector(RATE_HZ)
    assert hear(detector, 0, 40) + hear(detector, 100, 40) + hear(detector, 200, 40) == []


def test_a_stream_that_just_ends_is_advanced_by_hand() -> None:
    detector = SpeechDetector(RATE_HZ)
    assert detector.advance(5000) is None
    assert detector.quiet_ms == 0
    hear(detector, 0, 100)
    assert detector.advance(400 * MS) is None
    assert detector.advance(300 * MS) is None
    assert detector.quiet_ms == 300
    assert detector.advance(600 * MS) == SpeechStopped(100 * MS)
    assert detector.advance(900 * MS) is None


def test_the_first_position_may_be_anything() -> None:
    detector = SpeechDetector(RATE_HZ)
    assert hear(detector, 7000, 40, SOFT) == []
    assert detector.quiet_ms == 40
    assert hear(detector, 7040, 60) == [SpeechStarted(7040 * MS)]


@pytest.mark.parametrize("before_ms", [40, 0])
def test_a_position_that_steps_back_is_not_silence(before_ms: int) -> None:
    detector = SpeechDetector(RATE_HZ)
    hear(detector, 5000, 100, SOFT)
    assert hear(detector, 5100, before_ms) == []
    assert hear(detector, 0, 60 - before_ms) == [SpeechStarted(-before_ms * MS)]
    assert hear(detector, 1000, 20, SOFT) == [SpeechStopped((60 - before_ms) * MS)]


def test_the_threshold_is_a_setting() -> None:
    assert hear(SpeechDetector(RATE_HZ, threshold_dbfs=-55), 0, 100, SOFT) == [SpeechStarted(0)]
    assert hear(SpeechDetector(RATE_HZ, threshold_dbfs=-10), 0, 100) == []
    assert hear(SpeechDetector(RATE_HZ, start_ms=200), 0, 180) == []


def test_another_rate_is_rejected() -> None:
    with pytest.raises(ConfigError, match="frame at 8000 Hz, detector at 16000 Hz"):
        SpeechDetector(RATE_HZ).feed(AudioFrame(b"", 8_000))


def test_a_frame_is_loud_by_all_its_samples_although_only_the_large_ones_are_counted() -> None:
    draw = random.Random(7)
    for _ in range(4_000):
        size = draw.choice((0, 1, 5, 160, 320, 961))
        most = draw.choice((0, 1, 100, 184, 185, 255, 256, 257, 400, 511, 512, 513, 20_000, 32_767))
        some = draw.choice(((0,), (0, 0, 0, most), (most, -most), (0, 0, 0, 0, 0, 0, -most), (0, most, None)))
        samples = array(
            "h", (draw.randint(-most, most) if (one := draw.choice(some)) is None else one for _ in range(size))
        )
        threshold = draw.choice((-100.0, -60.0, -45.0, -42.0, -20.0, 0.0))
        detector = SpeechDetector(RATE_HZ, threshold, start_ms=0)
        started = detector.feed(AudioFrame(pcm_of(samples), RATE_HZ)) is not None
        assert started == (level_dbfs(pcm_of(samples)) >= threshold)


def test_a_frame_can_be_placed_elsewhere_than_at_its_own_position() -> None:
    detector = SpeechDetector(RATE_HZ)
    loud = AudioFrame(LOUD * (10 * MS), RATE_HZ, 7)
    assert [detector.feed(loud, at_ms * MS) for at_ms in (100, 120, 140)] == [None, None, SpeechStarted(100 * MS)]
    with pytest.raises(ConfigError, match="position must be a whole number"):
        detector.feed(loud, 1.5)  # type: ignore[arg-type]


def test_anything_but_frames_and_positions_is_rejected() -> None:
    detector = SpeechDetector(RATE_HZ)
    with pytest.raises(ConfigError, match="frame must be an AudioFrame"):
        detector.feed(LOUD)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="position must be a whole number"):
        detector.advance(1.5)  # type: ignore[arg-type]

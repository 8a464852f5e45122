"""Clips: their time axis, their levels, and what is found in them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.testing.audio.sounds import in_turn, louder, made, mixed, near, noise, silence, speech, through_opus, tone

from offhook.errors import ConfigError
from offhook.testing.audio import Clip, Span


def test_a_clip_has_a_time_axis_of_its_own() -> None:
    clip = Clip(bytes(32_000), 16_000, starts_at_s=2.0, name="a.wav")
    assert (clip.duration_s, clip.ends_at_s) == (1.0, 3.0)
    part = clip.part(2.25, 2.75)
    assert (part.starts_at_s, part.duration_s, part.name) == (2.25, 0.5, "a.wav")
    assert clip.part(to_s=2.5).ends_at_s == 2.5
    assert clip.part(2.5).starts_at_s == 2.5
    assert clip.part(0, 9) == clip
    assert clip.part(2.5, 2.0).duration_s == 0
    assert repr(clip) == "<Clip 'a.wav', 1.00 s at 16000 Hz from 2 s on>"
    assert repr(Clip(b"", 8_000)) == "<Clip 0.00 s at 8000 Hz>"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((bytearray(2), 8_000), "pcm must be bytes of signed 16-bit samples, got bytearray"),
        ((b"1", 8_000), "pcm must be whole 16-bit samples, got 1 bytes"),
        ((b"", 999), "rate_hz must be between 1,000 and 768,000 hertz, got 999"),
        ((b"", 8_000, "now"), "starts_at_s must be a number, got 'now'"),
        ((b"", 8_000, 0.0, None), "name must be text, for example 'greeting.wav', got None"),
    ],
)
def test_a_clip_refuses(arguments: tuple[object, ...], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Clip(*arguments)  # type: ignore[arg-type]


def test_spans_are_in_order() -> None:
    assert str(Span(0.5, 1)) == "0.50 to 1.00 s"
    with pytest.raises(ConfigError, match="a Span must not end before it begins, got 1 to 0 s"):
        Span(1, 0)


def test_levels() -> None:
    clip = in_turn(silence(1.0), tone(440, 1.0, amplitude=0.5))
    assert clip.level_dbfs(1.0) == pytest.approx(-9.03, abs=0.02)
    assert clip.level_dbfs() == pytest.approx(-12.04, abs=0.02)
    assert clip.peak_dbfs() == pytest.approx(-6.02, abs=0.02)
    assert clip.level_dbfs(0, 1) == -100
    assert silence(1.0).peak_dbfs() == -100
    assert Clip(b"", 8_000).level_dbfs() == Clip(b"", 8_000).peak_dbfs() == -100


def test_clipping_is_near_full_scale() -> None:
    assert tone(440, 1.0, amplitude=0.9).clipped_share() == 0
    assert tone(440, 1.0, amplitude=2.0).clipped_share() == pytest.approx(2 / 3, abs=0.03)
    assert made(np.array([0.0, 1, -1, 0.95, 0.94])).clipped_share() == pytest.approx(0.6)
    assert Clip(b"", 8_000).clipped_share() == 0
    assert louder(speech("greeting"), 1.99).clipped_share() < 0.001, "its peaks are at full scale"
    assert through_opus(louder(speech("greeting"), 1.99)).clipped_share() < 0.001
    assert through_opus(louder(speech("greeting"), 3)).clipped_share() > 0.004


def test_sound_and_speech() -> None:
    clip = in_turn(
        silence(0.5), tone(440, 0.4), silence(0.2), tone(440, 0.4), silence(0.6), tone(440, 0.04), silence(1)
    )
    assert near(clip.sound(), (0.5, 0.9), (1.1, 1.5), (2.1, 2.14))
    assert near(clip.speech(), (0.5, 1.5))
    assert near(clip.speech(pause_s=0.1), (0.5, 0.9), (1.1, 1.5))
    assert near(Clip(clip.pcm, clip.rate_hz, 10.0).speech(), (10.5, 11.5))
    assert silence(1).sound() == Clip(b"", 8_000).sound() == silence(1).speech() == ()


def test_sound_stands_out_from_background_noise() -> None:
    voice = in_turn(silence(1.0), louder(speech("greeting"), 1.0), silence(1.0))
    assert near(mixed(voice, noise(voice.duration_s, amplitude=0.003)).speech(), (1.03, 3.91), within_s=0.06)
    assert near(voice.speech(), (1.03, 3.91), within_s=0.06)
    assert noise(1.0, amplitude=0.0002).sound() == ()


def test_sound_above_a_threshold() -> None:
    clip = in_turn(tone(440, 0.5, amplitude=0.01), tone(440, 0.5, amplitude=0.2))
    assert near(clip.sound(threshold_dbfs=-30), (0.5, 1.0))
    assert near(clip.sound(threshold_dbfs=-60), (0.0, 1.0))
    with pytest.raises(ConfigError, match="threshold_dbfs must be between -100 and 0 dBFS, got 5"):
        clip.sound(threshold_dbfs=5)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 48_000])
def test_times_do_not_drift_at_odd_rates(rate_hz: int) -> None:
    clip = in_turn(silence(30, rate_hz), tone(440, 1.0, rate_hz=rate_hz), silence(1, rate_hz))
    assert near(clip.sound(), (30, 31))
    assert near(clip.tones(440), (30, 31), within_s=0.03)


def test_tones() -> None:
    clip = in_turn(speech("greeting"), tone(440, 0.5), silence(0.5), tone(600, 0.5), speech("hello"))
    start_s = speech("greeting").duration_s
    assert near(clip.tones(440), (start_s, start_s + 0.5), within_s=0.03)
    assert near(clip.tones(600), (start_s + 1, start_s + 1.5), within_s=0.03)
    assert clip.tones(520) == ()
    assert near(through_opus(clip).tones(440), (start_s, start_s + 0.5), within_s=0.04)
    key = mixed(tone(697, 0.2), tone(1_209, 0.2))
    assert near(in_turn(silence(0.2), key, silence(0.2)).tones(1_209), (0.2, 0.4), within_s=0.03)
    assert Clip(b"", 8_000).tones(440) == ()
    assert tone(440, 0.03).tones(440) == ()
    with pytest.raises(ConfigError, match="hz must be above 0 and at most 8,000 hertz, got 9000"):
        clip.tones(9_000)


def test_conversion_keeps_times() -> None:
    clip = in_turn(silence(0.5), tone(440, 0.5), silence(0.5))
    wide = clip.resampled(48_000)
    assert (wide.rate_hz, wide.duration_s) == (48_000, 1.5)
    assert near(wide.sound(), (0.5, 1.0))
    assert clip.resampled(16_000) == clip
    assert Clip(b"", 8_000).resampled(16_000) == Clip(b"", 16_000)

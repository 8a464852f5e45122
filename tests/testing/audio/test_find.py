"""A clip is found in a recording behind Opus, gains, other rates, losses and shifts; another clip is not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.testing.audio.sounds import RATE_HZ, in_turn, louder, mixed, noise, silence, speech, through_opus, tone

from offhook.errors import ConfigError
from offhook.testing.audio import Clip, Match, marker, matching

#: The look-ahead of Opus delays by a few milliseconds, which differ with its mode and rate.
_CODEC_S = 0.012


def found(recording: Clip, wanted: Clip) -> Match:
    match = recording.find(wanted)
    assert match is not None
    return match


def test_a_clip_is_found_exactly() -> None:
    recording = in_turn(silence(1.234), speech("greeting"), silence(0.5), speech("reply"))
    match = found(recording, speech("greeting"))
    assert match.at_s == pytest.approx(1.234, abs=0.0005)
    assert match.correlation == pytest.approx(1, abs=0.001)
    assert match.gain_db == pytest.approx(0, abs=0.01)
    assert match.covered == 1
    late = found(Clip(recording.pcm, RATE_HZ, 10.0), speech("reply"))
    assert late.at_s == pytest.approx(10 + 1.234 + speech("greeting").duration_s + 0.5, abs=0.0005)


@pytest.mark.parametrize("bitrate", [12_000, 32_000])
@pytest.mark.parametrize("to_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("name", ["greeting", "reply", "hello"])
def test_behind_opus_with_gain_and_loss(name: str, to_hz: int, bitrate: int) -> None:
    sent = in_turn(silence(0.8), louder(speech(name), 0.25), silence(1.0))
    lost = frozenset(range(3, 200, 11))
    match = found(through_opus(sent, to_hz=to_hz, lost=lost, bitrate=bitrate), speech(name))
    assert 0.8 <= match.at_s <= 0.8 + _CODEC_S
    assert match.correlation >= 0.75
    assert match.gain_db == pytest.approx(-12, abs=3.5)
    assert match.covered >= 0.8


def test_noise_and_shifts_of_a_jitter_buffer() -> None:
    greeting = speech("greeting")
    moved = in_turn(silence(1), greeting.part(0, 1.0), silence(0.02), greeting.part(1.0, 2.0), greeting.part(2.04))
    match = found(mixed(moved, noise(moved.duration_s, amplitude=0.01)), greeting)
    assert match.at_s == pytest.approx(1, abs=0.001)
    assert match.covered >= 0.8


@pytest.mark.parametrize("name", ["greeting", "reply"])
@pytest.mark.parametrize("heard_s", [0.5, 1.0, 2.0])
def test_a_part_is_found_with_its_share(name: str, heard_s: float) -> None:
    whole = speech(name)
    match = found(in_turn(silence(0.7), whole.part(0, heard_s), silence(3)), whole)
    assert match.at_s == pytest.approx(0.7, abs=0.001)
    assert match.covered == pytest.approx(heard_s / whole.duration_s, abs=0.15)
    tail = found(in_turn(whole.part(whole.duration_s - heard_s), silence(3)), whole)
    assert tail.at_s == pytest.approx(heard_s - whole.duration_s, abs=0.001)


def test_of_two_the_first_is_found() -> None:
    recording = in_turn(silence(0.5), speech("hello"), silence(1), speech("hello"))
    assert found(through_opus(recording), speech("hello")).at_s == pytest.approx(0.5, abs=_CODEC_S)


@pytest.mark.parametrize("other", ["greeting", "reply", "hello"])
@pytest.mark.parametrize("wanted", ["greeting", "reply", "hello"])
def test_other_speech_is_not_found(wanted: str, other: str) -> None:
    match = through_opus(in_turn(silence(0.5), speech(other), silence(0.5))).find(speech(wanted))
    assert (match is not None and match.covered >= 0.8) == (wanted == other)


def test_a_tone_is_found_where_it_begins() -> None:
    match = found(in_turn(silence(1), tone(440, 2), silence(1)), tone(440, 2))
    assert match.at_s == pytest.approx(1, abs=0.01)
    assert match.covered == 1
    assert in_turn(silence(1), tone(440, 2)).find(tone(700, 2)) is None


def test_a_quiet_tone_is_found_beside_loud_noise() -> None:
    quiet = in_turn(silence(1), tone(440, 2, amplitude=0.002), silence(1))
    match = found(in_turn(quiet, noise(9, amplitude=0.3)), tone(440, 2))
    assert match.at_s == pytest.approx(1, abs=0.1)
    assert match.gain_db == pytest.approx(-40, abs=1)


def test_nothing_is_found_in_nothing() -> None:
    assert silence(1).find(speech("hello")) is None
    assert Clip(b"", RATE_HZ).find(speech("hello")) is None
    assert speech("hello").find(silence(1)) is None
    assert speech("hello").find(Clip(b"", RATE_HZ)) is None
    assert noise(2).find(speech("hello")) is None
    with pytest.raises(ConfigError, match=r"other must be a Clip, got 'hello\.wav'"):
        speech("hello").find("hello.wav")  # type: ignore[arg-type]


def test_a_very_short_clip() -> None:
    click = speech("hello").part(0.2, 0.25)
    assert found(in_turn(silence(1), click, silence(1)), click).at_s == pytest.approx(1, abs=0.001)


def test_markers_are_found_to_a_millisecond() -> None:
    chirp = marker(RATE_HZ)
    assert (chirp.duration_s, chirp.name) == (0.2, "marker")
    gaps = (0.5, 1.3331, 0.7777, 2.0)
    parts = [part for gap in gaps for part in (silence(gap), chirp)]
    recording = in_turn(speech("greeting"), *parts, speech("reply"))
    begins, at_s = [], speech("greeting").duration_s
    for gap in gaps:
        begins.append(round((at_s + gap) * RATE_HZ) / RATE_HZ)
        at_s += gap + chirp.duration_s
    assert recording.markers() == pytest.approx(begins, abs=0.001)
    lost = frozenset(range(0, 1000, 13))
    heard = through_opus(louder(recording, 0.3), to_hz=48_000, lost=lost).markers()
    delays = [one - other for one, other in zip(heard, begins, strict=True)]
    assert min(delays) >= 0
    assert max(delays) <= _CODEC_S
    assert max(delays) - min(delays) <= 0.001


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
def test_a_marker_at_every_rate(rate_hz: int) -> None:
    recording = in_turn(silence(1, rate_hz), marker(rate_hz), silence(1, rate_hz))
    assert Clip(recording.pcm, rate_hz, 5.0).markers() == pytest.approx([6.0], abs=0.001)


def test_other_audio_holds_no_marker() -> None:
    recording = in_turn(speech("greeting"), tone(440, 1), noise(1), speech("reply"), silence(1))
    assert recording.markers() == ()
    assert Clip(b"", 8_000).markers() == ()
    with pytest.raises(ConfigError, match="rate_hz must be between 8,000 and 768,000 hertz, got 4000"):
        marker(4_000)


def test_a_peak_at_the_edge_stays_where_it_is() -> None:
    values = np.array([1.0, 0.5, 0.5, 0.9])
    assert [matching.between(values, at) for at in (0, 3)] == [0, 3]
    assert matching.between(np.array([0.5, 1.0, 0.7]), 1) == pytest.approx(1.125)
    assert matching.between(np.ones(3), 1) == 1

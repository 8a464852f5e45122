"""Each question about what was heard, answered with yes and with no, and what the answer explains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.testing.audio.sounds import in_turn, louder, mixed, noise, silence, speech, through_opus, tone

from offhook.errors import ConfigError
from offhook.testing import audio
from offhook.testing.audio import Answer, Clip, Heard, ResponseTimes, Span, Verdict, marker

if TYPE_CHECKING:
    from collections.abc import Callable

#: The same without types, for wrong arguments.
UNTYPED: Any = audio
GREETING, REPLY, HELLO = speech("greeting"), speech("reply"), speech("hello")
END_S = 0.2 + GREETING.duration_s
#: A call as it should be: the greeting 0.2 s after the answer, and silence after it.
GOOD = through_opus(in_turn(silence(0.2), GREETING, silence(2.0)))
#: The callee speaks at 1.0 s, and the caller stops 0.1 s later.
SPOKEN_OVER = through_opus(in_turn(silence(0.2), GREETING.part(0, 0.9), silence(2.0)))


def explained(verdict: Verdict, passed: bool, *says: str) -> None:
    """The verdict is this one, and its explanation holds these texts."""
    assert verdict.passed is passed, verdict.explanation
    lines = verdict.explanation.splitlines()
    assert [line[:12] for line in lines[1:]] == ["  expected: ", "  heard:    ", "  look at:  "]
    assert lines[0].endswith(" is true" if passed else " is false")
    for text in says:
        assert text in verdict.explanation
    assert len(repr(verdict)) <= 220
    assert "\n" not in repr(verdict)


# ---- which clip


def test_starts_with() -> None:
    explained(
        Heard(GOOD).starts_with(GREETING),
        True,
        "starts_with('greeting.wav', within_ms=300) is true",
        "expected: greeting.wav begins at most 300 ms after the answer, and nothing is heard before it",
        "heard:    greeting.wav begins 0.21 s after the answer (correlation 0.9",
    )
    assert Heard(SPOKEN_OVER).starts_with(GREETING), "the opening is enough"
    barely = through_opus(in_turn(silence(0.2), GREETING.part(0, 0.5), silence(1.0)))
    assert Heard(barely).starts_with(GREETING), "half a second is enough"


@pytest.mark.parametrize("seconds", [0.5, 2.0])
@pytest.mark.parametrize("hz", [300, 350, 440, 620, 1000, 1234])
@pytest.mark.parametrize("carried", [lambda clip: clip, through_opus])
def test_a_tone_begins_where_its_sound_does(hz: int, seconds: float, carried: Callable[[Clip], Clip]) -> None:
    for before_s in (0.0, 0.04, 0.31):
        heard = Heard(carried(in_turn(silence(before_s), tone(hz, seconds), silence(0.5))))
        first_s = heard.first_audio_s
        assert first_s is not None
        explained(heard.starts_with(tone(hz, seconds), within_ms=400), True)
        explained(heard.contains(tone(hz, seconds)), True)
        delay_s = heard.delay_of(tone(hz, seconds))
        assert delay_s is not None
        assert abs(delay_s - first_s) <= 0.04
        begins = heard.starts_with(tone(hz, seconds), within_ms=400).explanation.partition(" begins ")[2]
        begins_s = float(begins.partition(" s after")[0].rpartition(" ")[2])
        assert abs(begins_s - first_s) <= 0.04


def test_starts_with_a_tone_after_other_sound() -> None:
    heard = Heard(through_opus(in_turn(silence(0.2), HELLO, silence(0.2), tone(440, 2))))
    explained(heard.starts_with(tone(440, 2), within_ms=2_000), False, "other sound comes first")
    heard = Heard(through_opus(in_turn(silence(0.9), tone(440, 2))))
    explained(heard.starts_with(tone(440, 2)), False, "too late")


def test_starts_with_too_late() -> None:
    verdict = Heard(through_opus(in_turn(silence(1.84), GREETING))).starts_with(GREETING)
    explained(
        verdict,
        False,
        "greeting.wav begins 1.85 s after the answer",
        ", 1.55 s too late",
        "first sound",
    )
    assert verdict.about_time
    assert repr(verdict).startswith("<no: greeting.wav begins 1.85 s after the answer (correlation 0.9")


def test_starts_with_other_sound() -> None:
    first = through_opus(in_turn(silence(0.2), HELLO, silence(0.2), GREETING))
    verdict = Heard(first).starts_with(GREETING, within_ms=2_000)
    explained(verdict, False, "other sound comes first, at 0.2", "greeting.wav begins 1.08 s after the answer")
    assert not verdict.about_time


def test_starts_with_before_the_answer() -> None:
    cut = Heard(through_opus(in_turn(GREETING.part(0.3), silence(1))))
    explained(cut.starts_with(GREETING), False, "greeting.wav began 0.29 s before the answer", "waits for the answer")


@pytest.mark.parametrize(
    ("clip", "says"),
    [
        (silence(2), "heard was nothing in 2.00 s"),
        (REPLY, "heard was sound at 0.0"),
        (tone(440, 1), "heard was sound at"),
    ],
)
def test_starts_with_nothing_or_something_else(clip: Clip, says: str) -> None:
    verdict = Heard(through_opus(clip)).starts_with(GREETING)
    explained(verdict, False, f"greeting.wav does not begin anywhere; {says}", "caller.wav is what was heard")
    assert not verdict.about_time


def test_contains() -> None:
    explained(
        Heard(GOOD).contains(GREETING),
        True,
        "contains('greeting.wav', at_least=0.8) is true",
        "expected: greeting.wav is heard, at least 80% of it",
        "heard:    100% of greeting.wav, which begins 0.21 s after the answer (correlation 0.9",
    )
    cut = Heard(SPOKEN_OVER).contains(GREETING)
    explained(cut, False, "% of greeting.wav, which begins 0.21 s after the answer", "a flush, a hang-up, lost frames")
    assert cut.about_time
    assert Heard(SPOKEN_OVER).contains(GREETING, at_least=0.2)
    other = Heard(GOOD).contains(tone(440, 1))
    explained(other, False, "contains(<Clip>, at_least=0.8)", "the clip was not found; heard was sound at 0.2")
    assert not other.about_time
    early = Heard(GOOD.part(0, 1.5)).contains(GREETING)
    explained(early, False, "the audio ends at 1.50 s, before the clip does", "a hang-up")
    tail = Heard(in_turn(GREETING.part(0.3), silence(1)))
    explained(tail.contains(GREETING, at_least=0.5), True, "begins 0.30 s before the answer")


def test_a_verdict_explains_itself_when_the_other_answer_was_expected() -> None:
    assert repr(Heard(GOOD).contains(GREETING)).startswith("<yes: 100% of greeting.wav, which begins 0.21 s after")


def test_delay_of() -> None:
    assert Heard(GOOD).delay_of(GREETING) == pytest.approx(0.2, abs=0.012)
    assert Heard(GOOD).delay_of(tone(440, 1)) is None
    said = in_turn(silence(1), REPLY)
    echo = Heard(in_turn(silence(1.35), REPLY), said=said)
    assert echo.delay_of(said) == pytest.approx(0.35, abs=0.001)
    assert echo.delay_of(said.part(1.0)) == pytest.approx(0.35, abs=0.001), "on the time axis of the clip"


# ---- what kind of sound


def test_has_tone() -> None:
    heard = Heard(through_opus(in_turn(silence(0.5), tone(440, 0.6), silence(0.5))))
    explained(heard.has_tone(440), True, "a tone of 440 Hz at 0.", "s without a break")
    explained(heard.has_tone(440, at_least_ms=900), False, "expected: a tone of 440 Hz for 900 ms without a break")
    explained(heard.has_tone(620), False, "no tone of 620 Hz; heard was sound at 0.", "50 Hz off is another tone")


def test_level_between() -> None:
    heard = Heard(in_turn(silence(1), tone(440, 1, amplitude=0.1), silence(3)))
    explained(heard.level_between(-25, -20), True, "sound of -23.0 dBFS, at 1.00 to 2.00 s")
    explained(heard.level_between(-20, -10), False, "sound of -23.0 dBFS, at 1.00 to 2.00 s, 3.0 dB too quiet")
    explained(heard.level_between(-40, -30), False, ", 7.0 dB too loud", "gains and filters")
    explained(Heard(silence(1)).level_between(-30, -10), False, "heard:    nothing")


def test_is_silent() -> None:
    explained(
        Heard(through_opus(silence(1))).is_silent(), True, "heard was nothing in 1.00 s", "whether the application"
    )
    explained(Heard(GOOD).is_silent(), False, "heard was sound at 0.2", "what the application plays")


def test_is_not_clipped() -> None:
    explained(Heard(GOOD).is_not_clipped(), True, "0.00% of the samples")
    assert not Heard(through_opus(louder(GREETING, 8))).is_not_clipped(), "behind Opus as well"
    verdict = Heard(louder(GREETING, 8)).is_not_clipped()
    explained(verdict, False, "at most 0.1% of the samples are near full scale", "the peak is ", "0.0 dBFS")


def test_has_no_gaps() -> None:
    explained(Heard(GOOD).has_no_gaps(), True, "no gap in 5.")
    one = Heard(GOOD, [Span(1.0, 1.04)])
    explained(one.has_no_gaps(most_ms=50), True, "one gap, 40 ms, at 1.00 to 1.04 s")
    explained(one.has_no_gaps(), False, "no audio is missing for longer than 0 ms", "what blocks the application")
    many = Heard(GOOD, [Span(at, at + 0.1) for at in range(6)])
    explained(many.has_no_gaps(), False, "6 gaps, 0.60 s in all, the longest 100 ms, at 0.00 to 0.10 s", "and 2 more")
    assert many.has_no_gaps().about_time


def test_is_one_way() -> None:
    loud, nothing = GOOD, silence(2)
    explained(
        Heard(loud, said=nothing).is_one_way(), True, "the callee made no sound", "the callee said nothing in 2.00"
    )
    explained(Heard(nothing, said=loud).is_one_way(), True, "the caller made no sound", "heard was nothing in 2.00 s")
    explained(Heard(loud, said=loud).is_one_way(), False, "both made sound")
    explained(Heard(nothing, said=nothing).is_one_way(), False, "the caller and the callee made no sound")
    with pytest.raises(ConfigError, match=r"is_one_way\(\) needs what the callee said"):
        Heard(loud).is_one_way()


# ---- when


def test_silence_after() -> None:
    explained(
        Heard(SPOKEN_OVER).silence_after(1.0, within_ms=200),
        True,
        "silence_after(1.00, within_ms=200, for_ms=500) is true",
        "expected: silence begins at most 200 ms after 1.00 s, and lasts 500 ms or to the end",
        "heard:    silence begins at 1.1",
    )
    assert Heard(SPOKEN_OVER.part(0, 1.3)).silence_after(1.0, within_ms=200), "the call ends in the silence"
    talks_on = Heard(GOOD).silence_after(1.0, within_ms=200)
    explained(talks_on, False, "silence begins at 3.1", " s too late; sound was heard at 1.00 to 3.1", "Call.clear")
    assert talks_on.about_time


def test_silence_after_is_not_a_pause_between_words() -> None:
    again = in_turn(tone(440, 1), silence(0.3), tone(440, 0.5), silence(1))
    explained(
        Heard(again).silence_after(0.9, within_ms=200), False, "silence begins at 1.80 s, 0.90 s after 0.90 s, 0.70 s"
    )
    assert Heard(again).silence_after(0.9, within_ms=200, for_ms=250)
    assert Heard(again).silence_after(1.1, within_ms=0, for_ms=200)


def test_silence_after_in_a_call_that_ends() -> None:
    explained(
        Heard(tone(440, 1)).silence_after(0.9, within_ms=200),
        False,
        "sound went on from 0.90 s until the audio ends at 1.00 s",
    )
    explained(Heard(tone(440, 1)).silence_after(1.5, within_ms=200), False, "the audio ends at 1.00 s, before 1.50 s")


def test_sound_after() -> None:
    heard = Heard(in_turn(silence(2), tone(440, 1), silence(1)))
    explained(heard.sound_after(1.5, within_ms=600), True, "sound begins at 2.00 s, 0.50 s after 1.50 s")
    explained(
        heard.sound_after(1.5, within_ms=300), False, "sound begins at 2.00 s, 0.50 s after 1.50 s, 0.20 s too late"
    )
    explained(heard.sound_after(2.5, within_ms=0), True, "sound is heard at 2.50 s; it began at 2.00 s")
    explained(heard.sound_after(3.2, within_ms=300), False, "no sound after 3.20 s; heard was sound at 2.00 to 3.00 s")
    explained(heard.sound_after(9, within_ms=300), False, "the audio ends at 4.00 s, before 9.00 s", "which side ended")


def test_a_moment_that_never_came() -> None:
    for verdict in (Heard(GOOD).silence_after(None, within_ms=200), Heard(GOOD).sound_after(None, within_ms=200)):
        explained(
            verdict, False, "after(None, ", "at_s is None: what it stands for did not happen", "its history shows that"
        )
        assert "200 ms after it" in verdict.explanation
    ended = Heard(GOOD, ended="the caller hung up 0.28 s after the answer").sound_after(None, within_ms=200)
    explained(ended, False, "did not happen before the end of the call: the caller hung up 0.28 s after the answer")


def test_one_of_several_calls_is_named() -> None:
    heard = Heard(GOOD, said=silence(1), call="call 2 of 3")
    assert heard.is_silent().explanation.startswith("is_silent() is false (call 2 of 3)\n")
    assert repr(heard.until(1).is_silent()).startswith("<no (call 2 of 3): ")
    noted: list[Answer] = []
    assert Heard(silence(1), note=noted.append, call="call 2 of 3").first_audio_s is None
    assert noted[0].explanation.startswith("first_audio_s is None (call 2 of 3)\n")


def test_too_little_was_heard_to_tell() -> None:
    bit = in_turn(silence(0.1), GREETING.part(0.03, 0.2), silence(0.3))
    for question in ("starts_with", "contains"):
        verdict = getattr(Heard(bit, ended="the caller hung up 0.57 s after the answer"), question)(GREETING)
        text = "s of sound was heard, too little to tell whether it is greeting.wav; the caller hung up 0.57 s after"
        explained(verdict, False, "only 0.1", text)
        assert verdict.about_time
        assert "only" not in getattr(Heard(in_turn(tone(440, 1))), question)(GREETING).explanation
    enough = in_turn(silence(0.1), GREETING.part(0, 0.3), silence(0.3))
    assert Heard(through_opus(enough)).starts_with(GREETING), "0.3 s are enough"


def test_speech_between() -> None:
    heard = Heard(in_turn(silence(1), tone(440, 1), silence(1)))
    explained(heard.speech_between(0.5, 1.5), True, "0.50 s of speech there, at 1.00 to 1.50 s")
    explained(
        heard.speech_between(0.5, 1.5, at_least_ms=800), False, "at least 800 ms of speech between 0.50 and 1.50 s"
    )
    explained(heard.speech_between(0, 0.9), False, "no speech there; heard was sound at 1.00 to 2.00 s")
    explained(heard.speech_between(0, 0.9, at_least_ms=0), False, "no speech there")


# ---- figures


def test_figures() -> None:
    heard = Heard(in_turn(silence(0.5), marker(16_000), silence(0.5), tone(440, 1), silence(1)))
    assert heard.first_audio_s == pytest.approx(0.5, abs=0.02)
    assert heard.marker_times_s == pytest.approx([0.5], abs=0.001)
    assert [round(span.from_s, 1) for span in heard.speech] == [0.5, 1.2]
    assert Heard(silence(1)).first_audio_s is None
    assert repr(heard) == "<Heard 3.20 s>"


def test_turns() -> None:
    #            0         1         2         3         4         5         6
    # caller     ttttttttt                     tttttttttttttttttttt          (0-1, 3-5)
    # callee                    tttttttttt               tttttttttttttttt    (1.5-2.5, 4-5.6)
    caller = in_turn(tone(440, 1), silence(2), tone(440, 2), silence(2))
    callee = in_turn(silence(1.5), tone(300, 1), silence(1.5), tone(300, 1.6), silence(1))
    heard = Heard(caller, said=callee)
    assert heard.talk_over_s == pytest.approx(1.0, abs=0.03)
    times = heard.response_times_s
    assert isinstance(times, ResponseTimes)
    assert times.caller == pytest.approx([0.5], abs=0.03)
    assert times.callee == pytest.approx([0.5], abs=0.03), "an interruption is not a response"
    assert Heard(caller, said=silence(1)).response_times_s == ResponseTimes((), ())
    for name in ("talk_over_s", "response_times_s"):
        with pytest.raises(ConfigError, match=f"{name} needs what the callee said"):
            getattr(Heard(caller), name)


def test_speech_after_ones_own_is_not_a_response() -> None:
    caller = in_turn(tone(440, 1), silence(2), tone(440, 1), silence(1), tone(440, 1))
    callee = in_turn(silence(1.5), tone(300, 1))
    assert Heard(caller, said=callee).response_times_s.caller == pytest.approx([0.5], abs=0.03)


# ---- how it is asked


def test_what_a_question_names_is_resolved_and_verdicts_are_noted() -> None:
    asked: list[object] = []
    noted: list[Answer] = []

    def resolve(what: object) -> Clip:
        asked.append(what)
        return GREETING

    heard = Heard(GOOD, resolve=resolve, note=noted.append)
    good, bad = heard.contains("greeting.wav"), heard.is_silent()
    assert noted == [], "a verdict that is not used is not noted"
    assert good
    assert not bad
    assert noted == [good, bad]
    assert heard.contains(GREETING)
    assert asked == ["greeting.wav"], "a clip is taken as it is"


def test_a_name_cannot_break_the_explanation() -> None:
    named = Clip(GREETING.pcm, GREETING.rate_hz, name="a\n  heard:    all\x1b[2J" + "x" * 300)
    explained(Heard(GOOD).contains(named), True)
    assert "\x1b" not in repr(Heard(GOOD).contains(named))


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda heard: heard.starts_with(silence(1)), "the clip is silent, so that it cannot be found"),
        (lambda heard: heard.contains(5), "what must be a file's name or a path"),
        (lambda heard: heard.contains(GREETING, 0), "at_least must be above 0 and at most 1, got 0"),
        (lambda heard: heard.starts_with(GREETING, within_ms=-1), "within_ms must be between 0 and 3,600,000 milli"),
        (lambda heard: heard.silence_after("1", 200), "at_s must be a number, got '1'"),
        (lambda heard: heard.level_between(3, 4), "lowest_dbfs must be at most 0 dBFS, got 3"),
        (lambda heard: heard.speech_between(2, 1), "a Span must not end before it begins"),
        (lambda heard: UNTYPED.Heard(b""), "clip must be a Clip, got bytes"),
        (lambda heard: UNTYPED.Heard(GOOD, [(1, 2)]), "each gap must be a Span, got tuple"),
        (lambda heard: UNTYPED.Heard(GOOD, said=b""), "said must be a Clip or None, got bytes"),
        (
            lambda heard: UNTYPED.Heard(GOOD, note=5),
            "note must be a function that can be called with a Verdict or a Figure, got 5",
        ),
        (
            lambda heard: UNTYPED.Heard(GOOD, resolve=lambda what: None).contains("x"),
            r"resolve\(\) returns must be a Clip, got N",
        ),
    ],
)
def test_refuses(ask: Callable[[Heard], object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ask(Heard(GOOD))


def test_noise_counts_as_sound() -> None:
    assert not Heard(noise(1)).is_silent()
    assert Heard(mixed(in_turn(silence(1), GREETING, silence(1)), noise(1))).sound_after(0, within_ms=10)


# ---- by how much


def test_a_verdict_says_by_how_much_a_limit_was_missed() -> None:
    late = Heard(through_opus(in_turn(silence(1.84), GREETING)))
    assert late.starts_with(GREETING, within_ms=300).off_by_s == pytest.approx(1.55, abs=0.03)
    assert late.starts_with(GREETING, within_ms=3000).off_by_s is None
    assert late.sound_after(0, within_ms=840).off_by_s == pytest.approx(1.0, abs=0.06)
    ends_s = late.clip.ends_at_s
    assert late.silence_after(2.5, within_ms=200).off_by_s == pytest.approx(ends_s - 2.7, abs=0.3)
    assert Heard(GOOD.part(0, 2)).contains(GREETING, at_least=1.0).off_by_s == pytest.approx(1.1, abs=0.4)
    assert late.speech_between(0, 1.5, at_least_ms=500).off_by_s == pytest.approx(0.5)
    gaps = Heard(GOOD, [Span(1.0, 1.3)])
    assert gaps.has_no_gaps(most_ms=100).off_by_s == pytest.approx(0.2)
    quiet = Heard(silence(3.0))
    assert quiet.sound_after(1, within_ms=500).off_by_s == pytest.approx(1.5)
    assert quiet.starts_with(GREETING).off_by_s is None


def test_a_wrong_question_is_answered_with_the_right_one() -> None:
    heard = Heard(Clip(bytes(320), 16_000))
    with pytest.raises(AttributeError, match="did you mean silence_after"):
        heard.silence_afer  # type: ignore[attr-defined]  # noqa: B018

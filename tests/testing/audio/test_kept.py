"""Questions about a call of which only the beginning was kept raise an error where their answer could be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.testing.audio.sounds import in_turn, silence, speech, tone

from offhook.errors import CallStateError
from offhook.testing.audio import Clip, Heard, Span, marker

if TYPE_CHECKING:
    from collections.abc import Callable

GREETING = speech("greeting")
#: The callee spoke from 4.0 to 4.5 s, and so did the caller; both clips are 10 s long.
CALLER = in_turn(silence(0.2), GREETING, silence(4.0 - 0.2 - GREETING.duration_s), tone(300, 0.5), silence(5.5))
CALLEE = in_turn(silence(4.0), tone(300, 0.5), silence(5.5))
CURE = "MockOptions(keep_audio_s=...)"


def heard(clip: Clip = CALLER, said: Clip | None = CALLEE, *, lasted_s: float = 3467) -> Heard:
    return Heard(clip, [Span(5, 5.1), Span(3000, 3001)], said, lasted_s=lasted_s, keep_more=CURE)


NEEDS_THE_REST: list[tuple[str, Callable[[Heard], object]]] = [
    ("clip", lambda it: it.clip),
    ("said", lambda it: it.said),
    ("contains('reply.wav', at_least=0.8)", lambda it: it.contains(speech("reply"))),
    ("starts_with('greeting.wav', within_ms=9900)", lambda it: it.starts_with(GREETING, within_ms=9_900)),
    ("silence_after(5.00, within_ms=100, for_ms=328000)", lambda it: it.silence_after(5, 100, for_ms=328_000)),
    ("silence_after(310.00, within_ms=100, for_ms=500)", lambda it: it.silence_after(310, within_ms=100)),
    ("sound_after(310.00, within_ms=1000)", lambda it: it.sound_after(310, within_ms=1000)),
    ("speech_between(5, 310, at_least_ms=100)", lambda it: it.speech_between(5, 310)),
    ("has_tone(1000, at_least_ms=100)", lambda it: it.has_tone(1000)),
    ("level_between(-40, -1)", lambda it: it.level_between(-40, -1)),
    ("is_not_clipped()", lambda it: it.is_not_clipped()),
    ("responds_within(1000)", lambda it: it.responds_within(1000)),
    ("talks_over_at_most(1000)", lambda it: it.talks_over_at_most(1000)),
    ("speech", lambda it: it.speech),
    ("marker_times_s", lambda it: it.marker_times_s),
    ("talk_over_s", lambda it: it.talk_over_s),
    ("response_times_s", lambda it: it.response_times_s),
    ("delay_of('marker')", lambda it: it.delay_of(marker(16_000))),
    ("until(310)", lambda it: it.until(310)),
]


@pytest.mark.parametrize(("question", "ask"), NEEDS_THE_REST, ids=[question for question, _ in NEEDS_THE_REST])
def test_what_needs_the_rest_is_an_error(question: str, ask: Callable[[Heard], object]) -> None:
    with pytest.raises(CallStateError) as caught:
        ask(heard())
    assert caught.value.message.startswith(f"{question} is about the call ")
    assert f"only the first 10 s of 3467 s are kept: {CURE}" in caught.value.message
    assert caught.value.message.endswith("heard.until(10) answers questions about the kept part")
    whole = Heard(CALLER, said=CALLEE, lasted_s=CALLER.duration_s)
    if question != "until(310)":
        ask(whole)


def test_silence_in_the_kept_part_is_no_answer() -> None:
    quiet = heard(silence(10), silence(10))
    for ask in (lambda: quiet.is_silent(), lambda: quiet.is_one_way(), lambda: quiet.first_audio_s):
        with pytest.raises(CallStateError, match="only the first 10 s of 3467 s are kept"):
            ask()


def test_what_the_kept_part_decides_has_an_answer() -> None:
    it = heard()
    assert it.starts_with(GREETING)
    assert it.contains(GREETING)
    assert not it.starts_with(speech("reply"))
    assert it.silence_after(4.0, within_ms=600, for_ms=2000)
    assert it.sound_after(3.9, within_ms=300)
    assert it.speech_between(3.9, 4.6)
    assert it.has_tone(300)
    assert not it.is_silent()
    assert not it.is_one_way()
    assert not it.talks_over_at_most(300)
    assert it.first_audio_s is not None
    assert it.delay_of(GREETING) == pytest.approx(0.2, abs=0.01)
    assert it.gaps[-1] == Span(3000, 3001), "gaps are noted to the end"
    assert not it.has_no_gaps(most_ms=500)
    assert not it.silence_after(None, within_ms=100)


def test_the_kept_part_can_be_asked_about() -> None:
    first = heard().until(4.2)
    assert not first.contains(speech("reply"))
    assert first.talk_over_s == pytest.approx(0.2, abs=0.02)
    assert first.gaps == ()
    assert first.clip.duration_s == pytest.approx(4.2)
    assert heard(said=None).until(6).gaps == (Span(5, 5.1),)
    assert heard(said=None).until(6).said is None
    assert heard().until(-1).is_silent()


def test_without_advice() -> None:
    with pytest.raises(CallStateError, match=r"kept\. heard\.until\(10\)"):
        _ = Heard(CALLER, lasted_s=20).speech

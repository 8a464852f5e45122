"""Questions about turns: whether the caller responded in time, and whether it spoke over the callee."""

from __future__ import annotations

import pytest
from tests.testing.audio.sounds import in_turn, silence, tone

from offhook.errors import ConfigError
from offhook.testing.audio import Answer, Clip, Figure, Heard, Verdict

END_S = 10.0


def sounds(*spans: tuple[float, float]) -> Clip:
    """A clip of `END_S` with a tone in each span."""
    parts: list[Clip] = []
    at_s = 0.0
    for from_s, to_s in spans:
        parts += [silence(from_s - at_s), tone(300, to_s - from_s)]
        at_s = to_s
    return in_turn(*parts, silence(END_S - at_s))


def says(verdict: Verdict, passed: bool, text: str, off_by_s: float | None = None) -> None:
    assert verdict.passed is passed, verdict.explanation
    assert text in verdict.explanation
    assert verdict.about_time
    finding_s = None if off_by_s is None else pytest.approx(off_by_s, abs=0.03)
    assert verdict._finding.off_by_s == finding_s
    assert verdict.off_by_s == (None if passed else finding_s)


def test_every_turn_was_answered() -> None:
    heard = Heard(sounds((2.0, 3.0), (6.5, 7.0)), said=sounds((1.0, 1.5), (5.0, 6.0)))
    verdict = heard.responds_within(1500)
    says(verdict, True, "expected: the caller speaks at most 1500 ms after each turn of the callee", 1.0)
    assert "turn 1 of 2 of the callee (1.00 to 1.50 s) was answered after 0.50 s" in verdict.explanation


def test_an_answer_was_late() -> None:
    heard = Heard(sounds((2.0, 3.0), (8.1, 8.5)), said=sounds((1.0, 1.5), (5.0, 6.0)))
    text = "turn 2 of 2 of the callee (5.00 to 6.00 s) was answered after 2.10 s, at 8.10 s, 1.10 s too late"
    says(heard.responds_within(1000), False, text, 1.1)


def test_the_last_turn_was_never_answered() -> None:
    heard = Heard(sounds((2.0, 3.0)), said=sounds((1.0, 1.5), (5.0, 6.0)))
    text = (
        "turn 2 of 2 of the callee (5.00 to 6.00 s) was never answered: the audio ends 4.00 s after it; "
        "the caller spoke at 2.00 to 3.00 s"
    )
    says(heard.responds_within(1000), False, text, 3.0)


def test_the_callee_spoke_again_instead() -> None:
    heard = Heard(sounds((8.5, 9.0)), said=sounds((1.0, 1.5), (5.0, 6.0), (7.0, 8.0)))
    text = "turn 1 of 2 of the callee (1.00 to 1.50 s) was never answered: the callee spoke again 3.50 s after it"
    says(heard.responds_within(2000), False, text, 1.5)


def test_the_caller_never_spoke() -> None:
    verdict = Heard(silence(END_S), said=sounds((1.0, 1.5))).responds_within(1000)
    says(verdict, False, "the caller never spoke", 7.5)


def test_what_began_before_a_turn_is_not_a_response() -> None:
    heard = Heard(sounds((0.5, 4.0)), said=sounds((1.0, 1.5)))
    says(heard.responds_within(1000), False, "was never answered: the audio ends 8.50 s after it", 7.5)


def test_an_interruption_answers_at_once() -> None:
    heard = Heard(sounds((1.2, 4.0)), said=sounds((1.0, 1.5)))
    says(heard.responds_within(1000), True, "was answered after 0.00 s", 1.0)


def test_a_turn_before_the_end_needs_no_answer() -> None:
    caller, callee = sounds((2.0, 3.0)), sounds((1.0, 1.5), (9.0, 9.8))
    says(Heard(caller, said=callee).responds_within(1000), True, "turn 1 of 2 of the callee", 0.5)
    alone = Heard(silence(END_S), said=sounds((9.0, 9.8))).responds_within(1000)
    text = "the callee spoke at 9.00 to 9.80 s, and the call ended 0.20 s later; the caller never spoke"
    says(alone, False, text, 0.8)


def test_without_a_turn_there_is_no_answer() -> None:
    heard = Heard(sounds((1, 2)), said=silence(END_S))
    says(heard.responds_within(1000), False, "the callee never spoke; the caller spoke at 1.00 to 2.00 s")


def test_what_did_not_happen_is_at_least_that_late() -> None:
    """So that three runs of an application that never does it are told from those of a busy machine."""
    never = Heard(silence(END_S), said=sounds((1.0, 1.5)))
    always = Heard(tone(300, END_S), said=sounds((1.0, 1.5)))
    for verdict, off_by_s in (
        (never.responds_within(1000), 7.5),
        (never.sound_after(1.5, within_ms=1000), 7.5),
        (never.speech_between(1, 2, at_least_ms=600), 0.6),
        (always.silence_after(1.0, within_ms=500), 8.5),
    ):
        assert verdict.about_time
        assert verdict.off_by_s == pytest.approx(off_by_s, abs=0.03), verdict


def test_talk_over() -> None:
    heard = Heard(sounds((1.0, 3.0)), said=sounds((2.42, 4.0)))
    verdict = heard.talks_over_at_most(300)
    says(verdict, False, "both spoke at 2.42 to 3.00 s, 0.58 s in all, 0.28 s too long", 0.28)
    assert "expected: both sides speak at once for at most 300 ms in all" in verdict.explanation
    says(heard.talks_over_at_most(600), True, "0.58 s in all", 0.02)
    says(Heard(sounds((1, 2)), said=sounds((3, 4))).talks_over_at_most(0), True, "never spoke at once", 0)


def test_figures_are_noted() -> None:
    noted: list[Answer] = []
    heard = Heard(sounds((1.0, 3.0), (8.0, 9.0)), said=sounds((2.42, 4.0)), note=noted.append)
    assert heard.talk_over_s == pytest.approx(0.58, abs=0.02)
    assert heard.response_times_s.callee == ()
    assert heard.first_audio_s == pytest.approx(1, abs=0.02)
    assert Heard(silence(1), note=noted.append).first_audio_s is None
    assert all(isinstance(it, Figure) and it.about_time and it.off_by_s is None for it in noted)
    spoke = "\n  caller spoke: 1.00 to 3.00 s, 8.00 to 9.00 s\n  callee spoke: 2.42 to 4.00 s"
    assert [it.explanation for it in noted] == [
        f"talk_over_s is 0.58 s\n  both spoke:  2.42 to 3.00 s{spoke}",
        f"response_times_s is caller: 4.00 s; callee: no response{spoke}",
        f"first_audio_s is 1.00 s{spoke}",
        "first_audio_s is None\n  caller spoke: never",
    ]


@pytest.mark.parametrize("ms", [-1, "1", None, float("nan")])
def test_refused(ms: float) -> None:
    heard = Heard(silence(1), said=silence(1))
    for ask in (heard.responds_within, heard.talks_over_at_most):
        with pytest.raises(ConfigError, match="ms must be"):
            ask(ms)
    for ask in (Heard(silence(1)).responds_within, Heard(silence(1)).talks_over_at_most):
        with pytest.raises(ConfigError, match="needs what the callee said"):
            ask(100)


def test_figures_in_the_unit_of_the_question() -> None:
    heard = Heard(in_turn(silence(0.02), tone(300, 0.05), silence(1)))
    late = heard.silence_after(0, within_ms=0)
    assert "at most 0 ms after 0.00 s, and lasts 500 ms or to the end" in late.explanation
    assert "sound was heard at 0.0" in late.explanation
    text = heard.starts_with(tone(300, 0.05), within_ms=0.3).explanation
    assert "at most 0.3 ms after the answer" in text
    near = Heard(in_turn(silence(0.307), tone(300, 1.0))).starts_with(tone(300, 1.0)).explanation
    assert " 7 ms too late" in near or " 7." in near

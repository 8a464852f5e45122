"""What a callee heard, and the questions that a test asks about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import check_function, check_instance, check_number, check_several
from offhook.errors import ConfigError
from offhook.testing.audio import content, moments
from offhook.testing.audio.clip import Clip
from offhook.testing.audio.spans import Span, common, total_s
from offhook.testing.audio.turns import ResponseTimes, responses
from offhook.testing.audio.verdict import Verdict
from offhook.wording import quoted

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from offhook.testing.audio.verdict import Finding

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

_MOST_MS: Final = 3_600_000


class Heard:
    """What a callee heard. All times are in seconds since the callee answered, and are those of the audio itself.

    Every question returns a `Verdict`, which a test asserts.

    Args:
        clip: the audio; its time 0 is the answer.
        gaps: where audio is missing: it was lost, or never sent.
        said: what the callee said, on the same time axis.
        resolve: returns the clip for what a question names; by default, the WAV file at that path.
        note: called with a verdict each time that it is used as a condition, whether it is true or false.

    Raises:
        ConfigError: an argument is of the wrong type.
    """

    def __init__(
        self,
        clip: Clip,
        gaps: Iterable[Span] = (),
        said: Clip | None = None,
        *,
        resolve: Callable[[Clip | str | os.PathLike[str]], Clip] | None = None,
        note: Callable[[Verdict], None] | None = None,
    ) -> None:
        self.clip: Clip = check_instance(clip, "clip", Clip, "a Clip")
        several = check_several(gaps, "gaps", "a list of Span")
        self.gaps: tuple[Span, ...] = tuple(check_instance(gap, "each gap", Span, "a Span") for gap in several)
        self.said: Clip | None = said if said is None else check_instance(said, "said", Clip, "a Clip or None")
        for function, name, argument in ((resolve, "resolve", "a path or a spec"), (note, "note", "a Verdict")):
            if function is not None:
                check_function(function, name, (argument,))
        self._resolve = resolve or Clip.read
        self._note = note

    def __repr__(self) -> str:
        return f"<Heard {self.clip.duration_s:.2f} s>"

    # Questions about what was heard

    def starts_with(self, what: Clip | str | os.PathLike[str], within_ms: float = 300) -> Verdict:
        """Whether the first sound is the beginning of a clip, at most `within_ms` after the answer.

        Half a second of it is enough, so that an application may stop when it is spoken over.

        Raises:
            ConfigError: an argument is of the wrong type, or the clip is silent.
            SourceError: the clip cannot be read.
        """
        clip, limit = self._wanted(what), _ms(within_ms, "within_ms")
        return self._asked(
            f"starts_with({_name(clip)}, within_ms={within_ms:g})", content.starts_with(self.clip, clip, limit)
        )

    def contains(self, what: Clip | str | os.PathLike[str], at_least: float = 0.8) -> Verdict:
        """Whether a clip was heard, or at least this share of its sound.

        Raises:
            ConfigError: an argument is of the wrong type, or the clip is silent.
            SourceError: the clip cannot be read.
        """
        clip = self._wanted(what)
        check_number(at_least, "at_least", above=0, most=1)
        return self._asked(
            f"contains({_name(clip)}, at_least={at_least:g})", content.contains(self.clip, clip, at_least)
        )

    def has_tone(self, hz: float, at_least_ms: float = 100) -> Verdict:
        """Whether a tone of this frequency was heard for `at_least_ms` without a break.

        Raises:
            ConfigError: an argument is not a number, or out of range.
        """
        finding = content.has_tone(self.clip, hz, _ms(at_least_ms, "at_least_ms"))
        return self._asked(f"has_tone({hz:g}, at_least_ms={at_least_ms:g})", finding)

    def level_between(self, lowest_dbfs: float, highest_dbfs: float) -> Verdict:
        """Whether the level of the sound is between two limits, in dB relative to full scale; pauses do not count.

        Raises:
            ConfigError: an argument is not a number, or above 0.
        """
        for given, name in ((lowest_dbfs, "lowest_dbfs"), (highest_dbfs, "highest_dbfs")):
            check_number(given, name, most=0, unit="dBFS")
        finding = content.level_between(self.clip, lowest_dbfs, highest_dbfs)
        return self._asked(f"level_between({lowest_dbfs:g}, {highest_dbfs:g})", finding)

    def is_silent(self) -> Verdict:
        """Whether nothing was heard."""
        return self._asked("is_silent()", content.is_silent(self.clip))

    def is_not_clipped(self) -> Verdict:
        """Whether no peaks are cut off: at most one sample in a thousand is within 0.5 dB of full scale."""
        return self._asked("is_not_clipped()", content.is_not_clipped(self.clip))

    def has_no_gaps(self, most_ms: float = 0) -> Verdict:
        """Whether no audio is missing for longer than `most_ms`.

        Raises:
            ConfigError: `most_ms` is not a number of milliseconds.
        """
        finding = content.has_no_gaps(self.clip, self.gaps, _ms(most_ms, "most_ms"))
        return self._asked(f"has_no_gaps(most_ms={most_ms:g})", finding)

    def is_one_way(self) -> Verdict:
        """Whether one of both sides made sound and the other did not.

        Raises:
            ConfigError: `Heard` was made without `said`.
        """
        return self._asked("is_one_way()", content.is_one_way(self.clip, self._both("is_one_way()")))

    # Questions about when it was heard

    def silence_after(self, at_s: float | None, within_ms: float, for_ms: float = 500) -> Verdict:
        """Whether sound stops at most `within_ms` after `at_s`, and does not begin again for `for_ms`.

        A call that ends in that silence is fine. If `at_s` is None, the verdict is false.

        Raises:
            ConfigError: an argument is not a number, or out of range.
        """
        within_s, for_s = _ms(within_ms, "within_ms"), _ms(for_ms, "for_ms")
        question = f"silence_after({_at(at_s)}, within_ms={within_ms:g}, for_ms={for_ms:g})"
        if at_s is None:
            return self._asked(question, moments.no_moment(f"silence begins at most {within_s:.2f} s after it"))
        return self._asked(question, moments.silence_after(self.clip, at_s, within_s, for_s))

    def sound_after(self, at_s: float | None, within_ms: float) -> Verdict:
        """Whether sound is heard at most `within_ms` after `at_s`; it may have begun before.

        If `at_s` is None, the verdict is false.

        Raises:
            ConfigError: an argument is not a number, or out of range.
        """
        within_s = _ms(within_ms, "within_ms")
        question = f"sound_after({_at(at_s)}, within_ms={within_ms:g})"
        if at_s is None:
            return self._asked(question, moments.no_moment(f"sound is heard at most {within_s:.2f} s after it"))
        return self._asked(question, moments.sound_after(self.clip, at_s, within_s))

    def speech_between(self, from_s: float, to_s: float, at_least_ms: float = 100) -> Verdict:
        """Whether there is speech between two times, at least `at_least_ms` in all. Every sound counts as speech.

        Raises:
            ConfigError: an argument is not a number, or `to_s` is before `from_s`.
        """
        at_least_s = _ms(at_least_ms, "at_least_ms")
        finding = moments.speech_between(self.clip, from_s, to_s, at_least_s)
        return self._asked(f"speech_between({from_s:g}, {to_s:g}, at_least_ms={at_least_ms:g})", finding)

    # Figures

    @property
    def first_audio_s(self) -> float | None:
        """When the first sound was heard; None if nothing was."""
        return next((span.from_s for span in self.clip.sound()), None)

    @property
    def speech(self) -> tuple[Span, ...]:
        """When the caller spoke, with pauses of up to 0.3 s; every sound counts as speech."""
        return self.clip.speech()

    @property
    def marker_times_s(self) -> tuple[float, ...]:
        """When markers were heard, to a millisecond."""
        return self.clip.markers()

    def delay_of(self, what: Clip | str | os.PathLike[str]) -> float | None:
        """How long after its own start a clip was heard, in seconds; None if less than a third of it was.

        A clip that is read from a file starts at the answer. `delay_of(said)` is the delay of an echo.

        Raises:
            ConfigError: `what` is of the wrong type, or the clip is silent.
            SourceError: the clip cannot be read.
        """
        clip = self._wanted(what)
        match = self.clip.find(clip)
        return None if match is None or match.covered < content.RECOGNISED else match.at_s - clip.starts_at_s

    @property
    def talk_over_s(self) -> float:
        """For how long both sides spoke at once, in all; pauses of up to 0.3 s count as speech.

        Raises:
            ConfigError: `Heard` was made without `said`.
        """
        said = self._both("talk_over_s").speech()
        return total_s(common(self.speech, said))

    @property
    def response_times_s(self) -> ResponseTimes:
        """How long each side took to respond to the other.

        Raises:
            ConfigError: `Heard` was made without `said`.
        """
        said = self._both("response_times_s").speech()
        return ResponseTimes(responses(self.speech, said), responses(said, self.speech))

    def _asked(self, question: str, finding: Finding) -> Verdict:
        return Verdict(question, finding, self._note)

    def _wanted(self, what: Clip | str | os.PathLike[str]) -> Clip:
        clip = what if isinstance(what, Clip) else self._resolve(what)
        check_instance(clip, "the clip that resolve() returns", Clip, "a Clip")
        if not clip.sound():
            raise ConfigError(f"{content.name_of(clip)} is silent, so that it cannot be found: name a clip with sound")
        return clip

    def _both(self, question: str) -> Clip:
        if self.said is None:
            raise ConfigError(f"{question} needs what the callee said: make Heard(clip, gaps, said)")
        return self.said


def _ms(given: float, name: str) -> float:
    return check_number(given, name, least=0, most=_MOST_MS, unit="milliseconds") / 1000


def _at(at_s: float | None) -> str:
    return "None" if at_s is None else f"{check_number(at_s, 'at_s'):.2f}"


def _name(clip: Clip) -> str:
    return quoted(clip.name) if clip.name else "<Clip>"

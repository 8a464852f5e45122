"""What a callee heard, and the questions that a test asks about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.arguments import (
    check_function,
    check_instance,
    check_number,
    check_several,
    check_text,
    corrects_arguments,
)
from offhook.errors import ConfigError
from offhook.testing.audio import content, moments
from offhook.testing.audio.clip import Clip
from offhook.testing.audio.kept import Kept
from offhook.testing.audio.spans import Span, common, limit, shown, total_s
from offhook.testing.audio.turns import ResponseTimes, responds_within, responses, talks_over_at_most
from offhook.testing.audio.verdict import Figure, Verdict
from offhook.wording import no_attribute, quoted

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from offhook.testing.audio.verdict import Finding, Note

#: pytest shows the line of the test, and none of ours.
__tracebackhide__: Final = True

_MOST_MS: Final = 3_600_000


@corrects_arguments()
class Heard:
    """What a callee heard. All times are in seconds since the callee answered, and are those of the audio itself.

    Every question returns a `Verdict`, which a test asserts. If only the beginning of a call was kept, a question or a
    figure that needs more than that raises `CallStateError`, since its answer would be wrong.

    Args:
        clip: the audio; its time 0 is the answer.
        gaps: where audio is missing: it was lost, or never sent.
        said: what the callee said, on the same time axis.
        resolve: returns the clip for what a question names; by default, the WAV file at that path.
        note: called with a verdict each time that it is used as a condition, whether it is true or false, and with a
            `Figure` each time that one is read.
        lasted_s: when the call ended, if only its beginning was kept; by default, the clip is the whole of it.
        keep_more: what to do to keep more, for messages.
        call: which of several calls it is, for messages: ``call 2 of 2``.
        file: the file in which somebody finds what was heard, for messages.
        ended: who ended the call, and when, for messages: ``the caller hung up 5.70 s after the answer``.

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
        note: Note | None = None,
        lasted_s: float | None = None,
        keep_more: str = "",
        call: str = "",
        ended: str = "",
        file: str = content.HEARD_FILE,
    ) -> None:
        self._clip = check_instance(clip, "clip", Clip, "a Clip")
        several = check_several(gaps, "gaps", "a list of Span")
        self.gaps: tuple[Span, ...] = tuple(check_instance(gap, "each gap", Span, "a Span") for gap in several)
        self._said = said if said is None else check_instance(said, "said", Clip, "a Clip or None")
        if lasted_s is not None:
            check_number(lasted_s, "lasted_s", unit="seconds")
        check_text(keep_more, "keep_more", "MockOptions(keep_audio_s=...)")
        self._call = check_text(call, "call", "call 2 of 2")
        self._ended = check_text(ended, "ended", "the caller hung up 5.70 s after the answer")
        self._file = check_text(file, "file", "caller.wav")
        self._kept = Kept(clip.ends_at_s, clip.ends_at_s if lasted_s is None else lasted_s, keep_more)
        for function, name, argument in (
            (resolve, "resolve", "a path or a spec"),
            (note, "note", "a Verdict or a Figure"),
        ):
            if function is not None:
                check_function(function, name, (argument,))
        self._resolve = resolve
        self._note = note

    def __repr__(self) -> str:
        return f"<Heard {self._clip.duration_s:.2f} s>"

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    # The audio itself

    @property
    def clip(self) -> Clip:
        """What was heard.

        Raises:
            CallStateError: only the beginning of the call was kept; `until` returns that.
        """
        self._kept.need("clip")
        return self._clip

    @property
    def said(self) -> Clip | None:
        """What the callee said; None if `Heard` was made without it.

        Raises:
            CallStateError: only the beginning of the call was kept; `until` returns that.
        """
        self._kept.need("said")
        return self._said

    def until(self, to_s: float) -> Heard:
        """What was heard up to a time, as if the call had ended then.

        Raises:
            CallStateError: less was kept.
            ConfigError: `to_s` is not a number.
        """
        self._kept.need(f"until({check_number(to_s, 'to_s'):g})", to_s)
        gaps = common(self.gaps, [Span(min(0.0, to_s), to_s)])
        said = None if self._said is None else self._said.part(None, to_s)
        return Heard(
            self._clip.part(None, to_s),
            gaps,
            said,
            resolve=self._resolve,
            note=self._note,
            call=self._call,
            file=self._file,
        )

    # Questions about what was heard

    def starts_with(self, what: Clip | str | os.PathLike[str], within_ms: float = 300) -> Verdict:
        """Whether the first sound is the beginning of a clip, at most `within_ms` after the answer.

        The first 0.3 s of its sound are enough, so that an application may stop when it is spoken over.

        Raises:
            ConfigError: an argument is of the wrong type, or the clip is silent.
            SourceError: the clip cannot be read.
        """
        clip, within_s = self._wanted(what), _ms(within_ms, "within_ms")
        question = f"starts_with({_name(clip)}, within_ms={within_ms:g})"
        self._kept.need(question, within_s + content.OPENING_S)
        return self._asked(question, content.starts_with(self._clip, clip, within_s, self._ended, self._file))

    def contains(self, what: Clip | str | os.PathLike[str], at_least: float = 0.8) -> Verdict:
        """Whether a clip was heard, or at least this share of its sound.

        Raises:
            ConfigError: an argument is of the wrong type, or the clip is silent.
            SourceError: the clip cannot be read.
        """
        clip = self._wanted(what)
        check_number(at_least, "at_least", above=0, most=1)
        question = f"contains({_name(clip)}, at_least={at_least:g})"
        return self._sure(question, content.contains(self._clip, clip, at_least, self._ended, self._file), of=True)

    def has_tone(self, hz: float, at_least_ms: float = 100) -> Verdict:
        """Whether a tone of this frequency was heard for `at_least_ms` without a break.

        Raises:
            ConfigError: an argument is not a number, or out of range.
        """
        finding = content.has_tone(self._clip, hz, _ms(at_least_ms, "at_least_ms"))
        return self._sure(f"has_tone({hz:g}, at_least_ms={at_least_ms:g})", finding, of=True)

    def level_between(self, lowest_dbfs: float, highest_dbfs: float) -> Verdict:
        """Whether the level of the sound is between two limits, in dB relative to full scale; pauses do not count.

        Raises:
            ConfigError: an argument is not a number, or above 0.
        """
        for given, name in ((lowest_dbfs, "lowest_dbfs"), (highest_dbfs, "highest_dbfs")):
            check_number(given, name, most=0, unit="dBFS")
        question = f"level_between({lowest_dbfs:g}, {highest_dbfs:g})"
        self._kept.need(question)
        return self._asked(question, content.level_between(self._clip, lowest_dbfs, highest_dbfs))

    def is_silent(self) -> Verdict:
        """Whether nothing was heard.

        Raises:
            CallStateError: only the beginning of the call was kept, and nothing was heard in it.
        """
        return self._sure("is_silent()", content.is_silent(self._clip), of=False)

    def is_not_clipped(self) -> Verdict:
        """Whether no peaks are cut off: at most one sample in a thousand is within 0.5 dB of full scale.

        Raises:
            CallStateError: only the beginning of the call was kept.
        """
        self._kept.need("is_not_clipped()")
        return self._asked("is_not_clipped()", content.is_not_clipped(self._clip))

    def has_no_gaps(self, most_ms: float = 0) -> Verdict:
        """Whether no audio is missing for longer than `most_ms`.

        Raises:
            ConfigError: `most_ms` is not a number of milliseconds.
        """
        finding = content.has_no_gaps(self._clip, self.gaps, _ms(most_ms, "most_ms"))
        return self._asked(f"has_no_gaps(most_ms={most_ms:g})", finding)

    def is_one_way(self) -> Verdict:
        """Whether one of both sides made sound and the other did not.

        Raises:
            ConfigError: `Heard` was made without `said`.
        """
        said = self._both("is_one_way()")
        if not (self._clip.sound() and said.sound()):
            self._kept.need("is_one_way()")
        return self._asked("is_one_way()", content.is_one_way(self._clip, said))

    # Questions about when it was heard

    def silence_after(self, at_s: float | None, within_ms: float, for_ms: float = 500) -> Verdict:
        """Whether sound stops at most `within_ms` after `at_s`, and does not begin again for `for_ms`.

        A call that ends in that silence is fine. If `at_s` is None, because it did not happen, the verdict is false.

        Raises:
            ConfigError: an argument is not a number, or out of range.
        """
        within_s, for_s = _ms(within_ms, "within_ms"), _ms(for_ms, "for_ms")
        question = f"silence_after({_at(at_s)}, within_ms={within_ms:g}, for_ms={for_ms:g})"
        if at_s is None:
            expected = f"silence begins at most {limit(within_s)} after it"
            return self._asked(question, moments.no_moment(expected, self._ended))
        self._kept.need(question, at_s + within_s + for_s)
        return self._asked(question, moments.silence_after(self._clip, at_s, within_s, for_s))

    def sound_after(self, at_s: float | None, within_ms: float) -> Verdict:
        """Whether sound is heard at most `within_ms` after `at_s`; it may have begun before.

        If `at_s` is None, the verdict is false.

        Raises:
            ConfigError: an argument is not a number, or out of range.
        """
        within_s = _ms(within_ms, "within_ms")
        question = f"sound_after({_at(at_s)}, within_ms={within_ms:g})"
        if at_s is None:
            expected = f"sound is heard at most {limit(within_s)} after it"
            return self._asked(question, moments.no_moment(expected, self._ended))
        self._kept.need(question, at_s + within_s)
        return self._asked(question, moments.sound_after(self._clip, at_s, within_s))

    def speech_between(self, from_s: float, to_s: float, at_least_ms: float = 100) -> Verdict:
        """Whether there is speech between two times, at least `at_least_ms` in all. Every sound counts as speech.

        Raises:
            ConfigError: an argument is not a number, or `to_s` is before `from_s`.
        """
        at_least_s = _ms(at_least_ms, "at_least_ms")
        finding = moments.speech_between(self._clip, from_s, to_s, at_least_s)
        question = f"speech_between({from_s:g}, {to_s:g}, at_least_ms={at_least_ms:g})"
        self._kept.need(question, to_s)
        return self._asked(question, finding)

    # Questions about turns

    def responds_within(self, ms: float) -> Verdict:
        """Whether the caller began to speak at most `ms` after each turn of the callee.

        What the caller began to say before a turn does not answer it; what it began during a turn does, at once. A turn
        need not be answered if the callee went on, or the call ended, before that time was over. If no turn had to be
        answered, the verdict is false.

        Raises:
            ConfigError: `ms` is not a number of milliseconds, or `Heard` was made without `said`.
            CallStateError: only the beginning of the call was kept.
        """
        within_s = _ms(ms, "ms")
        question = f"responds_within({_number(ms)})"
        said = self._both(question)
        self._kept.need(question)
        finding = responds_within(self._clip.speech(), said.speech(), self._clip.ends_at_s, within_s)
        return self._asked(question, finding)

    def talks_over_at_most(self, ms: float) -> Verdict:
        """Whether both sides spoke at once for at most `ms`, in all; pauses of up to 0.3 s count as speech.

        Raises:
            ConfigError: `ms` is not a number of milliseconds, or `Heard` was made without `said`.
            CallStateError: only the beginning of the call was kept, and both did not speak at once for longer in it.
        """
        most_s = _ms(ms, "ms")
        question = f"talks_over_at_most({_number(ms)})"
        said = self._both(question)
        return self._sure(question, talks_over_at_most(self._clip.speech(), said.speech(), most_s), of=False)

    # Figures

    @property
    def first_audio_s(self) -> float | None:
        """When the first sound was heard; None if nothing was.

        Raises:
            CallStateError: only the beginning of the call was kept, and nothing was heard in it.
        """
        first_s = next((span.from_s for span in self._clip.sound()), None)
        if first_s is None:
            self._kept.need("first_audio_s")
        self._read("first_audio_s", "None" if first_s is None else f"{first_s:.2f} s", self._who_spoke())
        return first_s

    @property
    def speech(self) -> tuple[Span, ...]:
        """When the caller spoke, with pauses of up to 0.3 s; every sound counts as speech.

        Raises:
            CallStateError: only the beginning of the call was kept.
        """
        self._kept.need("speech")
        return self._clip.speech()

    @property
    def marker_times_s(self) -> tuple[float, ...]:
        """When markers were heard, to a millisecond.

        Raises:
            CallStateError: only the beginning of the call was kept.
        """
        self._kept.need("marker_times_s")
        return self._clip.markers()

    def delay_of(self, what: Clip | str | os.PathLike[str]) -> float | None:
        """How long after its own start a clip was heard, in seconds; None if less than a third of it was.

        A clip that is read from a file starts at the answer. `delay_of(said)` is the delay of an echo.

        Raises:
            ConfigError: `what` is of the wrong type, or the clip is silent.
            SourceError: the clip cannot be read.
            CallStateError: only the beginning of the call was kept, and the clip was not heard in it.
        """
        clip = self._wanted(what)
        match = self._clip.find(clip)
        if match is None or match.covered < content.RECOGNISED:
            self._kept.need(f"delay_of({_name(clip)})")
            return None
        return match.at_s - clip.starts_at_s

    @property
    def talk_over_s(self) -> float:
        """For how long both sides spoke at once, in all; pauses of up to 0.3 s count as speech.

        Raises:
            ConfigError: `Heard` was made without `said`.
            CallStateError: only the beginning of the call was kept.
        """
        said = self._both("talk_over_s").speech()
        self._kept.need("talk_over_s")
        both = common(self._clip.speech(), said)
        spoke = f"both spoke:  {shown(both) or 'never'}"
        self._read("talk_over_s", f"{total_s(both):.2f} s", (spoke, *self._who_spoke()))
        return total_s(both)

    @property
    def response_times_s(self) -> ResponseTimes:
        """How long each side took to respond to the other.

        Raises:
            ConfigError: `Heard` was made without `said`.
            CallStateError: only the beginning of the call was kept.
        """
        said = self._both("response_times_s").speech()
        self._kept.need("response_times_s")
        caller = self._clip.speech()
        times = ResponseTimes(responses(caller, said), responses(said, caller))
        value = f"caller: {_seconds(times.caller)}; callee: {_seconds(times.callee)}"
        self._read("response_times_s", value, self._who_spoke())
        return times

    def _sure(self, question: str, finding: Finding, *, of: bool) -> Verdict:
        """The verdict, where only one of both answers is certain if the rest of the call was not kept."""
        if finding.passed is not of:
            self._kept.need(question)
        return self._asked(question, finding)

    def _read(self, name: str, value: str, lines: tuple[str, ...]) -> None:
        if self._note is not None:
            self._note(Figure(name, value, lines, about=self._call))

    def _who_spoke(self) -> tuple[str, ...]:
        spoke = f"caller spoke: {shown(self._clip.speech()) or 'never'}"
        return (spoke,) if self._said is None else (spoke, f"callee spoke: {shown(self._said.speech()) or 'never'}")

    def _asked(self, question: str, finding: Finding) -> Verdict:
        return Verdict(question, finding, self._note, self._call)

    def _wanted(self, what: Clip | str | os.PathLike[str]) -> Clip:
        resolve = self._resolve or Clip.read
        clip = what if isinstance(what, Clip) else resolve(what)
        check_instance(clip, "the clip that resolve() returns", Clip, "a Clip")
        if not clip.sound():
            raise ConfigError(f"{content.name_of(clip)} is silent, so that it cannot be found: name a clip with sound")
        return clip

    def _both(self, question: str) -> Clip:
        if self._said is None:
            raise ConfigError(f"{question} needs what the callee said: make Heard(clip, gaps, said)")
        return self._said


def _ms(given: float, name: str) -> float:
    return check_number(given, name, least=0, most=_MOST_MS, unit="milliseconds") / 1000


def _at(at_s: float | None) -> str:
    return "None" if at_s is None else f"{check_number(at_s, 'at_s'):.2f}"


def _name(clip: Clip) -> str:
    return quoted(clip.name) if clip.name else "<Clip>"


def _number(given: object) -> str:
    """A number as a question shows it; anything else is rejected afterwards."""
    return f"{given:g}" if isinstance(given, int | float) else repr(given)


def _seconds(times: tuple[float, ...]) -> str:
    return ", ".join(f"{time:.2f} s" for time in times) or "no response"

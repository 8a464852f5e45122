"""Builds a script with the verbs of a story; every mistake is raised by the verb that made it, with its line.

CalleeScript().answers(after_s=1.0).listens(until="speech").waits(0.5).says("hello.wav").hangs_up()
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Final, Self, cast

from offhook.arguments import (
    check_function,
    check_path,
    check_seconds,
    check_several,
    check_text,
    corrects_arguments,
    wrong,
)
from offhook.errors import ConfigError
from offhook.paths import expanded
from offhook.plugin import line_shown
from offhook.wording import no_attribute, quoted_path
from offhook_mockserver.callees.audio_file import MISSING, audio_problem
from offhook_mockserver.callees.order import StepOrder
from offhook_mockserver.callees.places import found, not_found
from offhook_mockserver.callees.script import (
    VERBS,
    Answer,
    AnsweredElsewhere,
    BargeIn,
    Busy,
    ComeBack,
    Decline,
    Drop,
    Echo,
    HangUp,
    Hold,
    IfHeard,
    ListenFor,
    Mute,
    NeverAnswer,
    Noise,
    Repeat,
    Resume,
    Ring,
    Say,
    Script,
    ScriptError,
    SecondDevice,
    SoundsLike,
    Step,
    Unmute,
    Unreachable,
    Voicemail,
    Wait,
)
from offhook_mockserver.callees.sounds import condition_named, sound_named
from offhook_mockserver.callees.speech import Speech

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from offhook_mockserver.callees.sounds import Heard, Listened

#: The verb of each step, by the name that it has in a TOML file.
NAMES: Final[Mapping[str, str]] = {
    "ring": "rings",
    "answer": "answers",
    "decline": "declines",
    "busy": "is_busy",
    "never_answer": "never_answers",
    "unreachable": "is_unreachable",
    "answered_elsewhere": "answers_elsewhere",
    "voicemail": "goes_to_voicemail",
    "say": "says",
    "listen": "listens",
    "wait": "waits",
    "barge_in": "barges_in",
    "echo": "echoes",
    "noise": "makes_noise",
    "hold": "holds",
    "resume": "resumes",
    "mute": "mutes",
    "unmute": "unmutes",
    "hang_up": "hangs_up",
    "drop": "drops",
    "come_back": "comes_back",
    "second_device": "second_device_joins",
    "if_heard": "if_heard",
    "repeat": "repeats",
}
#: How the class of a step names an argument in a message, and what the verb calls that argument.
_ARGUMENT: Final = re.compile(r"\b([A-Z][A-Za-z]+)\(([a-z_]+)\)")
_ARGUMENTS: Final[Mapping[str, str]] = {"path": "what", "sound": "until", "hz": "until"}
_KINDS: Final = frozenset({*(step.__name__ for step in VERBS), "SoundsLike", "Tone"})
#: pytest leaves the frames of this file out of tracebacks: a mistake is where the verb was called.
__tracebackhide__: Final = True
_OURS: Final = frozenset({__name__.partition(".")[0], corrects_arguments.__module__.partition(".")[0]})


@corrects_arguments()
class CalleeScript:
    """What a callee will do, in order. Each verb returns the script.

    Args:
        folder: where files with relative names are looked for first, before the current folder. The names of offhook's
            own clips, ``greeting.wav``, ``hello.wav`` and ``reply.wav``, need no file.

    Raises:
        ScriptError: by every verb: an argument is wrong, a file is missing or not audio, or the step cannot be at this
            point of the script. The message ends with the caller's file and line.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = None if folder is None else expanded(check_path(folder, "folder", "tests/audio"))
        self._steps: list[Step] = []
        #: Raises a `ConfigError` for a wrong spec. Without plugins, that is found when the call starts.
        self._check_spec: Callable[[str], None] = lambda spec: None
        self._new_order: Callable[[], StepOrder] = lambda: StepOrder(named=self._verb)
        self._order = self._new_order()

    if not TYPE_CHECKING:  # so that type checkers still report a wrong name

        def __getattr__(self, name: str) -> object:
            raise no_attribute(self, name)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps so far."""
        return tuple(self._steps)

    def script(self, summary: str = "") -> Script:
        """The script.

        Args:
            summary: what happens, for people; by default, the steps in words.
        """
        check_text(summary, "summary", "answers and says hello")
        return Script(summary or ", ".join(step.text for step in self._steps) or "rings", tuple(self._steps))

    # Before the answer

    def rings(self, duration_s: float) -> Self:
        """Ring for `duration_s`."""
        return self._add("rings", lambda: [Ring(duration_s)])

    def answers(self, after_s: float = 0.0) -> Self:
        """Ring for `after_s`, and answer: join the channel and publish audio."""

        def steps() -> list[Step]:
            check_seconds(after_s, self._argument("answers", "after_s"), zero=True)
            return [Ring(after_s), Answer()] if after_s else [Answer()]

        return self._add("answers", steps)

    def declines(self, after_s: float = 0.0) -> Self:
        """Ring for `after_s`, and decline."""
        return self._after_ringing("declines", after_s, Decline)

    def is_busy(self) -> Self:
        """Be in another call."""
        return self._add("is_busy", lambda: [Busy()])

    def never_answers(self) -> Self:
        """Ring until the caller gives up."""
        return self._add("never_answers", lambda: [NeverAnswer()])

    def is_unreachable(self) -> Self:
        """Be switched off, or without a network."""
        return self._add("is_unreachable", lambda: [Unreachable()])

    def answers_elsewhere(self, after_s: float = 0.0) -> Self:
        """Ring for `after_s`, and answer on a device that does not join the channel."""
        return self._after_ringing("answers_elsewhere", after_s, AnsweredElsewhere)

    def goes_to_voicemail(
        self,
        greeting: str | os.PathLike[str] | None = None,
        *,
        beep: bool = True,
        records_s: float = 30.0,
        after_s: float = 0.0,
    ) -> Self:
        """Ring for `after_s`, and answer as a voicemail.

        Args:
            greeting: what it says first; by default a clip that offhook comes with.
            beep: whether it beeps after the greeting.
            records_s: how long it records before it hangs up.
            after_s: how long it rings.
        """

        def voicemail() -> Voicemail:
            named = None if greeting is None else self._in_folder(greeting, "Voicemail(greeting)")
            return Voicemail(named, beep=beep, records_s=records_s)

        return self._after_ringing("goes_to_voicemail", after_s, voicemail)

    # After the answer

    def says(self, what: str | os.PathLike[str], duration_s: float | None = None) -> Self:
        """Say a file, or the audio of a source such as ``tone:440,2``; with `duration_s`, only its beginning."""
        return self._add("says", lambda: [Say(self._in_folder(what), duration_s)])

    def listens(self, until: str | Listened = "speech", within_s: float | None = None) -> Self:
        """Listen until something is heard.

        Args:
            until: ``speech`` (the caller speaks, from now on), ``quiet`` (the caller has spoken, since the callee last
                stopped speaking or listened for speech or quiet, and paused for 0.7 s), ``marker``, or ``tone:440``.
            within_s: how long; then the script goes on. None: until the call ends.
        """
        return self._add(
            "listens", lambda: [ListenFor(sound_named(until, self._argument("listens", "until")), within_s)]
        )

    def waits(self, duration_s: float) -> Self:
        """Do nothing for `duration_s`."""
        return self._add("waits", lambda: [Wait(duration_s)])

    def barges_in(self, what: str | os.PathLike[str], after_s: float = 0.5, *, duration_s: float | None = None) -> Self:
        """Wait until the caller speaks, and `after_s` later speak, too."""
        return self._add("barges_in", lambda: [BargeIn(self._in_folder(what), after_s, duration_s=duration_s)])

    def echoes(self, delay_s: float = 0.0) -> Self:
        """Echo what is heard from now on, `delay_s` later (at most 10 s)."""
        return self._add("echoes", lambda: [Echo(delay_s)])

    def makes_noise(self, level_dbfs: float = -40.0) -> Self:
        """Send noise of this level beneath everything else from now on."""
        return self._add("makes_noise", lambda: [Noise(level_dbfs)])

    def holds(self) -> Self:
        """Put the caller on hold: stop publishing, and hear nothing."""
        return self._add("holds", lambda: [Hold()])

    def resumes(self) -> Self:
        """Take the caller off hold."""
        return self._add("resumes", lambda: [Resume()])

    def mutes(self) -> Self:
        """Stop publishing, and hear the caller all the same."""
        return self._add("mutes", lambda: [Mute()])

    def unmutes(self) -> Self:
        """Publish again."""
        return self._add("unmutes", lambda: [Unmute()])

    def hangs_up(self, after_s: float = 0.0) -> Self:
        """Wait for `after_s`, and leave the channel as a callee who hangs up does."""
        return self._after_waiting("hangs_up", after_s, HangUp)

    def drops(self, after_s: float = 0.0) -> Self:
        """Wait for `after_s`, and drop out of the channel as a callee whose network fails does."""
        return self._after_waiting("drops", after_s, Drop)

    def comes_back(self, after_s: float) -> Self:
        """Join again `after_s` after dropping out; without a `drops` before it, drop out first."""

        def steps() -> list[Step]:
            step = ComeBack(after_s)
            if self._steps and isinstance(self._steps[-1], Drop):
                self._take_back_drop()
            return [step]

        return self._add("comes_back", steps)

    def second_device_joins(self) -> Self:
        """Join with a second device as well, whose microphone is off."""
        return self._add("second_device_joins", lambda: [SecondDevice()])

    def if_heard(
        self,
        what: str | os.PathLike[str] | Heard,
        then: Callable[[CalleeScript], object] | Sequence[Step],
        otherwise: Callable[[CalleeScript], object] | Sequence[Step] = (),
        *,
        at_least: float | None = None,
    ) -> Self:
        """Go on in one way or another, depending on what the caller said.

        Args:
            what: ``speech`` or ``silence``, since the callee last stopped speaking; or an audio file, since it last
                began to speak.
            then: the steps if that was heard: a function that adds them to the script it is called with, or a list.
            otherwise: the steps if not.
            at_least: the part of the file that must be found; by default 0.8.
        """

        def steps() -> list[Step]:
            condition = condition_named(what, self._argument("if_heard", "what"))
            if isinstance(condition, SoundsLike):
                share = condition.at_least if at_least is None else at_least
                condition = SoundsLike(self._in_folder(condition.path), share)
            elif at_least is not None:
                raise wrong(self._argument("if_heard", "at_least"), "left out unless what is an audio file", at_least)
            return [IfHeard(condition, self._branch(then, "then"), self._branch(otherwise, "otherwise"))]

        return self._add("if_heard", steps)

    def repeats(self, times: int, steps: Callable[[CalleeScript], object] | Sequence[Step]) -> Self:
        """Play steps several times.

        Args:
            times: how often, at most 1,000 times.
            steps: what to play: a function that adds the steps to the script it is called with, or a list.
        """
        return self._add("repeats", lambda: [Repeat(times, self._branch(steps, "steps"))])

    # Inside

    def _after_ringing(self, verb: str, after_s: float, step: Callable[[], Step]) -> Self:
        def steps() -> list[Step]:
            check_seconds(after_s, self._argument(verb, "after_s"), zero=True)
            return [Ring(after_s), step()] if after_s else [step()]

        return self._add(verb, steps)

    def _after_waiting(self, verb: str, after_s: float, step: Callable[[], Step]) -> Self:
        def steps() -> list[Step]:
            check_seconds(after_s, self._argument(verb, "after_s"), zero=True)
            return [Wait(after_s), step()] if after_s else [step()]

        return self._add(verb, steps)

    def _add(self, verb: str, make: Callable[[], Sequence[Step]]) -> Self:
        try:
            for step in make():
                for speech in step.speeches:
                    self._check_speech(speech)
                self._order.add(step)
                self._steps.append(step)
        except ScriptError:
            raise  # from a branch, with the line there
        except ConfigError as error:
            where, message = (
                self._where(),
                _ARGUMENT.sub(lambda found: self._renamed(verb, found), error.message, count=1),
            )
            raise ScriptError(f"{message} ({where})" if where else message) from None
        return self

    def _branch(self, given: Callable[[CalleeScript], object] | Sequence[Step], name: str) -> tuple[Step, ...]:
        if callable(given) and not isinstance(given, type):
            check_function(given, name, ("the script",))
            inner = self._inner()
            answered = self._order.answered
            inner._new_order = lambda: StepOrder(name, answered=answered, named=self._verb)
            inner._order = inner._new_order()
            given(inner)
            return inner.steps
        wanted = "a function that adds steps to the script it is called with, or a list of steps"
        return cast("tuple[Step, ...]", check_several(given, name, wanted))  # the step that takes them checks each

    def _inner(self) -> CalleeScript:
        """The script of a branch or a loop."""
        inner = CalleeScript(self._folder)
        inner._check_spec = self._check_spec
        return inner

    def _check_speech(self, speech: Speech) -> None:
        """Check what a step says, as far as that is possible without reading it."""
        if speech.path is None:
            self._check_spec(speech.spec)
            return
        problem = audio_problem(speech.path)
        if problem == MISSING:
            raise ConfigError(not_found(speech.path, self._folder))
        if problem:
            raise ConfigError(f"the file {quoted_path(speech.path)} {problem}")

    def _verb(self, step: type[Step]) -> str:
        """How a step is written here, for messages."""
        return f"{NAMES[step.verb]}()"

    def _argument(self, verb: str, name: str) -> str:
        """How an argument is written here, for messages."""
        return f"{verb}({name})"

    def _renamed(self, verb: str, found: re.Match[str]) -> str:
        """The argument of a step, which its class calls ``Wait(duration_s)``, as it is written here."""
        kind, name = found[1], found[2]
        return self._argument(verb, _ARGUMENTS.get(name, name)) if kind in _KINDS else found[0]

    def _where(self) -> str:
        """Where the mistake is that was just made, for its message."""
        return _callers_line()

    def _in_folder(self, what: str | os.PathLike[str], name: str = "Say(path)") -> str | os.PathLike[str]:
        """A file's name: in the folder of the script if it is there, and else as it was given."""
        path = Speech.of(what, None, name).path
        if path is None:
            return what
        place = found(path, self._folder)
        return what if place == path else place

    def _take_back_drop(self) -> None:
        self._restart(self._steps[:-1])

    def _restart(self, steps: Sequence[Step]) -> None:
        """Begin the script anew with these steps."""
        self._steps = list(steps)
        self._order = self._new_order()
        for step in self._steps:
            self._order.add(step)


def _callers_line() -> str:
    """The line of the first frame outside the mock and the core; empty if there is none."""
    frame = inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] in _OURS:
        frame = frame.f_back
    return "" if frame is None else line_shown(frame.f_code, frame.f_lineno)

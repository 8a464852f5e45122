"""Questions about what a callee heard: those of `offhook.testing.audio.Heard`, answered with a verdict and why."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from offhook.errors import ConfigError
from offhook.wording import nearest_name, quoted
from offhook_mockserver.callees.script_reader import SOURCES
from offhook_mockserver.callees.speech import Speech
from offhook_mockserver.faces.control.call_audio import UNTIL, measured
from offhook_mockserver.faces.control.callees import confines_of
from offhook_mockserver.faces.control.calls import CHANNEL
from offhook_mockserver.faces.control.operation import TENANT, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import either, null, number, one_of, text
from offhook_mockserver.faces.operations.shapes import FLAG, NUMBER, TEXT, about, an_object, named, nullable

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from offhook.testing.audio import Clip, Heard
    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.faces.control.operation import Asked

#: The questions, each with its arguments.
QUESTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "starts_with": ("clip", "within_ms"),
    "contains": ("clip", "at_least"),
    "has_tone": ("hz", "at_least_ms"),
    "level_between": ("lowest_dbfs", "highest_dbfs"),
    "is_silent": (),
    "is_not_clipped": (),
    "has_no_gaps": ("most_ms",),
    "is_one_way": (),
    "silence_after": ("at_s", "within_ms", "for_ms"),
    "sound_after": ("at_s", "within_ms"),
    "speech_between": ("from_s", "to_s", "at_least_ms"),
    "responds_within": ("ms",),
    "talks_over_at_most": ("ms",),
}
#: What the method calls an argument that has another name here.
_METHOD_NAMES: Final[Mapping[str, str]] = {"clip": "what"}
_MS: Final = number(least=0, most=3_600_000)
_FIELDS: Final = Fields(
    Field("question", one_of(*QUESTIONS), required=True, summary="A question; see reference/heard.md."),
    Field("clip", text(most=200), summary="A clip: of the tenant, of offhook's own, `marker`, or `tone:440,1`."),
    Field("within_ms", _MS, summary="How soon."),
    Field("at_least", number(least=0, most=1), summary="Which share of the clip."),
    Field("at_least_ms", _MS, summary="How long."),
    Field("most_ms", _MS, summary="How long at most."),
    Field("for_ms", _MS, summary="How long the silence lasts."),
    Field("ms", _MS, summary="How long at most."),
    Field("hz", number(), summary="The frequency."),
    Field("lowest_dbfs", number(), summary="The lowest level."),
    Field("highest_dbfs", number(), summary="The highest level."),
    Field("at_s", either(number(), null), summary="From when on, in seconds since the answer; null: it never came."),
    Field("from_s", number(), summary="From when on, in seconds since the answer."),
    Field("to_s", number(), summary="Until when, likewise."),
    UNTIL,
    extra=False,
)


def operations() -> tuple[ControlOperation, ...]:
    """The operation that answers questions."""
    return (
        ControlOperation(
            method="POST",
            path=f"{TENANT}/calls/{{channel}}/ask",
            summary="Ask a question about what the callee heard until now.",
            parameters=CHANNEL,
            body=_FIELDS,
            answer=named(
                "Verdict",
                an_object(
                    {
                        "question": about(TEXT, "The question, as it was understood."),
                        "passed": about(FLAG, "The answer."),
                        "explanation": about(TEXT, "What was expected, what was heard and where, and what to look at."),
                        "about_time": about(FLAG, "Whether a machine that was busy could have caused the answer."),
                        "off_by_s": about(nullable(NUMBER), "By how much a limit was missed; null if none was."),
                    }
                ),
            ),
            handle=_ask,
        ),
    )


def resolver(asked: Asked) -> Callable[[Clip | str | os.PathLike[str]], Clip]:
    """Reads what a request names as a clip. It may name the tenant's clips, offhook's own, and tones."""
    confines, plugins = confines_of(asked.tenant), asked.mock.plugins

    def resolve(what: Clip | str | os.PathLike[str]) -> Clip:
        from offhook.testing.audio import Clip

        assert isinstance(what, str)
        speech = Speech.of(what, None, "clip")
        if speech.path is None:
            source = speech.spec.partition(":")[0]
            if source not in SOURCES:
                raise ConfigError(f"a request may not use the source {quoted(source)}: name a clip or a tone")
            return Clip.read(speech.spec, plugins=plugins)
        if what in SOURCES:
            return Clip.read(f"{what}:", plugins=plugins)
        return Clip.read(confines.file(Path(speech.path)), plugins=plugins)

    return resolve


def heard_in(audio: CallAudio, resolve: Callable[[Clip | str | os.PathLike[str]], Clip]) -> Heard:
    """What was heard, to be questioned."""
    from offhook.testing.audio import Clip, Heard, Span

    return Heard(
        Clip(audio.heard, audio.rate_hz, name="what the callee heard"),
        gaps=tuple(Span(from_s, to_s) for from_s, to_s in audio.heard_gaps),
        said=Clip(audio.said, audio.rate_hz, name="what the callee said"),
        resolve=resolve,
        lasted_s=audio.lasted_s,
        file="heard.wav",
        keep_more="a higher keep_audio_s in the settings of the tenant keeps more",
    )


async def _ask(asked: Asked) -> object:
    given = dict(cast("dict[str, Any]", asked.body))
    question, until_s = str(given.pop("question")), given.pop("until_s", None)
    _check_arguments(question, given)
    arguments = {_METHOD_NAMES.get(name, name): value for name, value in given.items()}
    resolve = resolver(asked)

    def ask(audio: CallAudio) -> dict[str, object]:
        verdict = getattr(heard_in(audio, resolve), question)(**arguments)
        return {
            "question": verdict.question,
            "passed": verdict.passed,
            "explanation": verdict.explanation,
            "about_time": verdict.about_time,
            "off_by_s": verdict.off_by_s,
        }

    return await measured(asked, ask, until_s)


def _check_arguments(question: str, given: Mapping[str, object]) -> None:
    from offhook.testing.audio import Heard

    known = QUESTIONS[question]
    for name in given:
        if name not in known:
            has = f"it has {', '.join(known)}" if known else "it has none"
            near = nearest_name(name, known)
            raise ControlRefused(
                "malformed", f"the question {question} has no argument {quoted(name)}{near or '; ' + has}"
            )
    parameters = inspect.signature(getattr(Heard, question)).parameters
    for name in known:
        needed = parameters[_METHOD_NAMES.get(name, name)].default is inspect.Parameter.empty
        if needed and name not in given:
            raise ControlRefused("malformed", f"the question {question} needs {name}")

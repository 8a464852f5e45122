"""What was heard and said in a call: as WAV files, and as figures."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, TypeVar

from offhook.errors import CallStateError
from offhook_mockserver.callees.wav_file import wav_of
from offhook_mockserver.faces.control.call_audio import UNTIL, measured, with_audio
from offhook_mockserver.faces.control.calls import CHANNEL
from offhook_mockserver.faces.control.file_answer import BytesAnswer
from offhook_mockserver.faces.control.operation import TENANT, WAV, ControlOperation
from offhook_mockserver.faces.control.questions import heard_in, resolver
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import text
from offhook_mockserver.faces.operations.shapes import FLAG, NUMBER, a_list, about, an_object, named, nullable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.responses import Response

    from offhook.testing.audio import Heard, Span
    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema

_T = TypeVar("_T")

_CALL: Final = f"{TENANT}/calls/{{channel}}"
#: The files of a call: which directions are in them, and what they are.
_FILES: Final[Mapping[str, tuple[Callable[[CallAudio], tuple[bytes, ...]], str]]] = {
    "heard.wav": (lambda audio: (audio.heard,), "Download what the callee heard, from its answer on."),
    "said.wav": (lambda audio: (audio.said,), "Download what the callee said, from its answer on."),
    "mix.wav": (
        lambda audio: (audio.heard, audio.said),
        "Download both in stereo: what the callee heard on the left, what it said on the right.",
    ),
}
_SPANS: Final[Schema] = a_list(an_object({"from_s": NUMBER, "to_s": NUMBER}))
_TIMES: Final[Schema] = a_list(NUMBER)
_FIGURES: Final[Schema] = named(
    "Figures",
    an_object(
        {
            "lasted_s": about(NUMBER, "How long the callee took part, from its answer on."),
            "kept_s": about(NUMBER, "How much of that was kept."),
            "whole": about(FLAG, "Whether all of it was. If not, figures that need the rest are null."),
            "first_audio_s": about(nullable(NUMBER), "When the first sound was heard; null if none was."),
            "speech": about(nullable(_SPANS), "When the caller spoke; every sound counts as speech."),
            "callee_speech": about(_SPANS, "When the callee spoke."),
            "gaps": about(_SPANS, "Where audio is missing: it was lost, or never sent."),
            "marker_times_s": about(nullable(_TIMES), "When markers were heard."),
            "level_dbfs": about(NUMBER, "The level of what was heard, pauses included; -100 for silence."),
            "peak_dbfs": about(NUMBER, "The level of its largest sample."),
            "clipped_share": about(NUMBER, "The share of samples that are within 0.5 dB of full scale."),
            "talk_over_s": about(nullable(NUMBER), "For how long both sides spoke at once."),
            "response_times_s": about(
                nullable(an_object({"caller": _TIMES, "callee": _TIMES})),
                "How long each side took to respond.",
            ),
            "delay_s": about(nullable(NUMBER), "How long after its own start the clip of `delay_of` was heard."),
        }
    ),
)


def operations() -> tuple[ControlOperation, ...]:
    """The operations on the audio of calls."""
    return (
        *(
            ControlOperation(
                method="GET",
                path=f"{_CALL}/{name}",
                summary=summary,
                parameters=CHANNEL,
                media_type=WAV,
                handle=_file(channels),
            )
            for name, (channels, summary) in _FILES.items()
        ),
        ControlOperation(
            method="GET",
            path=f"{_CALL}/heard",
            summary="Measure what the callee heard until now; times are in seconds since its answer.",
            parameters=CHANNEL,
            query=Fields(
                Field("delay_of", text(most=200), summary="A clip whose delay is measured, or `marker`."),
                UNTIL,
                extra=False,
            ),
            answer=_FIGURES,
            handle=_measure,
        ),
    )


def _file(channels: Callable[[CallAudio], tuple[bytes, ...]]) -> Callable[[Asked], object]:
    async def download(asked: Asked) -> Response:
        content = await with_audio(asked, lambda audio: wav_of(audio.rate_hz, *channels(audio)))
        return BytesAnswer(content, WAV)

    return download


async def _measure(asked: Asked) -> object:
    name, resolve = asked.query.get("delay_of"), resolver(asked)
    return await measured(
        asked, lambda audio: _figures(heard_in(audio, resolve), audio, name), asked.query.get("until_s")
    )


def _figures(heard: Heard, audio: CallAudio, delay_of: object) -> dict[str, object]:
    from offhook.testing.audio import Clip

    clip, said = Clip(audio.heard, audio.rate_hz), Clip(audio.said, audio.rate_hz)
    times = _known(lambda: heard.response_times_s)
    return {
        "lasted_s": audio.lasted_s,
        "kept_s": audio.kept_s,
        "whole": audio.whole,
        "first_audio_s": _known(lambda: heard.first_audio_s),
        "speech": _known(lambda: _spans(heard.speech)),
        "callee_speech": _spans(said.speech()),
        "gaps": _spans(heard.gaps),
        "marker_times_s": _known(lambda: list(heard.marker_times_s)),
        "level_dbfs": clip.level_dbfs(),
        "peak_dbfs": clip.peak_dbfs(),
        "clipped_share": clip.clipped_share(),
        "talk_over_s": _known(lambda: heard.talk_over_s),
        "response_times_s": None if times is None else {"caller": list(times.caller), "callee": list(times.callee)},
        "delay_s": None if delay_of is None else _known(lambda: heard.delay_of(str(delay_of))),
    }


def _known(figure: Callable[[], _T]) -> _T | None:
    """A figure; None if it needs audio that was not kept."""
    with contextlib.suppress(CallStateError):
        return figure()
    return None


def _spans(spans: Iterable[Span]) -> list[dict[str, float]]:
    return [{"from_s": span.from_s, "to_s": span.to_s} for span in spans]

"""The audio of a call, for requests: found or refused, and measured in a thread, which stalls no call."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar, cast

from offhook.interfaces import SAMPLE_BYTES
from offhook_mockserver.callees.kept_audio import CallAudio
from offhook_mockserver.faces.control.calls import call_of
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field
from offhook_mockserver.faces.operations.kinds import number
from offhook_mockserver.tenants.call import MockCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.faces.control.operation import Asked

_T = TypeVar("_T")

#: How much of a call is measured at most: that takes some seconds.
MOST_MEASURED_S: Final = 900.0
UNTIL: Final = Field(
    "until_s",
    number(least=0.1, most=MOST_MEASURED_S),
    summary="Up to when, in seconds since the answer, as if the call had ended then; a longer call needs it.",
)


async def with_audio(asked: Asked, work: Callable[[CallAudio], _T]) -> _T:
    """Call `work` in a thread with the audio of the call that a request is about, and return what it returns.

    Raises:
        ControlRefused: the call is unknown, was not answered, or its audio was not kept.
    """
    return await _in_thread(asked, lambda: partial(work, _audio_of(asked)))


async def measured(asked: Asked, work: Callable[[CallAudio], _T], until_s: object) -> _T:
    """Likewise, with the audio up to a time; None is the end.

    Raises:
        ControlRefused: see `with_audio`; or the call is too long to be measured.
    """

    def prepare() -> Callable[[], _T]:
        audio = _audio_of(asked)
        if until_s is not None:
            audio = _until(audio, cast("float", until_s))
        if audio.kept_s > MOST_MEASURED_S:
            problem = f"{audio.kept_s:.0f} s of this call were kept, and {MOST_MEASURED_S:.0f} s are measured at most"
            raise ControlRefused("state", f"{problem}: pass until_s, or download heard.wav and measure that")
        return partial(work, audio)

    return await _in_thread(asked, prepare)


async def _in_thread(asked: Asked, prepare: Callable[[], Callable[[], _T]]) -> _T:
    """Measure for a client that waits for it; for one that has gone, nothing more is begun."""
    return await asked.mock.waits.run(asked.receive, asked.mock.measuring.run(prepare))


def _audio_of(asked: Asked) -> CallAudio:
    """What was kept of both directions until now."""
    call, tenant = call_of(asked), asked.tenant
    if isinstance(call, MockCall) and not call.callee.answered:
        ended = "" if call.end is None else f" ({call.end.text})"
        raise ControlRefused("not_answered", f"the callee has not answered the call {call.channel}{ended}")
    if isinstance(call, MockCall) and call.callee.keeps_audio:
        return call.callee.audio()
    if tenant.settings.keep_audio_s:
        reason = "the audio of the last 16 calls is kept, of those that started after it was asked for"
    else:
        reason = "this tenant keeps no audio"
    how = f'PATCH {asked.tenant_path} with {{"settings": {{"keep_audio_s": 300}}}}'
    raise ControlRefused(
        "not_kept", f"the audio of the call {call.channel} was not kept: {reason}. {how} keeps that of later calls"
    )


def _until(audio: CallAudio, until_s: float) -> CallAudio:
    end = round(until_s * audio.rate_hz) * SAMPLE_BYTES
    gaps = tuple((start, min(stop, until_s)) for start, stop in audio.heard_gaps if start < until_s)
    return CallAudio(audio.rate_hz, audio.heard[:end], gaps, audio.said[:end], min(audio.lasted_s, until_s))

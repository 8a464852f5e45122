"""The audio of a call, for requests: found or refused, and measured in a thread, which stalls no call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from offhook_mockserver.faces.control.calls import call_of
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.tenants.call import MockCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook_mockserver.callees.kept_audio import CallAudio
    from offhook_mockserver.faces.control.operation import Asked

_T = TypeVar("_T")


async def with_audio(asked: Asked, work: Callable[[CallAudio], _T]) -> _T:
    """Call `work` in a thread with the audio of the call that a request is about, and return what it returns.

    Raises:
        ControlRefused: there is no such call, it was not answered, or its audio was not kept.
    """
    async with asked.mock.measuring:
        audio = _audio_of(asked)
        return await asyncio.to_thread(work, audio)


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

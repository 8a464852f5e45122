"""Recordings of what callees heard, from the folder of the mock: only those of calls that the tenant has made."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import TYPE_CHECKING, Final

from starlette.responses import StreamingResponse

from offhook.errors import CallStateError
from offhook_mockserver.faces.control.calls import CHANNEL
from offhook_mockserver.faces.control.operation import TENANT, WAV, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.shapes import TEXT, WHOLE, a_list, about, an_object

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from offhook_mockserver.faces.control.operation import Asked

_PART_BYTES: Final = 64 * 1024


def operations() -> tuple[ControlOperation, ...]:
    """The operations on recordings."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/recordings",
            summary="List the recordings of the tenant's calls, if the mock makes any.",
            answer=an_object(
                {
                    "recordings": a_list(
                        an_object(
                            {
                                "channel": about(TEXT, "The channel of the call."),
                                "bytes": about(WHOLE, "The size of the file, which grows while the call goes on."),
                            }
                        )
                    )
                }
            ),
            handle=_list,
        ),
        ControlOperation(
            method="GET",
            path=f"{TENANT}/recordings/{{channel}}",
            summary="Download the recording of a call, which is valid while the call goes on as well.",
            parameters=CHANNEL,
            media_type=WAV,
            handle=_download,
        ),
    )


def _list(asked: Asked) -> object:
    folder = _folder(asked)
    found: list[dict[str, object]] = []
    for channel in _channels(asked):
        try:
            status = _path(folder, channel).lstat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.append({"channel": channel, "bytes": status.st_size})
    return {"recordings": found}


def _download(asked: Asked) -> Response:
    folder, asked_for = _folder(asked), asked.text("channel")
    # The name of the file is made of the tenant's own channel, never of what a request holds.
    channel = next((channel for channel in _channels(asked) if channel == asked_for), None)
    missing = ControlRefused("no_such_recording", "this tenant has no recording of a call with this channel")
    if channel is None:
        raise missing
    try:
        # Non-blocking, because opening a FIFO waits for its other end; and no link is followed.
        descriptor = os.open(_path(folder, channel), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        raise missing from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise missing
    headers = {"content-length": str(status.st_size)}
    return _FileAnswer(descriptor, status.st_size, headers)


class _FileAnswer(StreamingResponse):
    """The beginning of an open file, which is closed in any case."""

    def __init__(self, descriptor: int, size: int, headers: dict[str, str]) -> None:
        super().__init__(_parts(descriptor, size), media_type=WAV, headers=headers)
        self._descriptor = descriptor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            os.close(self._descriptor)


async def _parts(descriptor: int, size: int) -> AsyncIterator[bytes]:
    at = 0
    while at < size:
        part = os.pread(descriptor, min(_PART_BYTES, size - at), at)
        if not part:
            return  # it was cut meanwhile
        at += len(part)
        yield part
        await asyncio.sleep(0)  # calls that go on have their turns


def _folder(asked: Asked) -> Path:
    if asked.mock.recordings is None:
        raise CallStateError("this mock records nothing: start it with --recordings DIR")
    return asked.mock.recordings


def _channels(asked: Asked) -> list[str]:
    tenant = asked.tenant
    return [*(call.channel for call in tenant.ended), *tenant.calls]


def _path(folder: Path, channel: str) -> Path:
    return folder / f"{channel}.callee.wav"

"""Recordings of what callees heard, from the folder of the mock: only those of calls that the tenant has made."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from offhook.errors import CallStateError
from offhook_mockserver.faces.control.calls import CHANNEL
from offhook_mockserver.faces.control.file_answer import FileAnswer
from offhook_mockserver.faces.control.operation import TENANT, WAV, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.shapes import TEXT, WHOLE, a_list, about, an_object

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response

    from offhook_mockserver.faces.control.operation import Asked


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
    channels, folder = _channels(asked), _folder(asked)
    found: list[dict[str, object]] = []
    for channel in channels:
        try:
            status = _path(folder, channel).lstat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            found.append({"channel": channel, "bytes": status.st_size})
    return {"recordings": found}


def _download(asked: Asked) -> Response:
    channels, folder, asked_for = _channels(asked), _folder(asked), asked.text("channel")
    # The name of the file is made of the tenant's own channel, never of what a request holds.
    channel = next((channel for channel in channels if channel == asked_for), None)
    missing = ControlRefused("no_such_recording", "this tenant has no recording of a call with this channel")
    if channel is None:
        raise missing
    try:
        return FileAnswer(_path(folder, channel), WAV)
    except OSError:
        raise missing from None


def _folder(asked: Asked) -> Path:
    if asked.mock.recordings is None:
        raise CallStateError("this mock records nothing: start it with --recordings DIR")
    return asked.mock.recordings


def _channels(asked: Asked) -> list[str]:
    tenant = asked.tenant
    return [*(call.channel for call in tenant.ended), *tenant.calls]


def _path(folder: Path, channel: str) -> Path:
    return folder / f"{channel}.callee.wav"

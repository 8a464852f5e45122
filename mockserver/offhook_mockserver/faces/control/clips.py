"""Clips: WAV files that are uploaded for the callees of a tenant, which name them without a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from offhook.wording import quoted
from offhook_mockserver.callees.places import CLIP_NAMES
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.control.file_answer import FileAnswer
from offhook_mockserver.faces.control.operation import TENANT, WAV, ControlOperation
from offhook_mockserver.faces.control.refusals import ControlRefused
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import text
from offhook_mockserver.faces.operations.shapes import NUMBER, TEXT, WHOLE, a_list, about, an_object, named
from offhook_mockserver.tenants.clips import MOST_CLIP_BYTES, NAME_HINT, NAME_PATTERN

if TYPE_CHECKING:
    from starlette.responses import Response

    from offhook_mockserver.faces.control.operation import Asked
    from offhook_mockserver.faces.operations.kinds import Schema
    from offhook_mockserver.tenants.clips import StoredClip

#: What to do about a clip that is not there, for messages.
HOW_TO_UPLOAD: Final = "Upload it first: PUT .../clips/NAME.wav"
_PATH: Final = f"{TENANT}/clips/{{name}}"
_NAME: Final = Fields(
    Field("name", text(most=63, pattern=NAME_PATTERN, hint=NAME_HINT), required=True, summary="The name of a clip.")
)
_CLIP: Final[Schema] = named(
    "Clip",
    an_object(
        {
            "name": TEXT,
            "bytes": about(WHOLE, "The size of the file."),
            "rate_hz": WHOLE,
            "channels": WHOLE,
            "duration_s": NUMBER,
        }
    ),
)


def operations() -> tuple[ControlOperation, ...]:
    """The operations on clips."""
    return (
        ControlOperation(
            method="GET",
            path=f"{TENANT}/clips",
            summary="List the uploaded clips, and the names of offhook's own, which every script may use.",
            answer=an_object({"clips": a_list(_CLIP), "built_in": a_list(TEXT)}),
            handle=_list,
        ),
        ControlOperation(
            method="PUT",
            path=_PATH,
            summary="Upload a WAV file, in place of one with the same name, for calls that start afterwards.",
            parameters=_NAME,
            upload=WAV,
            most_bytes=MOST_CLIP_BYTES,
            answer=_CLIP,
            answers={201: _CLIP},
            handle=_put,
        ),
        ControlOperation(
            method="GET",
            path=_PATH,
            summary="Download a clip.",
            parameters=_NAME,
            media_type=WAV,
            handle=_get,
        ),
        ControlOperation(
            method="DELETE",
            path=_PATH,
            summary="Delete a clip that no callee needs.",
            parameters=_NAME,
            answer=_CLIP,
            handle=_delete,
        ),
    )


def _list(asked: Asked) -> object:
    return {"clips": [_shown(clip) for clip in asked.tenant.clips.all], "built_in": list(CLIP_NAMES)}


def _put(asked: Asked) -> Response:
    clip, is_new = asked.tenant.clips.put(asked.text("name"), asked.content)
    return JsonAnswer(_shown(clip), 201 if is_new else 200)


def _get(asked: Asked) -> Response:
    clip = asked.tenant.clips.find(asked.text("name"))
    if clip is None:
        raise _missing(asked)
    try:
        return FileAnswer(clip.file, WAV)
    except OSError:
        raise _missing(asked) from None


def _delete(asked: Asked) -> object:
    clip = asked.tenant.clips.delete(asked.text("name"), asked.tenant.scripts)
    if clip is None:
        raise _missing(asked)
    return _shown(clip)


def _missing(asked: Asked) -> ControlRefused:
    return ControlRefused("no_such_clip", f"this tenant has no clip with the name {quoted(asked.text('name'))}")


def _shown(clip: StoredClip) -> dict[str, object]:
    return {
        "name": clip.name,
        "bytes": clip.bytes,
        "rate_hz": clip.rate_hz,
        "channels": clip.channels,
        "duration_s": round(clip.duration_s, 6),
    }

"""Uploads of media. The mock fetches nothing: it keeps the URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from offhook.session import Grade
from offhook_mockserver.faces.operations.fields import Field, Fields
from offhook_mockserver.faces.operations.kinds import url
from offhook_mockserver.faces.operations.shapes import OK, TEXT, an_object
from offhook_mockserver.faces.sendblue.operation import Operation, Scoped

if TYPE_CHECKING:
    from offhook_mockserver.faces.sendblue.operation import Asked


def operations() -> tuple[Operation, ...]:
    """The upload."""
    return (
        Operation(
            method="POST",
            path="/api/upload-media-object",
            summary="Make a media object of what is at a URL. The mock does not fetch it.",
            grade=Grade.OBSERVED,
            source="Python SDK 1.33.0",
            body=Fields(Field("media_url", url, required=True, summary="Where the media is.")),
            answer=an_object({"status": OK, "message": TEXT, "mediaObjectId": TEXT}),
            scoped=Scoped.LINES,
            handle=_upload,
        ),
    )


def _upload(asked: Asked) -> object:
    media = asked.tenant.account.media.upload(cast("str", asked.body["media_url"]))
    return {"status": "OK", "message": "File uploaded successfully", "mediaObjectId": media.id}

"""What this is, and its document. Neither needs the token: they say nothing of the mock that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import offhook
from offhook_mockserver.faces.control.operation import DEFAULT, ControlOperation
from offhook_mockserver.faces.control.place import PREFIX
from offhook_mockserver.faces.operations.shapes import TEXT, a_map, about, an_object

if TYPE_CHECKING:
    from offhook_mockserver.faces.control.operation import Asked

OPENAPI: Final = f"{PREFIX}/openapi.json"


def operations() -> tuple[ControlOperation, ...]:
    """The operations on the API itself."""
    return (
        ControlOperation(
            method="GET",
            path=PREFIX,
            summary="Say what this is, without a token.",
            answer=an_object(
                {
                    "name": about(TEXT, "Always `offhook mock`."),
                    "version": about(TEXT, "The version of offhook."),
                    "links": about(a_map(TEXT), "Where to go on."),
                }
            ),
            handle=_about,
            is_open=True,
        ),
        ControlOperation(
            method="GET",
            path=OPENAPI,
            summary="This document, without a token.",
            answer={"type": "object"},
            handle=_document,
            is_open=True,
        ),
    )


def _about(asked: Asked) -> object:
    links = {
        "openapi": OPENAPI,
        "tenants": f"{PREFIX}/tenants",
        "default_tenant": f"{PREFIX}/tenants/{DEFAULT}",
        "sendblue_openapi": "/mock/openapi.json",
    }
    return {"name": "offhook mock", "version": offhook.__version__, "links": links}


def _document(asked: Asked) -> object:
    return asked.mock.document()

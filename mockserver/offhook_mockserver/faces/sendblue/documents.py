"""What the mock says of its own API: the OpenAPI document, and the same as a page. Neither needs keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from offhook_mockserver.faces.front_page import DOCS
from offhook_mockserver.faces.sendblue.api import OPERATIONS

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute


OPENAPI: Final = "/mock/openapi.json"


def sendblue_openapi() -> dict[str, object]:
    """The OpenAPI document of Sendblue's API as the mock answers it, as an object of JSON."""
    from offhook_mockserver.faces.sendblue.openapi import document_of  # most mocks are never asked for it

    return document_of(OPERATIONS)


class ApiDocuments:
    """The document and the page, made when they are asked for the first time."""

    def __init__(self) -> None:
        self._json: bytes | None = None
        self._html: bytes | None = None

    def routes(self) -> list[BaseRoute]:
        """The routes to mount at the root of the server."""
        return [Route(OPENAPI, self._openapi, methods=["GET"]), Route(DOCS, self._docs, methods=["GET"])]

    async def _openapi(self, request: Request) -> Response:
        if self._json is None:
            self._json = json.dumps(sendblue_openapi()).encode()
        return Response(self._json, media_type="application/json")

    async def _docs(self, request: Request) -> Response:
        from offhook_mockserver.faces.sendblue.page import PAGE_HEADERS, page_of

        if self._html is None:
            self._html = page_of(sendblue_openapi(), OPENAPI).encode()
        return Response(self._html, media_type="text/html", headers=PAGE_HEADERS)

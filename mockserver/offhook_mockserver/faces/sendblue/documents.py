"""What the mock says of its own API: the OpenAPI document, and the same as a page. Neither needs keys.

The page has no script, loads nothing, and shows nothing that a client has sent.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from typing import TYPE_CHECKING, Final, cast

from starlette.responses import Response
from starlette.routing import Route

from offhook_mockserver.faces.operations.fields import GRADE, SOURCE
from offhook_mockserver.faces.operations.schema_rows import rows_of
from offhook_mockserver.faces.sendblue.api import OPERATIONS
from offhook_mockserver.faces.sendblue.openapi import LENIENT, SCOPE, document_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute


OPENAPI: Final = "/mock/openapi.json"
DOCS: Final = "/mock/docs"

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem}"
    "td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}"
    "code{font-family:ui-monospace,monospace}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}


def sendblue_openapi() -> dict[str, object]:
    """The OpenAPI document of Sendblue's API as the mock answers it, as an object of JSON."""
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
        if self._html is None:
            self._html = page_of(sendblue_openapi()).encode()
        return Response(self._html, media_type="text/html", headers=_PAGE_HEADERS)


def page_of(document: Mapping[str, object]) -> str:
    """The page of a document. Everything in it is escaped."""
    info = cast("Mapping[str, str]", document["info"])
    paths = cast("Mapping[str, Mapping[str, Mapping[str, object]]]", document["paths"])
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_text(info["title"])}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{_text(info['title'])}</h1>",
        *(f"<p>{_text(part)}</p>" for part in info["description"].split("\n\n")),
        f'<p><a href="{OPENAPI}">The OpenAPI document</a></p>',
    ]
    for path, methods in paths.items():
        for method, operation in methods.items():
            parts += _operation(f"{method.upper()} {path}", operation)
    return "".join([*parts, "</body></html>"])


def _operation(title: str, operation: Mapping[str, object]) -> Iterator[str]:
    identifier = _text(str(operation["operationId"]))
    yield f'<h2 id="{identifier}"><code>{_text(title)}</code></h2><p>{_text(str(operation["summary"]))}'
    if operation.get(LENIENT):
        yield " Answered only where the settings are lenient."
    facts = (str(operation[GRADE]), str(operation[SOURCE]), f"for {operation[SCOPE]}")
    yield f"</p><p>{_text('; '.join(facts))}</p>"
    for name, rows in rows_of(operation):
        if rows:
            yield f"<h3>{_text(name)}</h3><table><tr><th>field<th>type<th>needed<th>grade<th>meaning</tr>"
            for row in rows:
                needed = "yes" if row.required else ""
                yield f"<tr>{_cells([f'{row.name}', row.type, needed, f'{row.grade}: {row.source}', row.summary])}</tr>"
            yield "</table>"


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{_text(text)}" for text in texts)


def _text(text: str) -> str:
    return html.escape(text, quote=True)

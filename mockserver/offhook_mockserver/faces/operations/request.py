"""Reads a request as ASGI delivers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from starlette.types import Receive, Scope


#: Where an ASGI scope has its headers as text, once they were asked for.
_HEADERS: Final = "offhook.headers"


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request, with names in lower case; of a repeated one, the first."""
    known = cast("dict[str, str] | None", scope.get(_HEADERS))
    if known is not None:
        return known
    headers: dict[str, str] = {}
    for name, value in cast("list[tuple[bytes, bytes]]", scope["headers"]):
        headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    scope[_HEADERS] = headers
    return headers


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request, whose length the guard of the mock limits."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)

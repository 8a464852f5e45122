"""Reads a request as ASGI delivers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from starlette.types import Receive, Scope


def headers_of(scope: Scope) -> dict[str, str]:
    """The headers of a request, with names in lower case; of a repeated one, the first."""
    raw = cast("list[tuple[bytes, bytes]]", scope["headers"])
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(raw)}


async def body_of(receive: Receive) -> bytes:
    """The whole body of a request, whose length the guard of the mock limits."""
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)

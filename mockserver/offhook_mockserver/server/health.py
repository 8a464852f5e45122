"""The answer to programs that wait until a mock answers: one that needs no keys and no library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

#: Its path.
HEALTH: Final = "/mock/health"
_BODY: Final = b'{"status":"ok"}'
_HEADERS: Final = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY)))


def is_health(scope: Scope) -> bool:
    """Whether a request asks for it."""
    return scope["path"] == HEALTH and scope["type"] == "http" and scope["method"] in {"GET", "HEAD"}


async def answer_health(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer that the mock is there, as an ASGI application."""
    await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
    await send({"type": "http.response.body", "body": _BODY})

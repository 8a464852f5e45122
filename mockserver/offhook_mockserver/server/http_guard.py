"""The outermost layer of the mock: what a web page, or a broken client, must not be able to do to it.

A server on localhost can be reached by every page in the user's browser. So: only our own names as Host, on every path
(against DNS rebinding); no foreign Origin on a write or a WebSocket; JSON alone on a write (a form or `text/plain` is
what a page can send without asking); caps on headers, on the body and on the time it takes. No CORS headers, ever.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


MAX_BODY_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 16 * 1024
BODY_TIMEOUT_S: Final = 10.0

_SAFE: Final = frozenset({"GET", "HEAD"})
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


class _Refused(Exception):
    """A request stops here; it is answered with `status` and the message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guard:
    """ASGI middleware.

    Args:
        app: what is guarded.
        hosts: gives the values that a Host header may have, port included.
        body_timeout_s: how long a whole body may take.
    """

    def __init__(
        self, app: ASGIApp, hosts: Callable[[], frozenset[str]], *, body_timeout_s: float = BODY_TIMEOUT_S
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._body_timeout_s = body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        try:
            headers = self._check_headers(scope)
            body = b""
            if scope["type"] == "http":
                body = await self._whole_body(headers, receive)
        except _Refused as refused:
            await _refuse(scope, receive, send, refused)
            return
        except _Gone:
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), _NOSNIFF]}
            await send(message)

        await self._app(scope, _replay(body, receive) if scope["type"] == "http" else receive, send_guarded)

    def _check_headers(self, scope: Scope) -> Mapping[str, str]:
        raw: list[tuple[bytes, bytes]] = scope["headers"]
        if len(raw) > MAX_HEADERS or sum(len(name) + len(value) for name, value in raw) > MAX_HEADER_BYTES:
            raise _Refused(431, f"more than {MAX_HEADERS} headers, or {MAX_HEADER_BYTES} bytes of them")
        headers: dict[str, str] = {}
        for name, value in raw:
            key = name.decode("latin-1").lower()
            if key in headers and key in {"host", "origin", "content-type"}:
                raise _Refused(400, f"more than one {key} header")
            headers[key] = value.decode("latin-1")
        host = headers.get("host", "").lower()
        if host not in self._hosts():
            raise _Refused(421, "this server answers to its own loopback names alone; the Host header names another")
        write = scope["type"] == "websocket" or scope["method"] not in _SAFE
        # A client that is no browser sends no Origin.
        if write and headers.get("origin", f"http://{host}").lower() != f"http://{host}":
            raise _Refused(403, "pages of another origin may not use this server")
        return headers if not write or scope["type"] == "websocket" else _checked_write(headers)

    async def _whole_body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        declared = headers.get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > MAX_BODY_BYTES:
            raise _Refused(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_timeout_s):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    body += message.get("body", b"")
                    if len(body) > MAX_BODY_BYTES:
                        raise _Refused(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
                    more = message.get("more_body", False)
        except TimeoutError:
            raise _Refused(408, f"the body did not come within {self._body_timeout_s:g} s") from None
        return bytes(body)


class _Gone(Exception):
    """The client went before its request was whole; nobody reads an answer."""


def _checked_write(headers: Mapping[str, str]) -> Mapping[str, str]:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise _Refused(415, "the Content-Type must be application/json")
    return headers


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body that was read already, then what else comes."""
    waiting = [body]

    async def replayed() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replayed


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: _Refused) -> None:
    """Answer in Sendblue's error shape, and close: the rest of the request is not wanted."""
    kind = "http"
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
            return
        kind = "websocket.http"
    body = json.dumps({"status": "ERROR", "message": str(refused)}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        _NOSNIFF,
    ]
    await send({"type": f"{kind}.response.start", "status": refused.status, "headers": headers})
    await send({"type": f"{kind}.response.body", "body": body})

"""The outermost layer of the mock: it limits what a web page, or a broken client, can do.

Every page in the user's browser can reach a server on localhost. So the guard accepts only our own names as Host, on
every path (against DNS rebinding). It refuses what pages of another origin send, reads included: they can change
nothing, fill no journal, and learn nothing from the time of an answer. It refuses any body but JSON on a write (a page
can send a form or `text/plain` without asking). It limits the headers, the body and the time that the body takes. No
answer has CORS headers.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from offhook.session import Grade
from offhook_mockserver.doors.limits import LINGER_S
from offhook_mockserver.faces.operations.request import headers_of
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused, refuse
from offhook_mockserver.server.limits import BODY_TIMEOUT_S, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


# Sendblue documents none of these; most are limits of the mock's own.
REPEATED_HEADER: Final = ApiRefusal(400, Grade.ASSUMED)
TWO_LENGTHS: Final = ApiRefusal(400, Grade.ASSUMED)
FOREIGN_ORIGIN: Final = ApiRefusal(403, Grade.ASSUMED)
BODY_TOO_SLOW: Final = ApiRefusal(408, Grade.ASSUMED)
BODY_TOO_LARGE: Final = ApiRefusal(413, Grade.ASSUMED)
WRONG_TYPE: Final = ApiRefusal(415, Grade.ASSUMED)
FOREIGN_HOST: Final = ApiRefusal(421, Grade.ASSUMED)
TOO_MANY_HEADERS: Final = ApiRefusal(431, Grade.ASSUMED)

_SAFE: Final = frozenset({"GET", "HEAD"})
#: What a request may have at most once.
_ONCE: Final = ("host", "origin", "content-type")
#: What browsers say of requests that the user, or one of our own pages, has caused.
_OWN_SITE: Final = frozenset({"same-origin", "none"})
_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")


@dataclass(frozen=True, slots=True)
class AcceptedBody:
    """What the body of a request may be.

    Attributes:
        media_type: its type.
        most_bytes: how long it may be.
    """

    media_type: str
    most_bytes: int


JSON_BODY: Final = AcceptedBody("application/json", MAX_BODY_BYTES)


class Guard:
    """ASGI middleware.

    Args:
        app: what is guarded.
        hosts: returns the values that a Host header may have, port included.
        body_timeout_s: how long a whole body may take.
        accepted: called with the scope of each write whose Host and Origin are right; returns what its body may be. It
            must check what the request proves before it returns a higher limit than that of JSON: the whole body is
            held in memory.
        refusal: returns a refusal in the shape of the API that a request is for; by default, that of Sendblue.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Callable[[], frozenset[str]],
        *,
        body_timeout_s: float = BODY_TIMEOUT_S,
        accepted: Callable[[Scope], AcceptedBody] = lambda scope: JSON_BODY,
        refusal: Callable[[Scope, RequestRefused], Response] = lambda scope, refused: refuse(
            refused.refusal, str(refused)
        ),
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._body_timeout_s = body_timeout_s
        self._accepted = accepted
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        request = _Request(receive)
        try:
            headers = self._check_headers(scope)
            if scope["type"] == "http":
                receive = await self._checked_body(scope, headers, request)
        except RequestRefused as refused:
            await _answer(scope, request, send, self._refusal(scope, refused))
            return
        except _Gone:
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), _NOSNIFF]}
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _check_headers(self, scope: Scope) -> dict[str, str]:
        raw: list[tuple[bytes, bytes]] = scope["headers"]
        if len(raw) > MAX_HEADERS or sum([len(name) + len(value) for name, value in raw]) > MAX_HEADER_BYTES:
            message = f"more than {MAX_HEADERS} headers, or more than {MAX_HEADER_BYTES} bytes of headers"
            raise RequestRefused(TOO_MANY_HEADERS, message)
        headers = headers_of(scope)
        if len(headers) < len(raw):
            names = [name.decode("latin-1").lower() for name, _ in raw]
            for name in _ONCE:
                if names.count(name) > 1:
                    raise RequestRefused(REPEATED_HEADER, f"more than one {name} header")
        if "content-length" in headers and "transfer-encoding" in headers:
            # Two programs on the way may read different bodies (RFC 9112, section 6.1).
            raise RequestRefused(TWO_LENGTHS, "a request may have Content-Length or Transfer-Encoding, but not both")
        host = headers.get("host", "").lower()
        if host not in self._hosts():
            message = "the Host header must be one of this server's own loopback names"
            raise RequestRefused(FOREIGN_HOST, message)
        if _is_of_another_page(scope, headers, host):
            raise RequestRefused(FOREIGN_ORIGIN, "pages of another origin may not use this server")
        return headers

    async def _checked_body(self, scope: Scope, headers: dict[str, str], request: _Request) -> Receive:
        """Wait for the whole body and check it; returns what the application receives."""
        write = scope["method"] not in _SAFE
        accepted = self._accepted(scope) if write else JSON_BODY
        if "content-length" not in headers and "transfer-encoding" not in headers:
            # It has no body (RFC 9112, section 6.3), and so nothing is waited for.
            if write:
                _check_type(headers, accepted, has_body=False)
            return request.receive
        if write:
            _check_type(headers, accepted, has_body=headers.get("content-length", "0").lstrip("0") != "")
        body = await self._whole_body(headers, request, accepted.most_bytes)
        if write:
            _check_type(headers, accepted, has_body=body != b"")
        return _replay(body, request.receive)

    async def _whole_body(self, headers: dict[str, str], request: _Request, most_bytes: int) -> bytes:
        too_large = RequestRefused(BODY_TOO_LARGE, f"the body is larger than {most_bytes} bytes")
        declared = headers.get("content-length", "0")
        if declared.isascii() and declared.isdigit() and int(declared[:20]) > most_bytes:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_timeout_s):
                while not request.complete:
                    message = await request()
                    if message["type"] == "http.disconnect":
                        raise _Gone
                    body += message.get("body", b"")
                    if len(body) > most_bytes:
                        raise too_large
        except TimeoutError:
            problem = f"the body did not arrive within {self._body_timeout_s:g} s"
            raise RequestRefused(BODY_TOO_SLOW, problem) from None
        return bytes(body)


class _Request:
    """A `receive` that knows whether the body of the request has arrived completely."""

    def __init__(self, receive: Receive) -> None:
        self.receive = receive
        self.complete = False

    async def __call__(self) -> Message:
        message = await self.receive()
        self.complete = not (message["type"] == "http.request" and message.get("more_body", False))
        return message


class _Gone(Exception):
    """The client disconnected before its request was complete, so it cannot read an answer."""


def _is_of_another_page(scope: Scope, headers: dict[str, str], host: str) -> bool:
    """Whether a page of another origin has caused a request. Clients that are not browsers send none of these headers.

    A link to one of our pages may be followed: then the answer takes the place of the page that has the link.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() != f"http://{host}":
        return True
    if site is None or site.lower() in _OWN_SITE:
        return False
    is_link = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
    return scope["type"] == "websocket" or scope["method"] not in _SAFE or not is_link


def _check_type(headers: dict[str, str], accepted: AcceptedBody, *, has_body: bool) -> None:
    """Check the type of a write's body. Without one, clients send no type: a DELETE of Sendblue's SDKs, for example."""
    given = headers.get("content-type")
    if given is None and not has_body:
        return
    if (given or "").partition(";")[0].strip().lower() != accepted.media_type:
        raise RequestRefused(WRONG_TYPE, f"the Content-Type must be {accepted.media_type}")


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that returns the body that was read already, then the messages that follow."""
    waiting = [body]

    async def replayed() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replayed


async def _answer(scope: Scope, request: _Request, send: Send, response: Response) -> None:
    """Send a refusal, discard what the client still sends, and close."""
    if scope["type"] == "websocket" and "websocket.http.response" not in scope.get("extensions", {}):
        await request()
        await send({"type": "websocket.close", "code": 1008})
        return
    response.raw_headers += [(b"connection", b"close"), _NOSNIFF]
    if scope["type"] == "websocket":
        await response(scope, request, send)
        return
    await send({"type": "http.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": bytes(response.body), "more_body": True})
    # The answer is complete, by its length. A connection that is closed while the client still sends is reset, and the
    # client's system may then discard the answer.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while not request.complete:
                await request()
    await send({"type": "http.response.body", "body": b"", "more_body": False})

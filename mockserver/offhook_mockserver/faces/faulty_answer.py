"""Answers to which a fault of a test happens, on their way to the client."""

from __future__ import annotations

import asyncio
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from starlette.responses import Response

from offhook.session import Grade
from offhook_mockserver.doors.json_answer import JsonAnswer
from offhook_mockserver.faces.refusals import ApiRefusal, RequestRefused
from offhook_mockserver.tenants.effects import BrokenExchange, ReplacedAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from starlette.types import Message, Receive, Scope, Send

    from offhook_mockserver.tenants.effects import HttpEffect

#: The extension of an ASGI scope with the client's connection.
CONNECTION: Final = "offhook.connection"
#: zlib's number for the format of gzip with the largest window.
_GZIP: Final = 31
_BEST: Final = 9
#: Bytes that are compressed in one turn of the loop, in about 1 ms: a mock whose loop stands still loses audio.
_PACKED_AT_ONCE: Final = 128 * 1024


class ClientConnection(Protocol):
    """The connection of one request, which every server of the mock passes in the scope."""

    def reset(self) -> None:
        """Reset it: what was not sent yet is dropped."""
        ...

    def close(self) -> None:
        """Close it when everything was sent, whether the answer is complete or not."""
        ...


def faulty(effect: HttpEffect, answer: Response | None, refuse: Callable[[RequestRefused], Response]) -> Response:
    """The answer that a client gets, or begins to get.

    Args:
        effect: what happens to the exchange.
        answer: the right answer; None if the request was not carried out.
        refuse: makes a refusal in the shape of the API.
    """
    match effect:
        case ReplacedAnswer(repeat=1, gzip=False):
            return _replaced(effect, refuse)
        case ReplacedAnswer():
            return _LongAnswer(effect)
        case BrokenExchange():
            return _BrokenAnswer(answer or Response(), effect)
        case _:
            raise AssertionError(f"{effect} does not happen to an answer")


def _replaced(effect: ReplacedAnswer, refuse: Callable[[RequestRefused], Response]) -> Response:
    if effect.body is not None:
        answer = Response(effect.body, effect.status, media_type=effect.media_type)
    elif effect.status < HTTPStatus.BAD_REQUEST:
        answer = JsonAnswer({"status": "ERROR", "message": effect.message}, effect.status)
    else:
        answer = refuse(RequestRefused(ApiRefusal(effect.status, Grade.ASSUMED), effect.message))
    for name, value in effect.headers:
        answer.headers[name] = value
    return answer


class _BrokenAnswer(Response):
    """A right answer over a bad network.

    Args:
        answer: the answer.
        effect: what happens to it.
    """

    def __init__(self, answer: Response, effect: BrokenExchange) -> None:
        super().__init__(status_code=answer.status_code)
        self._answer = answer
        self._effect = effect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _while_connected(receive, lambda gone: self._answer_over(_connection(scope), gone, send))

    async def _answer_over(self, connection: ClientConnection, gone: asyncio.Task[None], send: Send) -> None:
        effect, answer = self._effect, self._answer
        body = bytes(getattr(answer, "body", b""))  # a stream of events has none: it ends before it begins
        if effect.delay_s:
            await asyncio.wait((gone,), timeout=effect.delay_s)
        if effect.reset_after == 0:
            connection.reset()
            return
        await send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
        if effect.reset_after is not None:
            await send(_part(body[: effect.reset_after]))
            connection.reset()
        elif effect.truncated:
            await send(_part(body[: len(body) // 2]))
            connection.close()
        elif effect.dribble_s:
            for at in range(len(body)):
                await asyncio.wait((gone,), timeout=effect.dribble_s)
                if gone.done():
                    return
                await send(_part(body[at : at + 1]))
            await send(_part(b"", more=False))
        else:
            await send(_part(body, more=False))


class _LongAnswer(Response):
    """An answer whose body is sent part by part, for as long as the client reads it."""

    def __init__(self, effect: ReplacedAnswer) -> None:
        super().__init__(status_code=effect.status, media_type=effect.media_type)
        self._effect = effect
        del self.headers["content-length"]
        for name, value in effect.headers:
            self.headers[name] = value

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await _while_connected(receive, lambda gone: self._send_parts(gone, send))

    async def _send_parts(self, gone: asyncio.Task[None], send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for part in self._parts():
            if gone.done():
                return
            await send(_part(part))
        await send(_part(b"", more=False))

    async def _parts(self) -> AsyncIterator[bytes]:
        part = self._effect.body or b""
        compressor = zlib.compressobj(_BEST, zlib.DEFLATED, _GZIP) if self._effect.gzip else None
        at_once = len(part) if compressor is None else _PACKED_AT_ONCE
        for _ in range(self._effect.repeat):
            for at in range(0, len(part), at_once):
                await asyncio.sleep(0)  # a client that has gone is not waited for, and others have their turns
                piece = part[at : at + at_once]
                if sent := piece if compressor is None else compressor.compress(piece):
                    yield sent
        if compressor is not None:
            yield compressor.flush()


async def _while_connected(receive: Receive, send: Callable[[asyncio.Task[None]], Awaitable[None]]) -> None:
    """Call `send` with a task that is done when the client has gone, and wait for that task.

    An answer that is broken off needs the wait: a server reports an application that ends in the middle of an answer.
    """

    async def until_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    gone = asyncio.create_task(until_gone())
    try:
        await send(gone)
        await gone
    finally:
        gone.cancel()
        await asyncio.wait((gone,))


def _connection(scope: Scope) -> ClientConnection:
    extensions: Mapping[str, ClientConnection] = scope.get("extensions") or {}
    return extensions[CONNECTION]


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}

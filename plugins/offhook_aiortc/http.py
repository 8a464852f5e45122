"""HTTP exchanges with relays on this machine: direct, without redirects, bounded in bytes and in time.

A connection is kept for a moment, so that a call's check, its join and its WebSocket share one. An HTTP client for the
internet would cost a call several times as much as everything else that its join does.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

from offhook.errors import JoinFailed
from offhook_aiortc.plain_http import NoAnswerBegan, PlainConnection
from offhook_wire.relay_protocol import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    import h11

    from offhook_aiortc.plain_http import Headers

#: How long an idle connection is kept, in seconds: less than servers keep theirs, so that they do not close one just as
#: a request is sent.
KEPT_S: Final = 1.0
#: How many idle connections to one relay are kept.
MOST_KEPT: Final = 4
_HTTP_PORT: Final = 80
_HEADERS: Final = (("accept", "application/json"), ("accept-encoding", "identity"))

#: A host and a port.
_Origin: TypeAlias = "tuple[str, int]"


@dataclass(frozen=True, slots=True)
class RelayAnswer:
    """A complete answer.

    Attributes:
        status: the HTTP status.
        body: its bytes, as they arrived.
    """

    status: int
    body: bytes


class RelayHttp:
    """Exchanges with relays, over connections that it keeps for a moment. No loop knows those that are idle."""

    def __init__(self) -> None:
        #: The idle connections, each with the timer that closes it.
        self._kept: defaultdict[_Origin, list[tuple[PlainConnection, asyncio.TimerHandle]]] = defaultdict(list)
        self._closed = False

    def __del__(self) -> None:
        self.close()  # its connections are of no use to anybody else

    @property
    def kept(self) -> int:
        """How many idle connections there are."""
        return sum(map(len, self._kept.values()))

    async def exchange(
        self, method: str, url: str, *, timeout_s: float, document: Mapping[str, object] | None = None
    ) -> RelayAnswer:
        """Send one request and read its whole answer.

        The answer is read as it arrives, since a compressed one could unpack to any size: it is not requested, and one
        that arrives anyway is refused. A request that a kept connection does not take is sent again over a new one.

        Args:
            method: ``GET`` or ``POST``.
            url: of a relay on this machine; no proxy of the environment is used, and no redirect followed.
            timeout_s: the limit for all of it, so that an answer which drips is over, too.
            document: the JSON body.

        Raises:
            JoinFailed: the answer is compressed, or larger than `MAX_MESSAGE_BYTES`.
            TimeoutError: it took longer than `timeout_s`.
            OSError: no connection; `AnswerBroken` if the answer was not HTTP, or was cut off.
        """
        parts = urlsplit(url)
        origin = _origin(parts)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        body = b"" if document is None else json.dumps(document).encode()
        request = _Request(method, target, [("host", parts.netloc), *_HEADERS], body)
        async with asyncio.timeout(timeout_s):
            connection = self._take(origin)
            if connection is not None:
                try:
                    return await self._ask(connection, origin, url, request)
                except NoAnswerBegan:
                    pass  # the relay had closed it
            return await self._ask(await PlainConnection.open(*origin), origin, url, request)

    def take_socket(self, url: str) -> socket.socket | None:
        """Return the socket of an idle connection to the relay at `url`, for another protocol; None without one.

        The caller closes it.
        """
        connection = self._take(_origin(urlsplit(url)))
        return None if connection is None else connection.detach()

    def close(self) -> None:
        """Close all idle connections, and keep none from now on. Idempotent."""
        self._closed = True
        for kept in self._kept.values():
            for connection, expiry in kept:
                expiry.cancel()
                connection.close()
        self._kept.clear()

    async def _ask(self, connection: PlainConnection, origin: _Origin, url: str, request: _Request) -> RelayAnswer:
        reusable = False
        try:
            await connection.send(request.method, request.target, request.headers, request.body)
            answer = await _read_answer(connection, url)
            reusable = connection.rewind()
        finally:
            kept = self._kept[origin]
            if not reusable or self._closed or len(kept) >= MOST_KEPT:
                connection.close()
            else:
                kept.append((connection, asyncio.get_running_loop().call_later(KEPT_S, self._expire, origin)))
        return answer

    def _take(self, origin: _Origin) -> PlainConnection | None:
        kept = self._kept[origin]
        while kept:
            connection, expiry = kept.pop()
            expiry.cancel()
            if connection.is_usable():
                return connection
            connection.close()
        return None

    def _expire(self, origin: _Origin) -> None:
        self._kept[origin].pop(0)[0].close()  # the others have been idle for less


def _origin(url: SplitResult) -> _Origin:
    return url.hostname or "", url.port or _HTTP_PORT


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    target: str
    headers: Headers
    body: bytes


async def _read_answer(connection: PlainConnection, url: str) -> RelayAnswer:
    head = await connection.head()
    _check_encoding(url, head)
    received = bytearray()
    while part := await connection.part():
        received += part
        if len(received) > MAX_MESSAGE_BYTES:
            raise JoinFailed(f"the answer of {url} is larger than {MAX_MESSAGE_BYTES} bytes, the limit for a relay")
    return RelayAnswer(head.status_code, bytes(received))


def _check_encoding(url: str, response: h11.Response) -> None:
    for name, value in response.headers:
        if name == b"content-encoding" and value.lower() != b"identity":
            raise JoinFailed(f"the answer of {url} is compressed, which was not requested: a relay's is not")

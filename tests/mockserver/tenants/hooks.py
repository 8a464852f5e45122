"""Receivers of webhooks for tests: over sockets on the test's loop, and without them."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from offhook_mockserver.tenants.webhooks.hooks import Hook
from offhook_mockserver.tenants.webhooks.post_answer import PostAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from offhook_mockserver.server import InProcessMock

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
#: A URL that no test reaches over the network.
URL = "http://127.0.0.1:9/hooks"


class Receiver:
    """A receiver on the test's loop.

    Args:
        answer: what it answers to each request: bytes, None for nothing at all, or a function of the number of the
            request that returns either.
        stays: whether it keeps connections open after an answer that is not `OK`.

    Attributes:
        requests: the heads and the bodies that have arrived.
        connections: how many connections there were.
        url: where it is; set by `running`.
    """

    def __init__(self, answer: bytes | Callable[[int], bytes | None] | None = OK, *, stays: bool = False) -> None:
        self._answer = answer
        self._stays = stays
        self.requests: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self.url = ""

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.requests]

    @asynccontextmanager
    async def running(self, host: str = "127.0.0.1") -> AsyncGenerator[Receiver]:
        server = await asyncio.start_server(self._serve, host, 0)
        try:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/events"
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.lower().split(b"\r\n")
                length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
                self.requests.append((head, await reader.readexactly(length)))
                answer = self._answer(len(self.requests)) if callable(self._answer) else self._answer
                if answer is None:
                    await reader.read()  # until the other end gives up
                elif answer == b"reset":
                    linger = struct.pack("ii", 1, 0)  # so that the system resets it
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    return
                else:
                    writer.write(answer)
                    if answer != OK and not self._stays:
                        return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


class Posts:
    """Takes the place of the network: what was posted, and what is answered."""

    def __init__(self, answer: Callable[[str, dict[str, Any]], int] = lambda url, event: 204) -> None:
        self._answer = answer
        self.headers: list[dict[str, str]] = []
        self.posted: list[tuple[str, dict[str, Any]]] = []
        self.hold: dict[str, asyncio.Event] = {}

    async def __call__(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> PostAnswer:
        event = json.loads(body)
        self.headers.append(dict(headers))
        self.posted.append((url, event))
        if url in self.hold:
            await self.hold[url].wait()
        return PostAnswer(self._answer(url, event))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, event in self.posted]


def hooked(mock: InProcessMock, *urls: str, type: str = "call_log", posts: Posts | None = None) -> None:
    """Register webhooks of the first tenant; with `posts`, nothing goes over the network."""
    mock.tenant.webhooks.registrations.add(type, [Hook(url) for url in urls])
    if posts is not None:
        mock.dispatcher.post = posts

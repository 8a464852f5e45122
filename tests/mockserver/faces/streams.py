"""Reads streams of server-sent events in tests."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    import httpx

    from offhook_mockserver.server import Tenant


@dataclass(frozen=True, slots=True)
class Sent:
    """What a server sent: an event, or a comment.

    Attributes:
        name: of the event; empty for a comment.
        data: of the event, read as JSON; of a comment, its text.
        id: of the event.
    """

    name: str
    data: Any
    id: str = ""


class EventReader:
    """Reads one stream.

    Args:
        response: the answer that streams it.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._blocks = _blocks(response)

    async def next(self) -> Sent:
        """The next event or comment.

        Raises:
            StopAsyncIteration: the stream has ended.
        """
        return _parsed(await anext(self._blocks))

    async def rest(self) -> list[Sent]:
        """Everything until the end."""
        return [_parsed(block) async for block in self._blocks]


@contextlib.asynccontextmanager
async def streaming(client: httpx.AsyncClient, path: str, **arguments: Any) -> AsyncGenerator[EventReader]:
    """Open a stream, with the arguments of `httpx.AsyncClient.stream`, and close it."""
    async with client.stream("GET", path, timeout=None, **arguments) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
        yield EventReader(response)


async def all_closed(tenant: Tenant) -> None:
    """Wait until a tenant has no open stream; in virtual time, this takes some turns of the loop."""
    for _ in range(1_000):
        if not len(tenant.streams):
            return
        await asyncio.sleep(0)
    raise AssertionError(f"{len(tenant.streams)} streams are open")


async def _blocks(response: httpx.Response) -> AsyncIterator[str]:
    waiting = ""
    async for text in response.aiter_text():
        waiting += text
        while "\n\n" in waiting:
            block, _, waiting = waiting.partition("\n\n")
            yield block
    assert waiting == ""


def _parsed(block: str) -> Sent:
    if block.startswith(": "):
        return Sent("", block[2:])
    lines = dict(line.split(": ", 1) for line in block.split("\n"))
    assert set(lines) <= {"id", "event", "data"}, block
    return Sent(lines["event"], json.loads(lines["data"]), lines.get("id", ""))

"""Answers that stream events to a client (server-sent events), for as long as the client reads and the tenant is there.

A stream holds no events: its reader looks into a log that is bounded, and knows how far it has read. A client that does
not read delays only itself; the server cuts it when it owes the client too much for too long.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from starlette.responses import Response

from offhook_mockserver.faces.operations.request import until_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

    from offhook_mockserver.tenants.clock import TenantClock
    from offhook_mockserver.tenants.streams import Streams


MEDIA_TYPE: Final = "text/event-stream"
#: The pause between two heartbeats. They are comments: Sendblue's SDKs report every named event to their user.
HEARTBEAT_S: Final = 15.0
#: A part of the answer ends with the event that reaches this size, so that a turn of the loop stays short.
MOST_PART_BYTES: Final = 16 * 1024
#: Events that a reader looks at in one turn of the loop.
MOST_AT_ONCE: Final = 100


class Reader(Protocol):
    """Reads a log of events."""

    def watch(self, wake: Callable[[], object]) -> Callable[[], None]:
        """Have `wake` called whenever there may be new events; returns what ends the calls."""
        ...

    def next(self) -> bytes | None:
        """What the client gets next; b"" if the events that were looked at are not for it, None if there is none."""
        ...


class EventStream(Response):
    """A stream of events. The limit of open streams is checked by who makes it, and once more when it begins.

    Args:
        reader: what is streamed. It has its place in the log already, so that no event after the request is missed.
        streams: the open streams of the tenant.
        api: the API that it belongs to, for `streams`.
        clock: the time of the tenant, which heartbeats and the end follow.
        life_s: the stream ends after this time, in seconds; clients connect again.
        is_allowed: asked before each part; the stream ends when it returns False.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        reader: Reader,
        streams: Streams,
        api: str,
        clock: TenantClock,
        life_s: float,
        is_allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._reader = reader
        self._streams = streams
        self._api = api
        self._clock = clock
        self._life_s = life_s
        self._is_allowed = is_allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        if scope["method"] == "HEAD":
            await send(start)
            await send(_part(b"", more=False))
            return
        woken = asyncio.Event()
        gone = asyncio.create_task(until_gone(receive))
        gone.add_done_callback(lambda _: woken.set())
        is_full = self._streams.is_full(self._api)
        stop = self._reader.watch(woken.set)
        try:
            with self._streams.reading(self._api, woken.set):
                await send(start)
                why = "too many streams are open" if is_full else await self._send_events(woken, gone, send)
            if not gone.done():
                await send(_part(comment(f"the end: {why}"), more=False))
        finally:
            stop()
            gone.cancel()
            await asyncio.wait((gone,))

    async def _send_events(self, woken: asyncio.Event, gone: asyncio.Task[None], send: Send) -> str:
        """Send events until the stream must end; returns why."""
        beat, life = _Alarm(self._clock, HEARTBEAT_S, woken), _Alarm(self._clock, self._life_s, woken)
        try:
            while not gone.done():
                woken.clear()
                if self._streams.ended:
                    return self._streams.ended
                if life.rang:
                    return "its time is over; connect again"
                if not self._is_allowed():
                    return "the credentials are not valid any more"
                part = self._reader.next()
                if beat.rang:
                    beat = _Alarm(self._clock, HEARTBEAT_S, woken)
                    part = comment("heartbeat") + (part or b"")
                if part is None:
                    await woken.wait()
                    continue
                if part:
                    await send(_part(part))
                await asyncio.sleep(0)  # a client that reads everything at once must not keep the loop to itself
            return "the client has gone"
        finally:
            beat.cancel()
            life.cancel()


class _Alarm:
    """Wakes a stream once. It keeps whether it rang, because rounded times cannot be compared with each other."""

    def __init__(self, clock: TenantClock, delay_s: float, woken: asyncio.Event) -> None:
        self.rang = False
        self._woken = woken
        self._timer = clock.call_later(delay_s, self._ring)

    def cancel(self) -> None:
        self._timer.cancel()

    def _ring(self) -> None:
        self.rang = True
        self._woken.set()


def comment(text: str) -> bytes:
    """A comment, which clients skip."""
    return f": {text}\n\n".encode()


def event(name: str, data: str, id: str = "") -> bytes:
    """An event; `data` is one line."""
    lines = (f"id: {id}\n" if id else "") + f"event: {name}\ndata: {data}\n\n"
    return lines.encode()


def _part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}

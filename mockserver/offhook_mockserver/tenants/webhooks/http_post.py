"""Posts webhooks over HTTP/1.1: no redirect is followed, no proxy is used, and little is read of an answer.

On httpx or httpcore a post costs six times the CPU, on the loop that also paces the audio of calls; so this drives h11
itself, with connections that are kept for the next post to the same host.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Final, TypeAlias

import h11

from offhook.wording import describe
from offhook_mockserver.tenants.webhooks.post_answer import KeptBody, PostAnswer
from offhook_mockserver.tenants.webhooks.targets import NotDelivered, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from offhook_mockserver.tenants.webhooks.targets import Target, Targets

#: Headers of a request, in order.
Headers: TypeAlias = "Sequence[tuple[str, str]]"

#: The most bytes that are read of one answer, head included; the connection of a longer one is closed.
MOST_ANSWER_BYTES: Final = 64 * 1024
#: The most bytes of an answer's head.
_MOST_HEAD_BYTES: Final = 16 * 1024
_READ_BYTES: Final = 16 * 1024
#: How long the body of an answer may take, of which only the beginning is shown; then its connection is closed.
_BODY_S: Final = 1.0
#: Connections without a request that are kept for one host, and how long after the last post.
_MOST_IDLE: Final = 8
_IDLE_S: Final = 0.5


class HttpPost:
    """Posts to the URLs that `targets` allows. Used on one loop.

    Args:
        targets: the hosts that may be reached.
    """

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self._idle: dict[tuple[bool, str, int], list[_Connection]] = {}
        self._last_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tls: ssl.SSLContext | None = None
        self._open: set[_Connection] = set()

    async def __call__(self, url: str, headers: Headers, body: bytes) -> PostAnswer:
        """Post `body`, and return the answer. The caller limits the time.

        Raises:
            NotDelivered: there was no answer.
        """
        target = target_of(url)
        place = (target.secure, target.host, target.port)
        while (connection := self._taken(place)) is not None:
            with contextlib.suppress(_Stale):  # the receiver has closed it meanwhile
                return await self._exchange(connection, target, headers, body)
        connection = await self._connected(target)
        try:
            return await self._exchange(connection, target, headers, body)
        except _Stale:
            raise NotDelivered("the connection was closed before an answer") from None

    def close(self) -> None:
        """Close every connection. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._idle.clear()
        for connection in tuple(self._open):
            self._closed(connection)

    async def _exchange(self, connection: _Connection, target: Target, headers: Headers, body: bytes) -> PostAnswer:
        reusable = False
        try:
            answer, reusable = await connection.exchange(target, headers, body)
        except h11.ProtocolError:
            raise NotDelivered("the answer is not one of HTTP") from None
        except OSError as error:
            if connection.answering or connection.fresh:
                raise NotDelivered(f"the connection failed: {describe(error)}") from None
            raise _Stale from None
        finally:
            if reusable:
                self._keep((target.secure, target.host, target.port), connection)
            else:
                self._closed(connection)
        return answer

    async def _connected(self, target: Target) -> _Connection:
        failure: Exception | None = None
        for address in await self._targets.addresses(target):
            try:
                tls = await self._context() if target.secure else None
                reader, writer = await asyncio.open_connection(
                    address,
                    target.port,
                    ssl=tls,
                    server_hostname=target.host if target.secure else None,
                    limit=_READ_BYTES,
                )
            except OSError as error:  # errors of TLS included
                failure = error
            else:
                connection = _Connection(reader, writer)
                self._open.add(connection)
                return connection
        assert failure is not None
        raise NotDelivered(f"no connection was made: {describe(failure)}")

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:  # in a thread: it reads the certificates of the system
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls

    def _taken(self, place: tuple[bool, str, int]) -> _Connection | None:
        idle = self._idle.get(place)
        while idle:
            connection = idle.pop()
            if connection.alive:
                return connection
            self._closed(connection)
        return None

    def _keep(self, place: tuple[bool, str, int], connection: _Connection) -> None:
        idle = self._idle.setdefault(place, [])
        if len(idle) >= _MOST_IDLE:
            self._closed(connection)
            return
        idle.append(connection)
        loop = asyncio.get_running_loop()
        self._last_s = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(_IDLE_S, self._look)

    def _look(self) -> None:
        """Close the kept connections if nothing was posted for a while: receivers may wait for that when they stop."""
        loop = asyncio.get_running_loop()
        left_s = self._last_s + _IDLE_S - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._look)
            return
        self._timer = None
        for idle in self._idle.values():
            for connection in idle:
                self._closed(connection)
        self._idle.clear()

    def _closed(self, connection: _Connection) -> None:
        self._open.discard(connection)
        connection.abort()


class _Stale(Exception):
    """A kept connection was closed before the answer began."""


class _Connection:
    """One connection, and the state of its HTTP."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEAD_BYTES)
        self._left = 0
        #: Whether no request was sent over it before; and whether a part of the answer has arrived.
        self.fresh = True
        self.answering = False

    @property
    def alive(self) -> bool:
        return not self._reader.at_eof() and not self._writer.is_closing()

    async def exchange(self, target: Target, headers: Headers, body: bytes) -> tuple[PostAnswer, bool]:
        """The answer, and whether the connection can be used again."""
        self._left, self.answering = MOST_ANSWER_BYTES, False
        head = [("Host", target.authority), *headers, ("Content-Length", str(len(body)))]
        request = h11.Request(method="POST", target=target.path, headers=head)
        self._writer.write(
            b"".join(filter(None, map(self._http.send, (request, h11.Data(data=body), h11.EndOfMessage()))))
        )
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):  # and not one of the informational ones before it
                break
        kept = KeptBody()
        reusable = await self._finished(kept)
        location = next((value for name, value in event.headers if name == b"location"), b"")
        return PostAnswer(event.status_code, bytes(kept), location.decode("latin-1")), reusable

    async def _finished(self, kept: KeptBody) -> bool:
        """Read the body, and return whether the connection can be used again."""
        try:
            async with asyncio.timeout(_BODY_S):
                while not isinstance(part := await self._event(), h11.EndOfMessage | h11.ConnectionClosed):
                    if isinstance(part, h11.Data):
                        kept.add(part.data)
        except (TimeoutError, OSError, h11.ProtocolError, NotDelivered):
            return False
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self.fresh = False
        return self.alive

    async def _event(self) -> object:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            data = await self._reader.read(_READ_BYTES)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise NotDelivered("the connection was closed in the answer") if self.answering else _Stale
            self.answering = True
            self._left -= len(data)
            if self._left < 0:
                raise NotDelivered(f"the answer begins with more than {MOST_ANSWER_BYTES} bytes of other things")
            self._http.receive_data(data)

    def abort(self) -> None:
        self._writer.transport.abort()

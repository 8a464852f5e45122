"""An httpx transport to an ASGI application on the same loop, without socket or thread, and with network faults.

The answer is streamed: each part is passed on before the application sends the next. When a request is cancelled, or an
answer is closed before its end, the application sees a client that disconnected, and runs on as behind a real server.
Like httpcore, the transport reports the progress of a request through the extension ``trace``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx

from offhook.arguments import (
    check_flag,
    check_function,
    check_instance,
    check_seconds,
    check_several,
    check_text,
    check_whole,
    wrong,
)
from offhook_mockserver.faces.faulty_answer import CONNECTION
from offhook_mockserver.faces.mistakes import MISTAKE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, MutableMapping

    from starlette.types import ASGIApp, Message, Scope

    from offhook.errors import OffhookError

    Trace = Callable[[str, dict[str, object]], Awaitable[None]]


_log = logging.getLogger(__name__)

#: The largest body of a request.
MAX_REQUEST_BYTES: Final = 16 * 1024 * 1024
#: Parts of an answer that may wait for the reader.
_MOST_PARTS: Final = 1
#: How long applications may run on when the transport is closed, before they are cancelled.
_CLOSE_TIMEOUT_S: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFault:
    """A fault of the network in an exchange; by default, none.

    Attributes:
        refuse: the connection is refused, and the application sees nothing.
        lose_request: the connection is reset while the request is sent, and the application sees nothing.
        lose_answer: the application answers the request, and the connection is reset before the answer's first byte.
        reset_after: the connection is reset after this number of bytes of the answer's body; None for never.
        dribble_s: the answer's body arrives byte by byte, with this pause before each, in seconds.

    Raises:
        ConfigError: an attribute is of the wrong type or negative.
    """

    refuse: bool = False
    lose_request: bool = False
    lose_answer: bool = False
    reset_after: int | None = None
    dribble_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("refuse", "lose_request", "lose_answer"):
            check_flag(getattr(self, name), name)
        if self.reset_after is not None:
            check_whole(self.reset_after, "reset_after", least=0, unit="bytes")
        check_seconds(self.dribble_s, "dribble_s", zero=True)


class AsgiTransport(httpx.AsyncBaseTransport):
    """Reaches one ASGI application.

    Args:
        app: the application.
        client: the address that the application sees as the client's.
        refuses: returns whether connections are refused now.

    Raises:
        ConfigError: `app` is not an ASGI application, or `client` is not a host and a port.

    Attributes:
        requests: requests that reached the application.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        client: tuple[str, int] = ("127.0.0.1", 50_000),
        refuses: Callable[[], bool] = lambda: False,
    ) -> None:
        check_function(app, "app", ("scope", "receive", "send"), may_be_async=True)
        pair = check_several(client, "client", "a host and a port")
        if len(pair) != 2:
            raise wrong("client", "a host and a port", client)
        host, port = pair
        self._app = app
        self._client = (check_text(host, "client"), check_whole(port, "client", least=0, most=65_535))
        self._refuses = refuses
        self._fault = NetworkFault()
        self._running: set[asyncio.Task[None]] = set()
        self.requests: int = 0

    @contextlib.contextmanager
    def fault(self, fault: NetworkFault) -> Generator[None]:
        """Apply a fault to every request that begins inside the `with` block.

        Raises:
            ConfigError: it is not a `NetworkFault`.
        """
        check_instance(fault, "fault", NetworkFault, "a NetworkFault, such as NetworkFault(refuse=True)")
        before, self._fault = self._fault, fault
        try:
            yield
        finally:
            self._fault = before

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fault, trace = self._fault, _trace_of(request)
        await trace("connection.connect_tcp.started", {"host": request.url.host, "port": request.url.port})
        if fault.refuse or self._refuses():
            raise httpx.ConnectError("connection refused", request=request)
        await trace("connection.connect_tcp.complete", {})
        await trace("http11.send_request_headers.started", {"request": request})
        if fault.lose_request:
            raise httpx.WriteError("connection reset while the request was sent", request=request)
        body = await _body_of(request)
        await trace("http11.send_request_body.complete", {"request": request})
        self.requests += 1
        scope = _scope_of(request, self._client)
        exchange = _Exchange(self._app, scope, body)
        scope["extensions"] |= {MISTAKE: exchange.fail, CONNECTION: exchange}
        task = asyncio.create_task(exchange.run())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            if fault.lose_answer:
                exchange.drain()
                await asyncio.wait((task,))
                if exchange.mistake is not None:
                    raise exchange.mistake
                raise httpx.ReadError("connection reset before the answer arrived", request=request)
            status, headers = await exchange.head(_read_timeout_of(request))
        except BaseException:
            exchange.hang_up()
            raise
        return httpx.Response(status, headers=headers, stream=_Body(exchange, request, fault))

    async def aclose(self) -> None:
        """Wait until applications have ended, and cancel those that do not end in time."""
        if self._running:
            _, stuck = await asyncio.wait(tuple(self._running), timeout=_CLOSE_TIMEOUT_S)
            for task in stuck:
                task.cancel()
            if stuck:
                await asyncio.wait(stuck)


class _Exchange:
    """One request to the application, and its answer."""

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes) -> None:
        self._app = app
        self._scope = scope
        self._body: bytes | None = body
        self._head: asyncio.Future[tuple[int, list[tuple[bytes, bytes]]] | None]
        self._head = asyncio.get_running_loop().create_future()
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_PARTS)
        self._gone = asyncio.Event()
        self._unread = False
        self.was_reset = False
        self.complete = False
        self.mistake: OffhookError | None = None

    async def run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        except Exception:
            _log.exception("the ASGI application failed")
            if not self._head.done():
                self._head.set_result((500, []))
                self.complete = True
        finally:
            if not self._head.done():
                self._head.set_result(None)
            await self._put(None)

    async def head(self, timeout_s: float | None) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Status and headers."""
        try:
            async with asyncio.timeout(timeout_s):
                head = await asyncio.shield(self._head)
        except TimeoutError:
            raise httpx.ReadTimeout("no answer arrived in time") from None
        if head is None:
            raise httpx.RemoteProtocolError("server disconnected without sending an answer")
        return head

    async def part(self, timeout_s: float | None) -> bytes | None:
        """The next part of the body; None at its end."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._parts.get()
        except TimeoutError:
            raise httpx.ReadTimeout("the rest of the answer did not arrive in time") from None

    def fail(self, error: OffhookError) -> None:
        """Raise a mistake of the test in the client, in place of any answer."""
        self.mistake = error
        if not self._unread and not self._head.done():
            self._head.set_exception(error)
        self._unread = True

    def drain(self) -> None:
        """Discard the answer; the application does not notice."""
        self._unread = True

    def hang_up(self) -> None:
        """Disconnect the client: the application is notified when it receives, and what it sends is discarded."""
        self._unread = True
        self._gone.set()
        with contextlib.suppress(asyncio.QueueEmpty):
            while True:
                self._parts.get_nowait()

    # What the application calls as its `ClientConnection`

    def reset(self) -> None:
        """Reset the connection, after the parts of the answer that were sent."""
        self.was_reset = True
        if not self._unread and not self._head.done():
            self._head.set_exception(httpx.ReadError("connection reset before the answer arrived"))
        self._gone.set()

    def close(self) -> None:
        """Close the connection, after the parts of the answer that were sent."""
        self._gone.set()

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: MutableMapping[str, object]) -> None:
        match message:
            case {"type": "http.response.start", "status": int(status), **rest}:
                headers = [(bytes(name), bytes(value)) for name, value in rest.get("headers", ())]  # type: ignore[attr-defined]
                if not self._head.done():  # a mistake of the test was reported instead
                    self._head.set_result((status, headers))
            case {"type": "http.response.body", **rest}:
                if rest.get("body"):
                    await self._put(bytes(rest["body"]))  # type: ignore[call-overload]
                self.complete = self.complete or not rest.get("more_body", False)
                if self.complete:
                    self._gone.set()
            case _:
                raise RuntimeError(f"an HTTP answer cannot contain {message.get('type')!r}")

    async def _put(self, part: bytes | None) -> None:
        if not self._unread:
            await self._parts.put(part)


class _Body(httpx.AsyncByteStream):
    """An answer's body, as it arrives over a network with a fault."""

    def __init__(self, exchange: _Exchange, request: httpx.Request, fault: NetworkFault) -> None:
        self._exchange = exchange
        self._request = request
        self._fault = fault

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read_timeout_s, passed = _read_timeout_of(self._request), 0
        while (part := await self._exchange.part(read_timeout_s)) is not None:
            for piece in self._pieces(part):
                if passed == self._fault.reset_after:
                    break
                if self._fault.dribble_s:
                    await asyncio.sleep(self._fault.dribble_s)
                passed += len(piece)
                yield piece
            if passed == self._fault.reset_after:
                raise httpx.ReadError("connection reset in the middle of the answer", request=self._request)
        if self._exchange.was_reset:
            raise httpx.ReadError("connection reset in the middle of the answer", request=self._request)
        if not self._exchange.complete:
            raise httpx.RemoteProtocolError("server disconnected in the middle of its answer", request=self._request)

    async def aclose(self) -> None:
        self._exchange.hang_up()

    def _pieces(self, part: bytes) -> list[bytes]:
        small = self._fault.dribble_s or self._fault.reset_after is not None
        return [part[at : at + 1] for at in range(len(part))] if small else [part]


def _trace_of(request: httpx.Request) -> Trace:
    trace: Trace | None = request.extensions.get("trace")

    async def ignore(event: str, info: dict[str, object]) -> None:
        pass

    return trace or ignore


def _read_timeout_of(request: httpx.Request) -> float | None:
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    return timeouts.get("read")


async def _body_of(request: httpx.Request) -> bytes:
    assert isinstance(request.stream, httpx.AsyncByteStream)
    body = bytearray()
    async for part in request.stream:
        body += part
        if len(body) > MAX_REQUEST_BYTES:
            raise httpx.WriteError(f"a body of more than {MAX_REQUEST_BYTES} bytes is not sent", request=request)
    return bytes(body)


def _scope_of(request: httpx.Request, client: tuple[str, int]) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.partition(b"?")[0],
        "query_string": request.url.query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": client,
        "server": (request.url.host, request.url.port),
        "extensions": {},
    }

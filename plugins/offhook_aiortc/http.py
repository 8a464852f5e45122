"""HTTP exchanges with relays on this machine: direct, without redirects, bounded in bytes and in time.

A connection is kept for a moment, so that a call's check and its join share one. An HTTP client for the internet would
cost a call several times as much as everything else that its join does.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections import defaultdict
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import h11

from offhook.errors import JoinFailed
from offhook_wire.relay_protocol import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How long an idle connection is kept, in seconds: less than servers keep theirs, so that they do not close one just as
#: a request is sent.
KEPT_S: Final = 1.0
#: How many idle connections to one relay are kept.
MOST_KEPT: Final = 4
_HTTP_PORT: Final = 80
_READ_BYTES: Final = 64 * 1024


class AnswerBroken(ConnectionError):
    """What arrived is not an HTTP answer, or not all of one."""


class _NoAnswerBegan(AnswerBroken):
    """The connection ended before a byte of the answer."""


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
        self._kept: defaultdict[tuple[str, int], list[_Channel]] = defaultdict(list)
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
        origin = parts.hostname or "", parts.port or _HTTP_PORT
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        body = b"" if document is None else json.dumps(document).encode()
        headers = [("host", parts.netloc), ("accept", "application/json"), ("accept-encoding", "identity")]
        if document is not None:
            headers += [("content-type", "application/json"), ("content-length", str(len(body)))]
        request = h11.Request(method=method, target=target, headers=headers)
        async with asyncio.timeout(timeout_s):
            channel = self._take(origin)
            if channel is not None:
                try:
                    return await self._ask(channel, url, request, body)
                except _NoAnswerBegan:
                    pass  # the relay had closed it
            return await self._ask(await _connect(origin), url, request, body)

    def close(self) -> None:
        """Close all idle connections, and keep none from now on. Idempotent."""
        self._closed = True
        for channels in self._kept.values():
            for channel in channels:
                channel.close()
        self._kept.clear()

    async def _ask(self, channel: _Channel, url: str, request: h11.Request, body: bytes) -> RelayAnswer:
        reusable = False
        try:
            answer = await channel.ask(url, request, body)
            reusable = channel.rewind()
        finally:
            if not reusable or self._closed or len(self._kept[channel.origin]) >= MOST_KEPT:
                channel.close()
            else:
                self._kept[channel.origin].append(channel)
                channel.expire(self._forget)
        return answer

    def _take(self, origin: tuple[str, int]) -> _Channel | None:
        channels = self._kept[origin]
        while channels:
            channel = channels.pop()
            if channel.is_usable():
                return channel
            channel.close()
        return None

    def _forget(self, channel: _Channel) -> None:
        self._kept[channel.origin].remove(channel)
        channel.close()


async def _connect(origin: tuple[str, int]) -> _Channel:
    loop = asyncio.get_running_loop()
    problem: OSError = ConnectionError(f"{origin[0]} has no address")
    for family, address in await _addresses(loop, *origin):
        sock = socket.socket(family)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            problem = error
        except BaseException:
            sock.close()
            raise
        else:
            return _Channel(origin, sock)
    raise problem


async def _addresses(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    """The families and addresses of a host. Only a name is looked up, in a thread."""
    try:
        return [(socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET, (host, port))]
    except ValueError:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(family, address) for family, *_, address in found]


class _Channel:
    """One connection. It is either idle or in one exchange."""

    def __init__(self, origin: tuple[str, int], sock: socket.socket) -> None:
        self.origin = origin
        self._sock = sock
        self._http = h11.Connection(h11.CLIENT)
        self._expiry: asyncio.TimerHandle | None = None

    async def ask(self, url: str, request: h11.Request, body: bytes) -> RelayAnswer:
        """Send a request and read the answer; see `RelayHttp.exchange`."""
        sent = self._http.send(request) or b""
        if body:
            sent += self._http.send(h11.Data(body)) or b""
        sent += self._http.send(h11.EndOfMessage()) or b""
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, sent)
        except ConnectionError as error:
            raise _NoAnswerBegan(str(error)) from error
        status, received, began = 0, bytearray(), False
        try:
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    await self._read(began=began)
                    began = True
                elif isinstance(event, h11.Response):
                    status = event.status_code
                    _check_encoding(url, event)
                elif isinstance(event, h11.Data):
                    received += event.data
                    if len(received) > MAX_MESSAGE_BYTES:
                        raise JoinFailed(
                            f"the answer of {url} is larger than {MAX_MESSAGE_BYTES} bytes, the limit for a relay"
                        )
                elif isinstance(event, h11.EndOfMessage):
                    return RelayAnswer(status, bytes(received))
        except h11.RemoteProtocolError as error:
            raise AnswerBroken(f"the answer of {url} is not whole, or not HTTP: {error}") from error

    async def _read(self, *, began: bool) -> None:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._sock, _READ_BYTES)
        except ConnectionError as error:
            raise (AnswerBroken if began else _NoAnswerBegan)(str(error)) from error
        if not data and not began:
            raise _NoAnswerBegan("the connection ended before the answer")
        self._http.receive_data(data)

    def rewind(self) -> bool:
        """Prepare for the next request; returns False if the relay closes the connection, or has not taken it all."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    def expire(self, forget: Callable[[_Channel], None]) -> None:
        """Call `forget` when the connection has been idle for too long."""
        self._expiry = asyncio.get_running_loop().call_later(KEPT_S, forget, self)

    def is_usable(self) -> bool:
        """Whether it may take a request; it does not expire any more."""
        if self._expiry is not None:
            self._expiry.cancel()
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # the relay has closed it, or says what nobody has asked for

    def close(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
        self._sock.close()


def _check_encoding(url: str, response: h11.Response) -> None:
    for name, value in response.headers:
        if name == b"content-encoding" and value.lower() != b"identity":
            raise JoinFailed(f"the answer of {url} is compressed, which was not requested: a relay's is not")

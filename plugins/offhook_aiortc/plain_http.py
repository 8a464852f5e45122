"""HTTP over a plain socket to a server on this machine: one connection, one exchange at a time, no proxy, no redirect.

An HTTP client for the internet, with its pools, cookies, proxies and time limits for each step, costs several times as
much as the exchange itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import h11

if TYPE_CHECKING:
    from collections.abc import Sequence

_READ_BYTES: Final = 64 * 1024

#: Names and values of HTTP headers.
Headers: TypeAlias = "Sequence[tuple[str, str]]"


class AnswerBroken(ConnectionError):
    """What arrived is not an HTTP answer, or not all of one."""


class NoAnswerBegan(AnswerBroken):
    """The connection ended before a byte of the answer."""


class PlainConnection:
    """Made by `open`; the caller closes it."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._http = h11.Connection(h11.CLIENT)
        self._began = False

    @classmethod
    async def open(cls, host: str, port: int) -> PlainConnection:
        """Connect. The caller sets a time limit.

        Raises:
            OSError: nothing listens there.
        """
        loop = asyncio.get_running_loop()
        problem: OSError = ConnectionError(f"{host} has no address")
        for family, address in await _addresses(loop, host, port):
            with contextlib.ExitStack() as stack:
                sock = stack.enter_context(socket.socket(family))
                try:
                    sock.setblocking(False)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    await loop.sock_connect(sock, address)
                except OSError as error:
                    problem = error
                else:
                    stack.pop_all()
                    return cls(sock)
        raise problem

    async def send(self, method: str, target: str, headers: Headers, body: bytes = b"") -> None:
        """Send a whole request.

        Args:
            method: for example ``POST``.
            target: the path, and the query if there is one.
            headers: with ``host``; what is needed for the body is added.
            body: JSON; empty for none.

        Raises:
            NoAnswerBegan: the connection is lost.
        """
        await self._write(self._request(method, target, headers, body))

    async def head(self) -> h11.Response:
        """Wait for the status and the headers of the answer, whose names are in lower case.

        Raises:
            AnswerBroken: see there; `NoAnswerBegan` if nothing arrived.
        """
        while True:
            event = await self._event()
            if isinstance(event, h11.Response):
                return event

    async def part(self) -> bytes:
        """Wait for a further part of the answer's body; returns nothing at its end.

        Raises:
            AnswerBroken: the body is cut off.
        """
        event = await self._event()
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    def rewind(self) -> bool:
        """Prepare for the next request; returns False if the server closes the connection, or has not taken it all."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._began = False
        return True

    def is_usable(self) -> bool:
        """Whether a connection that was kept may take a request, as far as is known."""
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False  # the server has closed it, or says what nobody has asked for

    def detach(self) -> socket.socket:
        """Return the socket, for another protocol; the caller closes it. The connection is over."""
        return self._sock

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._sock.close()

    def _request(self, method: str, target: str, headers: Headers, body: bytes) -> bytes:
        about = [("content-type", "application/json"), ("content-length", str(len(body)))] if body else []
        sent = self._http.send(h11.Request(method=method, target=target, headers=[*headers, *about])) or b""
        if body:
            sent += self._http.send(h11.Data(body)) or b""
        return sent + (self._http.send(h11.EndOfMessage()) or b"")

    async def _write(self, data: bytes) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
        except ConnectionError as error:
            raise NoAnswerBegan(str(error)) from error

    async def _event(self) -> object:
        try:
            while (event := self._http.next_event()) is h11.NEED_DATA:
                await self._read()
        except h11.RemoteProtocolError as error:
            raise AnswerBroken(f"the answer is not whole, or not HTTP: {error}") from error
        return event

    async def _read(self) -> None:
        try:
            data = await asyncio.get_running_loop().sock_recv(self._sock, _READ_BYTES)
        except ConnectionError as error:
            raise (AnswerBroken if self._began else NoAnswerBegan)(str(error)) from error
        if not data and not self._began:
            raise NoAnswerBegan("the connection ended before the answer")
        self._began = True
        self._http.receive_data(data)


async def _addresses(loop: asyncio.AbstractEventLoop, host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    """The families and addresses of a host. Only a name is looked up, in a thread."""
    try:
        return [(socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET, (host, port))]
    except ValueError:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return [(family, address) for family, *_, address in found]

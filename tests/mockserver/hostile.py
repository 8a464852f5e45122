"""A client that sends any bytes at any time, reads only when it is asked to, and can be reset: for tests of servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
CONTINUATION = 0


class HostileClient:
    """One connection to a port of this machine.

    Args:
        port: the server's port.
        receive_buffer: the size of the system's receive buffer, so that what is not read soon waits at the server.
    """

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.port = port
        self._socket = socket.socket()
        self._socket.setblocking(False)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._received = bytearray()

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().sock_connect(self._socket, ("127.0.0.1", self.port))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def flood(self, data: bytes, times: int) -> bool:
        """Send `data` this number of times; returns False if the server reset the connection."""
        try:
            for _ in range(times):
                await self.send(data)
        except ConnectionError:
            return False
        return True

    def end(self) -> None:
        """Half-close: send the end of the stream, and keep reading."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a reset instead of the end of the stream."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    async def rest(self) -> bytes:
        """Everything that arrives until the server closes or resets the connection."""
        with contextlib.suppress(ConnectionError):
            while await self._more():
                pass
        data = bytes(self._received)
        self._received.clear()
        return data

    # HTTP

    def head(self, line: str = "GET /relay HTTP/1.1", headers: Mapping[str, str] | None = None) -> bytes:
        """The head of a request, with the Host header that the server accepts, in Latin-1."""
        fields = {"host": f"127.0.0.1:{self.port}", **(headers or {})}
        return "".join([f"{line}\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n"]).encode(
            "latin-1"
        )

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of one answer that has a Content-Length, or no body."""
        while b"\r\n\r\n" not in self._received:
            assert await self._more(), bytes(self._received)
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        length = [
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        while length and len(self._received) < length[0]:
            assert await self._more()
        size = length[0] if length else 0
        body = bytes(self._received[:size])
        del self._received[:size]
        return int(head.split(b" ")[1]), body

    # WebSocket

    async def upgrade(self, path: str = "/relay/pcm", headers: Mapping[str, str] | None = None) -> int:
        """Ask for a WebSocket; returns the status of the answer."""
        await self.send(self.head(f"GET {path} HTTP/1.1", {**HANDSHAKE, **(headers or {})}))
        return (await self.answer())[0]

    async def message(self) -> object:
        """The JSON value of the next text message."""
        opcode, data = await self.frame()
        assert opcode == TEXT, (opcode, data)
        return json.loads(data)

    async def frame(self) -> tuple[int, bytes]:
        """The next frame."""
        head = await self._exactly(2)
        length = head[1]
        if length == 126:
            (length,) = struct.unpack("!H", await self._exactly(2))
        return head[0] & 15, await self._exactly(length)

    async def close_code(self) -> int:
        """The code of the server's close frame; the frames before it are skipped."""
        while (frame := await self.frame())[0] != CLOSE:
            pass
        return int.from_bytes(frame[1][:2])

    async def _exactly(self, size: int) -> bytes:
        while len(self._received) < size:
            assert await self._more(), "the server closed the connection"
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    async def _more(self) -> bool:
        data = await asyncio.get_running_loop().sock_recv(self._socket, 65_536)
        self._received += data
        return bool(data)


HANDSHAKE = {
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A client's frame, masked with zeros."""
    size = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack("!H", len(data))
    return bytes([fin << 7 | opcode]) + size + bytes(4) + data

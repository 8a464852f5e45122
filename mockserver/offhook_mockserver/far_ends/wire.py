"""A wire that can be cut: a TCP proxy on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

from offhook_mockserver.server.loopback import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


#: How much data of a side may wait before its connection is aborted, in bytes: 30 s of one talker.
_MOST_HELD: Final = 1_000_000


class _Side(asyncio.Protocol):
    """One of the two ends of a connection through the wire."""

    def __init__(self, wire: Wire, connected: Callable[[_Side], None]) -> None:
        self.other: _Side | None = None
        self._wire = wire
        self._connected = connected
        self._transport: asyncio.Transport | None = None
        self._held = bytearray()
        self._over = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._wire.sides.add(self)
        self._connected(self)

    def data_received(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > _MOST_HELD:
            self.abort()
        self.pass_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        if self.other is None:
            self._wire.sides.discard(self)
        self.pass_on()

    def pass_on(self) -> None:
        """Forward the data that has arrived, or the end of the connection, unless the wire is cut."""
        other = self.other
        if other is None or not self._wire.up:
            return
        if not self._over and other._transport is not None:
            other._transport.write(bytes(self._held))
            self._held.clear()
        elif self._over:
            self._wire.sides.discard(self)
            self._held.clear()
            if other._transport is not None:
                # Forwarded data is still sent; data that a cut held back is discarded.
                other._transport.close()

    def abort(self) -> None:
        """Abort the connection."""
        if self._transport is not None:
            self._transport.abort()


class Wire:
    """A TCP proxy that can be cut, at a free port of 127.0.0.1.

    Attributes:
        port: where it listens; 0 before it does.
        up: whether it forwards data.
        sides: both ends of every connection.
    """

    def __init__(self) -> None:
        self.port: int = 0
        self.up: bool = True
        self.sides: set[_Side] = set()
        self._to_port = 0
        self._server: asyncio.Server | None = None
        self._connecting: set[asyncio.Task[object]] = set()

    async def start(self, to_port: int) -> None:
        """Forward connections to a port of this machine."""
        self._to_port = to_port
        self._server = await asyncio.get_running_loop().create_server(lambda: _Side(self, self._connect), LOOPBACK, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Stop forwarding. Idempotent."""
        self.up = False

    def mend(self) -> None:
        """Forward again. Idempotent."""
        self.up = True
        for side in tuple(self.sides):
            side.pass_on()

    async def aclose(self) -> None:
        """Abort every connection. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for task in self._connecting:
            task.cancel()
        for side in tuple(self.sides):
            side.abort()
        await asyncio.sleep(0)

    def _connect(self, near: _Side) -> None:
        def join(far: _Side) -> None:
            near.other, far.other = far, near
            near.pass_on()

        connecting = asyncio.get_running_loop().create_connection(lambda: _Side(self, join), LOOPBACK, self._to_port)
        task: asyncio.Task[object] = asyncio.create_task(_or_not(connecting, near))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)


async def _or_not(connecting: Awaitable[object], near: _Side) -> None:
    try:
        await connecting
    except OSError:
        near.abort()

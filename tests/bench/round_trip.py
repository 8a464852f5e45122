"""The baseline of delays: how long a datagram takes to an asyncio program in another process and back, on loopback.

That is two system calls and a wake-up on each side, the least that any hop costs on this machine now.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from tests.bench.process import Worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.bench.voice import Voice

#: Not a divisor of a frame.
_PAUSE_S: Final = 0.007
_TRIPS: Final = 300
_TIMEOUT_S: Final = 5.0


class Echo(asyncio.DatagramProtocol):
    """The role of the other process: sends back what comes. Commands: `listen`, which returns the port."""

    def __init__(self) -> None:
        self.voices: list[Voice] = []
        self.commands: dict[str, Callable[..., Awaitable[object]]] = {"listen": self.listen}
        self._transport: asyncio.DatagramTransport | None = None

    async def listen(self) -> int:
        """Open a port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    async def close(self) -> None:
        """Close it."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        assert self._transport is not None
        self._transport.sendto(data, addr)


class _Sender(asyncio.DatagramProtocol):
    """Our side."""

    def __init__(self) -> None:
        self.back = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.back.set()


async def round_trips_ms(count: int = _TRIPS) -> list[float]:
    """The times of as many round trips, one after the other.

    Raises:
        TimeoutError: a datagram did not come back.
    """
    async with Worker.playing("echo") as worker:
        port = await worker.ask("listen")
        transport, sender = await asyncio.get_running_loop().create_datagram_endpoint(
            _Sender, remote_addr=("127.0.0.1", int(str(port)))
        )
        try:
            times: list[float] = []
            for _ in range(count):
                await asyncio.sleep(_PAUSE_S)
                sender.back.clear()
                start_s = time.perf_counter()
                transport.sendto(b"x" * 60)
                async with asyncio.timeout(_TIMEOUT_S):
                    await sender.back.wait()
                times.append((time.perf_counter() - start_s) * 1000)
            return times
        finally:
            transport.close()

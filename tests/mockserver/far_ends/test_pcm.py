"""The wire of the far end ``pcm``: what passes, what waits while it is cut, and what never arrives.

The door behind it is tested by the example plugin, whose transport passes its conformance kit there.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from tests.patience import PATIENCE_S

from offhook.plugin.manager import Plugins
from offhook_mockserver.far_ends.pcm import PcmFarEnd
from offhook_mockserver.far_ends.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Ends:
    """A wire, and a server behind it that keeps its connections."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.served: asyncio.Queue[Streams] = asyncio.Queue()

    async def connect(self) -> tuple[Streams, Streams]:
        near = await asyncio.open_connection("127.0.0.1", self.wire.port)
        return near, await asyncio.wait_for(self.served.get(), PATIENCE_S)


def on_a_wire(check: Callable[[Ends], Awaitable[None]]) -> None:
    async def main() -> None:
        wire = Wire()
        ends = Ends(wire)

        def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ends.served.put_nowait((reader, writer))

        async with asyncio.timeout(PATIENCE_S), await asyncio.start_server(served, "127.0.0.1", 0) as server:
            await wire.start(server.sockets[0].getsockname()[1])
            try:
                await check(ends)
            finally:
                await wire.aclose()
            assert not wire.sides

    asyncio.run(main())


def test_data_sent_during_a_cut_arrives_after_it_both_ways() -> None:
    async def check(ends: Ends) -> None:
        (near_reader, near), (far_reader, far) = await ends.connect()
        near.write(b"before")
        assert await far_reader.read(100) == b"before"
        ends.wire.cut()
        near.write(b"meanwhile")
        far.write(b"likewise")
        await asyncio.sleep(0.1)
        reading = asyncio.create_task(far_reader.read(100))
        await asyncio.sleep(0.1)
        assert not reading.done()
        ends.wire.mend()
        assert await reading == b"meanwhile"
        assert await near_reader.read(100) == b"likewise"
        near.close()
        far.close()

    on_a_wire(check)


def test_data_of_a_sender_that_gives_up_during_a_cut_is_discarded() -> None:
    async def check(ends: Ends) -> None:
        (_, near), (far_reader, far) = await ends.connect()
        ends.wire.cut()
        near.write(b"too late")
        await asyncio.sleep(0.05)
        near.transport.abort()
        await asyncio.sleep(0.05)
        assert not far_reader.at_eof(), "during a cut, the end of a connection does not arrive"
        ends.wire.mend()
        assert await far_reader.read(100) == b""
        far.close()

    on_a_wire(check)


def test_a_connection_opened_during_a_cut_waits() -> None:
    async def check(ends: Ends) -> None:
        ends.wire.cut()
        (_, near), (far_reader, far) = await ends.connect()
        near.write(b"hello")
        reading = asyncio.create_task(far_reader.read(100))
        await asyncio.sleep(0.1)
        assert not reading.done()
        ends.wire.mend()
        assert await reading == b"hello"
        near.close()
        far.close()

    on_a_wire(check)


def test_a_connection_to_a_closed_port_is_aborted() -> None:
    async def main() -> None:
        wire = Wire()
        async with await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
        await wire.start(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(1), PATIENCE_S) == b""
        writer.close()
        await wire.aclose()
        assert not wire.sides

    asyncio.run(main())


def test_it_is_registered() -> None:
    plugins = Plugins.load()
    assert isinstance(plugins.make(plugins.far_ends, "pcm"), PcmFarEnd)

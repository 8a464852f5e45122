"""The socket that an ICE agent has for itself: whose media it takes, and what it counts."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

from aioice.candidate import Candidate
from tests.wire.udp_kit import until

from offhook_wire import aiortc_private as private
from offhook_wire.aiortc_private import own_socket
from offhook_wire.aiortc_private.connection import OwnProtocol
from offhook_wire.aiortc_private.own_socket import SocketProtocol
from offhook_wire.impairment import Impairment
from offhook_wire.media_counts import MediaCounts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import pytest

MEDIA = b"\x80" + bytes(11)


class Agent:
    """An agent on 127.0.0.1, and a socket that is the other side's."""

    def __init__(self, other: socket.socket) -> None:
        self.media: list[bytes] = []
        self.other = other
        gatherer = private.LoopbackGatherer(controlling=True, on_media=self.media.append, counts=MediaCounts())
        self.connection = gatherer.connection

    @property
    def protocol(self) -> Any:
        return self.connection._protocols[0]

    @property
    def counts(self) -> MediaCounts:
        return self.connection.counts


def with_agent(check: Callable[[Agent], Awaitable[None]]) -> None:
    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            agent = Agent(other)
            await agent.connection.gather_candidates()
            host, port = other.getsockname()
            await agent.connection.add_remote_candidate(Candidate("1", 1, "udp", 1, host, port, "host"))
            await check(agent)
            await agent.connection.close()

    asyncio.run(main())


def test_media_of_the_other_side_is_taken_and_of_nobody_else() -> None:
    async def check(agent: Agent) -> None:
        assert isinstance(agent.protocol, SocketProtocol)
        address = agent.protocol.socket.address
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for number in range(3):
                stranger.sendto(MEDIA, address)
                agent.other.sendto(MEDIA + bytes([number]), address)
                await until(lambda: agent.counts.packets_stray == number + 1 == len(agent.media))  # noqa: B023
        assert agent.media == [MEDIA + bytes([number]) for number in range(3)]

    with_agent(check)


def test_what_is_no_media_is_looked_at_also_when_it_comes_from_the_other_side() -> None:
    async def check(agent: Agent) -> None:
        address = agent.protocol.socket.address
        agent.other.sendto(MEDIA, address)
        await until(lambda: len(agent.media) == 1)
        for data in (b"", b"\x80" + bytes(private.MAX_DATAGRAM_BYTES), b"\x40", b"\xff"):
            agent.other.sendto(data, address)
        await until(lambda: agent.counts.packets_stray == 4)
        assert agent.media == [MEDIA]

    with_agent(check)


def test_media_passes_an_impairment_that_comes_later() -> None:
    async def check(agent: Agent) -> None:
        address = agent.protocol.socket.address
        agent.other.sendto(MEDIA, address)
        await until(lambda: len(agent.media) == 1)
        lossy = agent.connection.incoming = Impairment()
        lossy.cut = True
        agent.other.sendto(MEDIA, address)
        await until(lambda: lossy.lost == 1)
        assert agent.media == [MEDIA]

    with_agent(check)


def test_an_error_that_the_system_reports_is_counted_once() -> None:
    async def check(agent: Agent) -> None:
        protocol = agent.protocol

        class Refusing:
            def recvfrom(self, most: int) -> tuple[bytes, tuple[str, int]]:
                raise ConnectionRefusedError

        real, protocol.socket._socket = protocol.socket._socket, Refusing()
        protocol._readable()
        protocol.socket._socket = real
        protocol._readable()
        assert agent.counts.packets_unsent == 1

    with_agent(check)


def test_after_the_end_nothing_is_sent_or_counted() -> None:
    async def check(agent: Agent) -> None:
        await agent.protocol.close()
        assert agent.protocol.is_closed()
        agent.protocol.put(MEDIA, agent.other.getsockname())
        assert agent.counts == MediaCounts()

    with_agent(check)


def test_a_loop_that_watches_no_sockets_has_those_of_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: str, readable: object) -> None:
        raise NotImplementedError

    async def check(agent: Agent) -> None:
        assert type(agent.protocol) is OwnProtocol
        agent.other.sendto(MEDIA, agent.protocol.transport.get_extra_info("sockname")[:2])
        await until(lambda: agent.media == [MEDIA])

    monkeypatch.setattr(own_socket, "UdpSocket", refuse)
    with_agent(check)

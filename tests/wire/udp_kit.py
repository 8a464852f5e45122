"""An owner of a UDP socket, and another socket that talks to it."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from tests.patience import PATIENCE_S

from offhook_wire.collecting_socket import CollectingSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Owner:
    """Reads `most` datagrams a turn."""

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.heard: list[bytes] = []
        self.turns: list[int] = []
        self.udp = CollectingSocket("127.0.0.1", self._turn)

    def _turn(self) -> tuple[int, bool]:
        count = 0
        while count < self.most and (datagram := self.udp.read()) is not None:
            self.heard.append(datagram[0])
            count += 1
        self.turns.append(count)
        return count, count == self.most


async def until(true: Callable[[], bool]) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + PATIENCE_S
    while not true():
        assert loop.time() < deadline_s
        await asyncio.sleep(0)


def with_owner(check: Callable[[Owner, socket.socket], Awaitable[None]], most: int = 1000) -> None:
    async def main() -> None:
        owner = Owner(most)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.settimeout(PATIENCE_S)
            try:
                await check(owner, other)
            finally:
                owner.udp.close()

    asyncio.run(main())

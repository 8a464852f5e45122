"""The datagrams of one source, apart from others: a few at a time, and none after the end."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING

import pytest
from tests.wire.udp_kit import until

from offhook_wire import diversion
from offhook_wire.diversion import MOST_A_TURN, Diversion

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes one source out of a socket")


def with_flood(check: Callable[[Diversion, list[bytes]], Awaitable[None]], sent: int) -> None:
    """Have a source send so many datagrams, all of which wait."""

    async def main() -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as shared,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as source,
        ):
            shared.bind(("127.0.0.1", 0))
            source.bind(("127.0.0.1", 0))
            taken: list[bytes] = []
            apart = Diversion(shared, source.getsockname(), lambda data, address: taken.append(data))
            for number in range(sent):
                source.sendto(bytes([number]), shared.getsockname())
            await check(apart, taken)
            apart.close()
            apart.close()

    asyncio.run(main())


def test_everything_is_taken_in_order() -> None:
    async def check(apart: Diversion, taken: list[bytes]) -> None:
        await until(lambda: len(taken) == 3 * MOST_A_TURN)
        assert taken == [bytes([number]) for number in range(3 * MOST_A_TURN)]

    with_flood(check, 3 * MOST_A_TURN)


def test_after_a_full_turn_the_source_has_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversion, "PAUSE_S", 60.0)

    async def check(apart: Diversion, taken: list[bytes]) -> None:
        await until(lambda: len(taken) == MOST_A_TURN)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(taken) == MOST_A_TURN
        pause = apart._pause  # pyright: ignore[reportPrivateUsage]
        apart.close()
        assert pause is not None
        assert pause.cancelled()

    with_flood(check, 2 * MOST_A_TURN)


def test_a_source_that_sends_little_never_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diversion, "PAUSE_S", 60.0)

    async def check(apart: Diversion, taken: list[bytes]) -> None:
        await until(lambda: len(taken) == MOST_A_TURN - 1)
        assert apart._pause is None  # pyright: ignore[reportPrivateUsage]

    with_flood(check, MOST_A_TURN - 1)

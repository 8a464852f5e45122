"""A socket that reads many datagrams in one wake-up."""

from __future__ import annotations

import asyncio
import itertools
import socket
from typing import TYPE_CHECKING

from tests.wire.udp_kit import Owner, until, with_owner

from offhook_wire import collecting_socket
from offhook_wire.collecting_socket import CollectingSocket

if TYPE_CHECKING:
    import pytest


def test_what_is_there_is_read_in_one_wake_up() -> None:
    async def check(owner: Owner, other: socket.socket) -> None:
        for number in range(50):
            other.sendto(bytes((number,)), owner.udp.address)
        await until(lambda: len(owner.heard) == 50)
        assert owner.udp.wakeups == 1
        assert owner.heard == [bytes((number,)) for number in range(50)]

    with_owner(check)


def test_others_have_their_turn_between_two_of_a_full_socket() -> None:
    async def check(owner: Owner, other: socket.socket) -> None:
        for _ in range(50):
            other.sendto(b"x", owner.udp.address)
        seen = [0]
        while len(owner.heard) < 50:
            await asyncio.sleep(0)
            seen.append(len(owner.heard))
        assert max(now - before for before, now in itertools.pairwise(seen)) == 10

    with_owner(check, most=10)


def test_a_busy_socket_is_read_once_a_millisecond_until_it_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting_socket, "_WINDOW_S", 0.01)
    monkeypatch.setattr(collecting_socket, "_MANY", 3)
    monkeypatch.setattr(collecting_socket, "_FEW", 1)

    async def check(owner: Owner, other: socket.socket) -> None:
        sent = 0
        while not owner.udp.collecting:
            assert sent < 10_000
            other.sendto(b"x", owner.udp.address)
            sent += 1
            await until(lambda: len(owner.heard) == sent)  # noqa: B023 - it is awaited here
        for _ in range(20):
            other.sendto(b"y", owner.udp.address)
        await until(lambda: owner.heard[-20:] == [b"y"] * 20)
        assert owner.turns[-1] == 20 or sum(owner.turns[-2:]) == 20
        await until(lambda: not owner.udp.collecting)
        before = owner.udp.wakeups
        other.sendto(b"z", owner.udp.address)
        await until(lambda: owner.heard[-1] == b"z")
        assert owner.udp.wakeups == before + 1

    with_owner(check)


def test_closing_a_busy_socket_ends_its_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting_socket, "_WINDOW_S", 60.0)
    monkeypatch.setattr(collecting_socket, "_MANY", -1)

    async def check(owner: Owner, other: socket.socket) -> None:
        owner.udp._window_ends_s = asyncio.get_running_loop().time()  # pyright: ignore[reportPrivateUsage]
        other.sendto(b"x", owner.udp.address)
        await until(lambda: owner.udp.wakeups == 1)
        timer = owner.udp._next  # pyright: ignore[reportPrivateUsage]
        assert timer is not None
        owner.udp.close()
        assert timer.cancelled()

    with_owner(check)


def test_a_socket_that_is_closed_in_its_turn_does_nothing_more() -> None:
    async def main() -> None:
        turns = 0

        def turn() -> tuple[int, bool]:
            nonlocal turns
            turns += 1
            udp.close()
            assert udp.read() is None
            return 1, True

        udp = CollectingSocket("127.0.0.1", turn)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"x", udp.address)
        await until(lambda: turns == 1)
        for _ in range(3):
            await asyncio.sleep(0)
        assert (turns, udp.errors, udp.closed) == (1, 0, True)

    asyncio.run(main())

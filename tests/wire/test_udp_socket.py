"""A socket that reads many datagrams in one wake-up, and what becomes of those that cannot be sent."""

from __future__ import annotations

import asyncio
import errno
import itertools
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.patience import PATIENCE_S

from offhook_wire import udp_socket
from offhook_wire.media_counts import MediaCounts
from offhook_wire.udp_socket import MAX_UNSENT_BYTES, UdpSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Owner:
    """Reads `most` datagrams a turn."""

    def __init__(self, most: int = 1000) -> None:
        self.most = most
        self.heard: list[bytes] = []
        self.turns: list[int] = []
        self.udp = UdpSocket("127.0.0.1", self._turn)

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
    monkeypatch.setattr(udp_socket, "_WINDOW_S", 0.01)
    monkeypatch.setattr(udp_socket, "_MANY", 3)
    monkeypatch.setattr(udp_socket, "_FEW", 1)

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
    monkeypatch.setattr(udp_socket, "_WINDOW_S", 60.0)
    monkeypatch.setattr(udp_socket, "_MANY", -1)

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

        udp = UdpSocket("127.0.0.1", turn)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(b"x", udp.address)
        await until(lambda: turns == 1)
        for _ in range(3):
            await asyncio.sleep(0)
        assert (turns, udp.errors, udp.closed) == (1, 0, True)

    asyncio.run(main())


class Full:
    """A real socket whose system takes nothing while it is `full`; loopback cannot be brought to that."""

    def __init__(self, real: socket.socket) -> None:
        self.real, self.full = real, True

    def sendto(self, data: bytes, address: tuple[str, int]) -> int:
        if self.full:
            raise BlockingIOError
        return self.real.sendto(data, address)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_what_the_system_does_not_take_waits_up_to_a_bound_and_is_sent_in_order() -> None:
    async def check(owner: Owner, other: socket.socket) -> None:
        counts = MediaCounts()
        full = Full(owner.udp._socket)  # pyright: ignore[reportPrivateUsage]
        owner.udp._socket = full  # type: ignore[assignment]
        fits = MAX_UNSENT_BYTES // 1000
        for number in range(fits + 5):
            owner.udp.send(number.to_bytes(2, "big") + bytes(998), other.getsockname(), counts)
        assert counts.packets_unsent == 5
        for _ in range(3):
            await asyncio.sleep(0)  # the loop says that it can be written to, and the system takes nothing
        full.full = False
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        got: list[int] = []
        other.setblocking(False)
        while len(got) < fits:
            await asyncio.sleep(0)
            try:
                got.append(int.from_bytes(other.recv(2000)[:2], "big"))
            except BlockingIOError:
                continue
        assert got == list(range(fits))
        owner.udp.send(b"later", other.getsockname(), counts)
        await until(lambda: _read(other) == b"later")
        assert counts.packets_unsent == 5

    with_owner(check)


def _read(other: socket.socket) -> bytes:
    try:
        return other.recv(2000)
    except BlockingIOError:
        return b""


def test_what_still_waits_at_the_end_is_counted() -> None:
    async def check(owner: Owner, other: socket.socket) -> None:
        counts = MediaCounts()
        owner.udp._socket = Full(owner.udp._socket)  # type: ignore[assignment]  # pyright: ignore[reportPrivateUsage]
        for _ in range(3):
            owner.udp.send(b"x", other.getsockname(), counts)
        assert counts.packets_unsent == 0
        owner.udp.close()
        owner.udp.close()
        assert counts.packets_unsent == 3

    with_owner(check)


def test_what_the_system_refuses_is_counted_for_its_sender_alone() -> None:
    async def check(owner: Owner, other: socket.socket) -> None:
        mine, others = MediaCounts(), MediaCounts()
        owner.udp.send(bytes(70_000), other.getsockname(), mine)
        owner.udp.send(b"fits", other.getsockname(), others)
        assert (mine.packets_unsent, others.packets_unsent) == (1, 0)
        assert other.recv(10) == b"fits"

    with_owner(check)


@pytest.mark.skipif(sys.platform != "linux", reason="uses an option of Linux's sockets")
def test_a_receiver_that_has_vanished_harms_no_one() -> None:
    async def check(owner: Owner, other: socket.socket) -> None:
        # Without this option Linux does not report it at all, for a socket that sends to many.
        owner.udp._socket.setsockopt(socket.IPPROTO_IP, 11, 1)  # pyright: ignore[reportPrivateUsage]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
            gone.bind(("127.0.0.1", 0))
            nowhere = gone.getsockname()
        owner.udp.send(b"x", nowhere, MediaCounts())
        await until(lambda: owner.udp.errors == 1)
        other.sendto(b"still heard", owner.udp.address)
        await until(lambda: owner.heard == [b"still heard"])

    with_owner(check)


def test_an_address_that_cannot_be_bound_leaves_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[socket.socket] = []
    real = socket.socket

    def note(*arguments: int) -> socket.socket:
        made.append(real(*arguments))
        return made[-1]

    monkeypatch.setattr(socket, "socket", note)

    async def main() -> None:
        with pytest.raises(OSError) as caught:
            UdpSocket("203.0.113.1", lambda: (0, False))
        assert caught.value.errno == errno.EADDRNOTAVAIL

    asyncio.run(main())
    assert [sock.fileno() for sock in made if sock.type == socket.SOCK_DGRAM] == [-1]

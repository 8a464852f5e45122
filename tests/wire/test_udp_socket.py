"""What becomes of datagrams that cannot be sent, and of sockets that cannot be bound."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from typing import Any

import pytest
from tests.wire.udp_kit import Owner, until, with_owner

from offhook_wire.media_counts import MediaCounts
from offhook_wire.udp_socket import MAX_UNSENT_BYTES, UdpSocket


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
            UdpSocket("203.0.113.1", lambda: None)
        assert caught.value.errno == errno.EADDRNOTAVAIL

    asyncio.run(main())
    assert [sock.fileno() for sock in made if sock.type == socket.SOCK_DGRAM] == [-1]

"""Impairments: which datagrams are delivered, and when."""

from __future__ import annotations

import asyncio

import pytest

from offhook.testing import VirtualLoop, run_virtual
from offhook_wire.impairment import Impairment

RTP, RTCP, STUN, DTLS = b"\x80\x6f", b"\x80\xc8", b"\x00\x01", b"\x16\xfe"


def through(path: Impairment, count: int, data: bytes = RTP) -> list[int]:
    out: list[int] = []

    async def main() -> None:
        for number in range(count):
            path.carry(data, lambda number=number: out.append(number))  # type: ignore[misc]

    asyncio.run(main())
    return out


def test_a_good_path_carries_everything_at_once_and_in_order() -> None:
    path = Impairment()
    assert through(path, 100) == list(range(100))
    assert (path.carried, path.lost, path.duplicated) == (100, 0, 0)


@pytest.mark.parametrize("kind", [RTP, RTCP, STUN, DTLS, b""])
def test_what_is_cut_and_what_is_muted(kind: bytes) -> None:
    path = Impairment()
    path.muted = True
    assert len(through(path, 5, kind)) == (0 if kind == RTP else 5)
    path.cut = True
    assert through(path, 5, kind) == []


@pytest.mark.parametrize("burst", [1, 5, 20])
@pytest.mark.parametrize("loss", [0.01, 0.2, 0.5])
def test_the_share_that_is_lost_is_the_wanted_one_in_bursts_too(loss: float, burst: int) -> None:
    path = Impairment(1)
    path.loss, path.burst = loss, burst
    out = through(path, 50_000)
    assert path.lost == 50_000 - len(out)
    assert abs(path.lost / 50_000 - loss) < 0.25 * loss


def test_duplicates_are_delivered_twice_and_follow_the_seed() -> None:
    runs = []
    for _ in range(2):
        path = Impairment("seed")
        path.duplicate = 0.3
        runs.append(through(path, 1000))
        assert len(runs[-1]) == 1000 + path.duplicated
        assert 200 < path.duplicated < 400
    assert runs[0] == runs[1]


def test_a_delay_keeps_the_order_when_it_is_made_less_and_jitter_does_not() -> None:
    async def main() -> None:
        path, out = Impairment(2), list[int]()
        path.delay_s = 0.05
        for number in range(50):
            path.carry(RTP, lambda number=number: out.append(number))  # type: ignore[misc]
        path.delay_s = 0
        for number in range(50, 100):
            path.carry(RTP, lambda number=number: out.append(number))  # type: ignore[misc]
        assert out == []
        await asyncio.sleep(0.1)
        assert out == list(range(100))
        path.carry(RTP, lambda: out.append(100))
        assert out[-1] == 100, "the delay is gone"
        path.jitter_s = 0.02
        for number in range(50):
            path.carry(RTP, lambda number=number: out.append(number))  # type: ignore[misc]
        await asyncio.sleep(0.1)
        assert sorted(out[101:]) == list(range(50)) != out[101:]

    asyncio.run(main())


def test_a_datagram_that_is_due_but_not_delivered_yet_is_not_overtaken() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        path, out = Impairment(), list[str]()
        path.delay_s = 0.01
        path.carry(RTP, lambda: out.append("first"))
        path.delay_s = 0
        loop.block(0.02)
        path.carry(RTP, lambda: out.append("second"))
        await asyncio.sleep(0.001)
        assert out == ["first", "second"]

    run_virtual(main())

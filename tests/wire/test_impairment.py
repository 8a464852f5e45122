"""Impairments: which datagrams are delivered, and when."""

from __future__ import annotations

import asyncio

import pytest

from offhook.testing import VirtualLoop, run_virtual
from offhook_wire.impaired_line import ImpairedLine
from offhook_wire.impairment import MOST_FROZEN, Impairment

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


def arrivals(path: Impairment, count: int, every_s: float = 0.02, data: bytes = RTP) -> list[tuple[float, int]]:
    """When each of `count` datagrams arrives, in virtual time."""
    found: list[tuple[float, int]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in range(count):
            path.carry(data, lambda number=number: found.append((round(loop.time(), 3), number)))  # type: ignore[misc]
            await asyncio.sleep(every_s)
        await asyncio.sleep(5)

    run_virtual(main())
    return found


def test_the_wanted_share_is_overtaken_by_the_next_two() -> None:
    path = Impairment(1)
    path.reorder = 0.1
    found = arrivals(path, 1000)
    late = [number for at_s, number in found if at_s > number * 0.02 + 0.049]
    assert sorted(number for _, number in found) == list(range(1000))
    assert 70 < len(late) < 130
    order = [number for _, number in found]
    first = next(number for number in late if not {number + 1, number + 2} & set(late))
    assert order.index(first) == order.index(first + 2) + 1


def test_a_rate_that_is_capped_spreads_a_burst_and_loses_what_waits_too_long() -> None:
    path = Impairment()
    path.rate_cap_bps = 8 * 1000
    found = arrivals(path, 5, every_s=0.0, data=bytes(100))
    assert [at_s for at_s, _ in found] == [0.1, 0.2, 0.3, 0.4, 0.5]
    path = Impairment()
    path.rate_cap_bps = 8 * 1000
    found = arrivals(path, 30, every_s=0.0, data=bytes(100))
    assert [number for _, number in found] == list(range(11)), "1 s of waiting, and the one that is on the line"
    assert path.lost == 19


def test_what_is_frozen_waits_and_the_oldest_of_too_many_are_lost() -> None:
    path = Impairment()
    path.frozen = True
    assert through(path, MOST_FROZEN + 5) == []
    assert path.lost == 5
    assert through(path, 1) == []
    path.frozen = False
    assert (path.frozen, through(path, 3)) == (False, [0, 1, 2])


def test_a_path_that_is_healed_delivers_what_is_under_way_and_says_when_it_is_idle() -> None:
    async def main() -> None:
        path, out, healed = Impairment(), list[str](), list[bool]()
        path.delay_s, path.loss, path.cut = 1.0, 0.0, False
        path.carry(RTP, lambda: out.append("late"))
        path.heal(lambda: healed.append(True))
        assert healed == []
        path.carry(RTP, lambda: out.append("next"))
        await asyncio.sleep(2)
        assert (out, healed) == (["late", "next"], [True]), "the order is kept"
        path.heal(lambda: healed.append(True))
        assert healed == [True, True], "nothing was under way"

    run_virtual(main())


def test_healing_ends_every_impairment() -> None:
    path = Impairment()
    path.cut = path.muted = True
    path.loss = path.duplicate = path.reorder = 1.0
    path.delay_s = path.jitter_s = 5.0
    path.rate_cap_bps, path.burst = 1, 9
    path.heal()
    assert through(path, 10) == list(range(10))


def test_audio_that_is_not_rtp_is_muted_when_the_caller_says_so() -> None:
    async def main() -> None:
        path = Impairment()
        path.muted = True
        assert path.carry(STUN, lambda: None, audio=True) is False
        assert path.carry(RTP, lambda: None, audio=False) is True

    run_virtual(main())


def test_a_line_passes_its_impairments_in_order_and_says_what_is_lost_at_once() -> None:
    first, second = Impairment(), Impairment()
    line = ImpairedLine(first, second)
    out: list[int] = []

    async def main() -> None:
        assert line.carry(RTP, lambda: out.append(1))
        second.cut = True
        assert not line.carry(RTP, lambda: out.append(2))
        first.delay_s = 1.0
        assert line.carry(RTP, lambda: out.append(3)), "it is lost later"
        await asyncio.sleep(2)

    run_virtual(main())
    assert out == [1]
    assert (first.carried, second.carried, second.lost) == (3, 3, 2)

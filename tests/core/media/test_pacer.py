"""The pacer: absolute deadlines, no drift, catching up, skipping. Time is moved by hand or virtual."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from offhook.media.pacer import Pacer
from offhook.testing import VirtualLoop, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable


class HandTimer:
    def __init__(self, at: float, call: Callable[[], None]) -> None:
        self.at, self.call, self.cancelled = at, call, False

    def cancel(self) -> None:
        self.cancelled = True


class HandLoop:
    """A loop whose clock is moved by hand, so that it can be held up."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.timers: list[HandTimer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> HandTimer:
        self.timers.append(HandTimer(when, call))
        return self.timers[-1]

    def call_soon(self, call: Callable[[], None]) -> HandTimer:
        return self.call_at(self.now, call)

    def turn(self, to: float) -> None:
        """Run what is due at every moment until `to`."""
        while due := [timer for timer in self.timers if timer.at <= to and not timer.cancelled]:
            first = min(due, key=lambda timer: timer.at)
            self.timers.remove(first)
            self.now = max(self.now, first.at)
            first.call()
        self.now = to

    def stall(self, seconds: float) -> None:
        """Let time pass in which nothing runs."""
        self.now += seconds
        self.turn(self.now)


def paced(loop: HandLoop, **settings: int) -> tuple[Pacer, list[tuple[int, float]]]:
    ticks: list[tuple[int, float]] = []
    pacer = Pacer(
        cast("asyncio.AbstractEventLoop", loop), lambda index: ticks.append((index, loop.now - 1000)), **settings
    )
    return pacer, ticks


def test_frame_n_is_due_at_n_times_the_length() -> None:
    loop = HandLoop()
    pacer, ticks = paced(loop, ptime_ms=10)
    assert not pacer.running
    pacer.start()
    assert pacer.running
    assert ticks == []
    loop.turn(1000.045)
    assert [index for index, _ in ticks] == [0, 1, 2, 3, 4]
    assert all(abs(at - index * 0.010) < 1e-9 for index, at in ticks)


def test_no_drift_over_ten_minutes() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        ticks: list[float] = []
        pacer = Pacer(loop, lambda _: ticks.append(loop.time()))
        pacer.start()
        await asyncio.sleep(600.001)
        pacer.stop()
        assert len(ticks) == 600 * 50 + 1
        assert all(abs(at - index * 0.02) < 1e-6 for index, at in enumerate(ticks))

    run_virtual(main())


def test_work_in_a_tick_does_not_add_up() -> None:
    loop = HandLoop()
    ticks: list[int] = []

    def tick(index: int) -> None:
        ticks.append(index)
        loop.now += 0.003  # encoding takes its time

    pacer = Pacer(cast("asyncio.AbstractEventLoop", loop), tick)
    pacer.start()
    loop.turn(1060.0)
    assert len(ticks) == 60 * 50 + 1
    assert pacer.skipped == 0


def test_after_a_short_stall_it_catches_up_at_once() -> None:
    loop = HandLoop()
    pacer, ticks = paced(loop)
    pacer.start()
    loop.turn(1000.1)
    loop.stall(0.2)
    assert [index for index, _ in ticks] == list(range(16))
    assert pacer.skipped == 0
    loop.turn(1000.4)
    assert ticks[-1][0] == 20


def test_after_a_long_stall_it_skips_and_counts() -> None:
    loop = HandLoop()
    pacer, ticks = paced(loop)
    pacer.start()
    loop.turn(1000.1)
    loop.stall(2.0)
    assert [index for index, _ in ticks] == [0, 1, 2, 3, 4, 5, 105]
    assert pacer.skipped == 99
    loop.turn(1002.2)
    assert [index for index, _ in ticks][-5:] == [106, 107, 108, 109, 110]
    assert len(ticks) + pacer.skipped == 111


def test_nothing_ticks_after_stop_even_from_within_a_tick() -> None:
    loop = HandLoop()
    ticks: list[int] = []

    def tick(index: int) -> None:
        ticks.append(index)
        if index == 2:
            pacer.stop()

    pacer = Pacer(cast("asyncio.AbstractEventLoop", loop), tick)
    pacer.start()
    loop.turn(1000.03)
    loop.stall(0.1)  # frames 2 to 6 are due together
    assert ticks == [0, 1, 2]
    assert not pacer.running
    pacer.stop()
    loop.turn(1001)
    assert ticks == [0, 1, 2]


def test_starting_again_starts_over() -> None:
    loop = HandLoop()
    pacer, ticks = paced(loop)
    pacer.start()
    loop.turn(1000.05)
    pacer.start()
    loop.turn(1000.09)
    assert [index for index, _ in ticks] == [0, 1, 2, 0, 1, 2]


def test_woken_too_early_it_waits_on() -> None:
    loop = HandLoop()
    pacer, ticks = paced(loop)
    pacer.start()
    loop.turn(1000.0)
    (timer,) = loop.timers
    loop.timers.clear()
    loop.now = 1000.01  # loops round the times of timers
    timer.call()
    assert [index for index, _ in ticks] == [0]
    loop.turn(1000.05)
    assert [index for index, _ in ticks] == [0, 1, 2]


@pytest.mark.parametrize("late_s", [0.0, 0.1], ids=["in time", "catching up"])
def test_started_again_from_within_a_tick_it_ticks_once_for_each_frame(late_s: float) -> None:
    loop = HandLoop()
    ticks: list[int] = []

    def tick(index: int) -> None:
        ticks.append(index)
        if len(ticks) == 3:
            pacer.start()

    pacer = Pacer(cast("asyncio.AbstractEventLoop", loop), tick)
    pacer.start()
    loop.turn(1000.01)
    loop.stall(late_s)
    loop.turn(loop.now + 0.1)
    assert ticks == [*range(3), *range(len(ticks) - 3)]
    assert len(ticks) > 6


def test_on_a_virtual_loop_one_timer_paces_all_frames_even_after_a_stall() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        ticks: list[int] = []
        pacer = Pacer(loop, ticks.append)
        pacer.start()
        await asyncio.sleep(0.05)
        loop.block(0.1)  # it catches up with calls of another kind
        await asyncio.sleep(0.1)
        pacer.stop()
        await asyncio.sleep(1)
        return ticks

    assert run_virtual(main()) == list(range(13))

"""Pacers of one loop share timers; each keeps its own times, index, skipping and context."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, cast

import pytest
from tests.core.media.test_pacer import HandLoop

from offhook.media.pacer import Pacer
from offhook.testing import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

_who: ContextVar[str] = ContextVar("_who", default="nobody")


class CountingLoop(HandLoop):
    """Counts its wake-ups."""

    def __init__(self) -> None:
        super().__init__()
        self.wakes = 0

    def turn(self, to: float) -> None:
        while due := [timer.at for timer in self.timers if timer.at <= to and not timer.cancelled]:
            self.wakes += 1
            super().turn(min(due))
        super().turn(to)


class Pacers:
    """Pacers on one loop, and all their ticks."""

    def __init__(self) -> None:
        self.loop = CountingLoop()
        self.ticks: list[tuple[str, int, float]] = []

    def start(self, name: str, on_tick: Callable[[int], None] = lambda index: None, **settings: int) -> Pacer:
        def tick(index: int) -> None:
            self.ticks.append((name, index, round(self.loop.now - 1000, 6)))
            on_tick(index)

        pacer = Pacer(cast("asyncio.AbstractEventLoop", self.loop), tick, **settings)
        pacer.start()
        return pacer

    def to(self, after_s: float) -> None:
        self.loop.turn(1000 + after_s)

    def of(self, name: str) -> list[tuple[int, float]]:
        return [(index, at) for who, index, at in self.ticks if who == name]


def test_one_that_starts_soon_after_another_shares_its_wake_ups() -> None:
    pacers = Pacers()
    pacers.start("a")
    pacers.to(0.003)
    pacer = pacers.start("b")
    assert pacer.started_at == 1000.0
    pacers.to(0.001 * 63)
    assert pacers.of("a") == [(0, 0.0), (1, 0.02), (2, 0.04), (3, 0.06)]
    assert pacers.of("b") == [(0, 0.003), (1, 0.02), (2, 0.04), (3, 0.06)]
    assert pacers.loop.wakes == 5


def test_one_that_starts_later_has_its_own_times() -> None:
    pacers = Pacers()
    pacers.start("a")
    pacers.to(0.006)
    assert pacers.start("b").started_at == 1000.006
    pacers.to(0.03)
    assert pacers.of("b") == [(0, 0.006), (1, 0.026)]


def test_the_nearest_timer_is_joined() -> None:
    pacers = Pacers()
    pacers.start("a")
    pacers.to(0.018)
    pacers.start("b")
    pacers.to(0.0215)
    assert pacers.start("c").started_at == 1000.02
    pacers.to(0.0399)
    assert pacers.start("d").started_at == 1000.038


def test_those_that_start_at_once_make_one_wake_up() -> None:
    pacers = Pacers()
    pacers.start("a")
    pacers.to(0.003)
    for name in "bcd":
        pacers.start(name)
    assert [round(timer.at - 1000, 6) for timer in pacers.loop.timers if not timer.cancelled] == [0.003]
    assert len(pacers.loop.timers) == 2  # the one for frame 1 was cancelled, and none for frame 0


def test_frames_of_another_length_are_due_with_those_that_are_due_anyway() -> None:
    pacers = Pacers()
    pacers.start("a")
    pacers.to(0.003)
    assert pacers.start("slow", ptime_ms=100).started_at == 1000.0
    assert pacers.start("fast", ptime_ms=10).started_at == 1000.003
    pacers.to(0.0115)
    assert round(pacers.start("fast too", ptime_ms=10).started_at - 1000, 6) == 0.01
    pacers.to(0.0225)
    assert pacers.start("faster", ptime_ms=5).started_at == 1000.0225
    pacers.to(0.21)
    assert pacers.of("slow") == [(0, 0.003), (1, 0.1), (2, 0.2)]
    assert pacers.of("fast")[:3] == [(0, 0.003), (1, 0.013), (2, 0.023)]


def test_many_are_spread_over_several_timers() -> None:
    pacers = Pacers()
    started: list[float] = []
    for _ in range(100):
        started.append(pacers.start("many").started_at)
        pacers.to(pacers.loop.now - 1000 + 0.00001)
    assert [started.count(at) for at in dict.fromkeys(started)] == [32, 32, 32, 4]


def test_one_that_starts_while_the_loop_is_held_up_begins_now() -> None:
    pacers = Pacers()
    pacers.start("a")
    pacers.to(0.01)
    pacers.loop.now += 0.092  # frame 5 of the first was due 2 ms ago
    pacers.start("b")
    pacers.to(0.125)
    assert [index for index, _ in pacers.of("a")] == list(range(7))
    assert pacers.of("b") == [(0, 0.102), (1, 0.12)]


def test_one_that_starts_when_a_frame_of_the_other_is_due_ticks_with_it() -> None:
    pacers = Pacers()
    pacers.start("a")
    pacers.to(0.01)
    pacers.loop.now += 0.011
    pacers.start("b")
    pacers.to(0.045)
    assert pacers.ticks[1:] == [("a", 1, 0.021), ("b", 0, 0.021), ("a", 2, 0.04), ("b", 1, 0.04)]


def test_each_skips_by_its_own_limit_and_counts_for_itself() -> None:
    pacers = Pacers()
    patient, hasty = pacers.start("patient"), pacers.start("hasty", max_lag_ms=40)
    pacers.to(0.01)
    pacers.loop.stall(0.1)
    assert pacers.of("patient") == [(0, 0.0), *((index, 0.11) for index in range(1, 6))]
    assert pacers.of("hasty") == [(0, 0.0), (5, 0.11)]
    assert (patient.skipped, hasty.skipped) == (0, 4)
    pacers.to(0.125)
    assert (pacers.of("patient")[-1], pacers.of("hasty")[-1]) == ((6, 0.12), (6, 0.12))


@pytest.mark.parametrize("late_s", [0.0, 0.1], ids=["in time", "catching up"])
def test_one_can_stop_another_within_its_tick(late_s: float) -> None:
    pacers = Pacers()
    others: list[Pacer] = []
    pacers.start("a", lambda index: others[0].stop() if index == 2 else None)
    others.append(pacers.start("b"))
    pacers.to(0.01)
    pacers.loop.stall(late_s)
    pacers.to(0.2)
    assert [index for index, _ in pacers.of("b")] == [0, 1]
    assert [index for index, _ in pacers.of("a")] == list(range(11))


@pytest.mark.parametrize("late_s", [0.0, 0.1], ids=["in time", "catching up"])
def test_one_can_stop_the_one_in_whose_context_the_timer_runs(late_s: float) -> None:
    pacers = Pacers()
    first = pacers.start("a")
    pacers.start("b", lambda index: first.stop() if index == 2 else None)
    pacers.to(0.01)
    pacers.loop.stall(late_s)
    pacers.to(0.2)
    assert [index for index, _ in pacers.of("a")] == [0, 1, 2]
    assert [index for index, _ in pacers.of("b")] == list(range(11))
    assert len([timer for timer in pacers.loop.timers if not timer.cancelled]) == 1


@pytest.mark.parametrize("late_s", [0.0, 0.093, 0.1], ids=["in time", "catching up", "apart"])
def test_one_can_start_another_within_its_tick(late_s: float) -> None:
    pacers = Pacers()
    pacers.start("a", lambda index: None if index != 2 else cast("None", pacers.start("b")))
    pacers.to(0.01)
    pacers.loop.stall(late_s)
    pacers.to(0.25)
    assert [index for index, _ in pacers.of("a")] == list(range(13))
    first, *rest = pacers.of("b")
    assert first == (0, max(0.04, 0.01 + late_s))
    assert [index for index, _ in rest] == list(range(1, len(rest) + 1))
    assert rest[-1][1] == (0.25 if late_s == 0.1 else 0.24)
    assert len([timer for timer in pacers.loop.timers if not timer.cancelled]) == (2 if late_s == 0.1 else 1)


@pytest.mark.parametrize("late_s", [0.0, 0.1], ids=["in time", "catching up"])
def test_the_last_one_can_stop_within_its_tick(late_s: float) -> None:
    pacers = Pacers()
    started: list[Pacer] = []
    started.append(pacers.start("a", lambda index: started[0].stop() if index == 1 else None))
    pacers.to(0.01)
    pacers.loop.stall(late_s)
    pacers.to(0.3)
    assert [index for index, _ in pacers.of("a")] == [0, 1]
    assert not any(not timer.cancelled for timer in pacers.loop.timers)


@pytest.mark.parametrize("late_s", [0.0, 0.1], ids=["in time", "catching up"])
def test_one_that_raises_stops_alone(late_s: float) -> None:
    pacers = Pacers()

    def fail(index: int) -> None:
        if index == 1:
            raise ZeroDivisionError

    pacers.start("bad", fail)
    pacers.start("good")
    pacers.to(0.01)
    with pytest.raises(ZeroDivisionError):
        pacers.loop.stall(0.015 + late_s)
    pacers.to(0.2)
    assert [index for index, _ in pacers.of("bad")] == [0, 1]
    assert [index for index, _ in pacers.of("good")] == list(range(11))


def test_one_that_is_alone_and_raises_leaves_no_timer() -> None:
    pacers = Pacers()
    pacer = pacers.start("bad", lambda index: print(1 // 0))
    with pytest.raises(ZeroDivisionError):
        pacers.to(0.01)
    assert pacers.loop.timers == []
    pacer.stop()
    pacer.start()
    with pytest.raises(ZeroDivisionError):
        pacers.to(0.02)
    assert len(pacers.ticks) == 2


def test_each_ticks_in_the_context_in_which_it_was_started() -> None:
    async def main() -> list[list[str]]:
        loop = asyncio.get_running_loop()
        heard: dict[str, set[str]] = {}

        def tick(name: str, index: int) -> None:
            heard.setdefault(name, set()).add(_who.get())

        async def start(name: str) -> Pacer:
            _who.set(name)
            pacer = Pacer(loop, partial(tick, name))
            pacer.start()
            return pacer

        started = [await asyncio.create_task(start(name)) for name in "abc"]
        await asyncio.sleep(0.05)
        rounds = [sorted(f"{name}:{who}" for name, whos in heard.items() for who in whos)]
        for pacer in started[:2]:  # the timer ran in the context of the first one
            heard.clear()
            pacer.stop()
            await asyncio.sleep(0.05)
            rounds.append(sorted(f"{name}:{who}" for name, whos in heard.items() for who in whos))
        started[2].stop()
        return rounds

    assert run_virtual(main()) == [["a:a", "b:b", "c:c"], ["b:b", "c:c"], ["c:c"]]


def test_nothing_of_one_that_stopped_is_kept_for_the_others() -> None:
    class Thing:
        pass

    kept: ContextVar[Thing] = ContextVar("kept")

    async def main() -> bool:
        loop = asyncio.get_running_loop()

        async def start() -> tuple[Pacer, weakref.ref[Thing]]:
            thing = Thing()
            kept.set(thing)
            pacer = Pacer(loop, lambda index: None)
            pacer.start()
            return pacer, weakref.ref(thing)

        first, thing = await asyncio.create_task(start())
        other = Pacer(loop, lambda index: None)
        other.start()
        await asyncio.sleep(0.05)
        first.stop()
        await asyncio.sleep(0.05)
        gc.collect()
        other.stop()
        return thing() is None

    assert run_virtual(main())


def test_in_virtual_time_those_of_one_phase_tick_in_the_order_of_their_start() -> None:
    async def main() -> tuple[list[int], list[int]]:
        loop = asyncio.get_running_loop()
        ticks: list[int] = []
        pacers = [Pacer(loop, lambda index, number=number: ticks.append(number)) for number in range(50)]  # type: ignore[misc]
        for pacer in pacers[:25]:
            pacer.start()
        await asyncio.sleep(0.1)
        for pacer in pacers[25:]:
            pacer.start()
        await asyncio.sleep(0.01)
        alone = Pacer(loop, lambda index: ticks.append(-1))
        alone.start()  # at another time: it is not moved
        ticks.clear()
        await asyncio.sleep(0.0201)
        for pacer in (*pacers, alone):
            pacer.stop()
        return ticks, list(range(50))

    ticks, expected = run_virtual(main())
    assert ticks == [-1, *expected, -1]


def test_a_loop_that_is_gone_is_not_kept() -> None:
    loop = asyncio.new_event_loop()
    pacer = Pacer(loop, lambda index: None)
    pacer.start()
    gone = weakref.ref(loop)
    loop.close()
    del loop, pacer
    gc.collect()
    assert gone() is None

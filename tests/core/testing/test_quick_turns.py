"""Quick turns: the same callbacks in the same order as with asyncio's own turns, and news from threads and signals."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from offhook.testing import VirtualLoop, run_virtual
from offhook.testing.quick_turns import QuickTurns

if TYPE_CHECKING:
    from collections.abc import Callable

Log = list[tuple[float, str]]


class SlowLoop(VirtualLoop):
    """The same clock, with the turns, timers and handles of asyncio itself."""

    _run_once = asyncio.SelectorEventLoop._run_once  # type: ignore[attr-defined]
    call_at = asyncio.SelectorEventLoop.call_at
    call_soon = asyncio.SelectorEventLoop.call_soon


def run_on(make_loop: Callable[[], asyncio.AbstractEventLoop], seed: int) -> Log:
    """Run a program that schedules, cancels and wakes at random; returns what happened, in order."""
    draw, log = random.Random(seed), Log()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        handles: list[asyncio.Handle] = []

        def called(name: str) -> None:
            log.append((loop.time(), name))
            if len(log) < 300:
                act(name)

        def act(name: str) -> None:
            for number in range(draw.choice((0, 1, 1, 1, 2))):
                deeper = f"{name[-8:]}.{number}"
                if draw.random() < 0.3:
                    handles.append(loop.call_soon(called, deeper))
                else:  # often at equal times
                    handles.append(loop.call_later(draw.choice((0, 0.02, 0.02, 0.04, 1.0)), called, deeper))
            if handles and draw.random() < 0.4:
                handles[draw.randrange(len(handles))].cancel()

        async def sleeper(name: str) -> None:
            for _ in range(20):
                await asyncio.sleep(draw.choice((0, 0.02, 0.5)))
                log.append((loop.time(), name))

        for number in range(8):
            act(str(number))
        await asyncio.gather(sleeper("a"), sleeper("b"))
        await asyncio.sleep(100)

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main())
    return log


@pytest.mark.parametrize("seed", range(40))
def test_everything_happens_in_the_order_of_asyncio(seed: int) -> None:
    log = run_on(VirtualLoop, seed)
    assert len(log) > 40
    assert log == run_on(SlowLoop, seed)


def test_debug_mode_is_left_to_asyncio() -> None:
    async def main() -> None:
        asyncio.get_running_loop().set_debug(True)
        await asyncio.sleep(5)
        assert asyncio.get_running_loop().time() == 5

    run_virtual(main())


def test_timers_keep_their_order_when_debug_mode_begins_and_ends() -> None:
    async def main() -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        called: list[int] = []
        for number in range(20):
            loop.call_at(100 - number, called.append, number)
        for debug in (True, False, True):
            loop.set_debug(debug)
            await asyncio.sleep(1)
            loop.call_at(50.5, called.append, 100 + debug)
        timer = loop.call_at(3, called.append, -1)
        loop.set_debug(False)
        again = loop.call_at(4, called.append, -2)
        await asyncio.sleep(10)
        assert not loop.call_again(timer, 50)  # made by asyncio
        loop.set_debug(True)
        assert not loop.call_again(again, 50)
        await asyncio.sleep(200)
        return called

    numbers = [*range(19, -1, -1)]
    assert run_virtual(main()) == [-1, -2, 101, 100, 101, *numbers]


def test_debug_mode_can_begin_in_a_turn_that_is_left_to_asyncio(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        # The next turn has a cancelled timer first, which makes it such a turn.
        loop.call_at(0.5, loop.call_at(0.9, list).cancel)
        loop.call_at(1, loop.set_debug, True)
        loop.call_at(1, loop.block, 5)
        await asyncio.sleep(10)

    run_virtual(main())
    (record,) = [record for record in caplog.records if "Executing" in record.getMessage()]
    assert "VirtualLoop.block(5)" in record.getMessage()
    assert "took 5.000 seconds" in record.getMessage()


def test_what_a_callback_raises_is_reported() -> None:
    reports: list[dict[str, object]] = []

    def fail() -> None:
        raise LookupError("a mistake")

    async def main() -> asyncio.Handle:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, report: reports.append(report))
        handle = loop.call_later(1, fail)
        await asyncio.sleep(2)
        return handle

    handle = run_virtual(main())
    (report,) = reports
    assert isinstance(report["exception"], LookupError)
    assert report["handle"] is handle
    assert "Exception in callback <_Timer" in str(report["message"])
    assert "fail() at " in str(report["message"])


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_process_is_raised(stop: type[BaseException]) -> None:
    def fail() -> None:
        raise stop

    async def main() -> None:
        asyncio.get_running_loop().call_later(1, fail)
        await asyncio.sleep(2)

    with pytest.raises(stop):
        run_virtual(main())


def test_cancelled_timers_do_not_pile_up() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(1000):
            loop.call_later(3600, print).cancel()
            await asyncio.sleep(0.01)
        return len(loop._scheduled)

    assert run_virtual(main()) < 120


def test_a_timer_is_used_again_and_can_be_cancelled() -> None:
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        times: list[float] = []

        def tick() -> None:
            times.append(loop.time())
            assert loop.call_again(timer, loop.time() + 1)
            assert not loop.call_again(timer, loop.time() + 2)  # it waits already

        timer = loop.call_at(1.0, tick)
        await asyncio.sleep(3.5)
        timer.cancel()
        assert not loop.call_again(timer, 5.0)
        assert not loop.call_again(loop.call_soon(list), 5.0)  # not a timer
        await asyncio.sleep(10)
        return times

    assert run_virtual(main()) == [1.0, 2.0, 3.0]


def test_a_thread_wakes_a_loop_that_has_nothing_else_to_do() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        for _ in range(3):
            woken = asyncio.Event()
            with loop.hold():
                threading.Thread(target=loop.call_soon_threadsafe, args=(woken.set,)).start()
                await woken.wait()
        return loop.time()

    assert run_virtual(main()) == 0


def test_a_signal_is_handled() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        handled: list[float] = []
        loop.add_signal_handler(signal.SIGUSR1, lambda: handled.append(loop.time()))
        await asyncio.sleep(1)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.sleep(1)
        assert handled == [1.0]
        loop.remove_signal_handler(signal.SIGUSR1)

    run_virtual(main())


def test_how_the_clock_jumps_is_for_the_loop_to_say() -> None:
    loop = QuickTurns()
    with pytest.raises(NotImplementedError):
        loop.jump(1.0)
    loop.close()


def test_a_closed_loop_takes_no_callback() -> None:
    loop = VirtualLoop()
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(list)


def test_turns_stay_quick_while_a_minority_of_many_timers_is_cancelled() -> None:
    class CountingLoop(VirtualLoop):
        jumps = 0

        def jump(self, delay_s: float | None) -> bool:
            self.jumps += 1  # asks asyncio alone
            return super().jump(delay_s)

    async def main() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        timers = [loop.call_later(1000, int) for _ in range(200)]
        for timer in timers[:90]:
            timer.cancel()
        before = loop.jumps
        for _ in range(100):
            await asyncio.sleep(1)
        return loop.jumps - before

    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        assert runner.run(main()) == 0

"""The load of an event loop: how late its timers are, and how much its thread computes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from offhook.arguments import discard
from offhook.interfaces import SystemClock
from offhook.interfaces.loop_load import IDLE, PERIOD_S, LoadMeter
from offhook.testing import LoopClock, VirtualLoop, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class WorkClock(SystemClock):
    """The machine's clock, but its thread is busy for `busy` times the loop's time."""

    def __init__(self, busy: float) -> None:
        self.busy = busy

    def thread_busy_s(self) -> float:
        return self.busy * asyncio.get_running_loop().time()


def now() -> float:
    return asyncio.get_running_loop().time()


def blocker(block_s: float, every_s: float) -> Callable[[], None]:
    """Blocks the loop again and again; call what it returns to end that."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    task = asyncio.create_task(_block(loop, block_s, every_s))
    return lambda: discard(task.cancel())


async def _block(loop: VirtualLoop, block_s: float, every_s: float) -> None:
    while True:
        loop.block(block_s)
        await asyncio.sleep(every_s)


def test_a_loop_with_nothing_to_do_has_no_load() -> None:
    async def main() -> None:
        meter = LoadMeter(LoopClock())
        assert (meter.load, meter.late_now_ms) == (IDLE, 0.0)
        meter.start()
        await asyncio.sleep(3)
        assert meter.load.late_ms == pytest.approx(0.0, abs=1e-6)
        assert meter.load.busy_percent == 0.0
        meter.stop()
        meter.stop()

    run_virtual(main())


def test_one_block_is_not_a_load_and_many_are() -> None:
    async def main() -> None:
        meter = LoadMeter(LoopClock())
        meter.start()
        await asyncio.sleep(2)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop.block(1.0)
        await asyncio.sleep(PERIOD_S)
        assert meter.load.late_ms == pytest.approx(0.0, abs=1e-6)
        assert meter.late_now_ms > 100
        stop = blocker(0.080, 0.001)
        await asyncio.sleep(5)
        assert 25 < meter.load.late_ms <= 80
        stop()
        await asyncio.sleep(3)
        assert meter.load.late_ms == pytest.approx(0.0, abs=1e-6)
        meter.stop()

    run_virtual(main())


def test_the_cpu_time_of_the_thread_is_a_share_of_the_time() -> None:
    async def main() -> None:
        clock, looks = WorkClock(0.5), list[tuple[float, float]]()
        meter = LoadMeter(clock, lambda took_s, cpu_s: looks.append((took_s, cpu_s)))
        meter.start()
        await asyncio.sleep(1)
        assert meter.load.busy_percent == pytest.approx(50)
        assert sum(took_s for took_s, _ in looks) == pytest.approx(1.0, abs=0.051)
        assert all(cpu_s == pytest.approx(took_s / 2) for took_s, cpu_s in looks)
        meter.stop()
        kept = meter.load
        await asyncio.sleep(1)
        assert meter.load == kept

    run_virtual(main())


def test_a_start_begins_anew_only_if_it_was_stopped_or_the_loop_is_another_one() -> None:
    meter = LoadMeter(WorkClock(0.5))

    async def begin() -> None:
        meter.start()
        await asyncio.sleep(1)
        seen = meter.load
        meter.start()
        assert meter.load == seen

    async def begin_anew() -> None:
        meter.start()  # the loop that it was started on is gone
        assert meter.load == IDLE
        await asyncio.sleep(1)
        assert meter.load.busy_percent == pytest.approx(50)
        meter.stop()
        meter.start()
        assert meter.load == IDLE
        meter.stop()

    run_virtual(begin())
    run_virtual(begin_anew())


@pytest.mark.parametrize("says", [None, "7", "a b c"])
def test_the_machines_clock_counts_how_long_this_thread_was_busy(
    says: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SystemClock()
    before_s = clock.thread_busy_s()
    while clock.thread_busy_s() <= before_s:  # the scheduler counts at its own ticks
        pass
    scheduler = tmp_path / "schedstat"
    monkeypatch.setattr("offhook.interfaces.clock._SCHEDSTAT", scheduler)
    if says is not None:
        scheduler.write_text(says)
    assert clock.thread_busy_s() > 0  # the CPU time alone
    scheduler.write_text("1500000000 500000000 12\n")
    assert clock.thread_busy_s() == 2.0

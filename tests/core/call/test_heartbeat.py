"""A process that stood still: its gap has its true length, is noted as such, and what follows is in its place."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import wave
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import ALONE, FRAME, NUMBER, PLAIN, POLICY, RATE_HZ, RampSource, Rig, later, rig, run

from offhook import CallPolicy, Phone
from offhook.call.heartbeat import Heartbeat, Pause
from offhook.call.watchdog import Watchdog
from offhook.interfaces import SystemClock
from offhook.interfaces.ids import Ids
from offhook.session.events import LegDisconnected, LegReconnected
from offhook.session.states import CallState
from offhook.testing import VirtualLoop

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.fault("F35")


class SleepyClock(SystemClock):
    """The clock of a machine that sleeps when a test says so, over a virtual loop."""

    def __init__(self) -> None:
        self.slept_s = 0.0

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time() + self.slept_s

    def wall_s(self) -> float:
        return 1_795_000_000.0 + self.monotonic_s()

    def asleep_s(self) -> float:
        return self.slept_s


class StoppedDog(Watchdog):
    """Says that the process was stopped, whatever happened."""

    def watch(self, report: object) -> None: ...

    def forget(self, report: object) -> None: ...

    def was_stopped(self, took_s: float) -> bool:
        return True


def on(clock: SleepyClock, *, stopped: bool, policy: CallPolicy = POLICY) -> Rig:
    """A rig with a phone that looks at its clock."""
    r = rig()
    r.phone = Phone(
        carrier=r.carrier,
        transport=r.transport,
        store=r.store,
        policy=policy,
        plugins=PLAIN,
        clock=clock,
        ids=Ids(1),
        watchdog_limit_s=None,
    )
    r.phone._parts = replace(r.phone._parts, watchdog=StoppedDog() if stopped else None)
    return r


def block(took_s: float) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.block(took_s)


def sides(path: Path) -> tuple[array[int], array[int]]:
    with wave.open(str(path)) as file:
        both = array("h", file.readframes(file.getnframes()))
    return both[::2], both[1::2]


def silent(samples: array[int], start_s: float, end_s: float) -> bool:
    return not any(samples[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)])


@pytest.mark.parametrize("took_s", [1.5, 8.0, 40.0])
def test_a_process_that_was_stopped_leaves_a_gap_of_its_true_length(tmp_path: Path, took_s: float) -> None:
    """The callee's packets of that time wait in a socket, and arrive in a burst."""

    async def main() -> None:
        r = on(SleepyClock(), stopped=True)
        r.answer(1)
        r.talk(1, took_s + 9)
        later(4.001, block, took_s)
        async with r.phone.dial(NUMBER, record=tmp_path / "mix.wav") as call:
            await call.answered()
            call.play(RampSource(60 * RATE_HZ))
            stream = call.audio()
            await asyncio.sleep(3 + took_s + 3)
            assert call.state is CallState.ACTIVE
        (gap,) = call.record.gaps
        assert gap.end_s is not None
        assert gap.end_s == pytest.approx(4 + took_s, abs=0.05)
        assert gap.end_s - gap.start_s == pytest.approx(took_s, abs=0.05)
        (entry,) = [entry for entry in call.record.timeline if entry.event == "StoodStill"]
        assert f"the process stood still for {took_s:.2f} s, from 4.00 s to {4 + took_s:.2f} s" in entry.detail
        assert entry.at_s == pytest.approx(4 + took_s, abs=0.01)
        after = [entry.event for entry in call.record.timeline if entry.at_s >= 4]
        assert after[:3] == ["StoodStill", "PlayoutCut", "HangUpRequested"], "no audio is taken for lost"
        assert call.record.counters["standstills"] == 1
        assert call.record.counters["stood_still_ms"] == pytest.approx(took_s * 1000, abs=20)
        assert call.record.counters["frames_stale"] == pytest.approx(took_s * 50, abs=15)
        left, right = sides(tmp_path / "mix.wav")
        assert len(left) == pytest.approx((7 + took_s) * RATE_HZ, abs=2 * FRAME)
        for side in (left, right):
            assert silent(side, 4.05, 3.75 + took_s)
            assert not silent(side, 3.9, 4.0)
            assert not silent(side, 4.21 + took_s, 4.25 + took_s)
        positions = [frame.position async for frame in stream]
        assert positions == sorted(positions), "no listener hears the burst"

    run(main())


def test_a_machine_that_slept_leaves_a_gap_although_no_clock_of_the_loop_counts_it(tmp_path: Path) -> None:
    async def main() -> None:
        clock = SleepyClock()
        r = on(clock, stopped=False, policy=CallPolicy(max_duration_s=5_000))
        r.answer(1)
        later(4, setattr, clock, "slept_s", 600.0)
        async with r.phone.dial(NUMBER, record=tmp_path / "mix.wav") as call:
            await call.answered()
            handle = call.play(RampSource(60 * RATE_HZ))
            await asyncio.sleep(6)
            assert handle.position_ms == pytest.approx(6_000, abs=40), "playout goes on where it was"
        (gap,) = call.record.gaps
        assert gap.end_s is not None
        assert gap.end_s - gap.start_s == pytest.approx(600, abs=0.2)
        assert gap.end_s == pytest.approx(604, abs=0.2)
        assert call.record.ended_at_s == pytest.approx(607, abs=0.2)
        left, _ = sides(tmp_path / "mix.wav")
        assert len(left) == pytest.approx(607 * RATE_HZ, abs=FRAME)
        assert silent(left, 4.2, 603.9)
        assert not silent(left, 604.2, 606)

    run(main())


def test_a_timer_that_passed_while_the_machine_slept_expires_when_it_wakes() -> None:
    async def main() -> None:
        clock = SleepyClock()
        r = on(clock, stopped=False)
        later(3, setattr, clock, "slept_s", 500.0)
        async with r.phone.dial(NUMBER) as call:
            assert not await call.answered()
            assert asyncio.get_running_loop().time() < 4, "it would ring for 30 s by the clock of the loop"
        (gap,) = call.record.gaps
        assert gap.end_s is not None
        assert gap.end_s == pytest.approx(503, abs=0.2)

    run(main())


def test_a_loop_that_was_blocked_is_not_a_process_that_stood_still(tmp_path: Path) -> None:
    async def main() -> None:
        r = on(SleepyClock(), stopped=False)
        r.answer(1)
        later(4, block, 3.0)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(5)
        assert call.record.gaps == []
        assert "standstills" not in call.record.counters
        assert call.record.counters["frames_skipped"] > 100

    run(main())


def test_a_pause_within_a_gap_is_part_of_it() -> None:
    async def main() -> None:
        r = on(SleepyClock(), stopped=True)
        r.answer(1)
        later(3, r.transport.tell, LegDisconnected())
        later(4, block, 2.0)
        later(6.5, r.transport.tell, LegReconnected())
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(8)
        (gap,) = call.record.gaps
        assert (gap.start_s, gap.end_s) == (3, 6.5)

    run(main())


def test_a_pause_before_the_leg_has_joined_is_only_noted() -> None:
    async def main() -> None:
        r = on(SleepyClock(), stopped=True)
        r.carrier.gate.clear()
        later(3, r.carrier.gate.set)
        later(1, block, 1.5)
        async with r.phone.dial(NUMBER) as call:
            pass
        assert call.record.gaps == []
        assert call.record.counters["standstills"] == 1

    run(main())


def test_it_looks_only_between_start_and_stop() -> None:
    async def main() -> None:
        clock, pauses = SleepyClock(), list[Pause]()
        heartbeat = Heartbeat(clock, None, pauses.append)
        block(5)
        heartbeat.check()
        heartbeat.start()
        clock.slept_s = 0.9
        heartbeat.check()
        assert pauses == []
        clock.slept_s = 3.0
        block(0.5)
        heartbeat.check()
        assert [(round(p.took_s, 6), round(p.slept_s, 6), p.whole_process) for p in pauses] == [(2.6, 2.1, True)]
        heartbeat.stop()
        heartbeat.stop()
        clock.slept_s = 9.0
        heartbeat.check()
        assert len(pauses) == 1

    run(main())


def test_the_clock_of_the_machine_counts_sleep() -> None:
    clock = SystemClock()
    assert clock.asleep_s() == pytest.approx(clock.asleep_s(), abs=0.1)
    assert clock.monotonic_s() - clock.asleep_s() == pytest.approx(time.monotonic(), abs=0.1)


CHILD = """
import asyncio, json, sys, time
from offhook import Phone
from offhook.plugin.manager import Plugins
from offhook.testing import LinkedTransport, ScriptedCarrier

async def main():
    plugins = Plugins.load((), {DISABLE})
    phone = Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), plugins=plugins, store=None)
    async with phone, phone.dial("+14155550123") as call:
        async with asyncio.timeout(20):
            print("up", flush=True)
            while not call.record.counters.get("standstills"):
                await asyncio.sleep(0.01)
        stopped = json.dumps([[gap.start_s, gap.end_s] for gap in call.record.gaps])
        before = call.record.counters["standstills"]
        time.sleep(2.0)
        await asyncio.sleep(0.3)
        print(stopped, call.record.counters["standstills"] - before)

asyncio.run(main())
"""


@pytest.mark.slow
def test_a_process_that_is_really_stopped_is_told_from_one_whose_loop_is_blocked() -> None:
    code = CHILD.replace("{DISABLE}", repr(ALONE))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env={**os.environ})
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "up\n"
        time.sleep(0.2)
        began = time.monotonic()
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        stopped = time.monotonic()
        time.sleep(2.0)
        resumed = time.monotonic()
        child.send_signal(signal.SIGCONT)
        gaps, further = child.stdout.readline().rsplit(" ", 1)
        until = time.monotonic()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    ((start_s, end_s),) = json.loads(gaps)
    assert resumed - stopped <= end_s - start_s <= until - began + 0.2
    assert int(further) == 0, "a loop in which code sleeps is blocked, and nothing else"

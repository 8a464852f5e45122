"""Admission by load: who waits, who is refused, and that those who wait come first served (F36)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from tests.core.call.test_admission import phone
from tests.core.interfaces.test_loop_load import WorkClock, blocker
from tests.core.rig import NUMBERS, run

from offhook import LoadPolicy, PhoneLoad
from offhook.call.load_admission import ALWAYS, LoadAdmission
from offhook.errors import CallStateError, ConfigError, Overloaded
from offhook.testing import LoopClock, MemoryStore, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from offhook import Call, Phone

LATE = LoadPolicy(late_limit_ms=20, busy_limit_percent=None, dials_at_once=100, waiting_limit=2, wait_s=3)


class CheckedCarrier(ScriptedCarrier):
    """Counts the checks, which fail from some moment on."""

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0
        self.wrong = False

    async def check(self) -> None:
        self.checks += 1
        if self.wrong:
            raise ConfigError("the keys are gone")


async def up(p: Phone, count: int = ALWAYS) -> list[Call]:
    """Dial so many calls, which ring."""
    return [await p.dial(number).__aenter__() for number in NUMBERS[:count]]


async def started(work: Coroutine[None, None, Call]) -> asyncio.Task[Call]:
    """A task that has run up to its first wait."""
    task = asyncio.create_task(work)
    await asyncio.sleep(0)
    await asyncio.sleep(0.001)
    return task


def test_a_late_loop_lets_calls_wait_and_then_refuses_them() -> None:
    async def main() -> None:
        carrier, store = ScriptedCarrier(), MemoryStore()
        async with phone(carrier, load_policy=LATE, store=store) as p:
            await up(p)
            stop = blocker(0.1, 0.001)
            await asyncio.sleep(3)
            call = p.dial(NUMBERS[20])
            with pytest.raises(
                Overloaded, match=r"late by \d+ ms, and late_limit_ms is 20, and that .* within 3 s"
            ) as e:
                await call.__aenter__()
            assert e.value.code == "overloaded"
            assert "Nothing has rung" in e.value.message
            assert NUMBERS[20] not in e.value.message
            with pytest.raises(Overloaded, match="late by"):
                await p.dry_run(NUMBERS[20])
            assert call.over
            assert call.record.call_id not in store.records
            assert p.load.refused == 2
            assert p.load.late_ms > 20
            stop()
            await asyncio.sleep(3)
            await p.dry_run(NUMBERS[20])
            async with p.dial(NUMBERS[20]):
                assert p.load.up == ALWAYS + 1
        assert carrier.rung == [*NUMBERS[:ALWAYS], NUMBERS[20]]

    run(main())


def test_those_who_wait_are_dialled_in_their_order_once_the_load_falls() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        async with phone(carrier, load_policy=LATE) as p:
            before = await up(p)
            stop = blocker(0.1, 0.001)
            await asyncio.sleep(3)
            waiting = [await started(p.dial(number).__aenter__()) for number in NUMBERS[20:22]]
            assert p.load.waiting == 2
            with pytest.raises(Overloaded, match="2 calls wait already, which is the limit"):
                await p.dial(NUMBERS[22]).__aenter__()
            stop()
            calls = await asyncio.gather(*waiting)
            assert carrier.rung[ALWAYS:] == NUMBERS[20:22]
            assert p.load.waiting == 0
            await calls[0].hang_up()
            assert 1_000 < calls[0].record.counters["waited_for_turn_ms"] < 3_000
            await before[0].hang_up()
            assert before[0].record.counters["loop_late_ms"] > 20
            assert before[0].record.counters["waited_for_turn_ms"] == 0
            assert before[0].record.counters["loop_busy_percent"] == 0

    run(main())


def test_a_call_that_waits_can_be_cancelled_or_hung_up_and_closing_the_phone_ends_the_wait() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        async with phone(carrier, load_policy=LATE) as p:
            await up(p)
            stop = blocker(0.1, 0.001)
            await asyncio.sleep(3)
            first = await started(p.dial(NUMBERS[20]).__aenter__())
            call = p.dial(NUMBERS[21])
            second = await started(call.__aenter__())
            first.cancel()
            await asyncio.wait([first])
            assert p.load.waiting == 1
            await call.hang_up()
            with pytest.raises(CallStateError, match="hung up before it was dialled"):
                await second
            third = await started(p.dial(NUMBERS[22]).__aenter__())
            stop()
        with pytest.raises(CallStateError, match="hung up before it was dialled"):
            await third
        assert len(carrier.rung) == ALWAYS
        assert p.load.up == p.load.waiting == 0

    run(main())


def test_calls_whose_time_is_up_together_are_refused_in_one_turn_each() -> None:
    async def main() -> None:
        policy = LoadPolicy(late_limit_ms=None, busy_limit_percent=1, dials_at_once=100, waiting_limit=50, wait_s=1)
        admission, turns = LoadAdmission(policy, LoopClock()), 0
        for index in range(ALWAYS):
            await admission.enter(f"call_{index}", NUMBERS[index])
        first = asyncio.create_task(admission.enter("first", NUMBERS[20]))
        await asyncio.sleep(0.5)
        waiting = [asyncio.create_task(admission.enter(f"late_{index}", NUMBERS[20])) for index in range(49)]
        await asyncio.sleep(0.25)
        assert admission.load.waiting == 50
        first.cancel()  # its timer then finds another one, whose time is not up
        refused_in: list[int] = []
        for task in waiting:
            task.add_done_callback(lambda _: refused_in.append(turns))
        await asyncio.sleep(0.5)
        assert admission.load.waiting == 49
        await asyncio.sleep(0.25)
        for _ in range(60):
            turns += 1
            await asyncio.sleep(0)
        assert len(refused_in) == len(set(refused_in)) == 49
        assert {type(task.exception()) for task in waiting} == {Overloaded}
        for index in range(ALWAYS):
            admission.leave(f"call_{index}")

    run(main())


def test_a_wait_that_is_cancelled_in_the_turn_in_which_it_ends_takes_no_place() -> None:
    async def main() -> None:
        policy = LoadPolicy(late_limit_ms=None, busy_limit_percent=None, dials_at_once=ALWAYS)
        admission = LoadAdmission(policy, LoopClock())
        for index in range(ALWAYS):
            await admission.enter(f"call_{index}", NUMBERS[index])
        first = asyncio.create_task(admission.enter("first", NUMBERS[20]))
        second = asyncio.create_task(admission.enter("second", NUMBERS[21]))
        await asyncio.sleep(0.01)
        admission.dialled("call_0")  # its turn has come, and its task has not run
        first.cancel()
        await asyncio.wait([first, second])
        assert first.cancelled()
        assert second.exception() is None
        assert admission.load.up == ALWAYS + 1
        for name in ("first", "second", *(f"call_{index}" for index in range(ALWAYS))):
            admission.leave(name)
        assert admission.load.up == 0

    run(main())


def test_without_places_to_wait_a_call_is_refused_at_once() -> None:
    async def main() -> None:
        policy = LoadPolicy(late_limit_ms=20, busy_limit_percent=None, waiting_limit=0)
        async with phone(ScriptedCarrier(), load_policy=policy) as p:
            await up(p)
            stop = blocker(0.1, 0.001)
            await asyncio.sleep(3)
            with pytest.raises(Overloaded) as e:
                await p.dial(NUMBERS[20]).__aenter__()
            assert "wait already" not in e.value.message
            stop()

    run(main())


def test_few_calls_are_dialled_at_a_time_and_a_slow_carrier_holds_no_place_for_long() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        carrier.gate.clear()
        policy = LoadPolicy(dials_at_once=8, wait_s=100)
        async with phone(carrier, load_policy=policy) as p:
            dials = [asyncio.create_task(p.dial(number).__aenter__()) for number in NUMBERS[:20]]
            await asyncio.sleep(0.5)
            assert (len(carrier.rung), p.load.waiting) == (8, 12)
            await asyncio.sleep(1)
            assert (len(carrier.rung), p.load.waiting) == (16, 4)
            carrier.gate.set()
            await asyncio.gather(*dials)
            assert carrier.rung == NUMBERS[:20]

    run(main())


def test_parts_are_checked_when_the_turn_of_a_call_has_come() -> None:
    async def main() -> None:
        carrier = CheckedCarrier()
        carrier.gate.clear()
        async with phone(carrier, load_policy=LoadPolicy(dials_at_once=8, wait_s=100)) as p:
            dials = [asyncio.create_task(p.dial(number).__aenter__()) for number in NUMBERS[:20]]
            await asyncio.sleep(0.5)
            assert (p.load.waiting, carrier.checks) == (12, 8)
            carrier.wrong = True
            carrier.gate.set()
            outcomes = await asyncio.gather(*dials, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes[8:]] == 12 * [ConfigError]
            assert (p.load.up, p.load.waiting, len(carrier.rung)) == (8, 0, 8)

    run(main())


def test_only_others_that_are_dialled_slowly_refuse_no_call() -> None:
    async def main() -> None:
        carrier = ScriptedCarrier()
        carrier.gate.clear()
        async with phone(carrier, load_policy=LoadPolicy(dials_at_once=8, wait_s=0.2)) as p:
            dials = [asyncio.create_task(p.dial(number).__aenter__()) for number in NUMBERS[:9]]
            await asyncio.sleep(0.5)
            assert (len(carrier.rung), p.load.waiting) == (8, 1)
            await asyncio.sleep(0.6)
            assert len(carrier.rung) == 9
            carrier.gate.set()
            await asyncio.gather(*dials)
        async with phone(carrier, load_policy=LoadPolicy(dials_at_once=8, waiting_limit=0)) as p:
            carrier.gate.clear()
            dials = [asyncio.create_task(p.dial(number).__aenter__()) for number in NUMBERS[:8]]
            await asyncio.sleep(0.1)
            with pytest.raises(Overloaded, match="8 calls are being dialled"):
                await p.dial(NUMBERS[9]).__aenter__()
            carrier.gate.set()
            await asyncio.gather(*dials)

    run(main())


def test_calls_that_ring_count_as_if_they_talked() -> None:
    async def main() -> None:
        clock = WorkClock(0.0)
        admission = LoadAdmission(LoadPolicy(busy_limit_percent=80, wait_s=1, dials_at_once=100), clock)
        for index in range(20):
            await admission.enter(f"call_{index}", NUMBERS[index])
            admission.dialled(f"call_{index}")
        for index in range(10):
            admission.talks(f"call_{index}")
            admission.talks(f"call_{index}")
        clock.busy = 0.40
        await asyncio.sleep(8)
        load = admission.load
        assert (load.up, load.talking) == (20, 10)
        assert load.busy_percent == pytest.approx(40)
        assert load.expected_percent == pytest.approx(0.40 / 14 * 25 * 100, rel=0.1)  # as 20 talk, and one more
        for index in range(20, 23):
            await admission.enter(f"call_{index}", NUMBERS[index])
        entering = (admission.enter(f"call_{index}", NUMBERS[index]) for index in range(23, 40))
        refusals = [error for error in await asyncio.gather(*entering, return_exceptions=True) if error is not None]
        assert {type(error) for error in refusals} == {Overloaded}
        assert "calls that are up, and one more, need " in str(refusals[0])
        assert admission.load.refused == len(refusals)
        admission.talks("unknown")
        for index in range(40):
            admission.leave(f"call_{index}")
            admission.leave(f"call_{index}")
        load = admission.load
        assert load == PhoneLoad(load.late_ms, load.busy_percent, 0.0, 0, 0, 0, load.refused)

    run(main())


def test_without_limits_every_call_is_admitted_and_nothing_is_measured() -> None:
    async def main() -> None:
        async with phone(ScriptedCarrier()) as p:
            calls = await up(p, 30)
            assert (p.load.up, p.load.late_ms, p.load.busy_percent) == (30, 0.0, 0.0)
            await p.dry_run(NUMBERS[40])
            await calls[0].hang_up()
            assert "loop_late_ms" not in calls[0].record.counters

    run(main())


def test_the_log_says_rarely_that_calls_wait(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with phone(ScriptedCarrier(), load_policy=LATE) as p:
            await up(p)
            stop = blocker(0.1, 0.001)
            await asyncio.sleep(3)
            for _ in range(6):
                with pytest.raises(Overloaded):
                    await p.dial(NUMBERS[20]).__aenter__()
            stop()

    with caplog.at_level(logging.WARNING, "offhook"):
        run(main())
    lines = [record.getMessage() for record in caplog.records if "new calls" in record.getMessage()]
    assert len(lines) == 2
    assert lines[0].startswith("new calls wait: the event loop is late by")

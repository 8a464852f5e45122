"""The watchdog over real loops that are really blocked: the only tests of the core that take real time."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, PLAIN, later
from tests.patience import PATIENCE_S

from offhook import Phone
from offhook.call.watchdog import Block, Watchdog, stack_of
from offhook.errors import ConfigError
from offhook.secret import Secret
from offhook.testing import LinkedTransport, LoopClock, ScriptedCarrier, run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

#: Short, so that a block need not be long.
LIMIT_S = 0.06
BLOCK_S = 0.12

pytestmark = pytest.mark.fault("F35")


def hold_up_the_loop(block_s: float = BLOCK_S) -> None:
    time.sleep(block_s)


def dogs() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "offhook-watchdog"]


async def until(condition: Callable[[], object], why: str) -> None:
    """Let the loop turn until something is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)
    assert condition(), why


def phone(limit_s: float | None = LIMIT_S) -> Phone:
    """A phone on the machine's own clock."""
    return Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), plugins=PLAIN, watchdog_limit_s=limit_s)


def named(blocks: list[Block]) -> list[Block]:
    """Without those of a machine that had no time for us."""
    return [block for block in blocks if any("hold_up_the_loop" in line for line in block.stack)]


def test_two_blocks_are_two_reports_that_name_the_function_and_an_idle_loop_is_none() -> None:
    async def main() -> None:
        blocks: list[Block] = []
        dog = Watchdog(LIMIT_S)
        dog.watch(blocks.append)
        for count in (1, 2):
            hold_up_the_loop()
            await until(lambda count=count: len(named(blocks)) == count, "each is reported")  # type: ignore[misc]
            await asyncio.sleep(2 * LIMIT_S)  # and once
        dog.forget(blocks.append)
        assert len(named(blocks)) == 2
        for block in named(blocks):
            here = block.stack[0].partition(":")
            assert here[0] == "tests/core/call/test_watchdog.py"
            assert here[2].endswith(" in hold_up_the_loop")
            assert "in test_two_blocks" in block.stack[1]
            assert len(block.stack) == 2, "the loop's own frames are left out"
            assert LIMIT_S <= block.took_s < 2
            assert "hold_up_the_loop, called from tests/core/" in block.detail

    asyncio.run(main())
    assert dogs() == []


def test_an_idle_loop_is_not_blocked() -> None:
    async def main() -> list[Block]:
        blocks: list[Block] = []
        dog = Watchdog(0.2)
        dog.watch(blocks.append)
        await asyncio.sleep(0.5)
        dog.forget(blocks.append)
        return blocks

    assert asyncio.run(main()) == []


def test_it_is_told_in_the_log_in_the_record_and_in_the_counters(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        one, other, unwatched = phone(), phone(), phone(None)
        before = threading.active_count()
        async with one, other, unwatched:
            async with one.dial(NUMBER) as first, one.dial("+14155550124") as second, other.dial(NUMBER) as third:
                async with unwatched.dial(NUMBER) as fourth:
                    assert len(dogs()) == 2, "one for each phone, none for each call"
                    hold_up_the_loop()
                    await until(
                        lambda: all("loop_blocks" in call.record.counters for call in (first, second, third)),
                        "reported",
                    )
                assert "loop_blocks" not in fourth.record.counters
            assert threading.active_count() == before, "with the last call it goes"
        for call in (first, second, third):
            assert call.record.counters["loop_blocks"] >= 1
            assert call.record.counters["loop_blocked_ms"] >= LIMIT_S * 1000
            (entry, *_) = [entry for entry in call.record.timeline if entry.event == "LoopBlocked"]
            assert "in hold_up_the_loop" in entry.detail
            assert not entry.changed

    with caplog.at_level(logging.WARNING, "offhook"):
        asyncio.run(main())
    warnings = [record.message for record in caplog.records if "hold_up_the_loop" in record.message]
    assert len(warnings) == 2, "one for each phone"
    assert warnings[0].startswith("the event loop was blocked for at least 0.")


def test_closing_the_phone_ends_it_as_well() -> None:
    async def main() -> None:
        open_phone = phone()
        call = open_phone.dial(NUMBER)
        await call.__aenter__()
        assert len(dogs()) == 1
        await open_phone.aclose()
        assert dogs() == []

    asyncio.run(main())


def test_under_another_clock_there_is_none() -> None:
    async def main() -> None:
        virtual = Phone(carrier=ScriptedCarrier(), transport=LinkedTransport(), plugins=PLAIN, clock=LoopClock())
        async with virtual, virtual.dial(NUMBER):
            assert dogs() == []

    run_virtual(main())


def test_a_block_without_end_is_told_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        blocks: list[Block] = []
        dog = Watchdog(0.02)
        dog.watch(blocks.append)
        later(0, hold_up_the_loop, 0.4)
        await until(lambda: named(blocks), "reported")
        dog.forget(blocks.append)

    with caplog.at_level(logging.WARNING, "offhook"):
        asyncio.run(main())
    warnings = [record.message for record in caplog.records if "still is" in record.message]
    assert len(warnings) == 1
    assert "hold_up_the_loop" in warnings[0]


def test_a_loop_that_stands_still_is_not_blocked_and_one_that_is_closed_is_let_go() -> None:
    loop = asyncio.new_event_loop()
    blocks: list[Block] = []
    dog = Watchdog(LIMIT_S)

    async def begin() -> None:
        dog.watch(blocks.append)

    loop.run_until_complete(begin())
    (thread,) = dogs()
    time.sleep(2.5 * LIMIT_S)  # it is not run
    loop.run_until_complete(asyncio.sleep(0))
    assert not named(blocks)  # one without a stack says only that the machine was busy
    loop.close()
    thread.join(PATIENCE_S)
    assert dogs() == []

    async def again() -> None:
        dog.watch(blocks.append)
        hold_up_the_loop()
        await until(lambda: named(blocks), "the next loop is watched")
        dog.forget(blocks.append)

    asyncio.run(again())
    assert dogs() == []


def test_a_loop_that_is_closed_while_it_owes_an_answer_is_let_go() -> None:
    loop = asyncio.new_event_loop()
    dog = Watchdog(LIMIT_S)

    async def begin() -> None:
        dog.watch(lambda block: None)

    loop.run_until_complete(begin())
    (thread,) = dogs()
    time.sleep(1.5 * LIMIT_S)  # it has asked by now
    loop.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_what_was_forgotten_may_be_forgotten_again() -> None:
    dog = Watchdog()
    dog.forget(print)


@pytest.mark.parametrize("limit_s", [0, -1, float("nan"), float("inf")])
def test_a_limit_is_a_positive_number_of_seconds(limit_s: float) -> None:
    with pytest.raises(ConfigError, match="watchdog_limit_s must be a positive"):
        phone(limit_s)


# ---- the stack


def test_of_a_deep_stack_the_middle_is_left_out() -> None:
    def dig(depth: int) -> tuple[str, ...]:
        return dig(depth - 1) if depth else stack_of(threading.get_ident())

    async def main() -> tuple[str, ...]:
        return dig(20)

    lines = asyncio.run(main())
    assert len(lines) == 9
    assert lines[0].startswith("offhook/call/watchdog.py:")
    assert lines[4] == "… 15 more"
    assert lines[-1].endswith("in test_of_a_deep_stack_the_middle_is_left_out.<locals>.main")


def test_a_stack_holds_no_folders_and_no_secret() -> None:
    secret = Secret("hunter2-hunter2")
    code = "def f(): return stack_of(get_ident())"
    for module, file, shown in (
        ("bot", "/home/anna/work/bot.py", "bot.py"),
        ("acme.deep.part", "/home/anna/acme/deep/part.py", "acme/deep/part.py"),
        ("acme", "/home/anna/acme/__init__.py", "acme/__init__.py"),
        ("acme", f"/home/{secret.reveal()}.py", "[secret].py"),
        (None, "<string>", "<string>"),
    ):
        space: dict[str, object] = {"stack_of": stack_of, "get_ident": threading.get_ident}
        if module is not None:
            space["__name__"] = module
        exec(compile(code, file, "exec"), space)
        assert space["f"]()[1] == f"{shown}:1 in f"  # type: ignore[operator]


def test_a_loop_that_waits_holds_nothing_up() -> None:
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    def turn() -> None:
        loop.call_soon(ready.set)
        loop.run_forever()

    thread = threading.Thread(target=turn)
    thread.start()
    ready.wait()
    assert thread.ident is not None
    deadline = time.monotonic() + PATIENCE_S
    while sys._current_frames()[thread.ident].f_code.co_name != "select" and time.monotonic() < deadline:
        time.sleep(0.001)
    stack = stack_of(thread.ident)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
    assert stack == ()
    assert "while no Python code ran: the process was stopped, or got no CPU time" in Block(1.0, stack).detail


def test_a_thread_that_is_gone_has_no_stack() -> None:
    assert stack_of(-1) == ()


def test_code_that_lets_no_thread_run_is_told_from_a_process_that_was_stopped() -> None:
    """Such code uses CPU time; a process that was stopped uses none."""

    async def main() -> None:
        dog = Watchdog(LIMIT_S)
        assert not dog.was_stopped(5.0)
        dog.watch(lambda _: None)
        watch = dog._watch
        assert watch is not None
        with watch._changed:  # its thread cannot wake up now
            now_s, cpu_s = time.monotonic(), time.process_time()
            watch._sleeps_until_s, watch._cpu_s = now_s - 3.0, cpu_s - 0.3
            assert not dog.was_stopped(3.0)
            watch._cpu_s = cpu_s
            assert dog.was_stopped(3.0)
            assert not dog.was_stopped(10.0), "the loop was blocked for longer than that"
            watch._sleeps_until_s = now_s + 1.0
            assert dog.was_stopped(3.0), "its thread woke up before the loop did"
            watch._overslept = (now_s - 9.0, now_s - 5.0)
            assert not dog.was_stopped(3.0), "that was another time"
        dog._stop()

    asyncio.run(main())


def test_its_thread_notices_that_it_overslept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.call.watchdog._OVERSLEPT_S", 0.02)

    async def main() -> None:
        dog = Watchdog(LIMIT_S)
        dog.watch(lambda _: None)
        watch = dog._watch
        assert watch is not None
        watch.stop()
        slept = []

        def oversleep(timeout_s: float) -> bool:
            time.sleep(timeout_s + 0.05)
            slept.append(timeout_s)
            return False

        with watch._changed:
            monkeypatch.setattr(watch._changed, "wait", oversleep)
            assert watch._wait(lambda: bool(slept), 1.0)
        due_s, woke_s = watch._overslept
        assert woke_s - due_s >= 0.05

    asyncio.run(main())

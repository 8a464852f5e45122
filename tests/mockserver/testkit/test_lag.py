"""The probe that measures how long the mock's loop stood still."""

from __future__ import annotations

import asyncio

from offhook.testing import VirtualLoop
from offhook_mockserver.testkit.lag import STALL_S, LagProbe, Stall


def watching(*steps: tuple[str, float], calls_up: int = 1) -> tuple[LagProbe, VirtualLoop]:
    """A probe that has watched a loop: ``sleep`` lets it turn for a time, ``block`` does not."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        probe = LagProbe(loop, lambda: calls_up)

        async def watch() -> None:
            probe.start()
            for what, seconds in steps:
                await asyncio.sleep(seconds) if what == "sleep" else loop.block(seconds)
            probe.stop()

        runner.run(watch())
        return probe, loop


def test_a_loop_that_turns_has_no_stall() -> None:
    probe, loop = watching(("sleep", 1.0))
    assert probe.worst(0.0) is None
    assert loop.time() == 1.0


def test_the_longest_stall_is_found_with_its_length_and_its_time() -> None:
    probe, _ = watching(("sleep", 1.0), ("block", 0.03), ("sleep", 1.0), ("block", 0.02), ("sleep", 1.0))
    worst = probe.worst(0.0)
    assert worst is not None
    assert 0.03 <= worst.took_s <= 0.035
    assert 0.99 <= worst.from_s <= 1.0
    later = probe.worst(1.5)
    assert later is not None
    assert 0.02 <= later.took_s <= 0.025
    assert probe.worst(2.5) is None
    assert worst.took_s <= probe.stood_still_s(0.0) <= 2 * worst.took_s
    assert probe.stood_still_s(2.5) == 0


def test_a_stall_that_lasts_until_the_end_is_found() -> None:
    probe, _ = watching(("sleep", 1.0), ("block", 0.03))
    assert probe.worst(0.0) is not None


def test_a_short_block_is_not_a_stall() -> None:
    probe, _ = watching(("sleep", 1.0), ("block", STALL_S / 2), ("sleep", 1.0))
    assert probe.worst(0.0) is None


def test_what_happens_while_no_call_is_up_does_not_count() -> None:
    probe, _ = watching(("sleep", 1.0), ("block", 5.0), ("sleep", 1.0), calls_up=0)
    assert probe.worst(0.0) is None


def test_a_probe_that_two_tests_started_looks_until_both_stopped_it() -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        probe = LagProbe(loop, lambda: 1)

        async def watch() -> None:
            probe.start()
            probe.start()
            probe.stop()
            await asyncio.sleep(0.1)
            loop.block(0.05)
            await asyncio.sleep(0.1)
            assert probe.worst(0.0) is not None
            probe.stop()
            loop.block(1.0)
            await asyncio.sleep(0.1)
            worst = probe.worst(0.0)
            assert worst is not None
            assert worst.took_s < 0.1

        runner.run(watch())


def test_a_stall_says_whether_this_process_or_the_machine_was_busy() -> None:
    assert Stall(0.0, 0.034, 0.03).text == (
        "the mock's loop stood still for 34 ms (a thread of this process computed meanwhile and kept the interpreter)"
    )
    assert "for 34 ms (the machine was busy" in Stall(0.0, 0.034, 0.001).text

"""The loop is blocked while thirty calls are up: what is skipped then is that and no more, at both ends (F36)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from offhook.interfaces import Ids
from offhook.testing import LoopClock, VirtualLoop, run_virtual
from offhook_mockserver.server import InProcessMock

CALLS = 30
#: A fictional number that answers; each call has one of its own.
NUMBERS = [f"+1415555{index:04d}" for index in range(150, 150 + CALLS)]
SECONDS = 4


async def counted(block_s: float) -> list[tuple[int, int, int]]:
    """Block the loop once while all calls talk.

    Returns:
        Of each call, what its caller skipped, what its callee skipped, and what the callee heard in `SECONDS`.
    """
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    async with (
        InProcessMock(clock=LoopClock(), ids=Ids(1)) as mock,
        mock.phone() as phone,
        AsyncExitStack() as stack,
    ):
        calls = [await stack.enter_async_context(phone.dial(number)) for number in NUMBERS]
        for call in calls:
            assert await call.answered()
        there = [mock.tenant.calls[call.record.channel] for call in calls]
        await asyncio.sleep(2)
        before = [call.counters()["frames_heard"] for call in there]
        loop.block(block_s)
        await asyncio.sleep(SECONDS - block_s)
        after = [call.counters() for call in there]
        for call in calls:
            await call.hang_up()
        return [
            (call.record.counters["frames_skipped"], counters["frames_skipped"], counters["frames_heard"] - heard)
            for call, counters, heard in zip(calls, after, before, strict=True)
        ]


@pytest.mark.fault("F36")
def test_a_loop_that_is_blocked_for_300_ms_costs_300_ms_and_no_more() -> None:
    figures = run_virtual(counted(0.3))
    assert len(figures) == CALLS
    for skipped, skipped_there, heard in figures:
        assert skipped in (14, 15), "a pacer sends the newest frame and skips those before it"
        assert skipped_there in (14, 15)
        assert heard + skipped == SECONDS * 50


@pytest.mark.fault("F36")
def test_a_loop_that_is_blocked_for_180_ms_costs_nothing() -> None:
    assert set(run_virtual(counted(0.18))) == {(0, 0, SECONDS * 50)}

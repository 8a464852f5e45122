"""Waits that end: a source that stalls, time limits of the program's own, and sources that play for long."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import FRAME, NUMBER, POLICY, RATE_HZ, RampSource, StuckSink, frame, later, now, rig, run, spoken

from offhook import CallPolicy, Disposition, EndedBy, PlayoutEnd, PushSource
from offhook.errors import ConfigError, OffhookError, PluginError, SourceClosed, SourceStalled, WaitTimeout
from offhook.interfaces import AudioSource, LegDisconnected, LegReconnected

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from offhook import AudioFrame, Call


class Stalling(AudioSource):
    """Returns some frames, each after a pause, and then nothing for ever."""

    def __init__(self, frames: int = 0, pause_s: float = 0.0, *, empty: bool = False) -> None:
        self._frames, self._pause_s, self._empty = frames, pause_s, empty
        self.closed = False

    async def read(self) -> AudioFrame | None:
        if self._frames:
            self._frames -= 1
            await asyncio.sleep(self._pause_s)
            return frame()
        if self._empty:
            return frame(samples=0)
        await asyncio.Event().wait()
        raise AssertionError

    async def aclose(self) -> None:
        self.closed = True


async def music() -> AsyncIterator[AudioFrame]:
    """A minute, which is many times the stall timeout."""
    for _ in range(60):
        yield frame(samples=RATE_HZ)


def answered_call(main: Callable[[Call], Awaitable[None]], policy: CallPolicy | None = None) -> Call:
    async def whole() -> Call:
        r = rig(policy=policy)
        r.answer(0)
        async with r.phone, r.phone.dial(NUMBER) as call:
            assert await call.answered()
            await main(call)
        return call

    return run(whole())


@pytest.mark.parametrize("mode", ["queue", "mix"])
@pytest.mark.parametrize("empty", [False, True])
def test_hanging_up_after_a_playout_that_stalls(mode: str, empty: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def main(call: Call) -> None:
        source = Stalling(50, empty=empty)
        handle = call.play(source, mode=mode)  # type: ignore[arg-type]
        await call.hang_up(after="playout")
        assert now() == pytest.approx(1 + 5 + 0.2, abs=0.05)
        assert handle.ended is PlayoutEnd.FAILED
        assert isinstance(handle.problem, SourceStalled)
        assert handle.position_ms == 1000
        assert source.closed

    call = answered_call(main)
    assert call.record.disposition is Disposition.COMPLETED
    assert call.record.problem == "playing Stalling failed: its source returned no audio for 5 s"
    assert call.record.counters["sources_failed"] == 1
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"{call.record.call_id}: {call.record.problem}"
    ]


def test_the_items_behind_a_stalled_one_are_still_heard() -> None:
    async def main() -> None:
        r = rig(policy=CallPolicy(stall_timeout_s=1.5))
        r.answer(0)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            first, last = call.play(Stalling()), call.play(RampSource(FRAME))
            assert await last.done() is PlayoutEnd.COMPLETED
            assert first.ended is PlayoutEnd.FAILED
            assert now() == pytest.approx(1.5, abs=0.1)
        assert list(spoken(r.callee)) == list(range(1, FRAME + 1))

    run(main())


def test_waiting_for_one_item_that_stalls() -> None:
    async def main(call: Call) -> None:
        source = PushSource()
        handle = call.play(source)
        await source.write(frame())
        assert await handle.done() is PlayoutEnd.FAILED
        assert now() == pytest.approx(5, abs=0.1)
        await asyncio.sleep(0.1)  # until it has been closed
        with pytest.raises(SourceClosed):
            await source.write(frame())

    answered_call(main)


def test_a_source_may_pause_while_its_end_is_not_waited_for() -> None:
    async def main(call: Call) -> None:
        source = PushSource()
        handle = call.play(source)
        for _ in range(3):
            await asyncio.sleep(20)
            await source.write(frame())
        assert handle.ended is None
        source.end()
        await call.hang_up(after="playout")
        assert handle.ended is PlayoutEnd.COMPLETED

    assert not answered_call(main).record.problem


def test_what_plays_for_long_or_pauses_for_less_is_not_cut() -> None:
    async def main(call: Call) -> None:
        assert await call.play(music()).done() is PlayoutEnd.COMPLETED
        slow = call.play(Stalling(10, 0.9))
        await call.hang_up(after="playout")
        assert slow.position_ms == 200
        assert now() == pytest.approx(60 + 9 + 1.2, abs=0.2)

    answered_call(main, CallPolicy(stall_timeout_s=1))


def test_the_time_before_the_answer_and_of_an_outage_is_no_stall() -> None:
    async def main() -> None:
        r = rig(policy=CallPolicy(stall_timeout_s=1, grace_s=10))
        r.answer(20)
        source = PushSource()
        async with r.phone.dial(NUMBER) as call:
            done = asyncio.create_task(call.play(source).done())
            assert await call.answered()
            await source.write(frame(samples=RATE_HZ // 2))
            await asyncio.sleep(0.2)
            r.transport.tell(LegDisconnected())
            await asyncio.sleep(8)
            assert not done.done()
            r.transport.tell(LegReconnected())
            await asyncio.sleep(0.2)
            source.end()
            assert await done is PlayoutEnd.COMPLETED

    run(main())


def test_polling_for_the_end_does_not_hide_a_stall() -> None:
    async def main(call: Call) -> None:
        handle = call.play(Stalling())
        for _ in range(30):
            try:
                await handle.done(timeout_s=0.3)
            except WaitTimeout:
                continue
            break
        assert handle.ended is PlayoutEnd.FAILED

    answered_call(main)


def test_time_limits_of_the_programs_own() -> None:
    async def main() -> None:
        r = rig()
        r.answer(5)
        async with r.phone.dial(NUMBER) as call:
            with pytest.raises(WaitTimeout, match=r"answered\(\) waited 2 s"):
                await call.answered(timeout_s=2)
            assert await call.answered(timeout_s=10)
            assert not call._driver._waiters
            handle = call.play(music())
            with pytest.raises(TimeoutError) as raised:  # as of asyncio
                await handle.done(timeout_s=3)
            assert isinstance(raised.value, OffhookError)
            assert handle.ended is None
            with pytest.raises(WaitTimeout):
                await call.ended(timeout_s=0)
            assert not call.over
            began = now()
            await call.hang_up(after="playout", timeout_s=4)
            assert now() - began == pytest.approx(4, abs=0.05)
            assert handle.ended is PlayoutEnd.CALL_ENDED
            await call.ended(timeout_s=1)
        assert call.record.outcome is not None
        assert call.record.outcome.ended_by is EndedBy.CALLER

    run(main())


def test_a_wait_that_is_cancelled_while_the_call_goes_on() -> None:
    async def main() -> None:
        r = rig()
        async with r.phone.dial(NUMBER) as call:
            waiting = asyncio.create_task(call.answered())
            await asyncio.sleep(1)
            waiting.cancel()
            r.callee.join()  # an event wakes those who wait before the cancelled task has run
            await asyncio.wait({waiting})
            assert waiting.cancelled()
            assert not call._driver._waiters

    run(main())


def test_limits_that_are_not_valid_are_refused_and_change_nothing() -> None:
    async def main(call: Call) -> None:
        handle = call.play(music())
        for wrong in (-1, float("nan"), float("inf"), "5", True):
            for wait in (call.answered, call.ended, handle.done):
                with pytest.raises(ConfigError, match=r"timeout_s\) must be a finite number of seconds, 0 or more"):
                    await wait(timeout_s=wrong)  # type: ignore[arg-type]
            with pytest.raises(ConfigError, match=r"timeout_s\) must be a finite number of seconds, 0 or more"):
                await call.hang_up(after="playout", timeout_s=wrong)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="pass after='playout' as well"):
            await call.hang_up(timeout_s=5)
        with pytest.raises(ConfigError, match="after must be 'playout' or None, got 'play'"):
            await call.hang_up(after="play")  # type: ignore[arg-type]
        assert not call.over

    answered_call(main)
    with pytest.raises(ConfigError, match="stall_timeout_s must be"):
        CallPolicy(stall_timeout_s=0)


class Stubborn(StuckSink):
    """Ignores its cancellation."""

    async def write(self, frame: AudioFrame) -> None:
        for _attempt in range(3):
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                continue


@pytest.mark.parametrize(("kind", "says"), [(StuckSink, "no answer within 5 s"), (Stubborn, "left behind")])
def test_a_recording_into_a_sink_that_hangs_is_bounded(kind: type[StuckSink], says: str) -> None:
    async def main(call: Call) -> None:
        sink = kind()
        with pytest.raises(PluginError, match=says):
            await call.record_for(3, sink)
        assert now() < 3 + 10.5
        sink.gate.set()
        await asyncio.sleep(0.1)

    answered_call(main)


def test_a_recording_that_is_cancelled_closes_its_sink() -> None:
    async def main(call: Call) -> None:
        sink = StuckSink()
        task = asyncio.create_task(call.record_for(3, sink))
        later(1, task.cancel)
        await asyncio.wait({task})
        assert task.cancelled()
        assert sink.closed

    answered_call(main, POLICY)

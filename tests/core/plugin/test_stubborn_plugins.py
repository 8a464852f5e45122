"""Plugins that hang and do not even end when they are cancelled: everything stays bounded (F31, F39)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import NUMBER, later, now, rig, run, wav_frames

from offhook import AudioFrame, CallState, Disposition
from offhook.errors import PluginError
from offhook.interfaces import AudioSink, AudioSource
from offhook.plugin.isolation import LET_GO_S, cancel_and_wait, isolated
from offhook.testing import LinkedTransport, ScriptedCarrier

if TYPE_CHECKING:
    from pathlib import Path

    from offhook.interfaces import DialRequest, Leg, LegHandler
    from offhook.interfaces.grant import Grant

pytestmark = [pytest.mark.fault("F31"), pytest.mark.fault("F39")]


class Stubborn:
    """Waits, whatever anybody says, until it is freed."""

    def __init__(self) -> None:
        self.freed = asyncio.Event()
        self.refused = 0

    async def wait(self) -> None:
        while not self.freed.is_set():
            try:
                await self.freed.wait()
            except asyncio.CancelledError:
                self.refused += 1


class StubbornCarrier(ScriptedCarrier):
    def __init__(self, will: Stubborn) -> None:
        super().__init__()
        self.will = will

    async def aclose(self) -> None:
        await self.will.wait()


class StubbornTransport(LinkedTransport):
    def __init__(self, will: Stubborn) -> None:
        super().__init__()
        self.will = will
        #: Makes it hang in ``join`` as well.
        self.in_join = False

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        if self.in_join:
            await self.will.wait()
        leg = await super().join(grant, handler)
        if not self.in_join:
            leg.leave = self.will.wait  # type: ignore[method-assign]
        return leg

    async def aclose(self) -> None:
        await self.will.wait()


class StubbornSink(AudioSink):
    def __init__(self, will: Stubborn) -> None:
        self.will = will

    async def write(self, frame: AudioFrame) -> None:
        pass

    async def aclose(self) -> None:
        await self.will.wait()


class StubbornSource(AudioSource):
    def __init__(self, will: Stubborn) -> None:
        self.will = will

    async def read(self) -> AudioFrame | None:
        await self.will.wait()
        return None

    async def aclose(self) -> None:
        await self.will.wait()


async def freeing(will: Stubborn) -> None:
    """Let what was left behind end, so that the test can."""
    will.freed.set()
    while len(asyncio.all_tasks()) > 1:
        await asyncio.sleep(0.01)


def test_closing_a_phone_is_bounded_when_everything_hangs(tmp_path: Path) -> None:
    async def main() -> None:
        will = Stubborn()
        r = rig(carrier=StubbornCarrier(will), transport=StubbornTransport(will))
        r.answer()
        call = r.phone.dial(NUMBER, record=tmp_path / "both.wav")
        await call.__aenter__()
        assert await call.answered()
        call.listen(StubbornSink(will))
        call.play(StubbornSource(will))
        await asyncio.sleep(1)
        began_s = now()
        closing = asyncio.create_task(r.phone.aclose())
        await call.ended()
        assert now() - began_s == pytest.approx(4.5, abs=0.01), "2 s to leave, 2 s to finish, 0.5 s to let go"
        assert call.record.disposition is Disposition.COMPLETED
        assert r.store.records[call.record.call_id]["ended_at_s"] is not None
        (late,) = [entry.detail for entry in call.record.timeline if "was not done 2 s after" in entry.detail]
        assert f"closing StubbornSource, listening with {__name__}.StubbornSink, playing StubbornSource" in late
        (left,) = [entry.detail for entry in call.record.timeline if "left behind" in entry.detail]
        assert "playing StubbornSource" in left
        with pytest.raises(PluginError, match="failed in aclose: no answer within 5 s"):
            await closing
        assert now() - began_s == pytest.approx(15, abs=0.01), "and 5.25 s each for the transport and the carrier"
        assert r.store.closed
        assert will.refused >= 5
        await freeing(will)

    run(main())
    assert wav_frames(tmp_path / "both.wav") > 0


def test_a_carrier_that_cannot_be_stopped_from_ringing_does_not_keep_the_caller() -> None:
    class Ringing(ScriptedCarrier):
        async def start_call(self, request: DialRequest) -> Grant:
            await will.wait()
            return await super().start_call(request)

    will = Stubborn()

    async def main() -> None:
        r = rig(carrier=Ringing())
        call = r.phone.dial(NUMBER)
        entering = asyncio.create_task(call.__aenter__())
        await asyncio.sleep(1)
        entering.cancel()
        await asyncio.wait({entering})
        assert entering.cancelled()
        assert now() < 5
        assert (call.state, call.record.rang) == (CallState.ENDED, "unknown")
        assert any("Driver._start_call" in entry.detail for entry in call.record.timeline)
        await freeing(will)
        assert r.transport.joins == 0

    run(main())


def test_a_leg_that_joins_after_the_end_is_left() -> None:
    async def main() -> None:
        will = Stubborn()
        transport = StubbornTransport(will)
        transport.in_join = True
        r = rig(transport=transport)
        call = r.phone.dial(NUMBER)
        entering = asyncio.create_task(call.__aenter__())
        await asyncio.sleep(1)
        await call.hang_up()
        await entering
        assert call.over
        assert (r.transport.joins, r.transport.leg) == (0, None)
        await freeing(will)
        assert (r.transport.joins, r.transport.leg) == (1, None), "it joined after all, and left"

    run(main())


@pytest.mark.parametrize("cancels", [0, 1, 3])
def test_letting_go_is_bounded_even_when_it_is_cancelled(cancels: int) -> None:
    async def main() -> None:
        will, fails = Stubborn(), Stubborn()

        async def fail() -> None:
            await fails.wait()
            raise ValueError("too late for anybody to hear")

        tasks = {asyncio.create_task(will.wait()), asyncio.create_task(fail())}
        await asyncio.sleep(0)
        letting = asyncio.create_task(cancel_and_wait(tasks))
        for index in range(cancels):
            later(0.01 * index + 0.01, letting.cancel)
        later(0.1, fails.freed.set)
        await asyncio.wait({letting})
        assert now() == pytest.approx(LET_GO_S)
        assert letting.cancelled() == bool(cancels)
        assert will.refused == 1 + cancels, "each cancellation is passed on to what is waited for"
        await freeing(will)

    run(main())


def test_an_error_after_a_task_was_left_behind_is_ignored() -> None:
    async def main() -> None:
        will = Stubborn()

        async def fail() -> None:
            await will.wait()
            raise ValueError("too late for anybody to hear")

        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        (left,) = await cancel_and_wait({task})
        assert not left.done()
        await freeing(will)

    run(main())


def test_a_cancellation_that_a_plugin_raises_itself_is_its_error_and_not_ours() -> None:
    async def main() -> None:
        async def cancelled() -> None:
            raise asyncio.CancelledError

        with pytest.raises(PluginError, match="although its caller did not cancel it"):
            await isolated(cancelled, "check", cancelled, 1.0)

    run(main())

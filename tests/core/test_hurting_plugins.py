"""Plugins that fail in ways that no interface foresees: the call goes on or ends in order, and the channel is left."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import AudioKit, RampSource, load, rig, run

from offhook import AudioFrame, Disposition, Phone
from offhook.errors import OffhookError, PluginError, SourceError
from offhook.ids import Ids
from offhook.interfaces import AudioSink, Leg, LegHandler
from offhook.secret import Secret
from offhook.testing import LinkedTransport, LoopClock, ScriptedCarrier

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from offhook.grant import Grant

NUMBER = "+14155550123"


class SynchronousSink(AudioSink):
    """Its author forgot `async`: it raises before there is anything to await."""

    def write(self, frame: AudioFrame) -> Awaitable[None]:  # type: ignore[override]
        raise OSError(28, "No space left on device")

    def aclose(self) -> Awaitable[None]:  # type: ignore[override]
        raise OSError(5, "Input/output error")


def test_a_sink_that_raises_at_once_costs_the_recording_and_not_the_call() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
            call.listen(SynchronousSink())
            handle = call.play(RampSource(16_000))
            await handle.done()
        assert r.transport.leg is None, "the channel was left"
        assert call.record.disposition is Disposition.COMPLETED
        assert "SynchronousSink" in call.record.problem

    run(main())


class SynchronousCarrier(ScriptedCarrier):
    def start_call(self, to: str) -> Awaitable[Grant]:  # type: ignore[override]
        raise RuntimeError("no async")


def test_a_carrier_that_raises_at_once_is_named() -> None:
    async def main() -> None:
        phone = Phone(carrier=SynchronousCarrier(), transport=LinkedTransport(), clock=LoopClock(), ids=Ids(1))
        call = phone.dial(NUMBER)
        with pytest.raises(PluginError, match="SynchronousCarrier' failed in start_call: RuntimeError: no async"):
            await call.__aenter__()
        assert call.record.disposition is Disposition.FAILED
        await phone.aclose()

    run(main())


class LegWithoutRate(Leg):
    """Its `rate_hz` is none."""

    rate_hz = None  # type: ignore[assignment]
    left = 0

    def send(self, frame: AudioFrame) -> None: ...

    def counters(self) -> dict[str, int]:
        return {}

    async def renew(self, grant: Grant) -> None:
        pass

    async def leave(self) -> None:
        self.left += 1


class TransportWithoutRate(LinkedTransport):
    def __init__(self) -> None:
        super().__init__()
        self.made = LegWithoutRate()

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        return self.made


def test_a_leg_that_no_media_can_be_made_for_is_left() -> None:
    async def main() -> None:
        transport = TransportWithoutRate()
        phone = Phone(carrier=ScriptedCarrier(), transport=transport, clock=LoopClock(), ids=Ids(1))
        with pytest.raises(PluginError, match="LegWithoutRate' failed in rate_hz"):
            await phone.dial(NUMBER).__aenter__()
        assert transport.made.left == 1
        await phone.aclose()

    run(main())


def test_listeners_that_stopped_reading_are_forgotten() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
            for _ in range(50):
                call.audio()
                call.events()
            kept = call.audio()
            for index in range(300):
                r.callee.say(AudioFrame(bytes(640), 16_000, 320 * index))
            await asyncio.sleep(1)
            assert kept.dropped == 200
        assert call.record.counters["frames_dropped_by_listeners"] == 200, "what nobody listens to is not lost"

    run(main())


class BrokenResampler:
    def convert(self, pcm: bytes) -> bytes:
        raise ValueError("bad filter")

    def flush(self) -> bytes:
        return b""


def test_a_resampler_that_fails_makes_nobody_else_deaf() -> None:
    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
            broken, whole = call.audio(8_000), call.audio()
            broken.resampler = BrokenResampler()  # type: ignore[assignment]
            for index in range(5):
                r.callee.say(AudioFrame(bytes(640), 16_000, 320 * index))
            await asyncio.sleep(1)
            assert [frame async for frame in broken] == []
            at_the_end = call.audio(8_000)
            at_the_end.resampler = BrokenAtTheEnd()  # type: ignore[assignment]
        assert [frame async for frame in at_the_end] == []
        assert len([frame async for frame in whole]) == 5
        assert "BrokenResampler' failed in convert: ValueError: bad filter" in call.record.problem
        assert "BrokenAtTheEnd" in call.record.timeline[-1].detail

    run(main())


class BrokenAtTheEnd:
    def convert(self, pcm: bytes) -> bytes:
        return pcm

    def flush(self) -> bytes:
        raise ValueError("nothing left")


class HangingCarrier(ScriptedCarrier):
    async def aclose(self) -> None:
        await asyncio.Event().wait()


def test_closing_a_phone_is_bounded() -> None:
    async def main() -> None:
        phone = Phone(carrier=HangingCarrier(), transport=LinkedTransport(), clock=LoopClock(), ids=Ids(1))
        with pytest.raises(PluginError, match="failed in aclose: no answer within 5 s"):
            await phone.aclose()
        assert asyncio.get_running_loop().time() == 5

    run(main())


def test_a_source_plays_once() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
            source = RampSource(320)
            await call.play(source).done()
            with pytest.raises(SourceError, match="plays once"):
                call.play(source)

    run(main())


def test_secrets_may_be_made_in_any_thread() -> None:
    stop = threading.Event()

    def make() -> None:
        while not stop.is_set():
            kept = [Secret(f"secret-{index}") for index in range(50)]
            kept.clear()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    maker = threading.Thread(target=make)
    maker.start()
    try:
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            OffhookError("nothing secret here")
    finally:
        stop.set()
        maker.join()
        sys.setswitchinterval(interval)

"""Plugins that fail in ways that no interface foresees: the call goes on or ends in order, and the channel is left."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import TYPE_CHECKING, NoReturn

import pytest
from tests.core.rig import AudioKit, RampSource, load, rig, run

from offhook import AudioFrame, Disposition, Phone
from offhook.errors import ConfigError, OffhookError, PluginError, SourceError
from offhook.interfaces import AudioSink, Leg, LegHandler
from offhook.interfaces.ids import Ids
from offhook.media.damage import DamageLog
from offhook.media.filter_chain import FilterChain
from offhook.plugin.hookspecs import hookimpl
from offhook.secret import Secret
from offhook.testing import LinkedTransport, ListFilter, ListSink, LoopClock, MemoryStore, ScriptedCarrier
from offhook.testing.linked.leg import LinkedLeg

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from offhook.interfaces import DialRequest
    from offhook.interfaces.grant import Grant

NUMBER = "+14155550123"


class SynchronousSink(AudioSink):
    """Its author forgot `async`: it raises before it returns an awaitable."""

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


class Panic(BaseException):
    """As native code raises, through PyO3 for one."""


class ExitingSink(ListSink):
    async def write(self, frame: AudioFrame) -> None:
        raise SystemExit(2)


class ExitingSource(RampSource):
    async def read(self) -> AudioFrame | None:
        raise Panic("in native code")

    async def aclose(self) -> None:
        raise SystemExit(3)


class ExitingFilter(ListFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        raise SystemExit(4)

    def close(self) -> None:
        raise SystemExit(5)


class ExitingStore(MemoryStore):
    def append(self, call_id: str, entry: Mapping[str, object]) -> None:
        if entry["event"] == "LegJoined":
            raise SystemExit(6)


class ExitingObserver:
    @hookimpl
    def offhook_call_ended(self, call_id: str) -> None:
        raise SystemExit(7)


class AwaitedObserver:
    @hookimpl
    def offhook_call_ended(self, call_id: str) -> object:
        return asyncio.sleep(0)


@pytest.mark.fault("F39")
def test_parts_that_exit_or_panic_end_neither_the_loop_nor_the_call() -> None:
    async def main() -> None:
        r = rig(store=ExitingStore(), plugins=load(AudioKit(), ExitingObserver(), AwaitedObserver()))
        r.answer()
        r.talk(1.5, 0.1)
        async with r.phone.dial(NUMBER) as call:
            assert await call.answered()
            call.add_filter(ExitingFilter())
            call.listen(ExitingSink())
            handle = call.play(ExitingSource(320))
            await handle.done()
            assert isinstance(handle.failure, PluginError)
            await asyncio.sleep(1)
        assert call.record.disposition is Disposition.COMPLETED
        assert r.transport.leg is None
        noted = "\n".join(entry.detail for entry in call.record.timeline)
        for what in (
            "ExitingStore' failed in append: SystemExit: 6",
            "ExitingFilter' failed in apply: SystemExit: 4",
            "ExitingFilter' failed in close: SystemExit: 5",
            "ExitingSink' failed in write: SystemExit: 2",
            "ExitingSource' failed in read: Panic: in native code",
            "ExitingSource' failed in aclose: SystemExit: 3",
            "'ExitingObserver (given to the phone)' failed in offhook_call_ended: SystemExit: 7",
            "'AwaitedObserver (given to the phone)' failed in offhook_call_ended: returned a coroutine",
        ):
            assert what in noted

    run(main())


class ExitingLeg(LinkedTransport):
    def __init__(self, method: str) -> None:
        super().__init__()
        self._method = method

    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        if self._method == "join":
            raise SystemExit(1)
        leg = await super().join(grant, handler)

        def exits(*_: object) -> NoReturn:
            raise SystemExit(1)

        setattr(leg, self._method, exits)
        return leg


@pytest.mark.fault("F39")
@pytest.mark.parametrize("method", ["join", "send", "leave", "counters"])
def test_a_leg_that_exits_ends_the_call_in_order(method: str) -> None:
    async def main() -> None:
        r = rig(transport=ExitingLeg(method))
        r.answer()
        call = r.phone.dial(NUMBER)
        if method == "join":
            with pytest.raises(PluginError, match="ExitingLeg' failed in join: SystemExit: 1") as raised:
                await call.__aenter__()
            assert (raised.value.plugin, raised.value.hook) == (f"{__name__}.ExitingLeg", "join")
        else:
            await call.__aenter__()
            assert await call.answered()
            await asyncio.sleep(1)
            await call.hang_up()
            assert f"failed in {method}: SystemExit: 1" in call.record.problem
        failed = method in ("join", "send")
        assert call.record.disposition is (Disposition.FAILED if failed else Disposition.COMPLETED)
        await r.phone.aclose()

    run(main())


def test_ctrl_c_is_not_a_mistake_of_a_plugin() -> None:
    class Interrupted(ListFilter):
        def apply(self, frame: AudioFrame) -> AudioFrame:
            raise KeyboardInterrupt

    chain = FilterChain(16_000, lambda error, doing="": None, DamageLog(lambda *_: None))
    chain.add(Interrupted())
    with pytest.raises(KeyboardInterrupt):
        chain.apply(bytes(640), 0)


class AsyncSend(LinkedLeg):
    async def send(self, frame: AudioFrame) -> None:  # type: ignore[override]
        ...


class AsyncLeg(LinkedTransport):
    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        leg = await super().join(grant, handler)
        leg.__class__ = AsyncSend
        return leg


@pytest.mark.fault("F39")
def test_a_leg_with_an_async_send_is_rejected_when_it_joins() -> None:
    async def main() -> None:
        r = rig(transport=AsyncLeg())
        with pytest.raises(
            PluginError, match=r"AsyncLeg' failed in join: .*AsyncSend has async methods that must be plain: send"
        ):
            await r.phone.dial(NUMBER).__aenter__()
        assert r.transport.leg is None, "it was in the channel, and was left"
        await r.phone.aclose()

    run(main())


@pytest.mark.fault("F39")
def test_a_phone_rejects_an_invalid_carrier_or_transport() -> None:
    with pytest.raises(ConfigError, match="carrier must be the name of an installed carrier, or an instance of C"):
        Phone(carrier=RampSource(1), transport=LinkedTransport())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"got the class LinkedTransport\. Did you forget the parentheses"):
        Phone(carrier=ScriptedCarrier(), transport=LinkedTransport)  # type: ignore[arg-type]


class SynchronousCarrier(ScriptedCarrier):
    def start_call(self, request: DialRequest) -> Awaitable[Grant]:  # type: ignore[override]
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
    """Its `rate_hz` is None."""

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


def test_a_leg_without_a_rate_is_left() -> None:
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
        assert call.record.counters["frames_dropped_by_listeners"] == 200, "audio without a listener is not lost"

    run(main())


class BrokenResampler:
    def convert(self, pcm: bytes) -> bytes:
        raise ValueError("bad filter")

    def flush(self) -> bytes:
        return b""


def test_a_resampler_that_fails_affects_its_own_stream_only() -> None:
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
            with pytest.raises(SourceError, match="plays only once"):
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

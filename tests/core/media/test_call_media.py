"""The media of a call: what is said, what is heard, and what both leave in the counters."""

from __future__ import annotations

import asyncio
from array import array
from typing import TYPE_CHECKING, cast

import pytest
from tests.core.rig import (
    FRAME,
    NUMBER,
    RATE_HZ,
    AudioKit,
    HoldResampler,
    RampSource,
    frame,
    later,
    load,
    now,
    ramp,
    rig,
    run,
    spoken,
)

from offhook import AudioFrame, CallState, Disposition, PlayoutEnd
from offhook.errors import CallStateError, SourceError, SpecError
from offhook.media.call_media import CallMedia
from offhook.testing import LinkedTransport, ListSink
from offhook.testing.linked.leg import LinkedLeg

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from offhook.errors import OffhookError
    from offhook.interfaces import Grant, Leg, LegHandler
    from offhook.media.listening import AudioStream


def test_what_is_played_before_the_answer_is_said_after_it_from_its_start() -> None:
    async def main() -> None:
        r = rig()
        r.answer(at_s=5)
        async with r.phone.dial(NUMBER) as call:
            assert call.queued_ms == 0
            handle = call.play(RampSource(FRAME * 3))
            await asyncio.sleep(4)
            assert (handle.position_ms, r.callee.heard) == (0, [])
            assert call.queued_ms == 60
            assert await handle.done() is PlayoutEnd.COMPLETED
            assert now() == pytest.approx(5.06)
        assert spoken(r.callee) == array("h", ramp(1, FRAME * 3))

    run(main())


def test_specs_sources_frames_and_iterators_are_played_in_order() -> None:
    async def speech() -> AsyncIterator[AudioFrame]:
        yield AudioFrame(ramp(1601, 400), RATE_HZ)
        yield AudioFrame(ramp(2001, 400), RATE_HZ)

    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.play("ramp:400")
            call.play(RampSource(400, start=401))
            call.play(AudioFrame(ramp(801, 400), RATE_HZ))
            call.play([AudioFrame(ramp(1201, 400), RATE_HZ)])
            assert await call.play(speech()).done() is PlayoutEnd.COMPLETED
            with pytest.raises(SpecError, match="no audio source is called 'nothing'"):
                call.play("nothing:x")
            with pytest.raises(SourceError, match="got bytes, whose rate is not known"):
                call.play(b"\0\0")
        assert spoken(r.callee) == array("h", ramp(1, 2400))

    run(main())


def test_barge_in_says_how_much_was_said() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert call.clear() == 0
            handle = call.play(RampSource(10 * RATE_HZ))
            await asyncio.sleep(1.01)
            assert call.level_sent_dbfs > -20
            played_ms = call.clear()
            assert handle.ended is PlayoutEnd.CLEARED
            assert played_ms == handle.position_ms == 1000
            await asyncio.sleep(1)
            assert len(spoken(r.callee)) == played_ms * RATE_HZ / 1000
            assert call.level_sent_dbfs == -100

    run(main())


class QueueingLeg(LinkedLeg):
    """Has a queue of which `queued_ms` are not heard yet."""

    queued_ms: float | None = 60.0

    def flush(self) -> float:
        return self.queued_ms  # type: ignore[return-value]  # a wrong one on purpose


class QueueingTransport(LinkedTransport):
    leg_class = QueueingLeg


@pytest.mark.parametrize(("sent_s", "heard_ms"), [(1.01, 940), (0.03, 0)])
def test_barge_in_takes_off_what_the_leg_dropped_from_its_queue(sent_s: float, heard_ms: float) -> None:
    async def main() -> None:
        r = rig(transport=QueueingTransport())
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            assert call.clear() == 0
            await call.answered()
            call.play(RampSource(10 * RATE_HZ))
            await asyncio.sleep(sent_s)
            assert call.clear() == heard_ms

    run(main())


def test_a_leg_whose_flush_returns_nothing_is_broken() -> None:
    async def main() -> None:
        transport = QueueingTransport()
        r = rig(transport=transport)
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert isinstance(transport.leg, QueueingLeg)
            transport.leg.queued_ms = None
            call.play(RampSource(RATE_HZ))
            await asyncio.sleep(0.11)
            assert call.clear() == 100
            await call.ended()
            assert call.record.disposition is Disposition.FAILED
            assert "QueueingLeg' failed in flush" in str(call.record.problem)

    run(main())


class LegWithoutFlush:
    """A leg that is not a `Leg`, with what a leg had to have before there was `flush`."""

    def __init__(self, leg: Leg) -> None:
        self.rate_hz = leg.rate_hz
        self.send, self.counters, self.renew, self.leave = leg.send, leg.counters, leg.renew, leg.leave


class DuckTransport(LinkedTransport):
    async def join(self, grant: Grant, handler: LegHandler) -> Leg:
        return cast("Leg", LegWithoutFlush(await super().join(grant, handler)))


def test_a_leg_that_is_not_a_subclass_needs_no_flush() -> None:
    async def main() -> None:
        r = rig(transport=DuckTransport())
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.play(RampSource(RATE_HZ))
            await asyncio.sleep(0.11)
            assert call.clear() == 100

    run(main())


def test_the_verbs_after_the_end_end_at_once() -> None:
    async def main() -> None:
        r = rig(plugins=load(AudioKit()))
        r.answer(1)
        later(2, r.callee.leave)
        source, sink, recorded = RampSource(100), ListSink(), ListSink()
        async with r.phone.dial(NUMBER) as call:
            await call.ended()
            assert await call.play(source).done() is PlayoutEnd.CALL_ENDED
            assert [item async for item in call.audio()] == []
            assert [entry async for entry in call.events()] == []
            assert call.clear() == 0
            call.listen(sink)
            assert await call.record_for(5, recorded) == 0
            assert (now(), call.queued_ms, call.level_sent_dbfs) == (2, 0, -100)
        assert (source.closed, source.read_samples) == (1, 0)
        assert sink.closed
        assert recorded.closed
        assert recorded.frames == []

    run(main())


def test_the_verbs_need_a_call_that_was_entered() -> None:
    async def main() -> None:
        call = rig().phone.dial(NUMBER)
        for verb in (call.clear, call.audio, lambda: call.play(RampSource(1)), lambda: call.listen(ListSink())):
            with pytest.raises(CallStateError, match=r"needs a call that was entered: async with phone\.dial"):
                verb()
        with pytest.raises(CallStateError, match=r"record_for\(\) needs a call"):
            await call.record_for(1, ListSink())
        assert (call.level_sent_dbfs, call.level_heard_dbfs, call.queued_ms) == (-100, -100, 0)
        await call.hang_up()

    run(main())


def test_a_source_that_fails_is_in_the_record_and_the_call_goes_on() -> None:
    async def broken() -> AsyncIterator[AudioFrame]:
        yield frame(1)
        raise OSError("the synthesiser is gone")

    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            handle = call.play(broken())
            assert await handle.done() is PlayoutEnd.FAILED
            await asyncio.sleep(1)
            assert call.state is CallState.ACTIVE
        assert call.record.disposition is Disposition.COMPLETED
        assert "failed in read: OSError: the synthesiser is gone" in call.record.problem
        (entry,) = (entry for entry in call.record.timeline if entry.event == "PluginError")
        assert entry.detail == call.record.problem
        assert not entry.changed

    run(main())


def test_a_source_that_will_not_close_does_not_hold_up_the_end() -> None:
    class Stuck(RampSource):
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    async def main() -> None:
        r = rig()
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.play(Stuck(100_000))
            began = now()
            await call.hang_up()
            assert now() - began == 2
            call.play(Stuck(100_000))  # too late, and stuck all the same
        assert now() - began == 4

    run(main())


def test_listeners_do_not_disturb_each_other_and_end_with_the_call() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(2, 10)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            slow, fast = call.audio(), call.audio()
            heard: list[AudioFrame] = []

            async def read() -> None:
                async for item in fast:
                    heard.append(item)  # noqa: PERF401 - as it comes

            reader = asyncio.create_task(read())
            await asyncio.sleep(14)
        await reader
        assert [item.position for item in heard] == [2 * RATE_HZ + index * FRAME for index in range(500)]
        kept = [item async for item in slow]
        assert [item.position for item in kept] == [item.position for item in heard[-100:]]
        assert (slow.dropped, fast.dropped) == (400, 0)
        assert call.record.counters["frames_dropped_by_listeners"] == 400

    run(main())


def test_a_listener_may_ask_for_another_rate() -> None:
    async def main() -> None:
        kit = AudioKit()
        r = rig(plugins=load(kit))
        r.answer(1)
        r.talk(2, 1)
        async with r.phone.dial(NUMBER) as call:
            streams = [call.audio(rate_hz=8_000), call.audio(rate_hz=RATE_HZ), call.audio()]
            await asyncio.sleep(4)
        assert kit.resamplers == [("live", RATE_HZ, 8_000)]
        converted, *own = [[item async for item in stream] for stream in streams]
        assert sum(item.samples for item in converted) == 8_000
        assert (converted[0].position, converted[0].rate_hz) == (16_000, 8_000)
        assert own[0] == own[1]

    run(main())


def test_a_talker_whose_clock_starts_over_is_put_where_it_is_heard() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        for at_s, position in ((2.0, 10**9), (2.021, 10**9 + FRAME), (2.5, 10**9 + 24 * FRAME), (3, 0), (3.019, FRAME)):
            later(at_s, r.callee.say, frame(1, position))
        async with r.phone.dial(NUMBER) as call:
            stream = call.audio()
            await asyncio.sleep(4)
        positions = [item.position async for item in stream]
        base, again = 2 * RATE_HZ, 3 * RATE_HZ
        assert positions == [base, base + FRAME, base + 24 * FRAME, again, again + FRAME]

    run(main())


def test_events_are_streamed_and_end_with_the_call() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        later(2, r.callee.leave)
        async with r.phone.dial(NUMBER) as call:
            events = [entry.event async for entry in call.events()]
        assert events == ["MemberJoined", "MemberPublished", "MemberLeft", "LegClosed"]

    run(main())


class Flushed(HoldResampler):
    """Raises when it is used after `flush`, as libraries do."""

    def convert(self, pcm: bytes) -> bytes:
        assert not self.flushed
        return super().convert(pcm)


def bare_media(leg: Leg, resampler: type[HoldResampler], noted: list[OffhookError], members: list[int]) -> CallMedia:
    """Media that hear the member 7 and belong to no call."""
    media = CallMedia(
        leg,
        lambda kind, from_hz, to_hz: resampler(from_hz, to_hz),
        asyncio.create_task,
        lambda error, doing="": noted.append(error),
        noted.append,
        None,
        remark=lambda *_: None,
        check_pause=lambda: None,
        first_audio=members.append,
        callee_audio=lambda now_s: None,
    )
    media.callee_uid = 7
    return media


def test_a_listener_may_be_dropped_while_another_one_hears() -> None:
    async def main() -> None:
        dropped: list[AudioStream] = []

        class Dropping(HoldResampler):
            def convert(self, pcm: bytes) -> bytes:
                dropped.clear()
                return super().convert(pcm)

        r = rig(transport=LinkedTransport())
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            leg = r.transport.leg
            assert leg is not None
            noted: list[OffhookError] = []
            media = bare_media(leg, Dropping, noted, [])
            first = media.listen(8_000, 1_000)
            dropped.append(media.listen(None, 1_000))
            last = media.listen(None, 1_000)
            media.hear(7, frame())
            media.end()
            assert (len([heard async for heard in first]), len([heard async for heard in last])) == (1, 1)
            assert (noted, dropped) == ([], [])

    run(main())


def test_frames_that_arrive_while_the_leg_leaves_are_ignored() -> None:
    async def main() -> None:
        r = rig(transport=LinkedTransport())
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            leg = r.transport.leg
            assert leg is not None
            noted: list[OffhookError] = []
            members: list[int] = []
            media = bare_media(leg, Flushed, noted, members)
            stream = media.listen(8_000, 1_000)
            media.hear(7, frame())
            media.end()
            media.hear(7, frame(position=FRAME))
            media.hear(8, frame())
            assert (noted, members, media.frames_heard) == ([], [7], 1)
            assert [heard async for heard in stream]

    run(main())


def test_each_member_keeps_its_own_place_on_the_timeline() -> None:
    async def main() -> None:
        r = rig(transport=LinkedTransport())
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            leg = r.transport.leg
            assert leg is not None
            members: list[int] = []
            media = bare_media(leg, HoldResampler, [], members)
            stream = media.listen(None, 1_000)
            for uid, position in ((7, 0), (8, 5 * FRAME), (7, 1 * FRAME), (8, 6 * FRAME), (9, -FRAME), (7, 2 * FRAME)):
                media.callee_uid = uid
                media.hear(uid, frame(position=position))
            media.end()
            assert [heard.position async for heard in stream] == [
                0,
                0,
                FRAME,
                FRAME,
                0,
                2 * FRAME,
            ]
            assert members == [7, 8, 9]

    run(main())

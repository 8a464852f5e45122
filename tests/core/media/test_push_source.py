"""PushSource: frames in order, writes that wait at its mark, and writes that are rejected once it is not played."""

from __future__ import annotations

import asyncio
from array import array

import pytest
from tests.core.playing import bench
from tests.core.rig import FRAME, NUMBER, RATE_HZ, frame, now, ramp, rig, run

from offhook import AudioFrame, CallPolicy, PlayMode, PlayoutEnd, PushSource
from offhook.errors import CallStateError, ConfigError, SourceClosed, SourceError, WaitTimeout
from offhook.media.push_source import UNPLAYED_S


def test_frames_are_played_in_order_until_end_is_called() -> None:
    async def main() -> None:
        async with bench() as b:
            source = PushSource()
            await source.write(AudioFrame(ramp(1, 500), RATE_HZ))
            handle = b.playout.add(source)
            await source.write(AudioFrame(ramp(501, 460), RATE_HZ))
            source.end()
            source.end()
            assert (await b.take(3)).tobytes() == ramp(1, 960)
            await b.take()
            assert handle.ended is PlayoutEnd.COMPLETED
            assert await source.read() is None, "and ever after"
            with pytest.raises(SourceClosed, match=r"end\(\) or fail\(\) was called"):
                await source.write(frame(1))

    run(main())


def test_a_write_waits_above_the_mark_until_there_is_room() -> None:
    async def main() -> None:
        async with bench() as b:
            source = PushSource(high_water_ms=60)
            for value in range(3):
                await source.write(frame(value + 1))
            assert source.queued_ms == 60
            waiting = asyncio.create_task(source.write(frame(4)))
            await asyncio.sleep(60)
            assert not waiting.done()
            b.playout.add(source)
            await waiting
            assert now() == 60
            source.end()
            assert (await b.take(4))[::FRAME].tolist() == [1, 2, 3, 4]

    run(main())


def test_a_write_to_a_source_that_is_not_played_fails_in_the_end_and_can_be_repeated() -> None:
    async def main() -> None:
        source = PushSource(high_water_ms=20)
        await source.write(frame(1))
        with pytest.raises(WaitTimeout, match=r"waited 120 s .*: pass it to call\.play\(\), .* 20 ms of audio"):
            await source.write(frame(2))
        assert now() == UNPLAYED_S
        async with bench() as b:
            b.playout.add(source)
            await source.write(frame(2))
            source.end()
            assert (await b.take(2))[::FRAME].tolist() == [1, 2]

    run(main())


def test_a_write_to_a_source_whose_turn_comes_late_waits_for_that() -> None:
    async def main() -> None:
        r = rig(policy=CallPolicy(max_duration_s=1000))
        r.answer()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.play(AudioFrame(ramp(1, RATE_HZ), RATE_HZ) for _ in range(200))
            source = PushSource(high_water_ms=20)
            await source.write(frame(1))
            early = asyncio.create_task(source.write(frame(2)))
            await asyncio.sleep(60)
            call.play(source)
            began_s = now()
            await early
            assert now() - began_s > UNPLAYED_S

    run(main())


def test_one_frame_of_any_length_may_exceed_the_mark_and_the_next_waits() -> None:
    async def main() -> None:
        source = PushSource(high_water_ms=30)
        await source.write(frame(1))
        await source.write(AudioFrame(ramp(1, RATE_HZ), RATE_HZ))
        waiting = asyncio.create_task(source.write(frame(3)))
        assert await source.read() is not None
        await asyncio.sleep(1)
        assert (waiting.done(), source.queued_ms) == (False, 1000)
        assert await source.read() is not None
        await waiting
        assert source.queued_ms == 20

    run(main())


def test_a_program_that_is_faster_than_speech_is_slowed_down_to_it() -> None:
    async def main() -> None:
        async with bench() as b:
            source = PushSource()
            b.playout.add(source)
            began, written = now(), 0

            async def write() -> None:
                nonlocal written
                for value in range(1, 501):
                    await source.write(frame(value))
                    written += 1
                source.end()

            writer = asyncio.create_task(write())
            for taken in range(500):
                assert (await b.take())[0] == taken + 1
                assert written <= taken + 1 + 10 + 10 + 1, "its own mark, the playout's, and one in the hand"
            await writer
            assert now() - began == pytest.approx(10)
            assert b.playout.counts.underruns == 0
            assert source.queued_ms == 0

    run(main())


def test_a_cancelled_write_queues_nothing_and_loses_nothing() -> None:
    async def main() -> None:
        async with bench() as b:
            source = PushSource(high_water_ms=20)
            await source.write(frame(1))
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1):
                        await source.write(frame(2))
            b.playout.add(source)
            await source.write(frame(3))
            source.end()
            assert (await b.take(3))[::FRAME].tolist() == [1, 3, 0]

    run(main())


def test_writers_get_their_turn_in_the_order_of_their_calls() -> None:
    async def main() -> None:
        async with bench() as b:
            source = PushSource(high_water_ms=20)
            await source.write(frame(1))
            writers = [asyncio.create_task(source.write(frame(value))) for value in (2, 3, 4)]
            await asyncio.sleep(1)
            b.playout.add(source)
            await source.write(frame(5))
            await asyncio.gather(*writers)
            source.end()
            assert (await b.take(6))[::FRAME].tolist() == [1, 2, 3, 4, 5, 0]

    run(main())


def test_a_new_writer_does_not_overtake_writers_that_wait() -> None:
    async def main() -> None:
        source = PushSource(high_water_ms=20)
        await source.write(frame(1))
        waiting = asyncio.create_task(source.write(frame(2)))
        await asyncio.sleep(1)

        async def read_and_write() -> None:
            assert await source.read() is not None
            await source.write(frame(3))  # before any waiter was woken

        last = asyncio.create_task(read_and_write())
        await asyncio.sleep(1)
        second, third = await source.read(), await source.read()
        await asyncio.gather(waiting, last)
        assert second is not None
        assert third is not None
        assert [array("h", item.pcm)[0] for item in (second, third)] == [2, 3]

    run(main())


@pytest.mark.parametrize("how", ["clear", "cancel", "replace", "call"])
def test_a_writer_gets_an_error_when_playing_has_ended(how: str) -> None:
    async def main() -> None:
        async with bench() as b:
            source = PushSource()
            handle = b.playout.add(source)

            async def write() -> None:
                while True:
                    await source.write(frame(1))

            writer = asyncio.create_task(write())
            await b.take(5)
            if how == "clear":
                b.playout.clear()
            elif how == "cancel":
                handle.cancel()
            elif how == "replace":
                b.playout.add(PushSource(), PlayMode.REPLACE)
            else:
                b.playout.close()
            with pytest.raises(SourceClosed, match="this source is not played any more") as caught:
                await writer
            assert isinstance(caught.value, CallStateError)
            with pytest.raises(SourceClosed, match="is not played any more"):
                await source.write(frame(1))
            assert source.queued_ms == 0

    run(main())


def test_end_rejects_the_writes_that_wait() -> None:
    async def main() -> None:
        source = PushSource(high_water_ms=1)
        await source.write(frame(1))
        waiting = asyncio.create_task(source.write(frame(2)))
        await asyncio.sleep(1)
        source.end()
        with pytest.raises(SourceClosed, match="nothing can be written after that"):
            await waiting
        await source.aclose()

    run(main())


@pytest.mark.fault("F26")
def test_a_program_that_fails_ends_its_item_after_what_it_wrote() -> None:
    async def main() -> None:
        ours = SourceError("no voice of that name")
        for error, problem in ((OSError("reset"), "the program that pushed audio failed: OSError: reset"), (ours, "")):
            async with bench() as b:
                source = PushSource()
                handle = b.playout.add(source)
                await source.write(frame(7))
                source.fail(error)
                source.fail(ValueError("too late"))
                assert (await b.take(2))[::FRAME].tolist() == [7, 0]
                assert handle.ended is PlayoutEnd.FAILED
                assert isinstance(handle.problem, SourceError)
                assert handle.problem.message == (problem or ours.message)
                assert b.notes == [handle.problem]
                assert await source.read() is None
                with pytest.raises(SourceClosed):
                    await source.write(frame(1))

    run(main())


@pytest.mark.fault("F28")
def test_invalid_arguments_are_rejected() -> None:
    async def main() -> None:
        source = PushSource()
        with pytest.raises(SourceError, match=r"got bytes, whose rate is not known: make .* PushSource\(rate_hz="):
            await source.write(b"\0\0")
        for mark in (0, -1, float("nan")):
            with pytest.raises(ConfigError, match="high_water_ms must be "):
                PushSource(high_water_ms=mark)

    run(main())

"""Playout: samples go out as they went in, in order, without a gap; and it can be stopped at any sample."""

from __future__ import annotations

import asyncio
from array import array
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.playing import Broken, bench, samples
from tests.core.rig import FRAME, RATE_HZ, RampSource, frame, ramp, run

from offhook import AudioFrame, PlayoutEnd
from offhook.errors import OffhookError, PluginError, SourceError
from offhook.interfaces import AudioSource
from offhook.media.sources import frames_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HIGH_WATER = RATE_HZ // 5
NAME = "tests.core.playing."


def test_items_follow_each_other_without_a_gap() -> None:
    async def main() -> None:
        async with bench() as b:
            first, second, third = (
                b.playout.add(RampSource(n, start=s)) for n, s in ((500, 1), (33, 501), (1000, 534))
            )
            assert await b.take(6) == samples(1, 1533, 6)
            assert [handle.ended for handle in (first, second, third)] == [
                PlayoutEnd.COMPLETED,
                PlayoutEnd.COMPLETED,
                PlayoutEnd.COMPLETED,
            ]
            assert (first.position_ms, second.position_ms, third.samples_sent) == (31.25, 2.0625, 1000)
            assert b.playout.counts.underruns == 0
            assert not any(await b.take(3))

    run(main())


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 4000)), max_size=6))
def test_samples_in_are_samples_out(items: list[tuple[int, int]]) -> None:
    async def main() -> None:
        async with bench() as b:
            sources, total = [], 0
            for length, size in items:
                sources.append(RampSource(length, frame=size, start=1 + total))
                total += length
            handles = [b.playout.add(source) for source in sources]
            frames = -(-total // FRAME) + 2
            assert await b.take(frames) == samples(1, total, frames)
            assert [handle.samples_sent for handle in handles] == [length for length, _ in items]
            assert all(handle.ended is PlayoutEnd.COMPLETED for handle in handles)
            assert [source.closed for source in sources] == [1] * len(sources)
            assert b.playout.counts.underruns == 0

    run(main())


def test_an_item_is_done_when_its_last_frame_has_lasted_20_ms() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(RampSource(2 * FRAME))
            waiter = asyncio.create_task(handle.done())
            await b.take(2)
            assert handle.position_ms == 40
            assert handle.ended is None, "the last frame was taken only just now"
            await b.take()
            assert await waiter is PlayoutEnd.COMPLETED
            assert handle.cancel() == 40
            assert handle.ended is PlayoutEnd.COMPLETED, "the first word counts"

    run(main())


def test_a_waiter_that_is_cancelled_does_not_cancel_the_item() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(RampSource(FRAME))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await handle.done()
            assert any(await b.take())
            await b.take()
            assert await handle.done() is PlayoutEnd.COMPLETED

    run(main())


def test_a_source_is_not_read_past_the_high_water_mark() -> None:
    async def main() -> None:
        pulled = 0

        async def speech() -> AsyncIterator[AudioFrame]:
            nonlocal pulled
            while True:
                pulled += 1
                yield frame(pulled)

        async with bench() as b:
            handle = b.playout.add(frames_source(speech()))
            await asyncio.sleep(60)
            assert pulled == HIGH_WATER // FRAME + 1, "one frame waits in the feeder's hand"
            assert b.playout.queued_ms == 200
            for taken in range(1, 31):
                await b.take()
                await asyncio.sleep(60)
                refills = taken // 5  # read on when half of it is gone, not for every frame
                assert pulled == HIGH_WATER // FRAME + 1 + 5 * refills
                assert b.playout.queued_ms == 200 - 20 * (taken % 5)
            handle.cancel()

    run(main())


def test_a_frame_longer_than_the_buffer_goes_through_piece_by_piece() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(frames_source(AudioFrame(ramp(1, 20_000), RATE_HZ)))
            assert await b.take(64) == samples(1, 20_000, 64)
            assert b.playout.queued_ms == 0

    run(main())


def test_a_late_source_is_silence_and_counted_only_between_its_sounds() -> None:
    async def main() -> None:
        async def speech() -> AsyncIterator[AudioFrame]:
            await asyncio.sleep(0.05)  # a pause to think is not an underrun
            yield frame(1)
            await asyncio.sleep(0.1)
            yield frame(2)

        async with bench() as b:
            handle = b.playout.add(frames_source(speech()))
            taken = await b.take(12)
            # read at 50 ms and 150 ms: in the frames taken at 60 and 160 ms
            assert [taken[index * FRAME] for index in range(12)] == [0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0]
            assert b.playout.counts.underruns == 4
            assert handle.ended is PlayoutEnd.COMPLETED
            assert handle.position_ms == 40

    run(main())


def test_clear_returns_exactly_what_was_sent() -> None:
    async def main() -> None:
        async with bench() as b:
            sources = [RampSource(10_000), RampSource(10_000), RampSource(10_000)]
            playing, queued, last = (b.playout.add(source) for source in sources)
            assert await b.take(7) == samples(1, 7 * FRAME, 7)
            assert b.playout.clear() == 140
            assert b.playout.queued_ms == 0
            assert not any(await b.take(5))
            ends = [await handle.done() for handle in (playing, queued, last)]
            assert ends == [PlayoutEnd.CLEARED] * 3
            assert [handle.position_ms for handle in (playing, queued, last)] == [140, 0, 0]
            assert [source.closed for source in sources] == [1, 1, 1]
            assert [source.read_samples for source in sources[1:]] == [0, 0], "what is cleared is not begun"
            assert b.playout.clear() == 0
            assert b.playout.counts.underruns == 0

    run(main())


def test_after_a_clear_the_next_item_plays_at_once() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(RampSource(10_000))
            await b.take(3)
            b.playout.clear()
            handle = b.playout.add(RampSource(FRAME, start=7000))
            assert await b.take(2) == samples(7000, FRAME, 2)
            assert await handle.done() is PlayoutEnd.COMPLETED

    run(main())


def test_cancelling_the_playing_item_goes_on_with_the_next() -> None:
    async def main() -> None:
        async with bench() as b:
            source = RampSource(10_000)
            playing, following = b.playout.add(source), b.playout.add(RampSource(FRAME, start=7000))
            await b.take(3)
            assert playing.cancel() == 60
            assert await b.take(2) == samples(7000, FRAME, 2)
            assert (await playing.done(), await following.done()) == (PlayoutEnd.CANCELED, PlayoutEnd.COMPLETED)
            assert source.closed == 1

    run(main())


def test_cancelling_a_queued_item_does_not_disturb_the_playing_one() -> None:
    async def main() -> None:
        async with bench() as b:
            source = RampSource(10_000)
            b.playout.add(RampSource(1000))
            queued = b.playout.add(source)
            b.playout.add(RampSource(600, start=1001))
            await b.take()
            assert queued.cancel() == 0
            assert await b.take(5) == array("h", ramp(1 + FRAME, 1600 - FRAME) + bytes(2 * (6 * FRAME - 1600)))
            assert queued.ended is PlayoutEnd.CANCELED
            assert source.closed == 1

    run(main())


def test_cancelling_an_item_removes_its_audio_from_the_buffer() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(RampSource(1000))
            short = b.playout.add(RampSource(100, start=9000))
            b.playout.add(RampSource(600, start=1001))
            assert await b.take() == samples(1, FRAME, 1)
            assert short.read_to_end
            assert short.cancel() == 0
            assert (await b.take(4))[: 1600 - FRAME] == array("h", ramp(1 + FRAME, 1600 - FRAME))

    run(main())


def test_an_async_generator_is_closed_when_it_is_cleared_wherever_it_waits() -> None:
    async def main() -> None:
        for wait_s in (0.0, 3600.0):  # waiting for room, and waiting for its own next frame
            closed: list[bool] = []

            async def speech(wait_s: float = wait_s, closed: list[bool] = closed) -> AsyncIterator[AudioFrame]:
                try:
                    while True:
                        yield frame(1)
                        await asyncio.sleep(wait_s)
                finally:
                    closed.append(True)

            async with bench() as b:
                b.playout.add(frames_source(speech()))
                await b.take(3)
                b.playout.clear()
                await asyncio.sleep(0.001)
                assert closed == [True]
                assert b.notes == []

    run(main())


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        (Broken(OSError("gone")), PluginError, f"plugin '{NAME}Broken' failed in read: OSError: gone"),
        (Broken(SourceError("the rest cannot be read")), SourceError, "the rest cannot be read"),
        (
            Broken(answer=b"\0\0"),
            PluginError,
            f"plugin '{NAME}Broken' failed in read: returned bytes; expected an AudioFrame",
        ),
        (frames_source(iter([frame(5), 7])), SourceError, "the iterable yielded int"),  # type: ignore[arg-type]
    ],
)
def test_a_source_that_fails_is_noted_and_the_next_plays(
    source: AudioSource, kind: type[OffhookError], message: str
) -> None:
    async def main() -> None:
        async with bench() as b:
            broken, following = b.playout.add(source), b.playout.add(RampSource(FRAME, start=7000))
            taken = await b.take(4)
            assert taken == array("h", [5] * FRAME) + samples(7000, FRAME, 3), "the audio before the failure is heard"
            assert await broken.done() is PlayoutEnd.FAILED
            assert type(broken.problem) is kind
            assert broken.problem.message.startswith(message)
            assert b.notes == [broken.problem]
            assert following.ended is PlayoutEnd.COMPLETED
            assert getattr(source, "closed", True)

    run(main())


def test_a_source_that_fails_to_close_is_noted() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(Broken(close=OSError("stuck")))
            await b.take(2)
            (note,) = b.notes
            assert note.message.startswith(f"plugin '{NAME}Broken' failed in aclose: OSError: stuck (playing.py:")

    run(main())


def test_a_source_that_hangs_can_be_cancelled() -> None:
    async def main() -> None:
        class Hanging(Broken):
            async def read(self) -> AudioFrame | None:
                await asyncio.Event().wait()
                return None

        async with bench() as b:
            source = Hanging()
            handle, following = b.playout.add(source), b.playout.add(RampSource(FRAME))
            assert not any(await b.take(50))
            assert b.playout.counts.underruns == 0, "it has not begun"
            handle.cancel()
            assert any(await b.take(2))
            assert (handle.ended, following.ended) == (PlayoutEnd.CANCELED, PlayoutEnd.COMPLETED)
            assert source.closed

    run(main())


def test_a_source_is_closed_only_after_its_reader_has_ended() -> None:
    async def main() -> None:
        class Slow(Broken):
            reading = False

            async def read(self) -> AudioFrame | None:
                self.reading = True
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0.1)  # releases its device
                    self.reading = False
                return None

            async def aclose(self) -> None:
                assert not self.reading
                await super().aclose()

        async with bench() as b:
            source = Slow()
            b.playout.add(source)
            await b.take(2)
            b.playout.clear()
            await b.take(10)
            assert source.closed
            assert b.notes == []

    run(main())


def test_other_rates_are_converted_live_or_from_a_file() -> None:
    class Mixed(AudioSource):
        def __init__(self, *, live: bool) -> None:
            self.live = live
            self._frames = [frame(1, 0, 80, 8_000), frame(2), frame(3, 0, 960, 48_000), frame(4, 0, 960, 48_000)]

        async def read(self) -> AudioFrame | None:
            return self._frames.pop(0) if self._frames else None

        async def aclose(self) -> None:
            pass

    async def main() -> None:
        for live, kind in ((True, "live"), (False, "file")):
            async with bench() as b:
                handle = b.playout.add(Mixed(live=live))
                taken = await b.take(5)
                assert taken[:1120] == array("h", [1] * 160 + [2] * 320 + [3] * 320 + [4] * 320)
                assert handle.samples_sent == 1120
                assert [made[:3] for made in b.resamplers] == [(kind, 8_000, RATE_HZ), (kind, 48_000, RATE_HZ)]
                assert all(made[3].flushed for made in b.resamplers)

    run(main())


def test_drained_waits_for_the_last_sample() -> None:
    async def main() -> None:
        async with bench() as b:
            await b.playout.drained()
            b.playout.add(RampSource(2 * FRAME))
            drained = asyncio.create_task(b.playout.drained())
            await b.take(2)
            assert not drained.done()
            await b.take()
            await drained

    run(main())


def test_the_end_ends_everything_and_later_sources_are_only_closed() -> None:
    async def main() -> None:
        async with bench() as b:
            sources = [RampSource(FRAME), RampSource(10_000), RampSource(10_000)]
            sent, playing, queued = (b.playout.add(source) for source in sources)
            await b.take(1)
            drained = asyncio.create_task(b.playout.drained())
            b.playout.close()
            b.playout.close()
            assert [handle.ended for handle in (sent, playing, queued)] == [
                PlayoutEnd.COMPLETED,
                PlayoutEnd.CALL_ENDED,
                PlayoutEnd.CALL_ENDED,
            ]
            await drained
            late = RampSource(10_000)
            handle = b.playout.add(late)
            assert await handle.done() is PlayoutEnd.CALL_ENDED
            await asyncio.sleep(0.001)
            assert (late.closed, late.read_samples) == (1, 0)
            await asyncio.sleep(0.001)
            assert [source.closed for source in sources] == [1, 1, 1]
            await b.playout.drained()
            assert b.notes == []

    run(main())


def test_a_handle_shows_how_its_item_ended() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(frames_source(AudioFrame(ramp(1, 320), RATE_HZ)))
            await b.take()
            assert repr(handle) == "PlayHandle(IterableSource, 20 ms sent, waiting or playing)"
            await b.take()
            assert repr(handle) == "PlayHandle(IterableSource, 20 ms sent, completed)"

    run(main())

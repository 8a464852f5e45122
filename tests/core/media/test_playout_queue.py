"""The playout queue: sources that are faster, slower, stall, end, raise or have another rate, handled and counted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.core.playing import Broken, Level, bench
from tests.core.rig import FRAME, RATE_HZ, HoldResampler, RampSource, frame, ramp, run

from offhook import AudioFrame, PlayoutEnd
from offhook.errors import PluginError
from offhook.media.counts import PlayoutCounts
from offhook.media.mixing import gain_of
from offhook.media.sources import frames_source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.fault("F26")


async def paced(interval_s: float, count: int, samples: int = FRAME) -> AsyncIterator[AudioFrame]:
    for value in range(1, count + 1):
        yield frame(value, samples=samples)
        await asyncio.sleep(interval_s)


async def thinking() -> AsyncIterator[AudioFrame]:
    await asyncio.sleep(10)
    yield frame(1)


def test_a_source_that_is_faster_is_held_back_and_counted_once() -> None:
    async def main() -> None:
        async with bench() as b:
            source = RampSource(RATE_HZ * 5)
            handle = b.playout.add(source)
            await b.take(10)
            assert source.read_samples < 21 * FRAME
            await b.take(242)
            assert handle.ended is PlayoutEnd.COMPLETED
            assert b.playout.counts == PlayoutCounts(held_back=1, ended=1)

    run(main())


def test_a_source_that_is_slower_is_filled_up_with_silence_and_counted() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(frames_source(paced(0.041, 10)))  # half the speed
            taken = await b.take(30)
            assert [value for value in taken if value] == [value for value in range(1, 11) for _ in range(FRAME)]
            assert handle.ended is PlayoutEnd.COMPLETED
            assert handle.underruns == b.playout.counts.underruns
            # after the last, too: the end is not known yet
            assert (b.playout.counts.underruns, b.playout.counts.stalls) == (10, 10)

    run(main())


def test_a_source_that_stalls_is_counted_by_frames_and_by_dry_spells() -> None:
    async def speech() -> AsyncIterator[AudioFrame]:
        for spell_s in (0.11, 0.2, 0.0):
            yield frame(1, samples=FRAME * 2)
            await asyncio.sleep(spell_s)

    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(frames_source(speech()))
            await b.take(30)
            assert handle.position_ms == 120
            assert (b.playout.counts.underruns, b.playout.counts.stalls) == (3 + 8, 2)
            assert handle.ended is PlayoutEnd.COMPLETED

    run(main())


def test_a_stall_that_ends_with_its_item_is_over_for_the_next() -> None:
    async def main() -> None:
        async with bench() as b:
            items = [b.playout.add(frames_source(paced(0.1, 1, FRAME // 2))) for _ in range(2)]
            await b.take(30)
            assert [item.ended for item in items] == [PlayoutEnd.COMPLETED] * 2
            assert b.playout.counts.stalls == 2

    run(main())


def test_cancelling_a_queued_item_does_not_begin_another_dry_spell() -> None:
    async def main() -> None:
        async with bench() as b:
            stalled = b.playout.add(frames_source(paced(10, 2)))
            queued = b.playout.add(Level(9))
            await b.take(3)
            queued.cancel()
            await b.take(3)
            assert (b.playout.counts.underruns, b.playout.counts.stalls) == (5, 1)
            stalled.cancel()
            b.playout.add(frames_source(paced(10, 2, FRAME // 2)))
            await b.take(3)
            assert (b.playout.counts.underruns, b.playout.counts.stalls) == (8, 2)

    run(main())


def test_a_source_that_ends_is_counted_and_one_that_was_dropped_has_not_ended() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(RampSource(FRAME))
            b.playout.add(RampSource(0))
            b.playout.add(Level(1))
            await b.take(3)
            b.playout.clear()
            await b.take()
            assert b.playout.counts.ended == 2

    run(main())


@pytest.mark.parametrize(
    "error", [OSError("gone"), ValueError("NaN"), asyncio.CancelledError("its own"), StopIteration(), MemoryError()]
)
def test_a_source_that_raises_is_counted_and_the_audio_before_it_is_played(error: BaseException) -> None:
    async def main() -> None:
        async with bench() as b:
            broken, following = b.playout.add(Broken(error)), b.playout.add(RampSource(FRAME))
            assert (await b.take(4))[:FRAME].tolist() == [5] * FRAME
            assert (broken.ended, following.ended) == (PlayoutEnd.FAILED, PlayoutEnd.COMPLETED)
            assert isinstance(broken.problem, PluginError)
            assert b.notes == [broken.problem]
            assert b.playout.counts == PlayoutCounts(failed=1, ended=1)

    run(main())


def test_a_source_at_another_rate_is_converted_and_counted_once() -> None:
    async def main() -> None:
        async with bench() as b:
            frames = [frame(1, samples=160, rate_hz=8_000), frame(2), frame(3, samples=480, rate_hz=24_000)]
            b.playout.add(frames_source(frames))
            b.playout.add(frames_source([frame(4)]))
            taken = await b.take(6)
            assert [value for value in taken if value] == [value for value in (1, 2, 3, 4) for _ in range(FRAME)]
            assert b.playout.counts == PlayoutCounts(resampled=1, ended=2)

    run(main())


def test_a_source_that_fails_to_close_has_been_played_all_the_same() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(Broken(close=OSError("stuck")))
            await b.take(2)
            assert handle.ended is PlayoutEnd.COMPLETED
            assert ["OSError: stuck (playing.py:" in note.message for note in b.notes] == [True]

    run(main())


def test_a_source_that_ignores_cancellation_is_not_heard_any_more() -> None:
    async def main() -> None:
        class Stubborn(Level):
            async def read(self) -> AudioFrame | None:
                try:
                    await asyncio.sleep(0.02)
                except asyncio.CancelledError:
                    await asyncio.sleep(0.05)
                return await super().read()

        async with bench() as b:
            source = Stubborn(7)
            dropped = b.playout.add(source)
            await b.take(3)
            b.playout.clear()
            following = RampSource(FRAME * 30)
            handle = b.playout.add(following)
            assert (await b.take(30)).tobytes() == ramp(1, FRAME * 30)
            await b.take(2)
            assert (source.closed, following.closed) == (True, 1)
            assert (dropped.ended, handle.ended) == (PlayoutEnd.CLEARED, PlayoutEnd.COMPLETED)
            assert b.playout.counts.ended == 1
            assert b.notes == []

    run(main())


def test_the_rest_in_the_resampler_of_a_dropped_source_is_not_heard() -> None:
    class Rest(HoldResampler):
        def flush(self) -> bytes:
            return frame(9).pcm

    class Stubborn(Level):
        async def read(self) -> AudioFrame | None:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                return None
            return AudioFrame(bytes(320), 8_000)

    async def main() -> None:
        async with bench() as b:
            b.resampler = Rest
            b.playout.add(Stubborn(7))
            await b.take(3)
            b.playout.clear()
            assert not any(await b.take())
            b.playout.add(RampSource(FRAME))
            assert (await b.take()).tobytes() == ramp(1, FRAME)
            assert not any(await b.take(3))

    run(main())


@pytest.mark.parametrize("queued", [0, 1])
def test_clear_during_the_last_frame_returns_the_whole_item(queued: int) -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(RampSource(FRAME * 3 // 2))
            for _ in range(queued):
                b.playout.add(frames_source(thinking()))
            await b.take(2)
            assert handle.ended is None
            assert b.playout.clear() == handle.position_ms == 30
            await b.take()
            assert handle.ended is PlayoutEnd.COMPLETED

    run(main())


def test_the_gain_of_one_item_applies_to_it_alone() -> None:
    async def main() -> None:
        async with bench() as b:
            for value, db in ((1000, 6.0206), (1000, 0), (30000, 6), (1000, -60)):
                b.playout.add(Level(value, FRAME), gain=gain_of(db))
            taken = await b.take(5)
            assert taken[::FRAME].tolist() == [2000, 1000, 32767, 1, 0]

    run(main())

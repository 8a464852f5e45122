"""Replacing what is playing, mixing into it, and the gain of the sum."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.core.playing import Broken, Level, bench
from tests.core.rig import FRAME, RampSource, frame, ramp, run

from offhook import AudioFrame, PlayMode, PlayoutEnd
from offhook.errors import CallStateError, ConfigError
from offhook.media.counts import PlayoutCounts
from offhook.media.mixing import gain_of
from offhook.media.sources import frames_source

if TYPE_CHECKING:
    from array import array
    from collections.abc import AsyncIterator

MIX, REPLACE = PlayMode.MIX, PlayMode.REPLACE


def values(taken: array[int]) -> list[int]:
    """The first sample of each frame, all samples of which must be the same."""
    frames = [taken[start : start + FRAME] for start in range(0, len(taken), FRAME)]
    assert all(len(set(item)) == 1 for item in frames)
    return [item[0] for item in frames]


async def late(delay_s: float, value: int) -> AsyncIterator[AudioFrame]:
    await asyncio.sleep(delay_s)
    yield frame(value)


# ---- replace


def test_the_next_frame_after_a_replacement_is_the_new_source() -> None:
    async def main() -> None:
        async with bench() as b:
            sources = [Level(1), Level(2), Level(3)]
            old = [b.playout.add(sources[0]), b.playout.add(sources[1]), b.playout.add(sources[2], MIX)]
            assert values(await b.take(3)) == [4, 4, 4]
            new = b.playout.add(RampSource(FRAME), REPLACE)
            assert [handle.ended for handle in old] == [PlayoutEnd.REPLACED] * 3
            assert (await b.take()).tobytes() == ramp(1, FRAME)
            assert not any(await b.take())
            assert await new.done() is PlayoutEnd.COMPLETED
            assert [handle.position_ms for handle in old] == [60, 0, 60]
            assert all(source.closed for source in sources)

    run(main())


def test_until_a_replacement_has_been_read_there_is_silence_and_no_underrun() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(Level(1))
            await b.take(3)
            b.playout.add(frames_source(late(0.05, 2)), REPLACE)
            b.playout.add(Level(3, FRAME))
            assert values(await b.take(6)) == [0, 0, 2, 3, 0, 0]
            assert b.playout.counts.underruns == 0

    run(main())


def test_replacing_nothing_is_playing() -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(Level(1, FRAME), REPLACE)
            assert values(await b.take(2)) == [1, 0]
            assert handle.ended is PlayoutEnd.COMPLETED

    run(main())


# ---- mix


def test_a_mixed_item_is_added_and_ends_by_itself() -> None:
    async def main() -> None:
        async with bench() as b:
            queued = b.playout.add(Level(100, 6 * FRAME))
            await b.take()
            mixed = [b.playout.add(Level(10, 2 * FRAME), MIX), b.playout.add(Level(1, 3 * FRAME), MIX)]
            assert values(await b.take(3)) == [111, 111, 101]
            assert [handle.ended for handle in mixed] == [PlayoutEnd.COMPLETED, None]
            assert values(await b.take(3)) == [100, 100, 0]
            assert [handle.ended for handle in mixed] == [PlayoutEnd.COMPLETED] * 2
            assert [handle.position_ms for handle in (queued, *mixed)] == [120, 40, 60]

    run(main())


def test_mixing_into_silence_is_the_source_itself() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(RampSource(1000), MIX)
            assert (await b.take(4)).tobytes() == ramp(1, 1000) + bytes(2 * (4 * FRAME - 1000))

    run(main())


def test_the_sum_is_clipped() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(Level(30000, FRAME))
            b.playout.add(Level(30000, FRAME), MIX)
            assert values(await b.take(2)) == [32767, 0]

    run(main())


def test_a_mixed_source_that_is_late_is_counted_for_itself_and_holds_nothing_up() -> None:
    async def stalling() -> AsyncIterator[AudioFrame]:
        yield frame(10)
        await asyncio.sleep(0.11)
        yield frame(10)

    async def main() -> None:
        async with bench() as b:
            queued = b.playout.add(Level(100, 10 * FRAME))
            mixed = b.playout.add(frames_source(stalling()), MIX)
            assert values(await b.take(10)) == [110, 100, 100, 100, 100, 110, 100, 100, 100, 100]
            assert (queued.underruns, mixed.underruns) == (0, 4)
            assert b.playout.counts == PlayoutCounts(underruns=4, stalls=1, ended=2)

    run(main())


def test_a_mixed_source_is_read_no_further_ahead_than_any_other() -> None:
    async def main() -> None:
        async with bench() as b:
            source = RampSource(100_000, frame=FRAME)
            b.playout.add(source, MIX)
            await asyncio.sleep(60)
            assert source.read_samples == 11 * FRAME
            assert b.playout.queued_ms == 0, "it is not in the queue"

    run(main())


def test_a_mixed_source_that_fails_is_noted_and_the_rest_is_heard() -> None:
    async def main() -> None:
        async with bench() as b:
            queued, broken = b.playout.add(Level(100, 3 * FRAME)), b.playout.add(Broken(OSError("gone")), MIX)
            assert values(await b.take(4)) == [105, 100, 100, 0]
            assert (queued.ended, broken.ended) == (PlayoutEnd.COMPLETED, PlayoutEnd.FAILED)
            assert b.notes == [broken.problem]

    run(main())


def test_a_fifth_item_is_rejected_until_there_is_room() -> None:
    async def main() -> None:
        async with bench() as b:
            handles = [b.playout.add(Level(1), MIX) for _ in range(4)]
            for admit in (lambda: b.playout.admit(MIX), lambda: b.playout.add(Level(1), MIX)):
                with pytest.raises(CallStateError, match=r"4 items are mixed in already.*cancel\(\) one, or play"):
                    admit()
            b.playout.add(Level(10))
            handles[0].cancel()  # makes room at once, before another frame is taken
            b.playout.add(Level(2), MIX)
            assert values(await b.take()) == [15]
            b.playout.add(Level(100), REPLACE)
            b.playout.add(Level(1), MIX)
            assert values(await b.take()) == [101]

    run(main())


def test_clear_ends_mixed_items_and_returns_the_position_of_the_queued_one() -> None:
    async def main() -> None:
        async with bench() as b:
            mixed = b.playout.add(Level(1), MIX)
            await b.take()
            queued = b.playout.add(Level(1))
            await b.take(2)
            assert b.playout.clear() == 40
            assert [handle.ended for handle in (mixed, queued)] == [PlayoutEnd.CLEARED] * 2
            assert mixed.position_ms == 60
            assert not any(await b.take(2))

    run(main())


def test_drained_waits_for_mixed_items() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(Level(1, FRAME))
            b.playout.add(Level(1, 2 * FRAME + 1), MIX)
            drained = asyncio.create_task(b.playout.drained())
            await b.take(3)
            assert not drained.done()
            await b.take()
            await drained

    run(main())


def test_drained_waits_for_a_mixed_item_that_has_not_begun() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(frames_source(late(0.05, 1)), MIX)
            drained = asyncio.create_task(b.playout.drained())
            assert values(await b.take(3)) == [0, 0, 1]
            assert not drained.done()
            await b.take()
            await drained

    run(main())


def test_the_end_ends_mixed_items() -> None:
    async def main() -> None:
        async with bench() as b:
            said, mixed = b.playout.add(Level(1, FRAME), MIX), b.playout.add(Level(1), MIX)
            await b.take()
            b.playout.close()
            assert (said.ended, mixed.ended) == (PlayoutEnd.COMPLETED, PlayoutEnd.CALL_ENDED)
            late = [Level(1) for _ in range(6)]
            for source in late:
                assert b.playout.add(source, MIX).ended is PlayoutEnd.CALL_ENDED
            await asyncio.sleep(0.001)
            assert all(source.closed for source in late)

    run(main())


# ---- gain


def test_the_gain_of_the_call_is_applied_after_mixing_and_can_change() -> None:
    async def main() -> None:
        async with bench() as b:
            b.playout.add(Level(20000))
            b.playout.add(Level(20000), MIX, gain_of(-6.0206))
            assert b.playout.gain_db == 0
            assert values(await b.take()) == [30000]
            b.playout.gain_db = -20
            assert values(await b.take()) == [3000]
            b.playout.gain_db = 6
            assert values(await b.take()) == [32767]
            with pytest.raises(ConfigError):
                b.playout.gain_db = 21
            assert b.playout.gain_db == 6
            b.playout.gain_db = 0
            assert values(await b.take()) == [30000]

    run(main())


def test_without_gain_or_mixing_nothing_is_copied() -> None:
    async def main() -> None:
        async with bench() as b:
            said = frame(1)
            b.playout.add(frames_source(said))
            await asyncio.sleep(0.001)
            assert b.playout.take() is said.pcm
            assert b.playout.take() is b.playout.silence

    run(main())

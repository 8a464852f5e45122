"""Bounded streams: the newest items win, drops are counted, the end ends the reader."""

from __future__ import annotations

import asyncio
from array import array

import pytest
from tests.core.rig import HoldResampler, frame, run

from offhook import AudioFrame
from offhook.interfaces.stream import BoundedStream
from offhook.media.listening import AudioStream


async def rest(stream: BoundedStream[int]) -> list[int]:
    return [item async for item in stream]


@pytest.mark.fault("F27")
def test_a_slow_reader_loses_the_oldest_and_it_is_counted() -> None:
    async def main() -> None:
        stream = BoundedStream[int](3)
        for item in range(10):
            stream.put(item)
        assert stream.dropped == 7
        stream.close()
        stream.close()
        stream.put(99)
        assert await rest(stream) == [7, 8, 9]
        assert await rest(stream) == []
        assert stream.dropped == 7

    run(main())


def test_a_waiting_reader_gets_what_comes_and_then_the_end() -> None:
    async def main() -> None:
        stream = BoundedStream[int](3)
        reader = asyncio.create_task(rest(stream))
        for item in range(10):
            await asyncio.sleep(1)
            stream.put(item)
        await asyncio.sleep(1)
        assert not reader.done()
        stream.close()
        assert await reader == list(range(10))
        assert stream.dropped == 0

    run(main())


def test_two_readers_of_one_stream_share_it_and_both_end() -> None:
    async def main() -> None:
        stream = BoundedStream[int](10)
        readers = [asyncio.create_task(rest(stream)) for _ in range(2)]
        for item in range(10):
            await asyncio.sleep(1)
            stream.put(item)
        stream.close()
        first, second = await asyncio.gather(*readers)
        assert sorted(first + second) == list(range(10))

    run(main())


def test_a_cancelled_reader_loses_nothing() -> None:
    async def main() -> None:
        stream = BoundedStream[int](10)
        reader = asyncio.create_task(anext(stream))
        await asyncio.sleep(1)
        reader.cancel()
        await asyncio.wait({reader})
        stream.put(1)
        assert await anext(stream) == 1

    run(main())


@pytest.mark.parametrize("first", ["put", "cancel"])
def test_a_reader_that_is_cancelled_as_an_item_comes_loses_nothing(first: str) -> None:
    async def main() -> None:
        stream = BoundedStream[int](10)
        reader, other = (asyncio.create_task(anext(stream)) for _ in range(2))
        await asyncio.sleep(1)
        if first == "put":
            stream.put(1)
        reader.cancel()
        if first == "cancel":
            stream.put(1)
        await asyncio.wait({reader, other})
        assert reader.cancelled()
        assert other.result() == 1

    run(main())


def test_without_a_resampler_frames_pass_as_they_are() -> None:
    async def main() -> None:
        stream = AudioStream(2, None, 16_000)
        given = frame(5, 640)
        stream.feed(given)
        assert await anext(stream) is given
        assert stream.newly_clipped() == 0

    run(main())


def test_converted_positions_count_on_and_follow_a_pause() -> None:
    async def main() -> None:
        stream = AudioStream(100, HoldResampler(16_000, 8_000), 8_000)
        for position in (320, 640, 6400, 6720):
            stream.feed(frame(7, position))
        stream.close()
        frames = [item async for item in stream]
        assert [(item.position, item.samples, item.rate_hz) for item in frames] == [
            (160, 160, 8_000),
            (320, 160, 8_000),
            (3200, 160, 8_000),
            (3360, 160, 8_000),
        ]
        assert all(array("h", item.pcm) == array("h", [7] * 160) for item in frames)

    run(main())


def test_a_resampler_that_holds_back_shifts_no_position_and_makes_no_empty_frame() -> None:
    class Late(HoldResampler):
        """Holds 20 ms back."""

        held = b""

        def convert(self, pcm: bytes) -> bytes:
            given, self.held = self.held, pcm
            return given

    async def main() -> None:
        stream = AudioStream(100, Late(16_000, 16_000), 16_000)
        for position in (0, 320, 640):
            stream.feed(AudioFrame(bytes(640), 16_000, position))
        stream.close()
        assert [item.position async for item in stream] == [0, 320]

    run(main())

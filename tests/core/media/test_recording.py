"""From a stream into a sink, cut to the sample at both ends."""

from __future__ import annotations

from array import array

import pytest
from tests.core.rig import RATE_HZ, ramp, run

from offhook import AudioFrame
from offhook.errors import PluginError
from offhook.media.listening import AudioStream, mark, record_stream
from offhook.testing import ListSink


async def recorded(start: int, end: int | None, positions: list[int]) -> tuple[list[tuple[int, list[int]]], int]:
    """What a sink gets of frames of ten samples that hold their positions."""
    stream, sink = AudioStream(100, None, RATE_HZ), ListSink()
    for position in positions:
        stream.feed(AudioFrame(ramp(position, 10), RATE_HZ, position))
    stream.close()
    reached = await record_stream(stream, sink, start, end)
    return [(item.position, array("h", item.pcm).tolist()) for item in sink.frames], reached


def numbers(first: int, last: int) -> tuple[int, list[int]]:
    return first, list(range(first, last))


def test_frames_are_cut_where_the_recording_begins_and_ends() -> None:
    frames, reached = run(recorded(25, 45, [0, 10, 20, 30, 40, 50]))
    assert frames == [(25, []), numbers(25, 30), numbers(30, 40), numbers(40, 45)]
    assert reached == 45


def test_a_frame_may_be_cut_at_both_ends() -> None:
    assert run(recorded(22, 27, [20])) == ([(22, []), numbers(22, 27)], 27)


def test_frames_that_only_touch_the_edges_are_left_out() -> None:
    assert run(recorded(20, 30, [10, 20, 30])) == ([(20, []), numbers(20, 30)], 30)


def test_without_an_end_everything_is_taken() -> None:
    frames, reached = run(recorded(0, None, [0, 10, 50]))
    assert frames == [(0, []), numbers(0, 10), numbers(10, 20), numbers(50, 60)]
    assert reached == 60


def test_nothing_reaches_no_further_than_the_start() -> None:
    assert run(recorded(7, None, [])) == ([(7, [])], 7)


def test_a_sink_that_fails_is_named() -> None:
    class Bad(ListSink):
        async def write(self, frame: AudioFrame) -> None:
            raise OSError("gone")

    with pytest.raises(PluginError, match="Bad' failed in write: OSError: gone"):
        run(mark(Bad(), RATE_HZ, 0))

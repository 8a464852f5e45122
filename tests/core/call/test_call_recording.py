"""Recording a call: exact in length, and never at the call's cost."""

from __future__ import annotations

import asyncio
import math
import wave
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.core.rig import (
    FRAME,
    NUMBER,
    RATE_HZ,
    AudioKit,
    RampSource,
    StuckSink,
    frame,
    later,
    length,
    load,
    now,
    ramp,
    rig,
    run,
)

from offhook import AudioFrame, CallState, Disposition
from offhook.errors import ConfigError, StorageError
from offhook.session.events import LegDisconnected, LegFailed
from offhook.testing import ListSink, VirtualLoop

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("offset_s", [0.0, 0.007, 0.0199])
def test_a_recording_has_exactly_the_length_that_was_asked_for(offset_s: float) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1.5 + offset_s, 10)
        sink = ListSink()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            await asyncio.sleep(1)
            assert await call.record_for(3, sink) == 3
            assert now() == 5
        assert length(sink) == 3 * RATE_HZ
        assert sink.frames[0].position == 2 * RATE_HZ
        assert all(2 * RATE_HZ <= item.position <= item.position + item.samples <= 5 * RATE_HZ for item in sink.frames)
        assert sum(item.samples for item in sink.frames) >= 3 * RATE_HZ - FRAME
        assert sink.closed

    run(main())


def test_a_recording_of_silence_is_padded_to_its_length() -> None:
    async def main() -> None:
        kit = AudioKit()
        r = rig(plugins=load(kit))
        r.answer(1)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert await call.record_for(2.5, "heard.wav") == 2.5
        sink = kit.sinks["heard.wav"]
        assert [item.samples for item in sink.frames] == [0, 0]
        assert length(sink) == 2.5 * RATE_HZ

    run(main())


def test_a_recording_ends_with_the_call_and_says_how_long_it_is() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1, 10)
        later(3.01, r.callee.leave)
        sink = ListSink()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            seconds = await call.record_for(60, sink)
        assert seconds == pytest.approx(2.01, abs=0.02)
        assert length(sink) == round(seconds * RATE_HZ)
        assert sink.closed

    run(main())


@pytest.mark.parametrize("duration_s", [0, -1, math.inf, math.nan])
def test_a_recording_needs_a_length(duration_s: float) -> None:
    async def main() -> None:
        async with rig().phone.dial(NUMBER) as call:
            with pytest.raises(ConfigError, match="duration_s must be a positive, finite number of seconds, got "):
                await call.record_for(duration_s, ListSink())

    run(main())


def test_a_recording_that_cannot_be_written_is_the_callers_to_know() -> None:
    class Full(ListSink):
        async def write(self, frame: AudioFrame) -> None:
            raise StorageError("the disk is full")

    async def main() -> None:
        sink = Full()
        async with rig().phone.dial(NUMBER) as call:
            with pytest.raises(StorageError, match="disk is full"):
                await call.record_for(1, sink)
            assert call.state is CallState.RINGING
        assert sink.closed

    run(main())


@pytest.mark.fault("F27")
def test_a_sink_hears_the_whole_call_even_one_that_stalls() -> None:
    async def main() -> None:
        kit = AudioKit()
        r = rig(plugins=load(kit))
        r.answer(1)
        r.talk(2, 20)
        stuck = StuckSink()
        later(17.99, stuck.gate.set)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.listen("recorder:all.wav")
            call.listen(stuck)
            await asyncio.sleep(24)
        sink = kit.sinks["all.wav"]
        assert sum(item.samples for item in sink.frames) == 20 * RATE_HZ
        assert length(sink) == 24 * RATE_HZ
        # 16 s had come when it took its first frame, and 10 s were kept.
        dropped = call.record.counters["frames_dropped_by_listeners"]
        assert dropped == 300
        assert sum(item.samples for item in stuck.frames) == (1000 - dropped) * FRAME
        assert sink.closed
        assert stuck.closed

    run(main())


def test_what_a_listener_lost_stays_counted_when_it_is_gone() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1, 20)
        stuck = StuckSink()
        later(16.99, stuck.gate.set)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            assert await call.record_for(15, stuck) == 15
            assert length(stuck) == 0, "it was stuck until the end was marked"
            await asyncio.sleep(1)
        assert call.record.counters["frames_dropped_by_listeners"] == 250

    run(main())


@pytest.mark.fault("F42")
def test_a_sink_that_raises_is_noted_and_the_call_goes_on() -> None:
    class Full(ListSink):
        async def write(self, frame: AudioFrame) -> None:
            if frame.samples:
                raise OSError(28, "No space left on device")

    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1, 3)
        sink = Full()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.listen(sink)
            await asyncio.sleep(2)
            assert call.state is CallState.ACTIVE
            assert sink.closed
        assert "Full' failed in write: OSError: [Errno 28] No space left" in call.record.problem
        assert call.record.disposition is Disposition.COMPLETED

    run(main())


def test_both_directions_are_recorded_on_one_timeline(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(2, 1, value=222)
        async with r.phone.dial(NUMBER, record=tmp_path / "mix.wav") as call:
            await call.answered()
            await asyncio.sleep(2)
            await call.play([frame(111)] * 50).done()
            await call.hang_up()
        samples = array("h", (tmp_path / "mix.wav").read_bytes()[44:])
        left, right = samples[::2], samples[1::2]
        said = [index for index, value in enumerate(left) if value == 111]
        heard = [index for index, value in enumerate(right) if value == 222]
        assert said == list(range(said[0], said[0] + RATE_HZ))
        assert 3 * RATE_HZ <= said[0] <= 3 * RATE_HZ + FRAME
        assert heard == list(range(2 * RATE_HZ, 3 * RATE_HZ))
        assert call.record.counters["recording_samples_late"] == 0
        assert call.record.counters["recording_samples_stray"] == 0

    run(main())


def test_what_a_recording_left_out_is_counted(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        later(2, r.callee.say, frame(1, 0))
        later(6, r.callee.say, frame(2, round(3.1 * RATE_HZ)))  # 0.9 s behind the call
        async with r.phone.dial(NUMBER, record=tmp_path / "mix.wav") as call:
            await asyncio.sleep(8)
        assert call.record.counters["recording_samples_late"] > 0
        async with r.phone.dial(NUMBER) as call:
            pass
        assert "recording_samples_late" not in call.record.counters

    run(main())


@pytest.mark.fault("F35")
@pytest.mark.parametrize("held_up_s", [0.1, 2.0])
def test_a_loop_that_was_held_up_leaves_a_gap_of_its_length_or_none(tmp_path: Path, held_up_s: float) -> None:
    """Up to 200 ms are caught up, frame by frame; after more there is a gap, and what follows is in its place."""
    samples, skipped = 5 * RATE_HZ, 99 if held_up_s > 0.2 else 0  # the last that fell due is sent

    async def main() -> None:
        r = rig()
        r.answer(1)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        later(3.01, loop.jump, held_up_s)  # a callback that takes so long
        async with r.phone.dial(NUMBER, record=tmp_path / "both.wav") as call:
            await call.answered()
            await call.play(RampSource(samples)).done()
        assert call.record.counters["frames_skipped"] == skipped

    run(main())
    with wave.open(str(tmp_path / "both.wav")) as file:
        left = array("h", file.readframes(file.getnframes()))[::2]
    start = left.index(1)
    said = left[start : start + samples + FRAME * skipped]
    spoken = array("h", ramp(1, samples))
    cut = 2 * RATE_HZ if skipped else samples
    if skipped:  # sought, because a frame more or less may have been sent before
        cut = next(at for at in range(2 * RATE_HZ - 3 * FRAME, len(said)) if not any(said[at : at + FRAME]))
        assert cut == pytest.approx(2 * RATE_HZ, abs=2 * FRAME), "it is where the loop was held up"
    assert said == spoken[:cut] + array("h", bytes(2 * FRAME * skipped)) + spoken[cut:]


@pytest.mark.fault("F42")
def test_a_recording_that_fails_half_way_costs_the_recording_not_the_call(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        path = tmp_path / "mix.wav"
        later(3, path.unlink)
        async with r.phone.dial(NUMBER, record=path) as call:
            await call.answered()
            await asyncio.sleep(5)
            assert call.state is CallState.ACTIVE
        assert "it was deleted while it was being written" in call.record.problem
        assert call.record.disposition is Disposition.COMPLETED
        assert any(entry.event == "StorageError" for entry in call.record.timeline)

    run(main())


def test_a_recording_that_fails_at_the_very_end_is_noted(tmp_path: Path) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        path = tmp_path / "mix.wav"
        async with r.phone.dial(NUMBER, record=path) as call:
            await call.answered()
            await asyncio.sleep(0.05)
            path.unlink()
        assert "it was deleted while it was being written" in call.record.problem

    run(main())


@pytest.mark.parametrize("end", ["hang up", "leg lost", "leg gone"])
def test_all_recordings_of_a_call_have_one_length_and_one_time_axis(tmp_path: Path, end: str) -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        r.talk(1.5, 2, value=222)
        sink = ListSink()
        async with r.phone.dial(NUMBER, record=tmp_path / "mix.wav") as call:
            call.listen(sink)
            await call.answered()
            await asyncio.sleep(3)
            if end == "leg lost":
                r.transport.tell(LegDisconnected())
                await call.ended()
            elif end == "leg gone":
                r.transport.tell(LegFailed("the network is gone"))
                await call.ended()
        assert sink.frames[0].position == 0
        with wave.open(str(tmp_path / "mix.wav")) as file:
            assert file.getnframes() == length(sink)
            assert file.getnframes() >= 4 * RATE_HZ + (5 * RATE_HZ if end == "leg lost" else 0)
            right = array("h", file.readframes(file.getnframes()))[1::2]
        heard = [index for index, value in enumerate(right) if value == 222]
        assert heard == [item.position + at for item in sink.frames for at in range(item.samples)]

    run(main())


def test_a_recording_that_begins_later_does_not_begin_with_the_call() -> None:
    async def main() -> None:
        r = rig()
        r.answer(1)
        sink = ListSink()
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.listen(sink)
            await asyncio.sleep(1)
        assert sink.frames[0].position == RATE_HZ

    run(main())

"""What is clipped, NaN or cancelled out is counted, and noted once for each item and each stage."""

from __future__ import annotations

import asyncio
import math
from array import array
from typing import TYPE_CHECKING

import pytest
from tests.core.playing import Level, bench
from tests.core.rig import FRAME, NUMBER, RATE_HZ, HoldResampler, frame, rig, run

from offhook import AudioFilter, AudioFrame, PlayMode, PushSource
from offhook.interfaces.samples import Damage
from offhook.media.damage import DamageLog
from offhook.media.mixing import gain_of
from offhook.media.rate_converter import clipped_by
from offhook.media.sources import frames_source

if TYPE_CHECKING:
    from offhook.call.call import Call

LOUD = array("f", [16_000 * math.sin(index / 5) for index in range(FRAME)])
INVERTED = (
    memoryview(array("f", [s * math.sin(i / 5) for i in range(FRAME) for s in (0.5, -0.5)]).tobytes())
    .cast("B")
    .cast("f", (FRAME, 2))
)


def noted(call: Call) -> list[str]:
    return [entry.detail for entry in call.record.timeline if entry.event == "AudioDamaged"]


def test_a_loud_item_is_noted_once_with_its_number_of_samples() -> None:
    async def main() -> None:
        async with bench() as b:
            pushed = PushSource(rate_hz=RATE_HZ)
            handles = [b.playout.add(frames_source([LOUD] * 3, RATE_HZ)), b.playout.add(pushed)]
            await pushed.write(array("f", [math.nan, 0.5, math.inf]))
            await pushed.write(INVERTED)
            pushed.end()
            await b.take(6)
            clipped = sum(abs(value) > 1 for value in LOUD)
            assert handles[0].damage == Damage(clipped=3 * clipped)
            assert handles[1].damage == Damage(sanitised=2, cancelled=FRAME)
            assert b.remarks == [
                (
                    "AudioDamaged",
                    f"IterableSource: of 960 samples, {3 * clipped} were beyond full scale and were clipped (floats "
                    "must be between -1 and 1; divide those of a 16-bit scale by 32768, or make the audio softer)",
                ),
                (
                    "AudioDamaged",
                    "PushSource: of 323 samples, 2 were NaN, which became silence, or infinite, which became full "
                    "scale; 320 were nearly silent after their channels were mixed down, since the channels cancel "
                    "each other out (mend the program that made them; play one of the channels, or invert one of them)",
                ),
            ]
            assert b.damage.counters() == {
                "samples_clipped": 3 * clipped,
                "samples_sanitised": 2,
                "samples_cancelled": 320,
                "samples_halved": 0,
            }

    run(main())


@pytest.mark.parametrize("how", ["clear", "close"])
def test_an_item_that_is_dropped_is_noted_as_well(how: str) -> None:
    async def main() -> None:
        async with bench() as b:
            handle = b.playout.add(frames_source([LOUD] * 50, RATE_HZ))
            await b.take(2)
            getattr(b.playout, how)()
            assert handle.damage
            assert len(b.remarks) == 1
            await b.take(2)
            assert len(b.remarks) == 1

    run(main())


def test_gains_and_mixing_are_stages() -> None:
    async def main() -> None:
        async with bench() as b:
            one = b.playout.add(Level(20_000, 2 * FRAME), gain=gain_of(6))
            await b.take(3)
            assert one.damage == Damage(clipped=2 * FRAME)
            b.playout.gain_db = 6.0
            b.playout.add(Level(20_000, 3 * FRAME))
            await b.take(4)
            b.playout.gain_db = 0.0
            for _ in range(2):
                b.playout.add(Level(-20_000, 2 * FRAME), PlayMode.MIX)
            await b.take(4)
            assert [text.partition(":")[0] for _, text in b.remarks] == ["Level", "the call's gain", "mixing"]
            assert b.remarks[1][1] == (
                "the call's gain: in one frame, 320 were beyond full scale and were clipped (lower call.gain_db). "
                "Further ones are only counted"
            )
            assert b.damage.counters()["samples_clipped"] == (2 + 3 + 2) * FRAME

    run(main())


class ClippingResampler(HoldResampler):
    def convert(self, pcm: bytes) -> bytes:
        self.clipped_samples += 3
        return super().convert(pcm)

    def flush(self) -> bytes:
        self.clipped_samples += 1
        return b""


def test_what_a_resampler_clips_is_of_the_item() -> None:
    async def main() -> None:
        async with bench() as b:
            b.resampler = ClippingResampler
            done = b.playout.add(frames_source([frame(rate_hz=8_000), frame(rate_hz=48_000)]))
            await b.take(5)
            assert done.damage == Damage(clipped=8)
            dropped = b.playout.add(Level(1, rate_hz=8_000))
            await b.take(2)
            dropped.cancel()
            await b.take(1)
            assert dropped.damage
            assert b.damage.counters()["samples_clipped"] == (done.damage + dropped.damage).clipped

    run(main())


def test_a_resampler_may_say_anything() -> None:
    for said in (None, "3", -1, 2.5, True):
        resampler = HoldResampler(8_000, 8_000)
        resampler.clipped_samples = said  # type: ignore[assignment]
        assert clipped_by(resampler) == 0


class Louder(AudioFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        return AudioFrame.from_floats([1.5] * frame.samples, frame.rate_hz, frame.position)


def test_filters_and_listeners_are_noted_in_the_record() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        r.talk(1, 2)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            call.add_filter(Louder())
            call.play(frames_source([LOUD], RATE_HZ))
            await asyncio.sleep(1)
        assert [text.partition(":")[0] for text in noted(call)] == ["the filter Louder", "IterableSource"]
        assert call.record.problem == ""
        assert call.record.counters["samples_clipped"] > 49 * FRAME

    run(main())


def test_a_listener_s_resampler_is_a_stage() -> None:
    async def main() -> None:
        r = rig()
        r.answer()
        r.talk(1, 2)
        async with r.phone.dial(NUMBER) as call:
            await call.answered()
            media = call._driver.media
            assert media is not None
            media._resample = lambda _, from_hz, to_hz: ClippingResampler(from_hz, to_hz)
            streams = call.audio(8_000), call.audio()
            await asyncio.sleep(1)
            assert len(streams) == 2
        (text,) = noted(call)
        assert text.startswith(
            "conversion of the callee's audio to another rate: in one frame, 3 were beyond full scale"
        )
        assert call.record.counters["samples_clipped"] == pytest.approx(150, abs=6)

    run(main())


def test_there_is_a_limit_to_the_notes_of_a_call() -> None:
    notes: list[str] = []
    log = DamageLog(lambda _, text: notes.append(text))
    for index in range(100):
        log.item_ended(f"item {index}", Damage(1), 5)
        log.item_ended("sound", Damage(), 5)
    log.at("a stage", Damage(1))
    assert len(notes) == 16
    assert notes[0].startswith("item 0: of 5 samples, 1 was beyond full scale")

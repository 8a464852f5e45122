"""RateConverter: frames become whole samples at the leg's rate, or are rejected with the name of their source."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import pytest
from tests.core.playing import Level, bench
from tests.core.rig import FRAME, RATE_HZ, HoldResampler, RampSource, frame, ramp, run

from offhook import AudioFrame, PlayoutEnd
from offhook.errors import PluginError, SourceError
from offhook.media.rate_converter import RateConverter
from offhook.media.sources import frames_source

if TYPE_CHECKING:
    from offhook.interfaces import Resampler


def converter(resampler: type[Resampler] = HoldResampler) -> RateConverter:
    return RateConverter(RampSource(1), RATE_HZ, lambda _, from_hz, to_hz: resampler(from_hz, to_hz))  # type: ignore[call-arg]


class Bad(HoldResampler):
    """Returns half a sample."""

    def convert(self, pcm: bytes) -> bytes:
        return pcm + b"\0"


class Swallowing(HoldResampler):
    """Never returns anything."""

    def convert(self, pcm: bytes) -> bytes:
        return b""


class Raising(HoldResampler):
    def convert(self, pcm: bytes) -> bytes:
        raise OSError("no filter")


class RaisingAtTheEnd(HoldResampler):
    def flush(self) -> bytes:
        raise SourceError("nothing left")


def test_a_frame_at_the_leg_s_rate_is_passed_on_as_it_is() -> None:
    original = frame(7)
    (part,) = converter().convert(original)
    assert part is original.pcm


def test_a_long_frame_is_converted_in_parts_that_do_not_hold_up_the_loop() -> None:
    parts = list(converter().convert(AudioFrame(ramp(1, RATE_HZ), RATE_HZ)))
    assert [len(part) for part in parts] == [RATE_HZ // 10 * 2] * 10
    assert b"".join(parts) == ramp(1, RATE_HZ)
    made = converter()
    parts = list(made.convert(AudioFrame(ramp(1, 8_000), 8_000)))
    assert len(parts) == 11, "nothing is held back of the rate before"
    assert sum(map(len, parts)) == 2 * RATE_HZ
    assert made.resampled


def test_a_frame_at_a_few_hertz_is_converted_sample_by_sample() -> None:
    made = converter()
    assert b"".join(made.convert(AudioFrame(ramp(1, 2), 1))) == array("h", [1] * RATE_HZ + [2] * RATE_HZ).tobytes()


@pytest.mark.fault("F28")
@pytest.mark.parametrize("value", [b"\0\0", None, 7, array("h", [1])])
def test_anything_but_a_frame_is_rejected_by_name(value: object) -> None:
    with pytest.raises(PluginError, match=r"RampSource' failed in read: returned \w+; expected an AudioFrame"):
        converter().convert(value)


@pytest.mark.fault("F28")
@pytest.mark.parametrize("pcm", [b"\0", b"\0\0\0", bytearray(2), array("f", [float("nan")])])
def test_a_frame_that_was_changed_after_it_was_made_is_rejected(pcm: bytes) -> None:
    spoilt = frame(1)
    spoilt.pcm = pcm
    with pytest.raises(PluginError, match="returned a frame whose pcm is not 16-bit samples"):
        converter().convert(spoilt)


@pytest.mark.fault("F28")
def test_a_resampler_that_returns_half_a_sample_is_named() -> None:
    with pytest.raises(
        PluginError, match=r"Bad' failed in convert: returned 17 bytes, which is not a whole number of 16-bit samples"
    ):
        list(converter(Bad).convert(AudioFrame(bytes(16), 8_000)))


@pytest.mark.fault("F26")
def test_a_resampler_that_raises_is_named_and_ends_only_its_item() -> None:
    with pytest.raises(PluginError, match="Raising' failed in convert: OSError: no filter"):
        list(converter(Raising).convert(AudioFrame(bytes(16), 8_000)))
    made = converter(RaisingAtTheEnd)
    list(made.convert(AudioFrame(bytes(16), 8_000)))
    with pytest.raises(SourceError, match="nothing left"):
        made.rest()
    assert made.rest() == b""


@pytest.mark.fault("F28")
def test_endless_empty_frames_do_not_hold_up_the_loop() -> None:
    async def main() -> None:
        async with bench() as b:
            few = [AudioFrame(b"", 8_000), frame(1), AudioFrame(b"", RATE_HZ), frame(2)]
            done = b.playout.add(frames_source(few))
            assert [value for value in await b.take(3) if value] == [1] * FRAME + [2] * FRAME
            assert (done.ended, b.playout.counts.resampled) == (PlayoutEnd.COMPLETED, 0)

            def nothing() -> object:
                while True:
                    yield AudioFrame(b"", RATE_HZ)

            endless = b.playout.add(frames_source(nothing()))  # type: ignore[arg-type]
            assert not any(await b.take(50))
            assert endless.cancel() == 0

            b.resampler = Swallowing
            swallowed = b.playout.add(Level(1, rate_hz=8_000))
            assert not any(await b.take(50))
            assert swallowed.cancel() == 0

    run(main())

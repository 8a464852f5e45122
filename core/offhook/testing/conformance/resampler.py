"""The kit for resamplers: exact lengths, clean tones, no samples kept back at the end."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.interfaces.clock import SystemClock
from offhook.interfaces.frame import PTIME_MS, SAMPLE_BYTES, level_dbfs, samples_of, samples_per_frame
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.probes import quick_enough
from offhook.testing.conformance.random_input import Draw, for_all
from offhook.testing.conformance.tones import amplitude_of, tone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offhook.interfaces import Resampler

#: Rates of files and of legs.
PAIRS: Final = (
    (8_000, 16_000),
    (16_000, 8_000),
    (16_000, 48_000),
    (48_000, 16_000),
    (44_100, 48_000),
    (24_000, 22_050),
)
_EXAMPLES: Final = 20
_AMPLITUDE: Final = 16_000.0
#: A tone must keep its amplitude to 1 dB, and other frequencies must stay 40 dB below it.
_LEAST, _MOST = _AMPLITUDE * 10 ** (-1 / 20), _AMPLITUDE * 10 ** (1 / 20)
_DAMPED: Final = _AMPLITUDE / 100
_MOST_DELAY_MS: Final = 20
#: The level of the tone, less 6 dB.
_LEAST_DBFS: Final = 20 * math.log10(_AMPLITUDE / math.sqrt(2) / 32768) - 6


class ResamplerConformance(Conformance):
    """What a resampler must do. A subclass implements `make`.

    Capabilities: ``little_delay``: it holds back at most 20 ms, which the core requires of ``live`` and not of
    ``file``.
    """

    kind = "resampler"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "little_delay": "It is for live audio, and holds back at most 20 ms.",
        }
    )

    def make(self, from_hz: int, to_hz: int) -> Resampler:
        """Return the resampler. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make(self, from_hz, to_hz), which returns the resampler")

    async def try_out(self) -> None:
        """Make a resampler."""
        self.make(16_000, 48_000)

    def _convert(self, pcm: bytes, from_hz: int, to_hz: int) -> bytes:
        """Convert all of `pcm` in chunks of 20 ms."""
        resampler, size = self.make(from_hz, to_hz), samples_per_frame(from_hz) * SAMPLE_BYTES
        parts = [resampler.convert(pcm[at : at + size]) for at in range(0, len(pcm), size)]
        return b"".join([*parts, resampler.flush()])

    @clause("resampler-1", "the output, flush() included, is as long as the input times the ratio, to one sample")
    async def test_lengths_are_exact(self) -> None:
        for from_hz, to_hz in PAIRS:
            for samples in (1, samples_per_frame(from_hz), from_hz // 10 + 7, from_hz):
                output = len(self._convert(tone(440, from_hz, samples), from_hz, to_hz)) / SAMPLE_BYTES
                expected = samples * to_hz / from_hz
                assert abs(output - expected) <= 1, (
                    f"{samples} samples from {from_hz} to {to_hz} Hz became {output:g}, not {expected:.1f}"
                )

    @clause("resampler-2", "the output does not depend on how the audio is cut into chunks")
    async def test_chunks_make_no_difference(self) -> None:
        from_hz, to_hz = 16_000, 48_000
        pcm = tone(440, from_hz, 800)
        whole = samples_of(self._convert(pcm, from_hz, to_hz))

        def check(draw: Draw) -> None:
            resampler, at, parts = self.make(from_hz, to_hz), 0, list[bytes]()
            while at < len(pcm):
                size = draw.integer(1, 400) * SAMPLE_BYTES
                parts.append(resampler.convert(pcm[at : at + size]))
                at += size
            cut = samples_of(b"".join([*parts, resampler.flush()]))
            assert len(cut) == len(whole), f"{len(cut)} samples, but {len(whole)} in chunks of 20 ms"
            most = max(abs(one - other) for one, other in zip(cut, whole, strict=True))
            assert most <= 2, f"a sample differs by {most} from the output in chunks of 20 ms"

        for_all(check, _EXAMPLES)

    @clause("resampler-3", "a chunk may be empty or a single sample")
    async def test_chunks_may_be_small(self) -> None:
        resampler = self.make(16_000, 48_000)
        for pcm in (b"", b"\1\0", b"", bytes(640), b"", b"\1\0"):
            resampler.convert(pcm)
        resampler.flush()

    @clause("resampler-4", "a tone keeps its level to 1 dB")
    async def test_a_tone_stays(self) -> None:
        for from_hz, to_hz in PAIRS:
            amplitude = amplitude_of(self._convert(tone(1_000, from_hz, from_hz // 5), from_hz, to_hz), 1_000, to_hz)
            assert _LEAST <= amplitude <= _MOST, (
                f"from {from_hz} to {to_hz} Hz a tone of amplitude {_AMPLITUDE:g} came out with {amplitude:.0f}"
            )

    @clause("resampler-5", "downsampling attenuates frequencies too high for the new rate by at least 40 dB")
    async def test_nothing_is_folded_down(self) -> None:
        output = self._convert(tone(11_000, 48_000, 9_600), 48_000, 16_000)
        amplitude = amplitude_of(output, 5_000, 16_000)
        assert amplitude <= _DAMPED, f"11 kHz came out as 5 kHz, with {amplitude:.0f} of {_AMPLITUDE:g}"

    @clause("resampler-6", "upsampling attenuates the images of the input by at least 40 dB")
    async def test_nothing_is_mirrored_up(self) -> None:
        output = self._convert(tone(3_000, 8_000, 1_600), 8_000, 16_000)
        amplitude = amplitude_of(output, 5_000, 16_000)
        assert amplitude <= _DAMPED, f"3 kHz also came out as 5 kHz, with {amplitude:.0f} of {_AMPLITUDE:g}"

    @clause("resampler-7", "silence stays silence")
    async def test_silence_stays(self) -> None:
        for from_hz, to_hz in PAIRS:
            output = self._convert(bytes(from_hz // 10 * SAMPLE_BYTES), from_hz, to_hz)
            assert not any(output), f"from {from_hz} to {to_hz} Hz silence came out with {level_dbfs(output):.0f} dBFS"

    @clause("resampler-8", "a second flush() returns nothing")
    async def test_it_can_be_flushed_again(self) -> None:
        resampler = self.make(16_000, 48_000)
        resampler.convert(tone(440, 16_000, 320))
        resampler.flush()
        rest = resampler.flush()
        assert not rest, f"a second flush() returned {len(rest)} bytes"

    @clause("resampler-9", "a stream without samples produces none")
    async def test_nothing_stays_nothing(self) -> None:
        output = self.make(16_000, 48_000).flush()
        assert not output, f"without any input, flush() returned {len(output)} bytes"

    @clause("resampler-10", "two resamplers share no state: each returns what it returns alone")
    async def test_two_are_two(self) -> None:
        pcm, size = tone(440, 16_000, 1_600), 640
        alone = self._convert(pcm, 16_000, 48_000)
        both = self.make(16_000, 48_000), self.make(16_000, 48_000)
        output = [b"", b""]
        for at in range(0, len(pcm), size):
            for index, resampler in enumerate(both):
                output[index] += resampler.convert(pcm[at : at + size])
        for index, resampler in enumerate(both):
            output[index] += resampler.flush()
        assert output == [alone, alone], "two resamplers used in turns returned something else than one alone"

    @clause("resampler-11", f"at most {_MOST_DELAY_MS} ms are held back", capability="little_delay")
    async def test_little_is_held_back(self) -> None:
        for from_hz, to_hz in PAIRS:
            resampler, output, size = self.make(from_hz, to_hz), 0, samples_per_frame(from_hz)
            for index in range(1, 11):
                output += len(resampler.convert(tone(440, from_hz, size))) // SAMPLE_BYTES
                behind_ms = index * PTIME_MS - output * 1000 / to_hz
                assert behind_ms <= _MOST_DELAY_MS, f"from {from_hz} to {to_hz} Hz {behind_ms:.1f} ms were held back"

    @clause("resampler-12", "convert() and flush() return bytes of whole samples")
    async def test_it_gives_whole_samples(self) -> None:
        resampler = self.make(16_000, 48_000)
        parts: list[object] = [resampler.convert(tone(440, 16_000, samples)) for samples in (320, 7, 320)]
        for part in [*parts, resampler.flush()]:
            assert isinstance(part, bytes), f"returned {type(part).__name__}, not bytes"
            assert len(part) % SAMPLE_BYTES == 0, f"returned {len(part)} bytes: not whole samples"

    @clause("resampler-13", "samples that overshoot are clipped and do not wrap around")
    async def test_it_does_not_wrap(self) -> None:
        step = bytes(1_600) + b"\xff\x7f" * 1_600
        output = samples_of(self._convert(step, 16_000, 48_000))
        loud = [index for index, value in enumerate(output) if value > 16_000]
        assert loud, "a step to full scale did not come out"
        lowest = min(output[loud[0] : loud[0] + 480])
        assert lowest > 0, f"after a step to full scale a sample is {lowest}"

    @clause("resampler-14", "converting takes less time than the audio lasts")
    async def test_it_is_quick(self) -> None:
        pcm = tone(440, 16_000, 3_200)

        async def convert() -> tuple[float, float]:
            clock = SystemClock()
            began_s = clock.monotonic_s()
            self._convert(pcm, 16_000, 48_000)
            return clock.monotonic_s() - began_s, 0.2

        await quick_enough(convert)

    @clause("resampler-15", "the first and the last 10 ms of a tone come out, to 6 dB")
    async def test_the_ends_come_out(self) -> None:
        for from_hz, to_hz in PAIRS:
            output = self._convert(tone(1_000, from_hz, from_hz // 5), from_hz, to_hz)
            size = to_hz // 100 * SAMPLE_BYTES
            for where, pcm in (("first", output[:size]), ("last", output[-size:])):
                level = level_dbfs(pcm)
                assert level >= _LEAST_DBFS, (
                    f"from {from_hz} to {to_hz} Hz the {where} 10 ms of a tone came out with {level:.0f} dBFS"
                )

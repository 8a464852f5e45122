"""Resamplers with one fault each, and the message with which the kit reports it."""

from __future__ import annotations

import threading
from array import array
from typing import TYPE_CHECKING, ClassVar, Final

from tests.core.rig import HoldResampler

from offhook.interfaces.frame import pcm_of, samples_of
from offhook.testing.conformance import ResamplerConformance
from offhook_audio.resample_live import LiveResampler

if TYPE_CHECKING:
    from offhook.interfaces import Resampler


class LosesTheRest(LiveResampler):
    def flush(self) -> bytes:
        return super().flush()[20:]


class BeginsEachChunkAnew(LiveResampler):
    def convert(self, pcm: bytes) -> bytes:
        return _softened(super().convert(pcm))


class WantsNoEmptyChunks(LiveResampler):
    def convert(self, pcm: bytes) -> bytes:
        if not pcm:
            raise ZeroDivisionError("division by zero")
        return super().convert(pcm)


class IsTooQuiet(LiveResampler):
    def convert(self, pcm: bytes) -> bytes:
        return pcm_of(array("h", [value * 7 // 10 for value in samples_of(super().convert(pcm))]))


class FoldsDown(LiveResampler):
    """Downsamples without a filter."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        super().__init__(from_hz, to_hz)
        self.worse = HoldResampler(from_hz, to_hz) if self.is_bad(from_hz, to_hz) else LiveResampler(from_hz, to_hz)

    def is_bad(self, from_hz: int, to_hz: int) -> bool:
        return to_hz < from_hz

    def convert(self, pcm: bytes) -> bytes:
        return self.worse.convert(pcm)

    def flush(self) -> bytes:
        return self.worse.flush()


class MirrorsUp(FoldsDown):
    """Upsamples without a filter."""

    def is_bad(self, from_hz: int, to_hz: int) -> bool:
        return to_hz > from_hz


class HissesInSilence(LiveResampler):
    def convert(self, pcm: bytes) -> bytes:
        given = super().convert(pcm)
        return given if any(given) else b"\1\0" * (len(given) // 2)


class FlushesTwice(LiveResampler):
    kept = b""

    def flush(self) -> bytes:
        self.kept = super().flush() or self.kept
        return self.kept


class GivesOutOfNothing(LiveResampler):
    def flush(self) -> bytes:
        return super().flush() if self._taken else b"\0\0"


class SharesItsState(LiveResampler):
    last: ClassVar[object] = None

    def convert(self, pcm: bytes) -> bytes:
        mixed = self._taken and type(self).last is not self
        type(self).last = self
        given = super().convert(pcm)
        return _softened(given) if mixed else given


class HoldsAllBack(LiveResampler):
    held = b""

    def convert(self, pcm: bytes) -> bytes:
        self.held += super().convert(pcm)
        return b""

    def flush(self) -> bytes:
        held, self.held = self.held, b""
        return held + super().flush()


class GivesHalfSamples(LiveResampler):
    half = b""

    def convert(self, pcm: bytes) -> bytes:
        given = self.half + super().convert(pcm)
        self.half = given[-1:]
        return given[:-1]

    def flush(self) -> bytes:
        half, self.half = self.half, b""
        return half + super().flush()


class WrapsAround(LiveResampler):
    def convert(self, pcm: bytes) -> bytes:
        values = samples_of(super().convert(pcm))
        return pcm_of(array("h", [value - 65_536 if value > 32_767 else value for value in map(_louder, values)]))


class HoldsTheLoop(LiveResampler):
    def convert(self, pcm: bytes) -> bytes:
        if len(pcm) == 640 and self._to_hz == 48_000:
            threading.Event().wait(0.021)
        return super().convert(pcm)


def _louder(value: int) -> int:
    """Let loud samples overshoot full scale by a little."""
    return value + 100 if value > 32_700 else value


def _softened(pcm: bytes) -> bytes:
    """Halve the first sample."""
    samples = samples_of(pcm)
    if samples:
        samples[0] //= 2
    return pcm_of(samples)


class LosesASampleASecond(LiveResampler):
    given = 0

    def convert(self, pcm: bytes) -> bytes:
        self.given += len(pcm)
        lost = 2 * (self.given % 20_000 < len(pcm))
        return super().convert(pcm)[lost:]


class EndsInSilence(LiveResampler):
    """Keeps 10 ms back, and returns silence for them at the end."""

    kept = b""

    def convert(self, pcm: bytes) -> bytes:
        given, size = self.kept + super().convert(pcm), self._to_hz // 100 * 2
        self.kept = given[-size:]
        return given[:-size]

    def flush(self) -> bytes:
        kept, self.kept = self.kept, b""
        return bytes(len(kept + super().flush()))


class GoodKit(ResamplerConformance):
    plugin: type[LiveResampler] = LiveResampler

    def make(self, from_hz: int, to_hz: int) -> Resampler:
        return self.plugin(from_hz, to_hz)


BROKEN: Final[dict[str, dict[type[LiveResampler], str]]] = {
    "resampler-1": {
        LosesTheRest: "1 samples from 8000 to 16000 Hz became 0, not 2.0",
        LosesASampleASecond: " Hz became ",
    },
    "resampler-2": {BeginsEachChunkAnew: "from the output in chunks of 20 ms"},
    "resampler-3": {WantsNoEmptyChunks: "ZeroDivisionError: division by zero"},
    "resampler-4": {IsTooQuiet: "a tone of amplitude 16000 came out with 11200"},
    "resampler-5": {FoldsDown: "11 kHz came out as 5 kHz"},
    "resampler-6": {MirrorsUp: "3 kHz also came out as 5 kHz"},
    "resampler-7": {HissesInSilence: "from 8000 to 16000 Hz silence came out with -90 dBFS"},
    "resampler-8": {FlushesTwice: "a second flush() returned"},
    "resampler-9": {GivesOutOfNothing: "without any input, flush() returned 2 bytes"},
    "resampler-10": {SharesItsState: "two resamplers used in turns returned something else than one alone"},
    "resampler-11": {HoldsAllBack: "from 8000 to 16000 Hz 40.0 ms were held back"},
    "resampler-12": {GivesHalfSamples: " bytes: not whole samples"},
    "resampler-13": {WrapsAround: "after a step to full scale a sample is -"},
    "resampler-14": {HoldsTheLoop: " s for 0.20 s of audio"},
    "resampler-15": {EndsInSilence: " Hz the last 10 ms of a tone came out with "},
}

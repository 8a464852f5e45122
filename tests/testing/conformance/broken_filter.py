"""Filters with one fault each, and the message with which the kit reports it."""

from __future__ import annotations

import threading
from array import array
from typing import TYPE_CHECKING, ClassVar, Final, Self

from offhook.errors import SpecError
from offhook.interfaces.frame import AudioFrame, pcm_of, samples_of
from offhook.testing.conformance import FilterConformance
from offhook_audio.gain import GainFilter

if TYPE_CHECKING:
    from offhook.interfaces import AudioFilter


class LosesASample(GainFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        given = super().apply(frame)
        return AudioFrame(given.pcm[2:], 12_000) if frame.rate_hz == 12_000 else given


class DividesBySilence(GainFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        if frame.samples > 300 and not any(frame.pcm):
            raise ZeroDivisionError("division by zero")
        return super().apply(frame)


class DividesByLength(GainFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        if not frame.samples:
            raise ZeroDivisionError("division by zero")
        return super().apply(frame)


class OverflowsAtTheLowest(GainFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        array("h", [abs(sample) for sample in samples_of(frame.pcm)])  # which raises for -32768: 32768 does not fit
        return super().apply(frame)


class WrapsAround(GainFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        samples = [(2 * sample + 32_768) % 65_536 - 32_768 for sample in samples_of(frame.pcm)]
        return AudioFrame(pcm_of(array("h", samples)), frame.rate_hz, frame.position)


class SharesItsState(GainFilter):
    frames: ClassVar[int] = 0

    def apply(self, frame: AudioFrame) -> AudioFrame:
        type(self).frames += 1
        return frame if self.frames % 3 else super().apply(frame)


class ClosesOnlyUsed(GainFilter):
    used = False

    def apply(self, frame: AudioFrame) -> AudioFrame:
        self.used = True
        return super().apply(frame)

    def close(self) -> None:
        if not self.used:
            raise AttributeError("close() before apply()")


class HoldsTheLoop(GainFilter):
    held = 0

    def apply(self, frame: AudioFrame) -> AudioFrame:
        if self.held < 10 and frame.samples == 320:
            self.held += 1
            threading.Event().wait(0.021)
        return super().apply(frame)


class TakesAnyArgument(GainFilter):
    @classmethod
    def parse(cls, argument: str) -> Self:
        try:
            return super().parse(argument)
        except SpecError:
            return cls(0)


class IsUsed(GainFilter):
    taken = True


class ChangesItsInput(GainFilter):
    def apply(self, frame: AudioFrame) -> AudioFrame:
        frame.pcm = super().apply(frame).pcm
        return frame


class GoodKit(FilterConformance):
    argument = "20"
    plugin: type[GainFilter] = GainFilter

    def make(self, argument: str, rate_hz: int) -> AudioFilter:
        return self.plugin.parse(argument)


BROKEN: Final[dict[str, dict[type[GainFilter], str]]] = {
    "filter-1": {
        LosesASample: "returned 239 samples at 12000 Hz for 240 at 12000 Hz",
        ChangesItsInput: "apply() changed the frame that it was given, which others may hold: return another one",
    },
    "filter-2": {DividesBySilence: "ZeroDivisionError: division by zero"},
    "filter-3": {
        DividesByLength: "ZeroDivisionError: division by zero",
        OverflowsAtTheLowest: "OverflowError: signed short integer is greater than maximum",
    },
    "filter-4": {WrapsAround: "as if samples wrapped around"},
    "filter-5": {SharesItsState: "frame 0 differs from that of a filter used alone"},
    "filter-6": {ClosesOnlyUsed: "AttributeError: close() before apply()"},
    "filter-7": {HoldsTheLoop: " s for 0.20 s of audio"},
    "filter-8": {TakesAnyArgument: "made with '\\x00': nothing was raised"},
    "filter-9": {IsUsed: "taken is True before it was added to a call"},
}

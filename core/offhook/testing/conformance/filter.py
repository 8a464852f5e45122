"""The kit for audio filters: what the frame path relies on, fifty times a second."""

from __future__ import annotations

import contextlib
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import ConfigError
from offhook.interfaces.clock import SystemClock
from offhook.interfaces.frame import OPUS_RATES_HZ, AudioFrame, samples_per_frame
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.kit import Conformance
from offhook.testing.conformance.probes import error_in, quick_enough, shown
from offhook.testing.conformance.random_input import Draw, for_all
from offhook.testing.conformance.tones import highest_step, tone

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from offhook.interfaces import AudioFilter

_RATE_HZ: Final = 16_000
_FRAME: Final = samples_per_frame(_RATE_HZ)
_FRAMES: Final = 10
_EXAMPLES: Final = 30
#: From one sample to the next a sine of 100 Hz at 16 kHz changes by at most 4 % of full scale, however loud; samples
#: that wrap around change by nearly all of it.
_MOST_STEP: Final = 40_000


class FilterConformance(Conformance):
    """What an audio filter must do. A subclass implements `make`.

    Attributes:
        argument: the argument of the spec.
        wrong_arguments: arguments that it must reject.

    Capabilities: ``arguments``: it rejects wrong arguments; ``repeatable``: it uses no randomness; ``clips``: samples
    too loud for 16 bits are clipped.
    """

    kind = "filter"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "arguments": "It takes an argument, which may be wrong.",
            "clips": "It may make audio too loud for 16 bits.",
            "repeatable": "It returns the same for the same audio each time.",
        }
    )
    argument: str = ""
    wrong_arguments: tuple[str, ...] = ("\0",)

    def make(self, argument: str, rate_hz: int) -> AudioFilter:
        """Return the filter. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make(self, argument, rate_hz), which returns the filter")

    async def try_out(self) -> None:
        """Make a filter and close it."""
        with self._made():
            pass

    @contextlib.contextmanager
    def _made(self, rate_hz: int = _RATE_HZ) -> Generator[AudioFilter]:
        """A filter, closed at the end; errors of closing are ignored here, since one clause tests closing."""
        audio_filter = self.make(self.argument, rate_hz)
        try:
            yield audio_filter
        finally:
            error_in(audio_filter.close)

    @clause(
        "filter-1",
        "apply() returns a frame of the same length and rate, at 8, 12, 16, 24 and 48 kHz, and does not change the "
        "given one",
    )
    async def test_it_fits_at_every_rate(self) -> None:
        for rate_hz in OPUS_RATES_HZ:
            with self._made(rate_hz) as audio_filter:
                for index in range(_FRAMES):
                    frame = _frame(index, rate_hz)
                    before = frame.pcm, frame.position
                    _apply(audio_filter, frame)
                    assert (frame.pcm, frame.position) == before, (
                        "apply() changed the frame that it was given, which others may hold: return another one"
                    )

    @clause("filter-2", "it accepts silence, from the first frame on")
    async def test_it_takes_silence(self) -> None:
        with self._made() as audio_filter:
            for index in range(_FRAMES):
                _apply(audio_filter, AudioFrame(bytes(2 * _FRAME), _RATE_HZ, index * _FRAME))

    @clause("filter-3", "it accepts any samples, in frames of any length")
    async def test_it_takes_anything(self) -> None:
        with self._made() as audio_filter:
            _apply(audio_filter, AudioFrame(b"", _RATE_HZ))
            _apply(audio_filter, AudioFrame(b"\x00\x80\xff\x7f", _RATE_HZ))  # the lowest and the highest sample

        def check(draw: Draw) -> None:
            with self._made() as audio_filter:
                position = 0
                for _ in range(draw.integer(1, 3)):
                    samples = draw.integer(0, 200)
                    _apply(audio_filter, AudioFrame(draw.pcm(samples), _RATE_HZ, position))
                    position += samples

        for_all(check, _EXAMPLES)

    @clause("filter-4", "samples that are too loud are clipped and do not wrap around", capability="clips")
    async def test_it_does_not_wrap(self) -> None:
        loud = tone(100, _RATE_HZ, _FRAMES * _FRAME, 32_767)
        with self._made() as audio_filter:
            pcm = b"".join(
                _apply(audio_filter, AudioFrame(loud[2 * at : 2 * (at + _FRAME)], _RATE_HZ, at)).pcm
                for at in range(0, _FRAMES * _FRAME, _FRAME)
            )
        step = highest_step(pcm)
        assert step < _MOST_STEP, f"a loud, low tone came out with a step of {step}, as if samples wrapped around"

    @clause(
        "filter-5",
        "two filters of one argument share no state: each returns what it returns alone",
        capability="repeatable",
    )
    async def test_two_are_two(self) -> None:
        with self._made() as alone, self._made() as one, self._made() as other:
            expected = [_apply(alone, _frame(index)).pcm for index in range(_FRAMES)]
            for index in range(_FRAMES):
                assert _apply(one, _frame(index)).pcm == expected[index], (
                    f"frame {index} differs from that of a filter used alone"
                )
                assert _apply(other, _frame(index)).pcm == expected[index], (
                    f"frame {index} differs from that of a filter used alone"
                )

    @clause("filter-6", "close() works on a filter that was used and on one that was not")
    async def test_it_can_be_closed(self) -> None:
        self.make(self.argument, _RATE_HZ).close()
        used = self.make(self.argument, _RATE_HZ)
        _apply(used, _frame(0))
        used.close()

    @clause("filter-7", "apply() takes less time than the frame lasts")
    async def test_it_is_quick(self) -> None:
        async def apply() -> tuple[float, float]:
            clock = SystemClock()
            with self._made() as audio_filter:
                began_s = clock.monotonic_s()
                for index in range(_FRAMES):
                    _apply(audio_filter, _frame(index))
                return clock.monotonic_s() - began_s, _FRAMES * _FRAME / _RATE_HZ

        await quick_enough(apply)

    @clause("filter-8", "a wrong argument raises a ConfigError when the filter is made", capability="arguments")
    async def test_wrong_arguments(self) -> None:
        for argument in self.wrong_arguments:
            error = error_in(partial(self.make, argument, _RATE_HZ))
            assert isinstance(error, ConfigError), f"made with {argument!r}: {shown(error)}"

    @clause("filter-9", "a new filter has taken False")
    async def test_it_can_be_used(self) -> None:
        with self._made() as audio_filter:
            assert audio_filter.taken is False, f"taken is {audio_filter.taken!r} before it was added to a call"


def _frame(index: int, rate_hz: int = _RATE_HZ) -> AudioFrame:
    """Return frame number `index` of a tone, 20 ms long."""
    samples = samples_per_frame(rate_hz)
    return AudioFrame(tone(440, rate_hz, samples), rate_hz, index * samples)


def _apply(audio_filter: AudioFilter, frame: AudioFrame) -> AudioFrame:
    """Apply the filter to a frame.

    Raises:
        AssertionError: the result does not have the frame's length and rate.
    """
    samples, rate_hz = frame.samples, frame.rate_hz
    result: object = audio_filter.apply(frame)
    assert isinstance(result, AudioFrame), f"apply() returned {type(result).__name__}, not an AudioFrame"
    fits = (result.samples, result.rate_hz) == (samples, rate_hz)
    assert fits, f"returned {result.samples} samples at {result.rate_hz} Hz for {samples} at {rate_hz} Hz"
    return result

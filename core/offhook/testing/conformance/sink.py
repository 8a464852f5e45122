"""The kit for audio sinks: what the core relies on when it hands over what was heard."""

from __future__ import annotations

import asyncio
import contextlib
import wave
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import ConfigError, OffhookError, StorageError
from offhook.interfaces.frame import OPUS_RATES_HZ, AudioFrame
from offhook.testing.conformance.clause import NotClaimed, clause
from offhook.testing.conformance.folders import WithPlaces
from offhook.testing.conformance.probes import Held, error_in, error_of, leaves_nothing, quick_enough, shown
from offhook.testing.conformance.tones import tone

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from offhook.interfaces import AudioSink

_RATE_HZ: Final = 16_000
_FRAME: Final = _RATE_HZ // 50
_FRAMES: Final = 10
#: The most that a file may lack of what was written, in seconds.
_MOST_WAITING_S: Final = 1.0


class SinkConformance(WithPlaces):
    """Subclass it and say how your sink is made.

    Attributes:
        wrong_arguments: arguments that must be refused.
        file: the WAV file that it writes, ``{folder}`` as in `argument`; empty if it writes none.

    Capabilities: ``arguments``, that there are arguments which it refuses.
    """

    kind = "sink"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "arguments": "It takes an argument, which may be wrong.",
        }
    )
    wrong_arguments: tuple[str, ...] = ("\0",)
    file: str = ""

    def make(self, argument: str) -> AudioSink:
        """The sink. Your subclass says how."""
        raise NotImplementedError("your subclass must have make(self, argument), which gives the sink")

    async def try_out(self) -> None:
        """Make one, and nothing else."""
        async with self._opened():
            pass

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncGenerator[AudioSink]:
        """A sink, closed in the end; what that raises is the matter of one clause."""
        sink = self.make(self.place(self.argument))
        try:
            yield sink
        finally:
            await error_of(sink.aclose())

    def _file(self) -> Path:
        if not self.file:
            raise NotClaimed("it writes no WAV file; set file if it does")
        return Path(self.place(self.file))

    @clause("sink-1", "it takes frames, one after the other, and can be closed")
    async def test_it_takes_frames(self) -> None:
        async with self._opened() as sink:
            for index in range(_FRAMES):
                await sink.write(_frame(index))
            await sink.aclose()

    @clause("sink-2", "it takes positions that jump, forward over a pause and back after a new start")
    async def test_it_takes_gaps(self) -> None:
        async with self._opened() as sink:
            for index in (0, 1, 50, 51, 2):
                await sink.write(_frame(index))

    @clause("sink-3", "it takes frames of any length: none, one sample, five seconds")
    async def test_it_takes_any_length(self) -> None:
        async with self._opened() as sink:
            position = 0
            for samples in (_FRAME, 0, 1, 5 * _RATE_HZ, _FRAME):
                await sink.write(AudioFrame(bytes(2 * samples), _RATE_HZ, position))
                position += samples

    @clause("sink-4", "it takes every rate of a leg: 8, 12, 16, 24 and 48 kHz")
    async def test_it_takes_every_rate(self) -> None:
        for rate_hz in OPUS_RATES_HZ:
            async with self._opened() as sink:
                for index in range(3):
                    await sink.write(_frame(index, rate_hz))
            self.leave_folder()

    @clause("sink-5", "aclose can be called twice, and before the first frame")
    async def test_it_can_be_closed_twice(self) -> None:
        async with self._opened() as sink:
            await sink.aclose()
            await sink.aclose()

    @clause("sink-6", "written to after aclose it raises an OffhookError, or does nothing")
    async def test_writing_after_the_end(self) -> None:
        async with self._opened() as sink:
            await sink.write(_frame(0))
            await sink.aclose()
            error = await error_of(sink.write(_frame(1)))
            assert error is None or isinstance(error, OffhookError), shown(error)

    @clause(
        "sink-7",
        "a wrong argument is refused by a ConfigError or a StorageError when it is made",
        capability="arguments",
    )
    async def test_wrong_arguments(self) -> None:
        for argument in self.wrong_arguments:
            error = error_in(partial(self.make, self.place(argument)))
            assert isinstance(error, ConfigError | StorageError), f"made with {argument!r}: {shown(error)}"

    @clause("sink-8", "a write that is cancelled ends, and so does aclose after it")
    async def test_a_write_can_be_cancelled(self) -> None:
        for turns in range(3):
            sink = self.make(self.place(self.argument))
            writing = asyncio.ensure_future(sink.write(_frame(0)))
            for _ in range(turns):
                await asyncio.sleep(0)
            writing.cancel()
            await self.bounded(asyncio.wait({writing}), "a write that was cancelled ends")
            await self.bounded(sink.aclose(), "aclose ends after a write that was cancelled")
            self.leave_folder()

    @clause("sink-9", "writing holds the loop for less time than the audio lasts")
    async def test_writing_does_not_hold_the_loop(self) -> None:
        async def write() -> tuple[float, float]:
            held = Held()
            async with self._opened() as sink:
                for index in range(_FRAMES):
                    await held(sink.write(_frame(index)))
            self.leave_folder()
            return held.seconds, _FRAMES * _FRAME / _RATE_HZ

        await quick_enough(write)

    @clause("sink-10", "closed, it leaves no descriptor and no task behind")
    async def test_nothing_is_left(self) -> None:
        async with leaves_nothing("the sink"), self._opened() as sink:
            await sink.write(_frame(0))

    @clause("sink-11", "its file can be read at any moment, and lacks at most a second of what was written")
    async def test_the_file_is_valid_at_any_moment(self) -> None:
        path = self._file()
        async with self._opened() as sink:
            for index in range(2 * _RATE_HZ // _FRAME):
                await sink.write(_frame(index))
                _, samples = _read(path)
                missing_s = ((index + 1) * _FRAME - samples) / _RATE_HZ
                assert missing_s <= _MOST_WAITING_S, f"the file lacks {missing_s:.1f} s"

    @clause("sink-12", "its file holds what was heard at its rate, and silence where nothing was")
    async def test_the_file_is_whole(self) -> None:
        path = self._file()
        async with self._opened() as sink:
            await sink.write(_frame(0, 8_000))
            await sink.write(_frame(10, 8_000))
        rate_hz, samples = _read(path)
        assert rate_hz == 8_000, f"what was heard at 8000 Hz is kept at {rate_hz} Hz"
        assert samples == 11 * 160, f"220 ms, a gap included, became {samples * 1000 / rate_hz:g} ms"

    @clause("sink-13", "a file that is there already is refused by a ConfigError or a StorageError, and left as it is")
    async def test_nothing_is_written_over(self) -> None:
        path = self._file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"precious")
        error = error_in(lambda: self.make(self.place(self.argument)))
        assert path.read_bytes() == b"precious", "the file was written over"
        assert isinstance(error, ConfigError | StorageError), f"the file is there: {shown(error)}"


def _frame(index: int, rate_hz: int = _RATE_HZ) -> AudioFrame:
    """20 ms of a tone, in its place."""
    samples = rate_hz // 50
    return AudioFrame(tone(440, rate_hz, samples), rate_hz, index * samples)


def _read(path: Path) -> tuple[int, int]:
    """Rate and length in samples of a WAV file.

    Raises:
        AssertionError: it is none.
    """
    try:
        with wave.open(str(path), "rb") as file:
            samples = file.getnframes()
            assert len(file.readframes(samples)) == samples * file.getsampwidth() * file.getnchannels()
            return file.getframerate(), samples
    except (OSError, EOFError, wave.Error, AssertionError) as error:
        raise AssertionError(f"the file cannot be read as WAV: {error}") from None

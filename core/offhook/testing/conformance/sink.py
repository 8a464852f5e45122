"""The kit for audio sinks: what the core relies on when it passes them the audio that was heard."""

from __future__ import annotations

import contextlib
import wave
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import ConfigError, OffhookError, StorageError
from offhook.interfaces.frame import OPUS_RATES_HZ, AudioFrame, samples_per_frame
from offhook.testing.conformance.cancelling import cancel_everywhere
from offhook.testing.conformance.clause import NotClaimed, clause
from offhook.testing.conformance.folders import FOLDER, WithFolder
from offhook.testing.conformance.probes import Held, error_in, error_of, leaves_nothing, quick_enough, shown
from offhook.testing.conformance.tones import tone

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from offhook.interfaces import AudioSink

_RATE_HZ: Final = 16_000
_FRAME: Final = samples_per_frame(_RATE_HZ)
_FRAMES: Final = 10
#: How much of the written audio may be missing from a file, in seconds.
_MOST_WAITING_S: Final = 1.0


class SinkConformance(WithFolder):
    """What an audio sink must do. A subclass implements `make`.

    Attributes:
        wrong_arguments: arguments that it must reject.
        file: the path of the WAV file that it writes; may contain ``{folder}``, as `argument` may. Empty if it writes
            none.

    Capabilities: ``arguments``: it rejects wrong arguments.
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
        """Return the sink. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make(self, argument), which returns the sink")

    async def try_out(self) -> None:
        """Make a sink and close it."""
        async with self._opened():
            pass

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncGenerator[AudioSink]:
        """A sink, closed at the end; errors of closing are ignored here, since one clause tests closing."""
        sink = self.make(self.place(self.argument))
        try:
            yield sink
        finally:
            await error_of(sink.aclose())

    def _file(self) -> Path:
        if not self.file:
            raise NotClaimed("it does not write a WAV file; set `file` if it does")
        return Path(self.place(self.file))

    @clause("sink-1", "it accepts frames one after the other and can be closed")
    async def test_it_takes_frames(self) -> None:
        async with self._opened() as sink:
            for index in range(_FRAMES):
                await self.bounded(sink.write(_frame(index)), "write() returns")
            await self.bounded(sink.aclose(), "aclose() returns")

    @clause("sink-2", "it accepts positions that jump, forward over a pause and back after a restart")
    async def test_it_takes_gaps(self) -> None:
        async with self._opened() as sink:
            for index in (0, 1, 50, 51, 2):
                await sink.write(_frame(index))

    @clause("sink-3", "it accepts frames of any length: empty, one sample, five seconds")
    async def test_it_takes_any_length(self) -> None:
        async with self._opened() as sink:
            position = 0
            for samples in (_FRAME, 0, 1, 5 * _RATE_HZ, _FRAME):
                await sink.write(AudioFrame(bytes(2 * samples), _RATE_HZ, position))
                position += samples

    @clause("sink-4", "it accepts every rate of a leg: 8, 12, 16, 24 and 48 kHz")
    async def test_it_takes_every_rate(self) -> None:
        for rate_hz in OPUS_RATES_HZ:
            async with self._opened() as sink:
                for index in range(3):
                    await sink.write(_frame(index, rate_hz))
            self.leave_folder()

    @clause("sink-5", "aclose() can be called twice, and before the first frame")
    async def test_it_can_be_closed_twice(self) -> None:
        async with self._opened() as sink:
            await sink.aclose()
            await sink.aclose()

    @clause("sink-6", "write() after aclose() raises an OffhookError or does nothing")
    async def test_writing_after_the_end(self) -> None:
        async with self._opened() as sink:
            await sink.write(_frame(0))
            await sink.aclose()
            error = await error_of(sink.write(_frame(1)))
            assert error is None or isinstance(error, OffhookError), shown(error)

    @clause("sink-7", "a wrong argument raises a ConfigError or StorageError at once", capability="arguments")
    async def test_wrong_arguments(self) -> None:
        for argument in self.wrong_arguments:
            error = error_in(partial(self.make, self.place(argument)))
            assert isinstance(error, ConfigError | StorageError), f"made with {argument!r}: {shown(error)}"

    @clause("sink-8", "a cancelled write() raises CancelledError, and aclose() ends after it and leaves nothing behind")
    async def test_a_write_can_be_cancelled(self) -> None:
        async with leaves_nothing("a cancelled write()"):
            opened: list[AudioSink] = []

            async def write() -> None:
                opened.append(self.make(self.place(self.argument)))
                await opened[-1].write(_frame(0))

            async def close() -> None:
                while opened:
                    await self.bounded(opened.pop().aclose(), "aclose() ends after a cancelled write()")
                self.leave_folder()

            await cancel_everywhere(self, write, "write()", after=close)

    @clause("sink-9", "writing blocks the loop for less time than the audio lasts")
    async def test_writing_does_not_hold_the_loop(self) -> None:
        async def write() -> tuple[float, float]:
            held = Held()
            async with self._opened() as sink:
                for index in range(_FRAMES):
                    await held(sink.write(_frame(index)))
            self.leave_folder()
            return held.seconds, _FRAMES * _FRAME / _RATE_HZ

        await quick_enough(write)

    @clause("sink-10", "after aclose() it leaves no descriptor and no task behind")
    async def test_nothing_is_left(self) -> None:
        async with leaves_nothing("the sink"), self._opened() as sink:
            await sink.write(_frame(0))

    @clause("sink-11", "its file can be read at any moment and lacks at most one second of the audio written")
    async def test_the_file_is_valid_at_any_moment(self) -> None:
        path = self._file()
        async with self._opened() as sink:
            for index in range(2 * _RATE_HZ // _FRAME):
                await sink.write(_frame(index))
                _, samples = _read(path)
                missing_s = ((index + 1) * _FRAME - samples) / _RATE_HZ
                assert missing_s <= _MOST_WAITING_S, f"the file lacks {missing_s:.1f} s of the audio written"

    @clause("sink-12", "its file contains its own audio as it was written, at its rate, and silence for the gaps")
    async def test_the_file_is_whole(self) -> None:
        path = self._file()
        async with self._opened() as sink, contextlib.AsyncExitStack() as stack:
            await sink.write(_frame(0, 8_000))
            if FOLDER in self.argument:  # pragma: no branch - else the file cannot be told from another sink's
                stack.enter_context(self.elsewhere())
                other = await stack.enter_async_context(self._opened())
                await other.write(_frame(5, 8_000))
            await sink.write(_frame(10, 8_000))
        rate_hz, samples = _read(path)
        assert rate_hz == 8_000, f"audio at 8000 Hz was written at {rate_hz} Hz"
        expected = 11 * samples_per_frame(rate_hz)
        assert samples == expected, f"220 ms, gap included, became {samples * 1000 / rate_hz:g} ms"
        pcm = _pcm(path)
        if pcm is not None:
            size = 2 * samples_per_frame(rate_hz)
            wanted = _frame(0, 8_000).pcm, bytes(9 * size), _frame(10, 8_000).pcm
            found = pcm[:size], pcm[size:-size], pcm[-size:]
            for what, want, have in zip(("first frame", "gap", "last frame"), wanted, found, strict=True):
                assert have == want, f"the {what} is not in the file as it was written"

    @clause(
        "sink-13",
        "if its file exists already, making the sink raises a ConfigError or StorageError and does not change the file",
    )
    async def test_nothing_is_written_over(self) -> None:
        path = self._file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"precious")
        error = error_in(lambda: self.make(self.place(self.argument)))
        assert path.read_bytes() == b"precious", "the existing file was overwritten"
        assert isinstance(error, ConfigError | StorageError), f"the file exists already: {shown(error)}"


def _frame(index: int, rate_hz: int = _RATE_HZ) -> AudioFrame:
    """Return frame number `index` of a tone, 20 ms long."""
    samples = samples_per_frame(rate_hz)
    return AudioFrame(tone(440, rate_hz, samples), rate_hz, index * samples)


def _read(path: Path) -> tuple[int, int]:
    """Return the rate of a WAV file and its length in samples.

    Raises:
        AssertionError: it is not a valid WAV file.
    """
    try:
        with wave.open(str(path), "rb") as file:
            samples = file.getnframes()
            assert len(file.readframes(samples)) == samples * file.getsampwidth() * file.getnchannels()
            return file.getframerate(), samples
    except (OSError, EOFError, wave.Error, AssertionError) as error:
        raise AssertionError(f"the file cannot be read as WAV: {error}") from None


def _pcm(path: Path) -> bytes | None:
    """Return the samples of a mono WAV file of 16 bits; None for other formats, whose samples are not compared."""
    with wave.open(str(path), "rb") as file:
        if (file.getnchannels(), file.getsampwidth()) != (1, 2):
            return None
        return file.readframes(file.getnframes())

"""Sinks with one fault each, and the message with which the kit reports it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import StorageError
from offhook.interfaces.frame import AudioFrame
from offhook.testing.conformance import SinkConformance
from offhook_audio.recorder import RecorderSink

if TYPE_CHECKING:
    from offhook.interfaces import AudioSink
    from offhook.media import WavWriter


class CannotFinish(RecorderSink):
    written = 0

    async def write(self, frame: AudioFrame) -> None:
        self.written += 1
        await super().write(frame)

    async def aclose(self) -> None:
        await super().aclose()
        if self.written >= 10:
            raise StorageError("too long to be finished")


class WantsNoGaps(RecorderSink):
    async def write(self, frame: AudioFrame) -> None:
        if self._expected not in (None, frame.position) and frame.rate_hz == 16_000:
            raise StorageError("a frame is missing")
        await super().write(frame)


class WantsNoEmptyFrames(RecorderSink):
    async def write(self, frame: AudioFrame) -> None:
        if not frame.pcm:
            raise ZeroDivisionError("division by zero")
        await super().write(frame)


class KnowsNo48kHz(RecorderSink):
    async def write(self, frame: AudioFrame) -> None:
        if frame.rate_hz == 48_000:
            raise StorageError("48 kHz is too much")
        await super().write(frame)


class ClosesOnce(RecorderSink):
    closed = False

    async def aclose(self) -> None:
        if self.closed:
            raise ValueError("closed already")
        self.closed = True
        await super().aclose()


class BreaksWhenClosed(RecorderSink):
    closed = False

    async def write(self, frame: AudioFrame) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        await super().write(frame)

    async def aclose(self) -> None:
        self.closed = True
        await super().aclose()


class IsSurprisedLater(RecorderSink):
    def __init__(self, path: str) -> None:
        if "\0" not in path:
            super().__init__(path)


class DoesNotLetGo(RecorderSink):
    cancelled = False

    async def write(self, frame: AudioFrame) -> None:
        while True:
            try:
                await asyncio.sleep(3_600 if self.cancelled else 0.001)
                return await super().write(frame)
            except asyncio.CancelledError:
                self.cancelled = True


class HoldsTheLoop(RecorderSink):
    held = 0

    async def write(self, frame: AudioFrame) -> None:
        if self.held < 10:
            self.held += 1
            threading.Event().wait(0.021)
        await super().write(frame)


class LeavesATask(RecorderSink):
    async def write(self, frame: AudioFrame) -> None:
        self.writer = asyncio.create_task(asyncio.Event().wait())
        await super().write(frame)


class WritesInTheEnd(RecorderSink):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.kept: list[AudioFrame] = []

    async def write(self, frame: AudioFrame) -> None:
        self.kept.append(frame)

    async def aclose(self) -> None:
        kept, self.kept = self.kept, []
        for frame in kept:
            await super().write(frame)
        await super().aclose()


class WritesItsHeaderInTheEnd(WritesInTheEnd):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        Path(path).write_bytes(b"no header yet")


class WritesOver(RecorderSink):
    def __init__(self, path: str) -> None:
        if "\0" not in path:
            Path(path).unlink(missing_ok=True)
        super().__init__(path)


class RefusesInSilence(RecorderSink):
    def __init__(self, path: str) -> None:
        if "\0" in path or not Path(path).exists():
            super().__init__(path)


class ForgetsGaps(RecorderSink):
    async def write(self, frame: AudioFrame) -> None:
        position = 0 if self._expected is None else self._expected
        await super().write(AudioFrame(frame.pcm, frame.rate_hz, position))


class IsSilent(RecorderSink):
    async def write(self, frame: AudioFrame) -> None:
        await super().write(AudioFrame(bytes(len(frame.pcm)), frame.rate_hz, frame.position))


class RepeatsIntoGaps(RecorderSink):
    last = b""

    async def write(self, frame: AudioFrame) -> None:
        expected = frame.position if self._expected is None else self._expected
        if 0 < frame.position - expected < 10_000:
            repeated = (self.last * 100)[: 2 * (frame.position - expected)]
            await super().write(AudioFrame(repeated, frame.rate_hz, expected))
        self.last = frame.pcm
        await super().write(frame)


class SharesItsFile(RecorderSink):
    """Writes to the file of the sink that was made last."""

    files: ClassVar[list[WavWriter]] = []

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.files.append(self._file)

    async def write(self, frame: AudioFrame) -> None:
        ours, self._file = self._file, self.files[-1] if self.files else self._file
        try:
            await super().write(frame)
        finally:
            self._file = ours

    async def aclose(self) -> None:
        if self._file in self.files:
            self.files.remove(self._file)
        await super().aclose()


class ReturnsWhenCancelled(RecorderSink):
    async def write(self, frame: AudioFrame) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0.001)
        await super().write(frame)


class HangsInAclose(RecorderSink):
    written = 0

    async def write(self, frame: AudioFrame) -> None:
        self.written += 1
        await super().write(frame)

    async def aclose(self) -> None:
        await super().aclose()
        if self.written == 10:
            await asyncio.sleep(60)


class GoodKit(SinkConformance):
    argument = file = "{folder}/heard.wav"
    plugin: type[RecorderSink] = RecorderSink

    def make(self, argument: str) -> AudioSink:
        return self.plugin(argument)


BROKEN: Final[dict[str, dict[type[RecorderSink], str]]] = {
    "sink-1": {
        CannotFinish: "StorageError: too long to be finished",
        HangsInAclose: "did not happen within 5 s: aclose() returns",
    },
    "sink-2": {WantsNoGaps: "StorageError: a frame is missing"},
    "sink-3": {WantsNoEmptyFrames: "ZeroDivisionError: division by zero"},
    "sink-4": {KnowsNo48kHz: "StorageError: 48 kHz is too much"},
    "sink-5": {ClosesOnce: "ValueError: closed already"},
    "sink-6": {BreaksWhenClosed: "ValueError was raised: I/O operation on closed file"},
    "sink-7": {IsSurprisedLater: "made with '\\x00': nothing was raised"},
    "sink-8": {
        DoesNotLetGo: "did not happen within 5 s: write() ends when it is cancelled after 1 turns of the loop",
        ReturnsWhenCancelled: "write() was cancelled after 1 turns of the loop and returned, although it must raise",
    },
    "sink-9": {HoldsTheLoop: " s for 0.20 s of audio"},
    "sink-10": {LeavesATask: "the sink left behind: 1 tasks"},
    "sink-11": {
        WritesInTheEnd: "the file lacks 1.0 s",
        WritesItsHeaderInTheEnd: "the file cannot be read as WAV: file does not start with RIFF id",
    },
    "sink-12": {
        ForgetsGaps: "220 ms, gap included, became 40 ms",
        IsSilent: "the first frame is not in the file as it was written",
        SharesItsFile: "220 ms, gap included, became 20 ms",
        RepeatsIntoGaps: "the gap is not in the file as it was written",
    },
    "sink-13": {
        WritesOver: "the existing file was overwritten",
        RefusesInSilence: "the file exists already: nothing was raised",
    },
}

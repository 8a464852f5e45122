"""Sources with one fault each, and the message with which the kit reports it."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import TYPE_CHECKING, ClassVar, Final, Self

from offhook.errors import SourceError
from offhook.interfaces.frame import AudioFrame
from offhook.testing.conformance import SourceConformance
from offhook_audio.tone import ToneSource

if TYPE_CHECKING:
    from offhook.interfaces import AudioSource


class GivesBytes(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        return frame and frame.pcm  # type: ignore[return-value]


class BeginsEmpty(ToneSource):
    given = 0

    async def read(self) -> AudioFrame | None:
        self.given += 1
        return AudioFrame(b"", 16_000) if self.given <= 20 else await super().read()

    async def aclose(self) -> None:
        self.given = 99
        await super().aclose()


class GivesAllAtOnce(ToneSource):
    given = False

    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        if self.given or frame is None:
            return frame
        self.given = True
        self._position += 11 * 16_000 - frame.samples
        self._end = None if self._end is None else self._end + 11 * 16_000
        return AudioFrame(bytes(11 * 32_000), 16_000)


class BeginsAnew(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        if frame is None and self._end:
            self._position = 0
        return frame

    async def aclose(self) -> None:
        self._position = self._end = 0


class NeverEnds(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        if frame is None and self._end:
            return AudioFrame(b"", 16_000, self._position)
        return frame

    async def aclose(self) -> None:
        self._position = self._end = 0


class ClosesOnce(ToneSource):
    closed = False

    async def aclose(self) -> None:
        if self.closed:
            raise ValueError("closed already")
        self.closed = True
        await super().aclose()


class BreaksWhenClosed(ClosesOnce):
    async def read(self) -> AudioFrame | None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return await super().read()

    async def aclose(self) -> None:
        self.closed = True


class DoesNotLetGo(ToneSource):
    cancelled = False

    async def read(self) -> AudioFrame | None:
        while True:
            try:
                await asyncio.sleep(3_600 if self.cancelled else 0.001)
                return await super().read()
            except asyncio.CancelledError:
                self.cancelled = True


class IsSurprisedLater(ToneSource):
    wrong = False

    @classmethod
    def parse(cls, argument: str) -> Self:
        try:
            source = super().parse(argument)
        except SourceError:
            source = cls(440)
            source.wrong = True
        assert isinstance(source, cls)
        return source

    async def read(self) -> AudioFrame | None:
        if self.wrong:
            raise SourceError("no such file")
        return await super().read()


class IsUsed(ToneSource):
    taken = True


class SaysNothingOfLive(ToneSource):
    live = None  # type: ignore[assignment]


class SharesItsEnd(ToneSource):
    last: ClassVar[ToneSource | None] = None

    def __init__(self, frequency_hz: float, duration_s: float | None = None, level_dbfs: float = -20.0) -> None:
        super().__init__(frequency_hz, duration_s, level_dbfs)
        type(self).last = self

    async def aclose(self) -> None:
        await super().aclose()
        if self.last is not None:
            self.last._end = self.last._position


class HoldsTheLoop(ToneSource):
    held = 0

    async def read(self) -> AudioFrame | None:
        if self.held < 10:
            self.held += 1
            threading.Event().wait(0.021)
        return await super().read()


class LeavesATask(ToneSource):
    async def read(self) -> AudioFrame | None:
        self.reader = asyncio.create_task(asyncio.Event().wait())
        return await super().read()


class GivesBytesLater(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        late = frame is not None and frame.position > 6_000
        return frame.pcm if late else frame  # type: ignore[return-value,union-attr]


class GivesAllAtOnceLater(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        if frame is None or frame.position != 6_080:
            return frame
        self._position += 11 * 16_000 - frame.samples
        self._end = None if self._end is None else self._end + 11 * 16_000
        return AudioFrame(bytes(11 * 32_000), 16_000, frame.position)


class HangsAtItsEnd(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        if frame is None and self._end:
            await asyncio.sleep(math.inf)
        return frame

    async def aclose(self) -> None:
        self._position = self._end = 0


class NeverEndsInTime(ToneSource):
    """Lasts for ever, as live audio does: 20 ms every 20 ms."""

    async def read(self) -> AudioFrame | None:
        if self._end:
            await asyncio.sleep(0.02)
            self._end += 320
        return await super().read()

    async def aclose(self) -> None:
        self._position = self._end = 0


class HangsWhenClosed(ClosesOnce):
    async def read(self) -> AudioFrame | None:
        if self.closed:
            await asyncio.sleep(math.inf)
        return await super().read()

    async def aclose(self) -> None:
        self.closed = True


class EndsWhenCancelled(ToneSource):
    async def read(self) -> AudioFrame | None:
        try:
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            return None
        return await super().read()


class LeavesATaskWhenCancelled(ToneSource):
    async def read(self) -> AudioFrame | None:
        reading = asyncio.create_task(asyncio.sleep(math.inf))
        await asyncio.sleep(0)
        reading.cancel()
        return await super().read()


class SharesItsPosition(ToneSource):
    last: ClassVar[int] = 0

    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        if frame is None:
            return None
        type(self).last += frame.samples
        return AudioFrame(frame.pcm, frame.rate_hz, self.last)

    async def aclose(self) -> None:
        await super().aclose()


class SharesItsAudio(ToneSource):
    """Sources that are read at the same time take turns at one stream of half a second."""

    readers: ClassVar[set[ToneSource]] = set()
    left: ClassVar[int] = 0

    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        if frame is None:
            return None
        if not self.readers:
            type(self).left = 8_000
        self.readers.add(self)
        if not self.left:
            return None
        type(self).left -= frame.samples
        return frame

    async def aclose(self) -> None:
        self.readers.discard(self)
        await super().aclose()


class GoesBack(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        if frame is None or frame.position < 3_200:
            return frame
        return AudioFrame(frame.pcm, frame.rate_hz, frame.position - 3_200)


class CountsNothing(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        return frame and AudioFrame(frame.pcm, frame.rate_hz)


class CountsDown(ToneSource):
    async def read(self) -> AudioFrame | None:
        frame = await super().read()
        return frame and AudioFrame(frame.pcm, frame.rate_hz, frame.position - 8_000)


class GoodKit(SourceConformance):
    argument = "440,0.5"
    ends_within_s = 0.5
    plugin: type[ToneSource] = ToneSource

    def make(self, argument: str) -> AudioSource:
        return self.plugin.parse(argument)


BROKEN: Final[dict[str, dict[type[ToneSource], str]]] = {
    "source-1": {
        GivesBytes: "read() returned bytes, not an AudioFrame",
        GivesBytesLater: "read() returned bytes, not an AudioFrame",
    },
    "source-2": {BeginsEmpty: "its first 10 frames are empty"},
    "source-3": {
        GivesAllAtOnce: "returned a frame of 11 s: split it",
        GivesAllAtOnceLater: "returned a frame of 11 s: split it",
    },
    "source-4": {
        BeginsAnew: "after its end read() returned AudioFrame(20 ms at 16000 Hz, position 0)",
        NeverEnds: "no end within 0.5 s, after ",
        NeverEndsInTime: "no end within 0.5 s, after 25 frames with 0.5 s of audio: if it ends later, raise",
        HangsAtItsEnd: "did not happen within 5 s: read() returns",
    },
    "source-5": {ClosesOnce: "ValueError: closed already"},
    "source-6": {
        BreaksWhenClosed: "ValueError was raised: I/O operation on closed file",
        HangsWhenClosed: "did not happen within 5 s: read() returns",
    },
    "source-7": {
        DoesNotLetGo: "did not happen within 5 s: read() ends when it is cancelled after 1 turns of the loop",
        EndsWhenCancelled: "read() was cancelled after 1 turns of the loop and returned, although it must raise Canc",
        LeavesATaskWhenCancelled: "a cancelled read() left behind: ",
    },
    "source-8": {IsSurprisedLater: "made with '\\x00': nothing was raised"},
    "source-9": {IsUsed: "taken is True before it was played", SaysNothingOfLive: "live is None, not a bool"},
    "source-10": {
        SharesItsEnd: "closing one source ended the other",
        SharesItsPosition: "one source begins at position ",
        SharesItsAudio: "two sources that are read in turns do not return what each returns alone",
    },
    "source-11": {HoldsTheLoop: " s for 0.20 s of audio"},
    "source-12": {LeavesATask: "the source left behind: 1 tasks"},
    "source-13": {
        GoesBack: "which ended at position 3200: positions go back; count the samples returned so far",
        CountsNothing: "which ended at position 320: positions go back; count the samples returned so far",
        CountsDown: "AudioFrame(20 ms at 16000 Hz, position -8000) has a negative position",
    },
}

"""The kit for audio sources: what playout relies on when it reads one ahead, gives it up, or comes to its end."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import ConfigError, OffhookError
from offhook.interfaces.frame import AudioFrame
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.folders import WithPlaces
from offhook.testing.conformance.probes import Held, error_in, error_of, leaves_nothing, quick_enough, shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from offhook.interfaces import AudioSource

#: How many frames are enough to see how a source behaves.
_SOME: Final = 10
#: A source that has no end by then has none.
_MOST_FRAMES: Final = 100_000
_MOST_FRAME_MS: Final = 10_000.0


class SourceConformance(WithPlaces):
    """Subclass it and say how your source is made.

    Attributes:
        wrong_arguments: arguments that must be refused.

    Capabilities: ``end``, that it ends; ``arguments``, that there are arguments which it refuses; ``side_by_side``,
    that two of one argument can be read at once.
    """

    kind = "source"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "arguments": "It takes an argument, which may be wrong.",
            "end": "It comes to an end by itself.",
            "side_by_side": "Two of one argument can be read at once.",
        }
    )
    wrong_arguments: tuple[str, ...] = ("\0",)

    def make(self, argument: str) -> AudioSource:
        """The source. Your subclass says how."""
        raise NotImplementedError("your subclass must have make(self, argument), which gives the source")

    async def try_out(self) -> None:
        """Make one, and nothing else."""
        async with self._opened():
            pass

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncGenerator[AudioSource]:
        """A source, closed in the end; what that raises is the matter of one clause."""
        source = self.make(self.place(self.argument))
        try:
            yield source
        finally:
            await error_of(source.aclose())

    async def _frames(self, source: AudioSource, most: int = _SOME) -> AsyncIterator[object]:
        """What it gives, up to its end or so many."""
        for _ in range(most):
            frame: object = await source.read()
            if frame is None:
                return
            yield frame

    @clause("source-1", "what it gives is AudioFrames of whole samples")
    async def test_it_gives_frames(self) -> None:
        async with self._opened() as source:
            async for frame in self._frames(source):
                assert isinstance(frame, AudioFrame), f"gave {type(frame).__name__}, not an AudioFrame"
                pcm: object = frame.pcm
                assert isinstance(pcm, bytes), f"gave a frame whose pcm is {type(pcm).__name__}"
                assert len(pcm) % 2 == 0, f"gave a frame of {len(pcm)} bytes, which are no 16-bit samples"

    @clause("source-2", "it gives audio before it ends")
    async def test_there_is_audio(self) -> None:
        async with self._opened() as source:
            frames = [frame async for frame in self._frames(source)]
            assert frames, "it is at its end at once"
            empty = all(isinstance(frame, AudioFrame) and not frame.pcm for frame in frames)
            assert not empty, f"its first {_SOME} frames are empty"

    @clause("source-3", f"no frame is longer than {_MOST_FRAME_MS / 1000:g} s")
    async def test_frames_are_not_too_long(self) -> None:
        async with self._opened() as source:
            async for frame in self._frames(source):
                long = isinstance(frame, AudioFrame) and frame.duration_ms > _MOST_FRAME_MS
                assert not long, f"gave a frame of {getattr(frame, 'duration_ms', 0.0) / 1000:g} s: give it in parts"

    @clause("source-4", "at its end it gives None, and ever after", capability="end")
    async def test_it_ends(self) -> None:
        async with self._opened() as source:
            count = 0
            async for _ in self._frames(source, _MOST_FRAMES):
                count += 1
            assert count < _MOST_FRAMES, f"no end after {count} frames"
            for _ in range(3):
                again: object = await source.read()
                assert again is None, f"after its end it gave {again!r}"

    @clause("source-5", "aclose can be called twice, and before the first read")
    async def test_it_can_be_closed_twice(self) -> None:
        async with self._opened() as unread:
            await unread.aclose()
        async with self._opened() as source:
            await source.read()
            await source.aclose()
            await source.aclose()

    @clause("source-6", "read after aclose, it gives None, or raises an OffhookError")
    async def test_reading_after_the_end(self) -> None:
        async with self._opened() as source:
            await source.read()
            await source.aclose()
            given: list[object] = []

            async def read() -> None:
                given.append(await source.read())

            error = await error_of(read())
            assert error is None or isinstance(error, OffhookError), shown(error)
            assert given in ([], [None]), f"it was closed and gave {given[0]!r}"

    @clause("source-7", "a read that is cancelled ends, and so does aclose after it")
    async def test_a_read_can_be_cancelled(self) -> None:
        for turns in range(3):
            source = self.make(self.place(self.argument))
            reading = asyncio.ensure_future(source.read())
            for _ in range(turns):
                await asyncio.sleep(0)
            reading.cancel()
            await self.bounded(asyncio.wait({reading}), "a read that was cancelled ends")
            await self.bounded(source.aclose(), "aclose ends after a read that was cancelled")

    @clause("source-8", "a wrong argument is refused by a ConfigError when it is made", capability="arguments")
    async def test_wrong_arguments(self) -> None:
        for argument in self.wrong_arguments:
            error = error_in(partial(self.make, self.place(argument)))
            assert isinstance(error, ConfigError), f"made with {argument!r}: {shown(error)}"

    @clause("source-9", "it is new when it is made, and says whether it is live: taken is False, live a bool")
    async def test_it_can_be_played(self) -> None:
        async with self._opened() as source:
            live: object = source.live
            assert isinstance(live, bool), f"live is {live!r}, which is no bool"
            assert source.taken is False, f"taken is {source.taken!r} before anybody played it"

    @clause("source-10", "two of one argument are two: closing one leaves the other", capability="side_by_side")
    async def test_two_are_two(self) -> None:
        async with self._opened() as one, self._opened() as other:
            await one.read()
            await one.aclose()
            frame: object = await other.read()
            assert frame is not None, "one was closed, and the other ended"

    @clause("source-11", "reading holds the loop for less time than the audio lasts")
    async def test_reading_does_not_hold_the_loop(self) -> None:
        async def read() -> tuple[float, float]:
            held, lasts_s = Held(), 0.0
            async with self._opened() as source:
                for _ in range(_SOME):
                    frame: object = await held(source.read())
                    lasts_s += frame.duration_ms / 1000 if isinstance(frame, AudioFrame) else 0.0
            return held.seconds, lasts_s

        await quick_enough(read)

    @clause("source-12", "closed, it leaves no descriptor and no task behind")
    async def test_nothing_is_left(self) -> None:
        async with leaves_nothing("the source"), self._opened() as source:
            await source.read()

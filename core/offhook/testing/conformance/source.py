"""The kit for audio sources: what playout relies on when it reads a source ahead, abandons it or reaches its end."""

from __future__ import annotations

import asyncio
import contextlib
import math
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final

from offhook.errors import ConfigError, OffhookError
from offhook.interfaces.clock import SystemClock
from offhook.interfaces.frame import AudioFrame
from offhook.testing.conformance.cancelling import cancel_everywhere
from offhook.testing.conformance.clause import clause
from offhook.testing.conformance.folders import WithFolder
from offhook.testing.conformance.probes import Held, error_in, error_of, leaves_nothing, quick_enough, shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping

    from offhook.interfaces import AudioSource

#: The number of frames that show how a source behaves, and how long the kit reads them at most, in real seconds.
_SOME: Final = 10
_MANY: Final = 500
_MANY_S: Final = 1.0
#: The number of frames of two sources that are compared.
_COMPARED: Final = 50
_MOST_FRAME_MS: Final = 10_000.0


class SourceConformance(WithFolder):
    """What an audio source must do. A subclass implements `make`.

    Attributes:
        wrong_arguments: arguments that it must reject.
        ends_within_s: how long reading to the end may take, in real seconds and in those of the loop.

    Capabilities: ``end``: it ends by itself; ``arguments``: it rejects wrong arguments; ``side_by_side``: two sources
    of one argument can be read at once.
    """

    kind = "source"
    capabilities: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "arguments": "It takes an argument, which may be wrong.",
            "end": "It ends by itself.",
            "side_by_side": "Two sources of one argument can be read at once.",
        }
    )
    wrong_arguments: tuple[str, ...] = ("\0",)
    ends_within_s: float = 5.0

    def make(self, argument: str) -> AudioSource:
        """Return the source. Your subclass implements this."""
        raise NotImplementedError("your subclass must have make(self, argument), which returns the source")

    async def try_out(self) -> None:
        """Make a source and close it."""
        async with self._opened():
            pass

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncGenerator[AudioSource]:
        """A source, closed at the end; errors of closing are ignored here, since one clause tests closing."""
        source = self.make(self.place(self.argument))
        try:
            yield source
        finally:
            await error_of(source.aclose())

    async def _read(self, source: AudioSource) -> object:
        return await self.bounded(source.read(), "read() returns")

    async def _frames(
        self, source: AudioSource, most: int = _SOME, within_s: float | None = None
    ) -> AsyncIterator[object]:
        """Read frames until the source ends, at most `most` and not for longer than `within_s` (a second)."""
        clock = SystemClock()
        end_s = clock.monotonic_s() + (_MANY_S if within_s is None else within_s)
        for _ in range(most):
            frame: object = None
            with contextlib.suppress(AssertionError):  # another clause tests whether read() returns
                frame = await self._read(source)
            if frame is None:
                return
            yield frame
            if clock.monotonic_s() > end_s:
                return

    @clause("source-1", "read() returns AudioFrames of whole samples")
    async def test_it_gives_frames(self) -> None:
        async with self._opened() as source:
            async for frame in self._frames(source, _MANY):
                assert isinstance(frame, AudioFrame), f"read() returned {type(frame).__name__}, not an AudioFrame"
                pcm: object = frame.pcm
                assert isinstance(pcm, bytes), f"read() returned a frame whose pcm is {type(pcm).__name__}, not bytes"
                assert len(pcm) % 2 == 0, f"read() returned a frame of {len(pcm)} bytes: not whole samples"

    @clause("source-2", "it returns audio before it ends")
    async def test_there_is_audio(self) -> None:
        async with self._opened() as source:
            frames = [frame async for frame in self._frames(source)]
            assert frames, "it ended without any frame"
            empty = all(isinstance(frame, AudioFrame) and not frame.pcm for frame in frames)
            assert not empty, f"its first {_SOME} frames are empty"

    @clause("source-3", f"no frame is longer than {_MOST_FRAME_MS / 1000:g} s")
    async def test_frames_are_not_too_long(self) -> None:
        async with self._opened() as source:
            async for frame in self._frames(source, _MANY):
                long = isinstance(frame, AudioFrame) and frame.duration_ms > _MOST_FRAME_MS
                assert not long, f"returned a frame of {getattr(frame, 'duration_ms', 0.0) / 1000:g} s: split it"

    @clause("source-4", "at its end read() returns None, and again on every later call", capability="end")
    async def test_it_ends(self) -> None:
        clock, loop = SystemClock(), asyncio.get_running_loop()
        ends_s = clock.monotonic_s() + self.ends_within_s, loop.time() + self.ends_within_s
        count, audio_ms = 0, 0.0
        async with self._opened() as source:
            while (frame := await self._read(source)) is not None:
                count += 1
                audio_ms += frame.duration_ms if isinstance(frame, AudioFrame) else 0.0
                in_time = clock.monotonic_s() < ends_s[0] and loop.time() < ends_s[1]
                assert in_time, (
                    f"no end within {self.ends_within_s:g} s, after {count} frames with {audio_ms / 1000:.1f} s of "
                    "audio: if it ends later, raise ends_within_s"
                )
                if not count % _SOME:
                    await asyncio.sleep(0)  # a source that never waits would not let the clause be cancelled
            for _ in range(3):
                again = await self._read(source)
                assert again is None, f"after its end read() returned {again!r}"

    @clause("source-5", "aclose() can be called twice, and before the first read()")
    async def test_it_can_be_closed_twice(self) -> None:
        async with self._opened() as unread:
            await unread.aclose()
        async with self._opened() as source:
            await source.read()
            await source.aclose()
            await source.aclose()

    @clause("source-6", "read() after aclose() returns None or raises an OffhookError")
    async def test_reading_after_the_end(self) -> None:
        async with self._opened() as source:
            await source.read()
            await source.aclose()
            frames: list[object] = []

            async def read() -> None:
                frames.append(await self._read(source))

            error = await error_of(read())
            assert error is None or isinstance(error, OffhookError), shown(error)
            assert frames in ([], [None]), f"read() after aclose() returned {frames[0]!r}"

    @clause(
        "source-7", "a cancelled read() raises CancelledError, and aclose() ends after it and leaves nothing behind"
    )
    async def test_a_read_can_be_cancelled(self) -> None:
        async with leaves_nothing("a cancelled read()"):
            opened: list[AudioSource] = []

            async def read() -> None:
                opened.append(self.make(self.place(self.argument)))
                await opened[-1].read()

            async def close() -> None:
                while opened:
                    await self.bounded(opened.pop().aclose(), "aclose() ends after a cancelled read()")

            await cancel_everywhere(self, read, "read()", after=close)

    @clause("source-8", "a wrong argument raises a ConfigError when the source is made", capability="arguments")
    async def test_wrong_arguments(self) -> None:
        for argument in self.wrong_arguments:
            error = error_in(partial(self.make, self.place(argument)))
            assert isinstance(error, ConfigError), f"made with {argument!r}: {shown(error)}"

    @clause("source-9", "a new source has taken False, and its live is a bool")
    async def test_it_can_be_played(self) -> None:
        async with self._opened() as source:
            live: object = source.live
            assert isinstance(live, bool), f"live is {live!r}, not a bool"
            assert source.taken is False, f"taken is {source.taken!r} before it was played"

    @clause(
        "source-10",
        "two sources of one argument are independent: each begins anew and returns what it returns alone, and closing "
        "one leaves the other open",
        capability="side_by_side",
    )
    async def test_two_are_two(self) -> None:
        async with self._opened() as one, self._opened() as other:
            first: object = await one.read()
            for _ in range(_SOME):
                await one.read()
            await one.aclose()
            frame: object = await other.read()
            assert frame is not None, "closing one source ended the other"
            positions = [item.position for item in (first, frame) if isinstance(item, AudioFrame)]
            assert len(set(positions)) <= 1, (
                f"one source begins at position {positions[0]}, the other, after the first was read, at {positions[-1]}"
            )
        alone, again = await self._read_in_turns(1), await self._read_in_turns(1)
        if alone == again:  # pragma: no branch - live audio, for example, is never the same
            for found in await self._read_in_turns(2):
                assert found == alone[0], "two sources that are read in turns do not return what each returns alone"

    async def _read_in_turns(self, count: int) -> list[list[bytes]]:
        """Open some sources and read a frame of each in turns; returns the samples of each."""
        found: list[list[bytes]] = [[] for _ in range(count)]
        async with contextlib.AsyncExitStack() as stack:
            sources = [await stack.enter_async_context(self._opened()) for _ in range(count)]
            readers = [aiter(self._frames(source, _COMPARED, math.inf)) for source in sources]
            for _ in range(_COMPARED):
                for reader, pcm in zip(readers, found, strict=True):
                    frame = await anext(reader, None)
                    if isinstance(frame, AudioFrame):
                        pcm.append(frame.pcm)
        return found

    @clause("source-11", "reading blocks the loop for less time than the audio lasts")
    async def test_reading_does_not_hold_the_loop(self) -> None:
        async def read() -> tuple[float, float]:
            held, lasts_s = Held(), 0.0
            async with self._opened() as source:
                for _ in range(_SOME):
                    frame: object = await held(source.read())
                    lasts_s += frame.duration_ms / 1000 if isinstance(frame, AudioFrame) else 0.0
            return held.seconds, lasts_s

        await quick_enough(read)

    @clause("source-12", "after aclose() it leaves no descriptor and no task behind")
    async def test_nothing_is_left(self) -> None:
        async with leaves_nothing("the source"), self._opened() as source:
            await source.read()

    @clause(
        "source-13",
        "positions count samples: each frame begins where the one before ended, or later if there is a gap",
    )
    async def test_positions_grow(self) -> None:
        async with self._opened() as source:
            before: AudioFrame | None = None
            async for frame in self._frames(source, _MANY):
                if not isinstance(frame, AudioFrame):
                    continue
                assert frame.position >= 0, f"{frame!r} has a negative position"
                if before is not None:
                    # In seconds, since the rate may change; to one sample, since it is then rounded.
                    ended_s = (before.position + before.samples) / before.rate_hz
                    overlap_s = ended_s - frame.position / frame.rate_hz
                    allowed_s = 0.0 if frame.rate_hz == before.rate_hz else 1 / frame.rate_hz
                    assert overlap_s <= allowed_s + 1e-9, (
                        f"{frame!r} was returned after {before!r}, which ended at position "
                        f"{before.position + before.samples}: positions go back; count the samples returned so far"
                    )
                before = frame

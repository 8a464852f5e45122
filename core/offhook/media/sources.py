"""Sources made from what a program has: frames, iterators of frames, and audio that it pushes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TypeAlias

from offhook.errors import OffhookError, SourceClosed, SourceError
from offhook.interfaces import AudioSource
from offhook.interfaces.frame import AudioFrame
from offhook.interfaces.loops import LoopAffinity

#: What can be played besides specs and sources.
Frames: TypeAlias = AudioFrame | Iterable[AudioFrame] | AsyncIterable[AudioFrame]


def frames_source(what: Frames) -> AudioSource:
    """A source that returns the frames of `what`.

    Raises:
        SourceError: `what` is not one of the types in `Frames`.
    """
    if isinstance(what, AudioFrame):
        return IterableSource([what])
    if isinstance(what, AsyncIterable):
        return AsyncIterableSource(what)
    if _iterable(what):
        return IterableSource(what)
    raise SourceError(
        f"{type(what).__name__} cannot be played: pass a spec (wav:greeting.wav), an AudioSource, an AudioFrame, or an "
        "iterable or async iterable of AudioFrame. Raw bytes need their rate: AudioFrame(pcm, rate_hz)"
    )


def _iterable(what: object) -> bool:
    """Whether `what` is an iterable that may hold frames; text and bytes are iterables that cannot."""
    return isinstance(what, Iterable) and not isinstance(what, bytes | bytearray | memoryview | str)


def _checked(frame: object) -> AudioFrame:
    if not isinstance(frame, AudioFrame):
        raise SourceError(f"the iterable of frames yielded {type(frame).__name__}; expected an AudioFrame")
    return frame


class IterableSource(AudioSource):
    """Frames that exist already."""

    def __init__(self, frames: Iterable[AudioFrame]) -> None:
        self._frames: Iterator[AudioFrame] = iter(frames)

    async def read(self) -> AudioFrame | None:
        for frame in self._frames:
            return _checked(frame)
        return None

    async def aclose(self) -> None:
        self._frames = iter(())


class AsyncIterableSource(AudioSource):
    """Frames as they are made, for example by a synthesiser. A generator is closed when playing stops."""

    live = True

    def __init__(self, frames: AsyncIterable[AudioFrame]) -> None:
        self._frames: AsyncIterator[AudioFrame] = aiter(frames)

    async def read(self) -> AudioFrame | None:
        async for frame in self._frames:
            return _checked(frame)
        return None

    async def aclose(self) -> None:
        close = getattr(self._frames, "aclose", None)  # generators have it; other iterators may not
        if close is not None:
            await close()


# Why `PushSource.write` raises `SourceClosed`.
_ENDED = "end() or fail() was called on this source: nothing can be written after that"
_OVER = "this source is not played any more: it was cleared, replaced or cancelled, or the call has ended"


class PushSource(AudioSource):
    """A source that a program writes into; its frames are played in the order of the writes.

    Write, then call `end()`; play the source before, in between or after. `write` waits while `high_water_ms` or more
    of audio is queued, so that a program that is faster than speech is held back. Methods that are called from another
    thread or event loop than the source's raise `CallStateError`; other threads use `ThreadsafeCall.feed`.

    Args:
        high_water_ms: how much audio may be queued before `write` waits, in milliseconds. The last frame may exceed
            it by any length.

    Raises:
        SourceError: `high_water_ms` is not positive.
    """

    live = True

    def __init__(self, *, high_water_ms: float = 200.0) -> None:
        if not high_water_ms > 0:
            raise SourceError(f"high_water_ms must be positive, got {high_water_ms!r}")
        self._affinity = LoopAffinity("this PushSource")
        self._high_water_ms = high_water_ms
        self._frames: deque[AudioFrame] = deque()
        self._queued_ms = 0.0
        self._turn = asyncio.Lock()  # writers get their turn in the order of their calls
        self._space = asyncio.Event()
        self._arrival = asyncio.Event()
        self._refusal = ""
        self._error: OffhookError | None = None

    @property
    def queued_ms(self) -> float:
        """The audio that was written and not yet taken for playout, in milliseconds."""
        return self._queued_ms

    async def write(self, frame: AudioFrame) -> None:
        """Wait for room, then queue the whole frame.

        A write that is cancelled while it waits has queued nothing, so its frame can be written again; the frames
        written before it are played.

        Raises:
            SourceClosed: the source was ended, or its playout is over, for example because the callee barged in and
                the call was cleared. Writes that are waiting raise it, too.
            SourceError: `frame` is not an `AudioFrame`.
        """
        self._affinity.check()
        if not isinstance(frame, AudioFrame):  # pyright: ignore[reportUnnecessaryIsInstance] - programs may pass anything
            raise SourceError(f"write() needs an AudioFrame, got {type(frame).__name__}")
        async with self._turn:
            while self._queued_ms >= self._high_water_ms and not self._refusal:
                self._space.clear()
                await self._space.wait()
            if self._refusal:
                raise SourceClosed(self._refusal)
            self._frames.append(frame)
            self._queued_ms += frame.duration_ms
            self._arrival.set()

    def end(self) -> None:
        """End the source: the frames that were written are played, and then the item is done. Idempotent."""
        self._affinity.check()
        self._close(_ENDED)

    def fail(self, error: Exception) -> None:
        """End the source with `error`: the frames that were written are played, and then the item ends as failed."""
        self._affinity.check()
        if self._refusal:
            return
        if not isinstance(error, OffhookError):
            problem = SourceError(f"the program that pushed audio failed: {type(error).__name__}: {error}")
            problem.__cause__ = error
            error = problem
        self._error = error
        self._close(_ENDED)

    async def read(self) -> AudioFrame | None:
        self._affinity.check()
        while not self._frames:
            if self._refusal:
                error, self._error = self._error, None
                if error is not None:
                    raise error
                return None
            self._arrival.clear()
            await self._arrival.wait()
        frame = self._frames.popleft()
        self._queued_ms = self._queued_ms - frame.duration_ms if self._frames else 0.0
        self._space.set()
        return frame

    async def aclose(self) -> None:
        self._affinity.check()
        self._frames.clear()
        self._queued_ms = 0.0
        self._close(_OVER)

    def _close(self, refusal: str) -> None:
        self._refusal = self._refusal or refusal
        self._space.set()
        self._arrival.set()

"""Sources made from what a program has: frames and raw audio, alone or in iterables."""

from __future__ import annotations

import asyncio
import inspect
import io
import queue
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from typing import TypeAlias

from offhook.arguments import check_rate, discard
from offhook.errors import SourceError
from offhook.interfaces import AudioSource
from offhook.interfaces.frame import AudioFrame
from offhook.interfaces.samples import samples_in
from offhook.media.raw_audio import Chunk, Chunks, RawAudio
from offhook.plugin.user_code import StandIn, name_in_code
from offhook.wording import describe, quoted_path

#: What can be played besides specs, paths and sources.
Frames: TypeAlias = Chunk | Iterable[Chunk] | AsyncIterable[Chunk]

_MISSING = "pass it, for example play(audio, rate_hz=24_000)"
_YIELDED = "the iterable yielded"
#: Methods of the answers of HTTP clients that yield bytes.
_STREAMING = ("aiter_bytes", "iter_bytes", "iter_chunked", "iter_content")


def frames_source(what: Frames, rate_hz: int | None = None) -> AudioSource:
    """A source that returns the audio of `what`.

    Args:
        what: a frame; raw audio, that is bytes of 16-bit little-endian samples or an array of int16 or floats; or an
            iterable or async iterable of these.
        rate_hz: the rate of raw audio.

    Raises:
        SourceError: `what` is not one of the types in `Frames`, or is raw audio without a rate.
        ConfigError: `rate_hz` is not a sampling rate.
    """
    rate_hz = None if rate_hz is None else check_rate(rate_hz)
    if isinstance(what, AudioFrame):
        if rate_hz is not None:
            raise SourceError("play(rate_hz=...) is the rate of raw audio, and an AudioFrame has its own: leave it out")
        return IterableSource([what], Chunks(None, _MISSING))
    if (guess := _guess(what)) is not None:
        raise _refused(what, guess)
    chunks = Chunks(rate_hz, _MISSING)
    if isinstance(what, AsyncIterable):
        return AsyncIterableSource(what, chunks)
    if samples_in(what) is not None:
        return IterableSource((), chunks, chunks.admit(what, "play() got"))
    if not isinstance(what, Iterable):
        raise _refused(what, "")
    if isinstance(what, list | tuple | deque):
        trial = Chunks(rate_hz, _MISSING)
        for item in what:
            trial.admit(item, _YIELDED)
    return IterableSource(what, chunks)


def _refused(what: object, guess: str) -> SourceError:
    wanted = (
        "pass a spec (wav:greeting.wav), a pathlib.Path, an AudioSource, an AudioFrame, raw audio with its rate_hz, or "
        "an iterable or async iterable of frames or raw audio"
    )
    return SourceError(f"{type(what).__name__} cannot be played: {guess or wanted}")


def _guess(what: object) -> str | None:
    """What to write instead of something that is often passed by mistake; None for anything else."""
    answer = what  # not narrowed by what follows
    if inspect.isawaitable(what) and not isinstance(what, AsyncIterable):  # a task can be iterated, and is not audio
        discard(what)
        return f"await {what.__name__ + '()' if inspect.iscoroutine(what) else 'it'} first, and pass what it returns"
    if isinstance(what, type):
        return f"{what.__name__} is a class: pass an instance"
    if callable(what) and not isinstance(what, Iterable | AsyncIterable) and samples_in(what) is None:
        return "call it, and pass what it returns: play(function(), rate_hz=...)"
    if isinstance(what, asyncio.Queue | queue.Queue | queue.SimpleQueue):
        return "yield its items from an async generator, or write them into a PushSource"
    if isinstance(what, io.IOBase):
        name: object = getattr(what, "name", None)
        named = f" {quoted_path(name)}" if isinstance(name, str) else ""
        return f"pass the path of the file{named} as a pathlib.Path, or its raw samples: play(file.read(), rate_hz=...)"
    if method := _streaming_method(answer):
        return f"pass the bytes that it yields: play(response.{method}(), rate_hz=...)"
    if isinstance(what, str | Mapping):
        return ""
    return None


def _streaming_method(answer: object) -> str:
    """The method of an HTTP client's answer that yields bytes; empty for anything else."""
    return next((name for name in _STREAMING if callable(getattr(answer, name, None))), "")


class _ChunkSource(StandIn, AudioSource):
    """What both sources share: long chunks of raw audio become frames of `PART_MS`.

    Args:
        frames: what is iterated.
        chunks: checks what the iterable yields.
        first: raw audio to begin with.
    """

    def __init__(self, frames: object, chunks: Chunks, first: AudioFrame | RawAudio | None = None) -> None:
        self.stands_for: str = name_in_code(frames)
        self._chunks = chunks
        self._raw = first if isinstance(first, RawAudio) else None

    def _take(self) -> AudioFrame | None:
        """A frame of the chunk that was begun; None if there is none."""
        raw = self._raw
        if raw is None:
            return None
        frame = raw.take()
        if raw.taken:
            self._raw = None
        return frame

    def _begin(self, chunk: object) -> AudioFrame | None:
        """The first frame of a chunk."""
        admitted = self._chunks.admit(chunk, _YIELDED)
        if isinstance(admitted, AudioFrame):
            return admitted
        self._raw = admitted
        return self._take()


class IterableSource(_ChunkSource):
    """Audio that exists already.

    Args:
        frames: yields frames or raw audio.
        chunks: as for `_ChunkSource`.
        first: as for `_ChunkSource`.

    Raises:
        SourceError: `frames` cannot be iterated.
    """

    def __init__(self, frames: Iterable[object], chunks: Chunks, first: AudioFrame | RawAudio | None = None) -> None:
        super().__init__(frames, chunks, first)
        try:
            self._frames: Iterator[object] = iter(frames)
        except Exception as error:
            raise SourceError(f"{type(frames).__name__} cannot be iterated: {describe(error)}") from error

    async def read(self) -> AudioFrame | None:
        if (frame := self._take()) is not None:
            return frame
        for chunk in self._frames:
            return self._begin(chunk)
        return self._chunks.rest()

    async def aclose(self) -> None:
        self._frames, self._raw = iter(()), None


class AsyncIterableSource(_ChunkSource):
    """Audio as it is made, for example by a synthesiser. A generator is closed when playing stops.

    Args:
        frames: yields frames or raw audio.
        chunks: as for `_ChunkSource`.

    Raises:
        SourceError: `frames` cannot be iterated.
    """

    live = True

    def __init__(self, frames: AsyncIterable[object], chunks: Chunks) -> None:
        super().__init__(frames, chunks)
        try:
            self._frames: AsyncIterator[object] = aiter(frames)
        except Exception as error:
            raise SourceError(f"{type(frames).__name__} cannot be iterated: {describe(error)}") from error

    async def read(self) -> AudioFrame | None:
        if (frame := self._take()) is not None:
            return frame
        async for chunk in self._frames:
            return self._begin(chunk)
        return self._chunks.rest()

    async def aclose(self) -> None:
        self._raw = None
        close = getattr(self._frames, "aclose", None)  # generators have it; other iterators may not
        if close is not None:
            await close()

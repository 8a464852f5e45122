"""Sources out of what a program has in hand: frames, lists of frames, and async iterators of frames."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TypeAlias

from offhook.audio import AudioFrame
from offhook.errors import SourceError
from offhook.interfaces import AudioSource

#: What can be played beside specs and sources.
Frames: TypeAlias = AudioFrame | Iterable[AudioFrame] | AsyncIterable[AudioFrame]


def frames_source(what: Frames) -> AudioSource:
    """A source that gives these frames.

    Raises:
        SourceError: it is none of these things.
    """
    if isinstance(what, AudioFrame):
        return IterableSource([what])
    if isinstance(what, AsyncIterable):
        return AsyncIterableSource(what)
    if _iterable(what):
        return IterableSource(what)
    raise SourceError(
        f"{type(what).__name__} cannot be played: give a spec (wav:greeting.wav), an AudioSource, an AudioFrame, or an "
        "iterable or async iterable of AudioFrame. Raw bytes need their rate: AudioFrame(pcm, rate_hz)"
    )


def _iterable(what: object) -> bool:
    """Whether it may hold frames; text and bytes can be iterated too, but never hold any."""
    return isinstance(what, Iterable) and not isinstance(what, bytes | bytearray | memoryview | str)


def _checked(frame: object) -> AudioFrame:
    if not isinstance(frame, AudioFrame):
        raise SourceError(f"an iterator that is played gave {type(frame).__name__}, not an AudioFrame")
    return frame


class IterableSource(AudioSource):
    """Frames that are there already."""

    def __init__(self, frames: Iterable[AudioFrame]) -> None:
        self._frames: Iterator[AudioFrame] = iter(frames)

    async def read(self) -> AudioFrame | None:
        for frame in self._frames:
            return _checked(frame)
        return None

    async def aclose(self) -> None:
        self._frames = iter(())


class AsyncIterableSource(AudioSource):
    """Frames as they are made, by a synthesiser for example. A generator is closed when nobody wants the rest."""

    live = True

    def __init__(self, frames: AsyncIterable[AudioFrame]) -> None:
        self._frames: AsyncIterator[AudioFrame] = aiter(frames)

    async def read(self) -> AudioFrame | None:
        async for frame in self._frames:
            return _checked(frame)
        return None

    async def aclose(self) -> None:
        close = getattr(self._frames, "aclose", None)  # generators have it; other iterators need not
        if close is not None:
            await close()

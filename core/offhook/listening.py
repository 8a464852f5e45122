"""Listening: what the callee says, as bounded streams.

A slow reader loses the oldest frames, which are counted; it never holds up the network side or another reader.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from offhook.audio import AudioFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from offhook.interfaces import Resampler

_T = TypeVar("_T")


class BoundedStream(Generic[_T]):
    """An async iterator over the newest `capacity` items. Ends when it is closed and empty.

    Whoever stops reading may simply drop it: what feeds it holds it weakly.

    Args:
        capacity: how many items may wait.
        on_drop: called for each item that is thrown away.
    """

    def __init__(self, capacity: int, on_drop: Callable[[], None] = lambda: None) -> None:
        self._items: deque[_T] = deque()
        self._capacity = capacity
        self._on_drop = on_drop
        self._wake = asyncio.Event()
        self._closed = False
        #: How many items were thrown away because nobody took them.
        self.dropped: int = 0

    def put(self, item: _T) -> None:
        """Add an item; the oldest goes when there is no room."""
        if self._closed:
            return
        if len(self._items) == self._capacity:
            self._items.popleft()
            self.dropped += 1
            self._on_drop()
        self._items.append(item)
        self._wake.set()

    def close(self) -> None:
        """No more items; what is there can still be taken. Idempotent."""
        self._closed = True
        self._wake.set()

    def __aiter__(self) -> BoundedStream[_T]:
        return self

    async def __anext__(self) -> _T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._items.popleft()


class AudioStream(BoundedStream[AudioFrame]):
    """What one listener gets of the callee's audio.

    Positions count samples at the stream's own rate since our leg joined the channel; where they jump, nothing came.

    Args:
        capacity: frames that may wait.
        resampler: converts from the leg's rate, or None.
        rate_hz: the rate that this stream gives.
        on_drop: called for each frame that is thrown away.
    """

    def __init__(
        self,
        capacity: int,
        resampler: Resampler | None,
        rate_hz: int,
        on_drop: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(capacity, on_drop)
        self.rate_hz = rate_hz
        self.resampler = resampler
        self._expected: int | None = None
        self._given = 0

    def feed(self, frame: AudioFrame) -> None:
        """Take a frame from the leg."""
        if self.resampler is None:
            self.put(frame)
            return
        # The resampler holds a little back, so positions are counted and only re-read from the leg after a pause.
        if frame.position != self._expected:
            self._given = frame.position * self.rate_hz // frame.rate_hz
        self._expected = frame.position + frame.samples
        self._give(self.resampler.convert(frame.pcm))

    def flush(self) -> None:
        """The call is over: give what the resampler held back."""
        if self.resampler is not None:
            self._give(self.resampler.flush())

    def _give(self, pcm: bytes) -> None:
        if pcm:
            converted = AudioFrame(pcm, self.rate_hz, self._given)
            self._given += converted.samples
            self.put(converted)

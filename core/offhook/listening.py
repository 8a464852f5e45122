"""Listening: what the callee says, as bounded streams.

A slow reader loses the oldest frames, which are counted; it never holds up the network side or another reader.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from offhook.audio import AudioFrame

if TYPE_CHECKING:
    from offhook.interfaces import Resampler

_T = TypeVar("_T")


class BoundedStream(Generic[_T]):
    """An async iterator over the newest `capacity` items. Ends when it is closed and empty."""

    def __init__(self, capacity: int) -> None:
        self._items: deque[_T] = deque()
        self._capacity = capacity
        self._wake = asyncio.Event()
        self._closed = False
        #: How many items were thrown away because nobody took them.
        self.dropped = 0

    def put(self, item: _T) -> None:
        """Add an item; the oldest goes when there is no room."""
        if self._closed:
            return
        if len(self._items) == self._capacity:
            self._items.popleft()
            self.dropped += 1
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
    """

    def __init__(self, capacity: int, resampler: Resampler | None, rate_hz: int) -> None:
        super().__init__(capacity)
        self.rate_hz = rate_hz
        self._resampler = resampler
        self._expected: int | None = None
        self._given = 0

    def feed(self, frame: AudioFrame) -> None:
        """Take a frame from the leg."""
        if self._resampler is None:
            self.put(frame)
            return
        # The resampler holds a little back, so positions are counted and only re-read from the leg after a pause.
        if frame.position != self._expected:
            self._given = frame.position * self.rate_hz // frame.rate_hz
        self._expected = frame.position + frame.samples
        pcm = self._resampler.convert(frame.pcm)
        if pcm:
            converted = AudioFrame(pcm, self.rate_hz, self._given)
            self._given += converted.samples
            self.put(converted)

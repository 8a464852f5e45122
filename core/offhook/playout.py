"""Playout: what the caller says. A queue of sources, read ahead a little, given out one frame at a time.

A feeder task reads the source that is at the head of the queue, converts it to the leg's rate and stops at the
high-water mark; the pacer takes a frame every 20 ms. Between the two stands one bounded buffer. Items follow each
other without a gap: a frame may hold the end of one and the start of the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

from offhook.audio import PTIME_MS, SAMPLE_BYTES
from offhook.errors import OffhookError, PluginError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from offhook.interfaces import AudioSource, Resampler

    Resample = Callable[[str, int, int], Resampler]
    Spawn = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]


class PlayoutEnd(Enum):
    """How the playout of one item ended."""

    #: All of it was sent.
    COMPLETED = "completed"
    #: `Call.clear()` dropped the rest: the callee barged in.
    CLEARED = "cleared"
    #: `PlayHandle.cancel()` dropped the rest.
    CANCELED = "canceled"
    #: The call ended first.
    CALL_ENDED = "call_ended"
    #: Its source failed; `PlayHandle.problem` says how.
    FAILED = "failed"


class PlayHandle:
    """One item in the playout queue; made by `Call.play()`."""

    def __init__(self, playout: Playout, source: AudioSource) -> None:
        self._playout = playout
        self._end: asyncio.Future[PlayoutEnd] = asyncio.get_running_loop().create_future()
        self.source = source
        self._problem: OffhookError | None = None
        self.samples_sent = 0
        self.read_to_end = False

    async def done(self) -> PlayoutEnd:
        """Wait until the last of it was sent, or the rest will never be. Does not raise; ask the value how it ended."""
        return await asyncio.shield(self._end)

    @property
    def position_ms(self) -> float:
        """How much of it was sent, in milliseconds."""
        return self._playout.ms(self.samples_sent)

    @property
    def ended(self) -> PlayoutEnd | None:
        """How it ended, or None while it is waiting or playing."""
        return self._end.result() if self._end.done() else None

    @property
    def problem(self) -> OffhookError | None:
        """What went wrong, when it ended as `PlayoutEnd.FAILED`."""
        return self._problem

    def __repr__(self) -> str:
        state = self.ended.value if self.ended else "waiting or playing"
        return f"PlayHandle({type(self.source).__name__}, {self.position_ms:.0f} ms sent, {state})"

    def cancel(self) -> float:
        """Drop the rest of this item; what is queued behind it goes on. Gives the milliseconds that were sent."""
        self._playout.drop(self, PlayoutEnd.CANCELED)
        return self.position_ms

    def finish(self, end: PlayoutEnd, problem: OffhookError | None = None) -> None:
        """Say how it ended; the first word counts."""
        if not self._end.done():
            self._problem = problem
            self._end.set_result(end)


class Playout:
    """The queue of one call.

    Args:
        rate_hz: the leg's rate.
        resample: gives a resampler of a kind (``live``, ``file``) between two rates.
        spawn: starts a task that the call owns.
        note: is told what a source did wrong.
        high_water_ms: how far sources are read ahead.
    """

    def __init__(
        self,
        rate_hz: int,
        resample: Resample,
        spawn: Spawn,
        note: Callable[[OffhookError], None],
        *,
        high_water_ms: int = 200,
    ) -> None:
        self.rate_hz = rate_hz
        self._resample = resample
        self._spawn = spawn
        self._note = note
        self._frame_bytes = rate_hz * PTIME_MS // 1000 * SAMPLE_BYTES
        self._silence = bytes(self._frame_bytes)
        self._high_water_bytes = rate_hz * high_water_ms // 1000 * SAMPLE_BYTES
        self._queue: deque[PlayHandle] = deque()
        self._buffer: deque[tuple[PlayHandle, memoryview]] = deque()
        self._buffered_bytes = 0
        self._sent: list[PlayHandle] = []
        self._space = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._feeding: tuple[PlayHandle, asyncio.Task[None]] | None = None
        #: Frames that had to be filled with silence because a source was late.
        self.underruns = 0

    # ---- what the call does

    def add(self, source: AudioSource) -> PlayHandle:
        """Queue a source; after the call's end it is only closed."""
        handle = PlayHandle(self, source)
        if self._closed:
            handle.finish(PlayoutEnd.CALL_ENDED)
            self._spawn(self._close_source(handle, None))
            return handle
        self._queue.append(handle)
        self._idle.clear()
        self._feed_next()
        return handle

    def take(self) -> bytes:
        """One frame of 20 ms at the leg's rate, silence where there is nothing to say."""
        for handle in self._sent:  # its last frame has had its 20 ms
            handle.finish(PlayoutEnd.COMPLETED)
        self._sent.clear()
        if not self._buffer and not self._queue:
            self._idle.set()
            return self._silence
        frame = bytearray()
        while self._buffer and len(frame) < self._frame_bytes:
            handle, pcm = self._buffer.popleft()
            part = pcm[: self._frame_bytes - len(frame)]
            frame += part
            self._buffered_bytes -= len(part)
            handle.samples_sent += len(part) // SAMPLE_BYTES
            if len(part) < len(pcm):
                self._buffer.appendleft((handle, pcm[len(part) :]))
        self._retire()
        if len(frame) < self._frame_bytes:
            if self._queue and self._queue[0].samples_sent and not self._queue[0].read_to_end:
                self.underruns += 1
            frame += self._silence[len(frame) :]
        if (
            self._buffered_bytes * 2 <= self._high_water_bytes
        ):  # not for every frame: waking a feeder costs a task switch
            self._space.set()
        return bytes(frame)

    def clear(self) -> float:
        """Drop everything that was not sent; gives the milliseconds that were sent of the item at the head."""
        played = self._queue[0].position_ms if self._queue else 0.0
        for handle in reversed(tuple(self._queue)):  # from the back, so that nothing starts to be read in between
            self.drop(handle, PlayoutEnd.CLEARED)
        return played

    def drop(self, handle: PlayHandle, end: PlayoutEnd) -> None:
        """Drop what is left of one item."""
        if handle not in self._queue:
            return
        self._queue.remove(handle)
        kept = [item for item in self._buffer if item[0] is not handle]
        self._buffer = deque(kept)
        self._buffered_bytes = sum(len(pcm) for _, pcm in kept)
        handle.finish(end)
        self._space.set()
        if handle.read_to_end:
            return
        task = None
        if self._feeding is not None and self._feeding[0] is handle:
            task = self._feeding[1]
            task.cancel()
            self._feeding = None
        self._spawn(self._close_source(handle, task))
        self._feed_next()

    async def drained(self) -> None:
        """Wait until all that is queued was sent, or dropped."""
        await self._idle.wait()

    @property
    def queued_ms(self) -> float:
        """What is read and not yet sent, in milliseconds."""
        return self.ms(self._buffered_bytes // SAMPLE_BYTES)

    def ms(self, samples: int) -> float:
        """The length of some samples at the leg's rate, in milliseconds."""
        return samples * 1000 / self.rate_hz

    def close(self) -> None:
        """The call is over: nothing more is sent. Idempotent."""
        self._closed = True
        for handle in self._sent:
            handle.finish(PlayoutEnd.COMPLETED)
        self._sent.clear()
        for handle in reversed(tuple(self._queue)):
            self.drop(handle, PlayoutEnd.CALL_ENDED)
        self._idle.set()

    # ---- the feeder

    def _feed_next(self) -> None:
        if self._feeding is not None:
            return
        for handle in self._queue:
            if not handle.read_to_end:
                self._feeding = handle, self._spawn(self._feed(handle))
                return

    async def _feed(self, handle: PlayHandle) -> None:
        """Read one source to its end into the buffer. A source may raise anything; the call goes on."""
        try:
            await self._read(handle)
        except Exception as error:
            self._fail(handle, error, "read")
        handle.read_to_end = True
        self._feeding = None
        self._retire()
        self._feed_next()
        await self._close_source(handle, None)

    async def _close_source(self, handle: PlayHandle, reader: asyncio.Task[None] | None) -> None:
        """Close a source, once nobody reads it any more."""
        try:
            if reader is not None:
                await asyncio.wait({reader})
            await handle.source.aclose()
        except Exception as error:
            self._fail(handle, error, "aclose")

    async def _read(self, handle: PlayHandle) -> None:
        resampler: Resampler | None = None
        rate_hz = self.rate_hz
        kind = "live" if handle.source.live else "file"
        while (frame := await handle.source.read()) is not None:
            if frame.rate_hz != rate_hz:
                await self._push(handle, resampler.flush() if resampler else b"")
                rate_hz = frame.rate_hz
                resampler = None if rate_hz == self.rate_hz else self._resample(kind, rate_hz, self.rate_hz)
            await self._push(handle, resampler.convert(frame.pcm) if resampler else frame.pcm)
        await self._push(handle, resampler.flush() if resampler else b"")

    async def _push(self, handle: PlayHandle, pcm: bytes) -> None:
        """Buffer some audio, piece by piece under the high-water mark."""
        rest = memoryview(pcm)
        while rest:
            room = self._high_water_bytes - self._buffered_bytes
            if room <= 0:
                self._space.clear()
                await self._space.wait()
                continue
            part, rest = rest[:room], rest[room:]
            self._buffer.append((handle, part))
            self._buffered_bytes += len(part)

    def _fail(self, handle: PlayHandle, error: Exception, where: str) -> None:
        if not isinstance(error, OffhookError):
            source = type(handle.source)
            error = PluginError(f"{source.__module__}.{source.__qualname__}", where, f"{type(error).__name__}: {error}")
        self._note(error)
        handle.finish(PlayoutEnd.FAILED, error)

    def _retire(self) -> None:
        """Items at the head that are read and sent to the last sample leave the queue; they end with the frame."""
        while self._queue and self._queue[0].read_to_end:
            head = self._queue[0]
            if any(handle is head for handle, _ in self._buffer):
                return
            self._sent.append(self._queue.popleft())

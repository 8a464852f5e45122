"""A source that a program pushes audio into, as a synthesiser makes it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from offhook.arguments import check_instance, check_number, check_rate
from offhook.errors import OffhookError, SourceClosed, SourceError, WaitTimeout
from offhook.interfaces import AudioSource
from offhook.interfaces.loops import LoopAffinity
from offhook.media.raw_audio import Chunks, RawAudio

if TYPE_CHECKING:
    from offhook.interfaces.frame import AudioFrame
    from offhook.media.raw_audio import Chunk

_GOT = "write() needs audio, got"
_MISSING = "make the source with PushSource(rate_hz=24_000)"
# Why `PushSource.write` raises `SourceClosed`.
_ENDED = "end() or fail() was called on this source: nothing can be written after that"
_OVER = "this source is not played any more: it was cleared, replaced or cancelled, or the call has ended"


#: The longest queue, in milliseconds: an hour, of any rate.
_MOST_MS: Final = 3_600_000
#: How long `PushSource.write` waits for room in a source that is not played, in seconds: longer than a callee rings.
UNPLAYED_S: Final = 120.0


class PushSource(AudioSource):
    """A source that a program writes into; its chunks are played in the order of the writes.

    Write, then call `end()`; play the source before, in between or after. `write` waits while `high_water_ms` or more
    of audio is queued, so that a program that is faster than speech is held back. Methods that are called from another
    thread or event loop than the source's raise `CallStateError`; other threads use `ThreadsafeCall.feed`.

    Args:
        rate_hz: the rate of raw audio, in hertz. Without it, only frames can be written, which have their own.
        high_water_ms: how much audio may be queued before `write` waits, in milliseconds. The last chunk may exceed
            it by any length.

    Raises:
        ConfigError: `rate_hz` is not a sampling rate, or `high_water_ms` is not a number above 0 and at most 3,600,000.
    """

    live = True

    def __init__(self, *, rate_hz: int | None = None, high_water_ms: float = 200.0) -> None:
        self._affinity = LoopAffinity("this PushSource")
        self._high_water_ms: float = check_number(
            high_water_ms, "high_water_ms", above=0, most=_MOST_MS, unit="milliseconds"
        )
        self._chunks = Chunks(None if rate_hz is None else check_rate(rate_hz), _MISSING)
        self._queue: deque[AudioFrame | RawAudio] = deque()
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

    async def write(self, chunk: Chunk) -> None:
        """Wait for room, then queue the whole chunk.

        A write that is cancelled while it waits has queued nothing, so its chunk can be written again; the chunks
        written before it are played. A chunk is copied, so its memory can be used again when `write` returns.

        Args:
            chunk: an `AudioFrame`; or, if the source was made with `rate_hz`, bytes of signed 16-bit little-endian
                samples, or an array of int16 or floats of the shape (samples,) or (samples, channels). Channels are
                mixed down. An odd byte at the end of bytes is completed by the next ones.

        Raises:
            SourceClosed: the source was ended, or its playout is over, for example because the callee barged in and
                the call was cleared. Writes that are waiting raise it, too.
            SourceError: `chunk` is not audio, or is raw audio of a source without `rate_hz`.
            WaitTimeout: the source is full, and was not played for 120 s. Nothing of `chunk` was queued.
        """
        self._affinity.check()
        self._chunks.check(chunk, _GOT)  # before it waits
        async with self._turn:
            while self._queued_ms >= self._high_water_ms and not self._refusal:
                self._space.clear()
                await self._wait_for_space()
            if self._refusal:
                raise SourceClosed(self._refusal)
            admitted = self._chunks.admit(chunk, _GOT)  # here, since halves of samples are joined in the order of turns
            self._queue.append(admitted)
            self._queued_ms += admitted.duration_ms
            self._arrival.set()

    async def _wait_for_space(self) -> None:
        try:
            async with asyncio.timeout(None if self.taken else UNPLAYED_S):
                await self._space.wait()
        except TimeoutError:
            if not self.taken:  # it may be played by now, and wait for its turn
                raise WaitTimeout(
                    f"write() waited {UNPLAYED_S:g} s for room in a source that is not played: pass it to call.play(), "
                    f"since a source takes {self._high_water_ms:g} ms of audio in advance"
                ) from None

    def end(self) -> None:
        """End the source: what was written is played, and then the item is done. Idempotent."""
        self._affinity.check()
        self._close(_ENDED)

    def fail(self, error: Exception) -> None:
        """End the source with `error`: what was written is played, and then the item ends as failed.

        Raises:
            ConfigError: it is not an exception.
        """
        self._affinity.check()
        check_instance(error, "error", BaseException, "an exception")
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
        while not self._queue:
            if self._refusal:
                if (rest := self._chunks.rest()) is not None:
                    return rest
                error, self._error = self._error, None
                if error is not None:
                    raise error
                return None
            self._arrival.clear()
            await self._arrival.wait()
        chunk = self._queue[0]
        frame = chunk.take() if isinstance(chunk, RawAudio) else chunk
        if frame is chunk or (isinstance(chunk, RawAudio) and chunk.taken):
            self._queue.popleft()
        self._queued_ms = self._queued_ms - frame.duration_ms if self._queue else 0.0
        self._space.set()
        return frame

    async def aclose(self) -> None:
        self._affinity.check()
        self._queue.clear()
        self._queued_ms = 0.0
        self._close(_OVER)

    def _close(self, refusal: str) -> None:
        self._refusal = self._refusal or refusal
        self._space.set()
        self._arrival.set()
